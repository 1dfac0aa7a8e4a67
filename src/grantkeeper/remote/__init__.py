"""Remote: the verbs of a Keeper, asked of grantkeeper's own service. No database, no key ring, no refresh token."""

from __future__ import annotations

from .awaited import AsyncRemote
from .remote import Remote

__all__ = ["AsyncRemote", "Remote"]
