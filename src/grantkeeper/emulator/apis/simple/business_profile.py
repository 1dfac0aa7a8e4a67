"""My Business Account Management API v1: accounts.list.

An asset with others below is an organization, one below another a location group, any other a personal account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantkeeper.emulator.apis.access import Method
from grantkeeper.emulator.apis.simple.lists import Pages, Seen, answer, named, seen
from grantkeeper.emulator.oauth.scopes import BASE

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.wire import Request, Response
    from grantkeeper.emulator.world import Asset

METHOD = Method(
    service="mybusinessaccountmanagement.googleapis.com",
    name="google.mybusiness.accountmanagement.v1.AccountManagement.ListAccounts",
    scopes=frozenset({BASE + "business.manage"}),
)
_PAGES = Pages(usual=20, most=20)


def route(emulator: Emulator, request: Request) -> Response | None:
    """Answer a request at the method's path; None for any other."""
    if (request.method, request.path) != ("GET", "/v1/accounts"):
        return None
    return answer(lambda: _list(emulator, request))


def _list(emulator: Emulator, request: Request) -> dict[str, Any]:
    there = seen(emulator, request, "business_profile", METHOD)
    accounts, more = _PAGES.cut(request.query, there.assets)
    return {**named("accounts", [_account(each, there) for each in accounts]), **more}


def _account(asset: Asset, there: Seen) -> dict[str, Any]:
    kind = "ORGANIZATION" if there.below(asset.id) else "LOCATION_GROUP" if asset.parent else "PERSONAL"
    return {
        "name": f"accounts/{asset.id}",
        "accountName": asset.name,
        "type": kind,
        "role": "PRIMARY_OWNER",
        "verificationState": "VERIFIED",
        "vettedState": "NOT_VETTED",
    }
