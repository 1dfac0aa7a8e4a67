"""The whole table: API -> code -> meaning. docs/errors.md prints it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ...errors import printable
from . import ad_manager, google, google_ads
from .meaning import Meaning

ANY: Final = "google"
"""The key of what every API of Google's says over REST."""

TABLE: Final[Mapping[str, Mapping[str, Meaning]]] = {
    "google_ads": google_ads.CODES,
    "ad_manager": ad_manager.CODES,
    ANY: {**google.REASONS, **google.STATUSES},
}
"""API -> code -> what it means."""

TITLES: Final[Mapping[str, str]] = {
    "google_ads": "Google Ads",
    "ad_manager": "Google Ad Manager",
    "analytics": "Google Analytics",
    "search_console": "Google Search Console",
    "merchant_center": "Google Merchant Center",
    "youtube": "YouTube",
    "business_profile": "Google Business Profile",
    "display_video": "Display & Video 360",
    ANY: "Google",
}
"""API -> what people call it."""


def meaning(api: str, code: str) -> Meaning | None:
    """Return what the API means by the code, or None when the table does not have it."""
    return TABLE.get(api, {}).get(code) or TABLE[ANY].get(code)


def title(api: str) -> str:
    """Return what people call the API; its own name when that is not known (`tagmanager`)."""
    return TITLES.get(api) or printable(api, 60)
