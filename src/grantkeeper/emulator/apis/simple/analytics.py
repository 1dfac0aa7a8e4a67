"""Analytics Admin API v1beta: accountSummaries.list.

An asset without a parent is an account, one below an account a property, one below a property a subproperty.
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
    service="analyticsadmin.googleapis.com",
    name="google.analytics.admin.v1beta.AnalyticsAdminService.ListAccountSummaries",
    scopes=frozenset({BASE + "analytics.edit", BASE + "analytics.readonly"}),
)
_PAGES = Pages(usual=50, most=200)


def route(emulator: Emulator, request: Request) -> Response | None:
    """Answer a request at the method's path; None for any other."""
    if (request.method, request.path) != ("GET", "/v1beta/accountSummaries"):
        return None
    return answer(lambda: _list(emulator, request))


def _list(emulator: Emulator, request: Request) -> dict[str, Any]:
    there = seen(emulator, request, "analytics", METHOD)
    accounts, more = _PAGES.cut(request.query, there.tops())
    return {**named("accountSummaries", [_summary(each, there) for each in accounts]), **more}


def _summary(account: Asset, there: Seen) -> dict[str, Any]:
    name = f"accounts/{account.id}"
    ordinary = [each for each in there.every.values() if each.parent == account.id]
    properties = [_property(each, name, "PROPERTY_TYPE_ORDINARY") for each in ordinary if each in there.assets]
    properties += [
        _property(each, f"properties/{parent.id}", "PROPERTY_TYPE_SUBPROPERTY")
        for parent in ordinary
        for each in there.below(parent.id)
    ]
    return {
        "name": f"accountSummaries/{account.id}",
        "account": name,
        "displayName": account.name,
        **named("propertySummaries", properties),
    }


def _property(asset: Asset, parent: str, kind: str) -> dict[str, Any]:
    name = f"properties/{asset.id}"
    return {"property": name, "displayName": asset.name, "propertyType": kind, "parent": parent, "canEdit": True}
