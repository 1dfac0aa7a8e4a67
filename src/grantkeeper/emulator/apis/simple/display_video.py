"""Display & Video 360 API v4: partners.list and advertisers.list.

An asset without a parent is a partner, any other an advertiser of the one above it. Who is named on an advertiser only
sees its partner, and of that partner's advertisers that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantkeeper.emulator.apis.access import Method
from grantkeeper.emulator.apis.simple.lists import Pages, answer, named, seen
from grantkeeper.emulator.apis.status import ApiError, Code, invalid_argument
from grantkeeper.emulator.oauth.scopes import BASE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.wire import Request, Response
    from grantkeeper.emulator.world import Asset

_PAGES = Pages(usual=100, most=200, strict=True)


def _method(name: str) -> Method:
    return Method(
        service="displayvideo.googleapis.com",
        name=f"google.ads.displayvideo.v4.{name}",
        scopes=frozenset({BASE + "display-video"}),
    )


METHOD = _method("PartnerService.ListPartners")
METHOD_BELOW = _method("AdvertiserService.ListAdvertisers")


def route(emulator: Emulator, request: Request) -> Response | None:
    """Answer a request at one of the methods' paths; None for any other."""
    if (request.method, request.path) == ("GET", "/v4/partners"):
        return answer(lambda: _partners(emulator, request))
    if (request.method, request.path) == ("GET", "/v4/advertisers"):
        return answer(lambda: _advertisers(emulator, request))
    return None


def _partners(emulator: Emulator, request: Request) -> dict[str, Any]:
    there = seen(emulator, request, "display_video", METHOD)
    return _page(request, "partners", there.tops())


def _advertisers(emulator: Emulator, request: Request) -> dict[str, Any]:
    there = seen(emulator, request, "display_video", METHOD_BELOW)
    partner = request.query.get("partnerId")
    if not partner:
        raise invalid_argument("partner_id is required")
    if partner not in {each.id for each in there.tops()}:
        raise ApiError(Code.PERMISSION_DENIED, "The caller does not have permission")
    return _page(request, "advertisers", there.below(partner))


def _page(request: Request, member: str, assets: Sequence[Asset]) -> dict[str, Any]:
    found, more = _PAGES.cut(request.query, assets)
    return {**named(member, [_message(each) for each in found]), **more}


def _message(asset: Asset) -> dict[str, Any]:
    ids = {"partnerId": asset.parent, "advertiserId": asset.id} if asset.parent else {"partnerId": asset.id}
    name = f"advertisers/{asset.id}" if asset.parent else f"partners/{asset.id}"
    return {
        "name": name,
        **ids,
        "displayName": asset.name,
        "entityStatus": "ENTITY_STATUS_ACTIVE",
        "generalConfig": {
            "currencyCode": asset.currency or "EUR",
            "timeZone": asset.time_zone or "Europe/Berlin",
        },
    }
