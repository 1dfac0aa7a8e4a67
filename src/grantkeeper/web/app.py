"""The ASGI application: routes, errors, headers. It mounts inside another ASGI application under any path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from grantkeeper.errors import GrantkeeperError
from grantkeeper.web import outcome
from grantkeeper.web.connect import Connect
from grantkeeper.web.face import Face
from grantkeeper.web.guard import Guard, dress
from grantkeeper.web.pages import show, style_sheet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.web.face import Answer


def grantkeeper_app(
    keeper: AsyncKeeper,
    *,
    owner: Callable[[Request], Answer],
    business_name: str = "this application",
    owner_name: Callable[[Request], Answer] | None = None,
    titles: Mapping[str, str] | None = None,
    done_url: str | None = None,
    other_account: Literal["refuse", "add"] = "refuse",
) -> Starlette:
    """Return the pages that take a customer through the web flow.

    Args:
        keeper: whose OAuthClients (of kind `web`) are offered.
        owner: says from the host application's own session whose browser a request comes from; None stops it with 401.
            That session's cookie must be SameSite=Lax (not Strict), or the way back from the provider lacks it.
        business_name: how your customers know you.
        owner_name: how to call the owner on a page; the owner's id if not given.
        titles: OAuthClient name -> how to call it on a page (default: `google-ads` -> `Google Ads`).
        done_url: a path of your site to lead to at the end.
        other_account: what happens when another account consents than the one that is connected (`Keeper.begin`).

    Raises:
        InvalidInput: `done_url` leads elsewhere.
    """
    face = Face(
        keeper=keeper,
        owner=owner,
        owner_name=owner_name,
        business=business_name,
        titles=titles or {},
        done_url=done_url,
        other_account=other_account,
    )
    app = Starlette(
        routes=_routes(Connect(face=face)),
        middleware=[Middleware(Guard, face=face, refuse=_refuser(face))],
        exception_handlers=_handlers(face),
    )
    # Starlette would answer a slash too many with 307 and a Location made of the Host header (O-17, V-39c).
    app.router.redirect_slashes = False
    return app


def _routes(connect: Connect) -> list[Route]:
    return [
        Route("/", connect.start, methods=["GET"]),
        Route("/connect/{client}", connect.connect, methods=["GET", "POST"]),
        Route("/callback/{client}", connect.callback, methods=["GET"]),
        Route("/result/{client}/{ref}", connect.result, methods=["GET"]),
        Route("/static/style.css", _style, methods=["GET"]),
        Route("/healthz", _health, methods=["GET"]),
    ]


async def _style(_request: Request) -> Response:
    # Its address carries a hash of its content, so a day is safe; it holds nothing of anybody.
    return Response(style_sheet(), media_type="text/css", headers={"cache-control": "public, max-age=86400"})


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _handlers(face: Face) -> dict[type[Exception] | int, Callable[[Request, Exception], Response]]:
    def stopped(request: Request, error: Exception) -> Response:
        assert isinstance(error, outcome.Stop)  # noqa: S101 - registered for it
        return show(request, face, error.ending)

    def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        stop = {404: outcome.missing, 405: outcome.not_allowed}.get(error.status_code, outcome.not_allowed)()
        response = show(request, face, stop.ending)
        response.headers.update(error.headers or {})
        return response

    def failed(request: Request, error: Exception) -> Response:
        assert isinstance(error, GrantkeeperError)  # noqa: S101 - registered for it
        names = outcome.Names(business=face.business, provider="the provider", client="the service", owner="you")
        return show(request, face, outcome.ending(error, names))

    def crashed(request: Request, _error: Exception) -> Response:
        response = show(request, face, outcome.crashed().ending)
        dress(response.headers, form_targets=face.form_targets(), secure=face.secure)  # answered outside of the Guard
        return response

    return {outcome.Stop: stopped, HTTPException: refused, GrantkeeperError: failed, Exception: crashed}


def _refuser(face: Face) -> Callable[[Request, outcome.Stop], Response]:
    return lambda request, stop: show(request, face, stop.ending)
