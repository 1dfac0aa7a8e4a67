"""Signatures by the Standard Webhooks specification 1.0.0 (github.com/standard-webhooks, spec/standard-webhooks.md)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime
from typing import Final

from ..model import Secret

SECRET_BYTES: Final = 32
"""The specification asks for 24 to 64."""
PREFIX: Final = "whsec_"
SIGNATURE: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
"""The names of the headers."""


def endpoint_secret(random: bytes) -> Secret:
    """Return random bytes as a secret is written down and shown: `whsec_` and base64."""
    return Secret(PREFIX + base64.b64encode(random).decode())


def signature(secrets: Iterable[Secret], *, message: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that sign these exact bytes, once with each secret: a receiver needs to know one (V-56, V-57).

    `message` is the id, without a dot, and the same at each attempt; `at` is when this one is made.
    """
    seconds = str(int(at.timestamp()))
    content = b".".join((message.encode(), seconds.encode(), body))
    signed = (base64.b64encode(hmac.digest(_key(each), content, hashlib.sha256)).decode() for each in secrets)
    return dict(zip(SIGNATURE, (message, seconds, " ".join(f"v1,{each}" for each in signed)), strict=True))


def _key(secret: Secret) -> bytes:
    return base64.b64decode(secret.reveal().removeprefix(PREFIX), validate=True)
