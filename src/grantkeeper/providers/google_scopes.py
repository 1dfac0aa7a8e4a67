"""Google's scopes by short names: the successor of GetAPIScope.

Source: Google's API discovery documents as of google-api-python-client 2.202.0 (2026-11); those of the Google Ads API,
the Ad Manager SOAP API (googleads 51.0.0) and the Business Profile API from their documentation (read 2026-11-22).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Final

from ..errors import InvalidInput, printable

_PREFIX: Final = "https://www.googleapis.com/auth/"
_SCOPE_URL: Final = re.compile(r"https://[\x21\x23-\x5b\x5d-\x7e]{1,200}")  # RFC 6749 3.3, scope-token

_BY_API: Final = (
    "adwords",
    "admanager admanager.readonly dfp",
    "analytics analytics.edit analytics.readonly",
    "webmasters webmasters.readonly",
    "content",
    "display-video display-video-mediaplanning doubleclickbidmanager",
    "dfareporting dfatrafficking ddmconversions",
    "doubleclicksearch",
    "youtube youtube.readonly youtube.upload youtube.force-ssl youtubepartner",
    "yt-analytics.readonly yt-analytics-monetary.readonly",
    "business.manage",
    "tagmanager.readonly tagmanager.edit.containers tagmanager.edit.containerversions tagmanager.manage.accounts",
    "tagmanager.manage.users tagmanager.publish tagmanager.delete.containers",
    "adsense adsense.readonly",
    "admob.readonly admob.report",
    "bigquery bigquery.readonly bigquery.insertdata cloud-platform",
    "spreadsheets spreadsheets.readonly drive.file",
)
_CATALOGUE: Final = {name: (_PREFIX + name,) for names in _BY_API for name in names.split()}

SCOPES: Final[Mapping[str, tuple[str, ...]]] = {
    **_CATALOGUE,
    # Nobody has shown that SOAP takes admanager tokens or REST dfp tokens: who uses both asks for both.
    "ad_manager": (f"{_PREFIX}dfp", f"{_PREFIX}admanager"),
    "ad_manager_soap": (f"{_PREFIX}dfp",),
    "ad_manager_rest": (f"{_PREFIX}admanager",),
    "openid": ("openid",),
    "email": ("email",),
    "profile": ("profile",),
}
"""Short name -> scopes."""

SCOPE_WORDS: Final[Mapping[str, str]] = {
    f"{_PREFIX}adwords": "See, edit, create and delete your Google Ads accounts and data",
    f"{_PREFIX}dfp": "View and manage your Ad Manager data",
    f"{_PREFIX}admanager": "View and manage your Ad Manager data",
    f"{_PREFIX}admanager.readonly": "View your Ad Manager data",
    f"{_PREFIX}analytics.readonly": "See your Google Analytics data",
    f"{_PREFIX}webmasters.readonly": "See your Search Console data",
    f"{_PREFIX}content": "Manage your product listings and Merchant Center accounts",
    f"{_PREFIX}business.manage": "See, edit, create and delete your Google business listings",
    "openid": "Know who you are on Google",
    "email": "See your e-mail address",
    "profile": "See your name and picture",
}
"""Scope -> what it allows, in few words close to those of Google's consent screen."""


def api_scopes(name: str) -> tuple[str, ...]:
    """Return the scopes behind a short name (`adwords`, `ad_manager`, `webmasters.readonly`, ...).

    A scope written out as an https URL answers itself.

    Raises:
        InvalidInput: the name is not known; the message has the nearest ones.
    """
    if name in SCOPES:
        return SCOPES[name]
    if _SCOPE_URL.fullmatch(name):
        return (name,)
    near = difflib.get_close_matches(name[:100].casefold(), SCOPES, n=3, cutoff=0.5) or ("adwords", "ad_manager")
    raise InvalidInput(
        f"There is no Google scope named {printable(name, 60)!r}. Near names: {', '.join(near)}. "
        f"A scope can also be written in full: {_PREFIX}..."
    )
