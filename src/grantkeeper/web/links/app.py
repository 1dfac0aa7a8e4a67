"""The ASGI application of invitations: what people see whom a link was sent to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from grantkeeper.web.app import handlers, refuser, static_routes
from grantkeeper.web.connect import Connect
from grantkeeper.web.face import Face
from grantkeeper.web.guard import Guard, origin_of
from grantkeeper.web.links import wording
from grantkeeper.web.links.brand import LOGO_POLICY, Brand, brand_of
from grantkeeper.web.links.place import Place
from grantkeeper.web.links.walk import LinkWays, Walk
from grantkeeper.web.picker.handlers import Picking

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.settings import ServiceSettings


def links_app(keeper: AsyncKeeper, settings: ServiceSettings) -> Starlette:
    """Return the pages of invitations, at `/connect/{token}` below the service's address, and the ways back to them.

    Raises:
        Misconfigured: the logo or the colour cannot be used.
    """
    place = Place(keeper=keeper, origin=origin_of(settings.url), return_to=frozenset(settings.return_to))
    face = Face(
        keeper=keeper,
        owner=place.owner,
        business=settings.business_name or "this application",
        titles=settings.titles,
        stranger=wording.stranger,
        default_language=settings.language,
        brand=brand_of(settings),
        return_to=place.return_to,
        https=place.secure,
    )
    ways = LinkWays(face=face, place=place)
    walk = Walk(face=face, place=place, connect=Connect(face=face, ways=ways), picking=Picking(face=face))
    app = Starlette(
        routes=link_routes(walk),
        middleware=[Middleware(Guard, face=face, refuse=refuser(face))],
        exception_handlers=handlers(face),
    )
    app.router.redirect_slashes = False  # as in grantkeeper_app
    return app


def link_routes(walk: Walk) -> list[Route]:
    """Return the routes of a walk by a link, and of what its pages load."""
    return [
        Route("/connect/{token}", walk.invitation, methods=["GET", "POST"]),
        Route("/callback/{client}", walk.callback, methods=["GET"]),
        Route("/accounts/{client}/{ref}", walk.accounts, methods=["GET", "POST"]),
        Route("/result/{client}/{ref}", walk.result, methods=["GET"]),
        Route("/again/{client}/{ref}", walk.again, methods=["POST"]),
        Route("/return/{client}/{ref}", walk.home, methods=["GET"]),
        *static_routes(),
        *_brand_routes(walk.face.brand or Brand()),
    ]


def _brand_routes(brand: Brand) -> list[Route]:
    kept = {"cache-control": "public, max-age=86400"}
    parts = []
    if brand.sheet:
        parts.append(Route("/static/brand.css", _fixed(brand.sheet.encode(), "text/css", kept), methods=["GET"]))
    if brand.logo is not None:
        logo = kept | {"content-security-policy": LOGO_POLICY}
        parts.append(Route("/static/logo", _fixed(brand.logo, brand.logo_type, logo), methods=["GET"]))
    return parts


def _fixed(content: bytes, kind: str, headers: dict[str, str]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return Response(content, media_type=kind, headers=headers)

    return answer
