"""Google Ads over REST and JSON. Source: developers.google.com/google-ads/api/rest/overview, 2026-11-22."""

from __future__ import annotations

import json as _json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from grantkeeper.emulator.apis.ads import service
from grantkeeper.emulator.apis.ads.errors import AdsError
from grantkeeper.emulator.apis.ads.service import Call, Search
from grantkeeper.emulator.apis.status import ApiError, invalid_argument
from grantkeeper.emulator.wire import Request, Response, json

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator

_LIST = re.compile(r"/v([0-9]{1,3})/customers:listAccessibleCustomers")
_SEARCH = re.compile(r"/v([0-9]{1,3})/customers/(.*)/googleAds:(search|searchStream)", re.DOTALL)
_MOST_BODY = 1 << 20
"""Google refuses larger queries too, by other words; nothing here needs one."""

# The members of SearchGoogleAdsRequest and SearchGoogleAdsStreamRequest, and their types in JSON.
_MEMBERS: Mapping[str, type] = {
    "query": str,
    "pageToken": str,
    "pageSize": int,
    "validateOnly": bool,
    "searchSettings": dict,
    "summaryRowSetting": str,
}


def route(emulator: Emulator, request: Request) -> Response | None:
    """Answer a request at one of the API's paths; None for any other."""
    listing, searching = _LIST.fullmatch(request.path), _SEARCH.fullmatch(request.path)
    if listing and request.method == "GET":
        call = _call(emulator, request, listing[1])
        return _answer(call, lambda: service.list_accessible_customers(call))
    if searching and request.method == "POST":
        call = _call(emulator, request, searching[1])
        if searching[3] == "search":
            return _answer(call, lambda: service.search(call, _search(searching[2], request.body)))
        return _answer(call, lambda: service.search_stream(call, _search(searching[2], request.body)), stream=True)
    return None


def _call(emulator: Emulator, request: Request, version: str) -> Call:
    # The id's look is Google's: 16 random bytes in URL-safe base64.
    return Call(emulator=emulator, version=int(version), headers=request.headers, request_id=secrets.token_urlsafe(16))


def _answer(call: Call, work: Callable[[], Any], *, stream: bool = False) -> Response:
    try:
        return json(work(), headers=(("request-id", call.request_id),))
    except AdsError as error:
        refusal = error.refusal(f"v{call.version}", call.request_id)
    except ApiError as error:
        refusal = error
    # A streaming method's answer is a JSON array, its error too.
    body: Any = [refusal.body()] if stream else refusal.body()
    return json(body, refusal.code.http, (*refusal.headers(), ("request-id", call.request_id)))


def _search(customer_id: str, body: bytes) -> Search:
    members = _members(body)
    settings = members.get("searchSettings", {})
    return Search(
        customer_id=customer_id,
        query=members.get("query", ""),
        page_token=members.get("pageToken", ""),
        page_size=members.get("pageSize", 0),
        validate_only=members.get("validateOnly", False),
        count=settings.get("returnTotalResultsCount") is True,
        omit_results=settings.get("omitResults") is True,
    )


def _members(body: bytes) -> dict[str, Any]:
    """Read the body, whose members may be spelt in either way (protobuf's JSON mapping), and check each."""
    if len(body) > _MOST_BODY:
        raise invalid_argument("Request payload size exceeds the limit.")
    try:
        document = _json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise invalid_argument("Invalid JSON payload received. Unexpected token.") from error
    if not isinstance(document, dict):
        raise invalid_argument('Invalid JSON payload received. Unknown name "": Root element must be a message.')
    members = {_camel(name): value for name, value in document.items()}
    for name, value in members.items():
        if name not in _MEMBERS:
            raise invalid_argument(f'Invalid JSON payload received. Unknown name "{name[:100]}": Cannot find field.')
        if type(value) is not _MEMBERS[name]:
            raise invalid_argument(f"Invalid value at '{name}', {type(value).__name__}")
    if isinstance(settings := members.get("searchSettings"), dict):
        members["searchSettings"] = {_camel(name): value for name, value in settings.items()}
    return members


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
