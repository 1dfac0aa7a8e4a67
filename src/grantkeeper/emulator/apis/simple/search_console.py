"""Search Console API: sites.list (webmasters v3, and searchconsole v1, which has it at the same path).

An asset's id is the site's URL, `https://...` or `sc-domain:...`. Sites have no name: where the asset's name is a
permission level, such as `siteUnverifiedUser`, that is the person's; otherwise they own it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantkeeper.emulator.apis.access import Method
from grantkeeper.emulator.apis.simple.lists import answer, named, seen
from grantkeeper.emulator.oauth.scopes import BASE

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.wire import Request, Response
    from grantkeeper.emulator.world import Asset

METHOD = Method(
    service="searchconsole.googleapis.com",
    name="google.searchconsole.v1.SitesService.List",
    scopes=frozenset({BASE + "webmasters", BASE + "webmasters.readonly"}),
)
LEVELS = frozenset({"siteOwner", "siteFullUser", "siteRestrictedUser", "siteUnverifiedUser"})


def route(emulator: Emulator, request: Request) -> Response | None:
    """Answer a request at the method's path; None for any other."""
    if (request.method, request.path) != ("GET", "/webmasters/v3/sites"):
        return None
    return answer(lambda: _list(emulator, request))


def _list(emulator: Emulator, request: Request) -> dict[str, Any]:
    there = seen(emulator, request, "search_console", METHOD)
    return named("siteEntry", [_site(each) for each in there.assets])


def _site(asset: Asset) -> dict[str, Any]:
    return {"siteUrl": asset.id, "permissionLevel": asset.name if asset.name in LEVELS else "siteOwner"}
