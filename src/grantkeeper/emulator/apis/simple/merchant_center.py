"""Merchant API, accounts v1: accounts.list and accounts.listSubaccounts.

The first lists what the person was added to, the second what is below an advanced account: an asset with others below.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from grantkeeper.emulator.apis.access import Method
from grantkeeper.emulator.apis.simple.lists import Pages, answer, named, seen
from grantkeeper.emulator.apis.status import ApiError, Code
from grantkeeper.emulator.oauth.scopes import BASE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.wire import Request, Response
    from grantkeeper.emulator.world import Asset

_SUBACCOUNTS = re.compile(r"/accounts/v1/accounts/([0-9]{1,20}):listSubaccounts")
_PAGES = Pages(usual=250, most=500)


def _method(name: str) -> Method:
    return Method(
        service="merchantapi.googleapis.com",
        name=f"google.shopping.merchant.accounts.v1.AccountsService.{name}",
        scopes=frozenset({BASE + "content"}),
    )


METHOD, METHOD_BELOW = _method("ListAccounts"), _method("ListSubAccounts")


def route(emulator: Emulator, request: Request) -> Response | None:
    """Answer a request at one of the methods' paths; None for any other."""
    below = _SUBACCOUNTS.fullmatch(request.path)
    if request.method == "GET" and request.path == "/accounts/v1/accounts":
        return answer(lambda: _list(emulator, request))
    if request.method == "GET" and below:
        return answer(lambda: _list_below(emulator, request, below[1]))
    return None


def _list(emulator: Emulator, request: Request) -> dict[str, Any]:
    there = seen(emulator, request, "merchant_center", METHOD)
    return _page(request, [each for each in there.assets if there.person.email in each.people])


def _list_below(emulator: Emulator, request: Request, provider: str) -> dict[str, Any]:
    there = seen(emulator, request, "merchant_center", METHOD_BELOW)
    if provider not in {each.id for each in there.assets}:
        raise ApiError(Code.PERMISSION_DENIED, "The caller does not have access to the accounts: [" + provider + "]")
    return _page(request, there.below(provider))


def _page(request: Request, assets: Sequence[Asset]) -> dict[str, Any]:
    found, more = _PAGES.cut(request.query, assets)
    return {**named("accounts", [_account(each) for each in found]), **more}


def _account(asset: Asset) -> dict[str, Any]:
    return {
        "name": f"accounts/{asset.id}",
        "accountId": asset.id,
        "accountName": asset.name,
        "timeZone": {"id": asset.time_zone or "Europe/Berlin"},
        "languageCode": "en",
        **({"testAccount": True} if asset.test else {}),
    }
