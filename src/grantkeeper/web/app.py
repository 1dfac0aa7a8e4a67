"""The ASGI application: routes, errors, headers. It mounts inside another ASGI application under any path."""

from __future__ import annotations

import logging
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from grantkeeper.errors import GrantkeeperError, check_word, printable
from grantkeeper.model import Picker
from grantkeeper.web import endings, outcome
from grantkeeper.web.connect import Connect, SiteWays
from grantkeeper.web.face import Face
from grantkeeper.web.guard import Guard, dress
from grantkeeper.web.pages import asset, show
from grantkeeper.web.picker.handlers import Picking
from grantkeeper.web.who import names_at

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.web.face import Answer

log = logging.getLogger("grantkeeper.web")
_STATIC: Final = {"style.css": "text/css", "picker.css": "text/css", "picker.js": "text/javascript"}
DEFAULT_PICKER: Final = Picker()
_LOG_LIMIT: Final = 600
"""Characters of an error in the log: our longest message with its advice and the provider's words."""


def grantkeeper_app(
    keeper: AsyncKeeper,
    *,
    owner: Callable[[Request], Answer],
    business_name: str = "this application",
    owner_name: Callable[[Request], Answer] | None = None,
    titles: Mapping[str, str] | None = None,
    done_url: str | None = None,
    other_account: Literal["refuse", "add"] = "refuse",
    picker: Picker | None = DEFAULT_PICKER,
    language: str | None = None,
) -> Starlette:
    """Return the pages that take a customer through the web flow.

    Args:
        keeper: whose OAuthClients (of kind `web`) are offered.
        owner: says from the host application's own session whose browser a request comes from; None stops it with 401.
            It may raise Starlette's HTTPException: the answer has that status, and a redirect passes unchanged.
            That session's cookie must be SameSite=Lax (not Strict), or the way back from the provider lacks it.
        business_name: how your customers know you.
        owner_name: how to call the owner on a page; the owner's id if not given.
        titles: OAuthClient name -> how to call it on a page (default: `google-ads` -> `Google Ads`).
        done_url: a path of your site to lead to at the end.
        other_account: what happens when another account consents than the one that is connected (`Keeper.begin`).
        picker: how people choose, after the consent, which accounts to share: by default on a page on which nothing is
            ticked yet. None asks nobody and shares all, also what appears later.
        language: `en`, `de`, `fr`, `es` or `ja`; by default each browser chooses, English for those that want another.

    Raises:
        InvalidInput: `done_url` leads elsewhere; there is no such language, or no such `other_account`.
    """
    check_word("other_account", other_account, ("refuse", "add"))
    face = Face(
        keeper=keeper,
        owner=owner,
        owner_name=owner_name,
        business=business_name,
        titles=titles or {},
        done_url=done_url,
        other_account=other_account,
        picker=picker,
        language=language or "",
    )
    _note_other_schemes(face)
    app = Starlette(
        routes=_routes(Connect(face=face, ways=SiteWays(face=face)), Picking(face=face)),
        middleware=[Middleware(Guard, face=face, refuse=refuser(face))],
        exception_handlers=handlers(face),
    )
    # Starlette would answer a slash too many with 307 and a Location made of the Host header (O-17, V-39c).
    app.router.redirect_slashes = False
    return app


def _note_other_schemes(face: Face) -> None:
    """Say which OAuth clients lead back to pages on which a cookie of https is not sent."""
    for client in face.keeper.clients:
        if client.kind == "web" and face.secure and not client.redirect_uri.startswith("https:"):
            said = "%s cannot be connected here: its redirect_uri is %s, and other clients' are https"
            log.warning(said, client.name, client.redirect_uri)


def _routes(connect: Connect, picking: Picking) -> list[Route]:
    return [
        Route("/", connect.start, methods=["GET"]),
        Route("/connect/{client}", connect.connect, methods=["GET", "POST"]),
        Route("/callback/{client}", connect.callback, methods=["GET"]),
        Route("/accounts/{client}/{ref}", picking.accounts, methods=["GET", "POST"]),
        Route("/result/{client}/{ref}", connect.result, methods=["GET"]),
        *static_routes(),
        Route("/healthz", _health, methods=["GET"]),
    ]


def static_routes() -> list[Route]:
    """Return the routes of our own style sheets and script."""
    return [Route(f"/static/{name}", _static, methods=["GET"]) for name in _STATIC]


async def _static(request: Request) -> Response:
    # Its address carries a hash of its content, so a day is safe; it holds nothing of anybody.
    name = request.url.path.rpartition("/")[2]
    return Response(asset(name), media_type=_STATIC[name], headers={"cache-control": "public, max-age=86400"})


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def handlers(face: Face) -> dict[type[Exception] | int, Callable[[Request, Exception], Response]]:
    """Return how the errors of the pages are shown."""

    def stopped(request: Request, error: Exception) -> Response:
        assert isinstance(error, outcome.Stop)  # noqa: S101 - registered for it
        return show(request, face, error.ending)

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        if error.status_code < HTTPStatus.BAD_REQUEST:  # the host's `owner` sends the browser to its own sign-in
            return Response(status_code=error.status_code, headers=error.headers)
        response = show(request, face, outcome.refused(error.status_code, face.business).ending)
        response.headers.update(error.headers or {})
        return response

    def failed(request: Request, error: Exception) -> Response:
        assert isinstance(error, GrantkeeperError)  # noqa: S101 - registered for it
        said = printable(str(error), _LOG_LIMIT)
        log.log(outcome.log_level(error), "a page ended in %s: %s", type(error).__name__, said)
        ending = endings.ending(error, names_at(request, face))
        # Only the page that says how a flow ended succeeds by saying that it ended badly.
        return show(request, face, replace(ending, page_status=ending.status))

    def crashed(request: Request, _error: Exception) -> Response:
        response = show(request, face, outcome.crashed().ending)
        # Answered outside of the Guard.
        dress(response.headers, form_targets=face.form_targets(), secure=face.secure, images=face.images)
        return response

    return {outcome.Stop: stopped, HTTPException: refused, GrantkeeperError: failed, Exception: crashed}


def refuser(face: Face) -> Callable[[Request, outcome.Stop], Response]:
    """Return how the Guard shows that it turns a request away."""
    return lambda request, stop: show(request, face, stop.ending)
