"""The dashboard as an ASGI application: routes, headers, errors."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper.errors import GrantkeeperError, printable
from grantkeeper.web import outcome
from grantkeeper.web.dashboard.desk import Desk
from grantkeeper.web.dashboard.frame import show
from grantkeeper.web.dashboard.routes import ROOMS, open_routes
from grantkeeper.web.dashboard.visit import guarded
from grantkeeper.web.guard import MAX_HEADERS, dress, origin_of
from grantkeeper.web.links.brand import LOGO_POLICY, Brand, brand_of
from grantkeeper.web.pages import asset

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.settings import ServiceSettings

log = logging.getLogger("grantkeeper.web")
STATIC: Final = {
    "style.css": "text/css",
    "dashboard.css": "text/css",
    "dashboard-parts.css": "text/css",
    "dashboard.js": "text/javascript",
}
_LOG_LIMIT: Final = 600


def dashboard_app(keeper: AsyncKeeper, settings: ServiceSettings) -> Starlette:
    """Return the operators' pages, to be mounted at `/dashboard` of the service.

    Raises Misconfigured when `settings` has no `url`, or its logo cannot be used.
    """
    desk = Desk(keeper=keeper, settings=settings, brand=brand_of(settings))
    desk.verbs.operators.rules = settings.sign_in
    rooms = [Route(room.path, guarded(desk, room.handlers), methods=list(room.handlers)) for room in ROOMS]
    app = Starlette(
        routes=[
            *open_routes(desk),
            *(Route(f"/static/{name}", _static, methods=["GET"]) for name in STATIC),
            *([Route("/static/logo", _logo(desk.brand), methods=["GET"])] if desk.brand.logo else ()),
            *rooms,
        ],
        middleware=[Middleware(_Headers, desk=desk)],
        exception_handlers=_handlers(desk),
    )
    # Starlette would answer a slash too many with 307 and a Location made of the Host header (O-17, V-39c).
    app.router.redirect_slashes = False
    return app


def content_security_policy(targets: Iterable[str] = ()) -> str:
    """Return the policy: our own sheets, script and logo, nothing inline, forms to us and to who signs people in."""
    forms = " ".join(("'self'", *sorted(set(targets))))
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        f"form-action {forms}; frame-ancestors 'none'; base-uri 'none'"
    )


class _Headers:
    """ASGI middleware: the safe headers on every answer, whatever happens inside (V-38)."""

    def __init__(self, app: ASGIApp, *, desk: Desk) -> None:
        self._app, self._desk = app, desk
        self._targets = _form_targets(desk)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("content-security-policy", content_security_policy(self._targets))
                dress(headers, secure=self._desk.secure)
            await send(message)

        too_large = sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS
        inner = Response(status_code=431) if too_large else self._app
        await inner(scope, receive, dressed)


def _form_targets(desk: Desk) -> list[str]:
    """Return where the form that signs in leads to: Chromium applies `form-action` to the redirect that answers it."""
    rules = desk.settings.sign_in
    client = next((each for each in desk.keeper.clients if rules and each.name == rules.client), None)
    return [origin_of(client.provider.authorization_endpoint), desk.origin] if client else []


async def _static(request: Request) -> Response:
    # Its address carries a hash of its content, so a day is safe; it holds nothing of anybody.
    name = request.url.path.rpartition("/")[2]
    return Response(asset(name), media_type=STATIC[name], headers={"cache-control": "public, max-age=86400"})


def _logo(brand: Brand) -> Callable[[Request], Awaitable[Response]]:
    headers = {"cache-control": "public, max-age=86400", "content-security-policy": LOGO_POLICY}

    async def answer(_request: Request) -> Response:
        return Response(brand.logo, media_type=brand.logo_type, headers=headers)

    return answer


def _handlers(desk: Desk) -> dict[type[Exception] | int, Callable[[Request, Exception], Response]]:
    def stopped(request: Request, error: Exception) -> Response:
        assert isinstance(error, outcome.Stop)  # noqa: S101 - registered for it
        return show(request, desk, error.ending)

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        return show(request, desk, outcome.refused(error.status_code, desk.business).ending)

    def failed(request: Request, error: Exception) -> Response:
        assert isinstance(error, GrantkeeperError)  # noqa: S101 - registered for it
        said = printable(str(error), _LOG_LIMIT)
        log.log(outcome.log_level(error), "a page ended in %s: %s", type(error).__name__, said)
        return show(request, desk, trouble(error))

    def crashed(request: Request, _error: Exception) -> Response:
        response = show(request, desk, outcome.crashed().ending)
        response.headers["content-security-policy"] = content_security_policy()
        dress(response.headers, secure=desk.secure)  # answered outside of the middleware
        return response

    return {outcome.Stop: stopped, HTTPException: refused, GrantkeeperError: failed, Exception: crashed}


_TROUBLE: Final = {
    "ProviderUnavailable": (503, "The provider did not answer usably"),
    "DatabaseUnavailable": (503, "The database does not answer"),
    "ConsentRequired": (409, "Its owner has to consent again"),
    "AccountMismatch": (409, "Its owner has to consent again"),
    "Conflict": (409, "Somebody changed it at the same moment"),
    "NotFound": (404, "There is nothing here"),
    "InvalidInput": (422, "That cannot be done"),
}


def trouble(error: GrantkeeperError) -> outcome.Ending:
    """Return what operators are told of an error: all of it, they are who can act."""
    status, title = _TROUBLE.get(type(error).__name__, (500, "This needs somebody who runs the service"))
    text = tuple(printable(str(each)) for each in (error.args[0], error.advice) if each)
    said = str(error.provider) if error.provider else ""
    return outcome.Ending(
        kind=type(error).__name__.lower(),
        status=status,
        tone="attention" if status < 500 else "bad",
        title=title,
        text=text,
        said=said,
        page_status=status,
    )
