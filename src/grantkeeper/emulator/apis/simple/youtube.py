"""YouTube Data API v3: channels.list of the caller's own channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantkeeper.emulator.apis.access import Method
from grantkeeper.emulator.apis.simple.lists import Pages, answer, named, seen
from grantkeeper.emulator.apis.status import invalid_argument
from grantkeeper.emulator.oauth.scopes import BASE

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.wire import Request, Response
    from grantkeeper.emulator.world import Asset

_SCOPES = ("youtube", "youtube.force-ssl", "youtube.readonly", "youtubepartner")
METHOD = Method(
    service="youtube.googleapis.com",
    name="youtube.api.v3.V3DataChannelService.List",
    scopes=frozenset(BASE + each for each in _SCOPES),
)
_PAGES = Pages(usual=5, most=50, size="maxResults", strict=True)


def route(emulator: Emulator, request: Request) -> Response | None:
    """Answer a request at the method's path; None for any other."""
    if (request.method, request.path) != ("GET", "/youtube/v3/channels"):
        return None
    return answer(lambda: _list(emulator, request))


def _list(emulator: Emulator, request: Request) -> dict[str, Any]:
    there = seen(emulator, request, "youtube", METHOD)
    parts = {part.strip() for value in request.query.all("part") for part in value.split(",")}
    if not parts - {""}:
        raise invalid_argument("Required parameter: part")
    if request.query.get("mine") != "true":
        raise invalid_argument("No filter selected. Expected one of: mine, id, managedByMe, forUsername, forHandle")
    channels, more = _PAGES.cut(request.query, there.assets)
    return {
        "kind": "youtube#channelListResponse",
        "etag": "emulated",
        "pageInfo": {"totalResults": len(there.assets), "resultsPerPage": len(channels)},
        **named("items", [_channel(each, parts) for each in channels]),
        **more,
    }


def _channel(asset: Asset, parts: AbstractSet[str]) -> dict[str, Any]:
    snippet = {"title": asset.name, "description": "", "localized": {"title": asset.name, "description": ""}}
    return {
        "kind": "youtube#channel",
        "etag": "emulated",
        "id": asset.id,
        **({"snippet": snippet} if "snippet" in parts else {}),
    }
