"""NetworkService of the Ad Manager API over REST (v1).

Source: google-ads-admanager 0.10.7, services/network_service and types/network_service.py. How Google words a network
that is not the caller's, and a second test network, is not documented; the codes here are those that its API design
guide gives for such cases (not verified, 2026-11-22).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from grantkeeper.emulator.apis.access import Caller, Method, caller
from grantkeeper.emulator.apis.ad_manager import networks
from grantkeeper.emulator.apis.status import ApiError, Code, invalid_argument, not_found
from grantkeeper.emulator.wire import Params, Request, Response, json

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.world import Network

_ONE = re.compile(r"/v1/networks/([^/:]+)")
_USUAL_PAGE = 50
_LARGEST_PAGE = 1000


def route(emulator: Emulator, request: Request) -> Response | None:
    """Answer a request at one of the API's paths; None for any other."""
    one = _ONE.fullmatch(request.path)
    if request.method == "GET" and request.path == "/v1/networks":
        return _answer(lambda: _list(emulator, request))
    if request.method == "GET" and one:
        return _answer(lambda: _get(emulator, request, one[1]))
    if request.method == "POST" and request.path == "/v1/networks:provisionTestNetwork":
        return _answer(lambda: _provision(emulator, request))
    return None


def _answer(work: Callable[[], dict[str, Any]]) -> Response:
    try:
        return json(work())
    except ApiError as error:
        return error.response()


def _caller(emulator: Emulator, request: Request, name: str, scopes: frozenset[str], code: str = "") -> Caller:
    rpc = f"google.ads.admanager.v1.NetworkService.{name}"
    method = Method(service="admanager.googleapis.com", name=rpc, scopes=scopes)
    return caller(emulator, request.headers, method, code)


def _list(emulator: Emulator, request: Request) -> dict[str, Any]:
    who = _caller(emulator, request, "ListNetworks", networks.REST_SCOPES)
    found = networks.of(emulator, who.person)
    start, size = _page(request.query)
    answer: dict[str, Any] = {"networks": [_message(each) for each in found[start : start + size]]}
    if start + size < len(found):
        answer["nextPageToken"] = base64.urlsafe_b64encode(str(start + size).encode()).decode()
    return answer


def _page(query: Params) -> tuple[int, int]:
    """Return where the page starts and how long it is."""
    size = _whole(query, "pageSize") or _USUAL_PAGE
    try:
        start = base64.b64decode(query.get("pageToken").encode(), b"-_", validate=True).decode() or "0"
    except (binascii.Error, UnicodeError) as error:
        raise invalid_argument() from error
    if not re.fullmatch("[0-9]{1,9}", start):
        raise invalid_argument()
    return int(start) + _whole(query, "skip"), min(size, _LARGEST_PAGE)


def _whole(query: Params, name: str) -> int:
    text = query.get(name) or "0"
    if not re.fullmatch("[0-9]{1,9}", text):
        raise invalid_argument(f"Invalid value at '{name}' (TYPE_INT32)")
    return int(text)


def _get(emulator: Emulator, request: Request, code: str) -> dict[str, Any]:
    who = _caller(emulator, request, "GetNetwork", networks.REST_SCOPES, code)
    if not re.fullmatch("[0-9]{1,19}", code):
        raise invalid_argument()
    network = networks.find(emulator, who.person, code)
    if network is None:
        raise not_found()
    return _message(network)


def _provision(emulator: Emulator, request: Request) -> dict[str, Any]:
    who = _caller(emulator, request, "ProvisionTestNetwork", networks.REST_WRITE_SCOPES)
    network = networks.make_test(emulator, who.person)
    if network is None:
        raise ApiError(Code.ALREADY_EXISTS, "A test network already exists for this user.")
    return _message(network)


def _message(network: Network) -> dict[str, Any]:
    """Return google.ads.admanager.v1.Network in its JSON form (an int64 is a text)."""
    return {
        "name": f"networks/{network.code}",
        "displayName": network.name,
        "networkCode": network.code,
        "propertyCode": network.code,
        "timeZone": network.time_zone,
        "currencyCode": network.currency,
        "effectiveRootAdUnit": f"networks/{network.code}/adUnits/{networks.root_ad_unit(network)}",
        "testNetwork": network.test,
        "networkId": network.code,
    }
