"""The APIs that the access tokens are for. A further API is one more `route` in the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantkeeper.emulator.apis import simple
from grantkeeper.emulator.apis.ad_manager import rest as ad_manager_rest
from grantkeeper.emulator.apis.ad_manager import soap as ad_manager_soap
from grantkeeper.emulator.apis.ads import rest as ads_rest

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.wire import Request, Response

_ROUTES = (ads_rest.route, ad_manager_soap.route, ad_manager_rest.route, simple.route)


def route(emulator: Emulator, request: Request) -> Response | None:
    """Answer a request to one of the APIs; None when it is for none of them. Expects the emulator's lock to be held."""
    answers = (each(emulator, request) for each in _ROUTES)
    return next((answer for answer in answers if answer is not None), None)
