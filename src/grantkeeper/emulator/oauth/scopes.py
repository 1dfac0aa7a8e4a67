"""The scopes that the emulator knows, in plain words, and what Google does to their names.

Source: the discovery documents of Google's APIs and developers.google.com/identity/protocols/oauth2/scopes, 2026-11-22.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

BASE = "https://www.googleapis.com/auth/"
EMAIL = BASE + "userinfo.email"
PROFILE = BASE + "userinfo.profile"
OPENID = "openid"
SIGN_IN = frozenset({OPENID, EMAIL, PROFILE})

_SUCCESSORS = {"email": EMAIL, "profile": PROFILE, BASE + "plus.business.manage": BASE + "business.manage"}

_WORDS = {
    "userinfo.email": "See your primary e-mail address",
    "userinfo.profile": "See your name and profile picture",
    "adwords": "See, edit, create, and delete your Google Ads accounts and data",
    "admanager": "See, edit, create, and delete your Ad Manager data",
    "admanager.readonly": "See your Ad Manager data",
    "dfp": "Manage your Ad Manager networks (SOAP API)",
    "analytics": "See and manage your Analytics data",
    "analytics.readonly": "See your Analytics data",
    "analytics.edit": "Edit your Analytics set-up",
    "webmasters": "See and manage your Search Console sites",
    "webmasters.readonly": "See your Search Console sites",
    "content": "Manage your Merchant Center products and accounts",
    "display-video": "See and manage your Display & Video 360 campaigns",
    "display-video-mediaplanning": "Plan media in Display & Video 360",
    "doubleclickbidmanager": "See and manage your Bid Manager reports",
    "dfareporting": "See and manage your Campaign Manager 360 reports",
    "dfatrafficking": "See and manage your Campaign Manager 360 campaigns",
    "ddmconversions": "Send conversions to Campaign Manager 360",
    "doubleclicksearch": "See and manage your Search Ads 360 data",
    "youtube": "Manage your YouTube account",
    "youtube.readonly": "See your YouTube account",
    "youtube.upload": "Upload and manage your YouTube videos",
    "youtube.force-ssl": "See and manage your YouTube videos, ratings, comments and captions",
    "youtubepartner": "See and manage your YouTube assets and content",
    "yt-analytics": "Manage your YouTube reports",
    "yt-analytics.readonly": "See your YouTube reports",
    "yt-analytics-monetary.readonly": "See your YouTube reports with earnings",
    "business.manage": "See and manage your business listings",
    "tagmanager.readonly": "See your Tag Manager containers",
    "tagmanager.edit.containers": "Edit your Tag Manager containers",
    "tagmanager.edit.containerversions": "Edit the versions of your Tag Manager containers",
    "tagmanager.manage.accounts": "See and manage your Tag Manager accounts",
    "tagmanager.manage.users": "Manage who may use your Tag Manager accounts",
    "tagmanager.publish": "Publish your Tag Manager containers",
    "tagmanager.delete.containers": "Delete your Tag Manager containers",
    "adsense": "See and manage your AdSense data",
    "adsense.readonly": "See your AdSense data",
    "admob.readonly": "See your AdMob data",
    "admob.report": "See your AdMob reports",
    "bigquery": "See and manage your BigQuery data",
    "bigquery.readonly": "See your BigQuery data",
    "bigquery.insertdata": "Put data into BigQuery",
    "cloud-platform": "See and manage your Google Cloud data",
    "spreadsheets": "See, edit, create, and delete your spreadsheets",
    "spreadsheets.readonly": "See your spreadsheets",
    "drive.file": "See and manage the Drive files that you use with this app",
}

CATALOGUE = {OPENID: "Recognise you by your Google account", **{BASE + name: words for name, words in _WORDS.items()}}


def known(scope: str) -> bool:
    """Tell whether Google would accept the scope's name."""
    return scope in CATALOGUE or scope in _SUCCESSORS


def normalise(scopes: Iterable[str]) -> frozenset[str]:
    """Return the names that Google answers with: short names spelt out, `openid` beside any sign-in scope."""
    full = {_SUCCESSORS.get(scope, scope) for scope in scopes}
    return frozenset(full | {OPENID} if full & SIGN_IN else full)


def line(scopes: Iterable[str]) -> str:
    """Return scopes as one line; the order is Google's own and means nothing."""
    return " ".join(sorted(scopes, key=lambda scope: (scope in SIGN_IN, scope[::-1])))
