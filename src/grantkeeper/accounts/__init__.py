"""Which accounts a grant reaches: one file for each API, requests out and answers in, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .discovery import Discovery
from .google import (
    ad_manager,
    analytics,
    business_profile,
    display_video,
    google_ads,
    merchant_center,
    search_console,
    youtube,
)

DISCOVERIES: Final[tuple[Discovery, ...]] = tuple(
    api.DISCOVERY
    for api in (
        google_ads,
        ad_manager,
        analytics,
        search_console,
        merchant_center,
        youtube,
        business_profile,
        display_video,
    )
)
"""Every kind of account that can be looked for."""


def discoveries(scopes: Iterable[str]) -> tuple[Discovery, ...]:
    """Return the discoveries for which one of the scopes is enough."""
    given = frozenset(scopes)
    return tuple(each for each in DISCOVERIES if each.scopes & given)


def discovery(kind: str) -> Discovery | None:
    """Return the discovery of this kind, or None."""
    return next((each for each in DISCOVERIES if each.kind == kind), None)
