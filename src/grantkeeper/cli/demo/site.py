"""The agency's own site: what a business writes, with grantkeeper's pages mounted in it under /grants."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

import jinja2
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from grantkeeper.cli.demo import reach
from grantkeeper.cli.demo.stage import BUSINESS
from grantkeeper.errors import ConsentRequired, GrantkeeperError
from grantkeeper.model import Grant, GrantStatus
from grantkeeper.web import grantkeeper_app
from grantkeeper.web.guard import check_same_site, dress
from grantkeeper.web.outcome import Stop

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from grantkeeper.cli.demo.stage import Stage

_COOKIE: Final = "fjord_media"


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A customer of the agency, and who of them signs in."""

    id: str
    name: str
    person: str
    email: str


CUSTOMERS: Final = (
    Customer(
        id="nordwind-outdoor", name="Nordwind Outdoor", person="Ida Lindqvist", email="ida@nordwind-outdoor.example"
    ),
    Customer(id="casa-verde", name="Casa Verde", person="Lucía Moreno", email="lucia@casa-verde.example"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What a customer can connect here."""

    client: str
    title: str
    what: str
    library: str
    ask: Callable[[Stage, Grant], list[reach.Found]]


PRODUCTS: Final = (
    Product(
        client="google-ads", title="Google Ads", what="Ad accounts", library="GoogleAdsClient", ask=reach.ad_accounts
    ),
    Product(client="ad-manager", title="Ad Manager", what="Networks", library="AdManagerClient", ask=reach.networks),
)


@dataclass(slots=True)
class Sessions:
    """Who is signed in, by the value of the cookie. A sample site needs no password."""

    known: dict[str, Customer] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)

    def customer(self, request: Request) -> Customer | None:
        """Return who is signed in."""
        return self.known.get(request.cookies.get(_COOKIE, ""))

    def owner(self, request: Request) -> str | None:
        """Return what grantkeeper asks for: our own id of the customer."""
        customer = self.customer(request)
        return customer.id if customer else None

    def owner_name(self, request: Request) -> str | None:
        """Return how to call the customer on grantkeeper's pages."""
        customer = self.customer(request)
        return customer.name if customer else None


@dataclass(frozen=True, slots=True)
class Site:
    """The handlers. They are plain functions: Starlette runs them on threads, where Google's clients may wait."""

    stage: Stage
    sessions: Sessions

    def home(self, request: Request) -> Response:
        """Show the sign-in, or what the customer has connected."""
        customer = self.sessions.customer(request)
        if customer is None:
            return self._page("sign_in.html", customers=CUSTOMERS)
        note = self.sessions.notes.pop(request.cookies[_COOKIE], "")
        cards = [self._card(customer, product) for product in PRODUCTS]
        return self._page("home.html", customer=customer, cards=cards, note=note)

    async def sign_in(self, request: Request) -> Response:
        """Begin a session: a new one each time."""
        fields = await self._form(request)
        customer = next((each for each in CUSTOMERS if each.id == fields.get("customer")), None)
        response = RedirectResponse("/", status_code=303)
        if customer is not None:
            value = secrets.token_urlsafe(32)
            self.sessions.known[value] = customer
            response.set_cookie(_COOKIE, value, path="/", httponly=True, samesite="lax")
        return response

    async def sign_out(self, request: Request) -> Response:
        """End the session. The grants stay: they are the customer's, not the session's."""
        await self._form(request)
        self.sessions.known.pop(request.cookies.get(_COOKIE, ""), None)
        response = RedirectResponse("/", status_code=303)
        response.delete_cookie(_COOKIE, path="/")
        return response

    async def disconnect(self, request: Request) -> Response:
        """End the customer's grants at one OAuthClient."""
        await self._form(request)
        customer = self.sessions.customer(request)
        if customer is not None:
            for grant in await self.stage.web.grants(customer.id, request.path_params["client"]):
                if grant.status is not GrantStatus.REVOKED:
                    done = await self.stage.web.revoke(grant.id)
                    self.sessions.notes[request.cookies[_COOKIE]] = _AFTER[done.at_provider]
        return RedirectResponse("/", status_code=303)

    def _card(self, customer: Customer, product: Product) -> dict[str, Any]:
        """Return what one product's card shows: the grant found again by (owner, client), and what it reaches now."""
        grants = list(self.stage.keeper.grants(customer.id, product.client))
        live = next((each for each in grants if each.status is not GrantStatus.REVOKED), None)
        card: dict[str, Any] = {"product": product, "grant": live, "found": [], "error": None, "refused": ""}
        card["needs_consent"] = False
        if live is not None:
            try:
                card["found"] = product.ask(self.stage, live)
            except reach.Refused as error:
                card["refused"] = str(error)
            except GrantkeeperError as error:
                card |= {"error": error, "needs_consent": isinstance(error, ConsentRequired)}
        return card

    async def _form(self, request: Request) -> dict[str, str]:
        check_same_site(request, self.stage.url)
        body = (await request.body())[:1024].decode("ascii", "replace")
        return {name: values[-1] for name, values in parse_qs(body).items()}

    def _page(self, template: str, **values: Any) -> Response:
        text = _templates().get_template(template).render(business=BUSINESS, emulator=self.stage.serving.url, **values)
        return HTMLResponse(text)


_AFTER: Final = {
    "revoked": "Disconnected, and the access is revoked at Google.",
    "kept": "Disconnected here. Google knows one consent per person and project, and your other connection "
    "still lives from it, so it is revoked there with the last one.",
    "pending": "Disconnected here. Google could not be reached; the revocation there will be sent again.",
    "unreadable": "Disconnected here. Its sealed token does not open, so only you can end it at Google.",
    "nothing_to_revoke": "Disconnected. There was nothing left to revoke at Google.",
}


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("grantkeeper.cli.demo"), autoescape=True, undefined=jinja2.StrictUndefined
    )


class _Headers:
    """ASGI middleware: grantkeeper's safe headers on the site's own pages too."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                dress(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, dressed)


async def _style(_request: Request) -> Response:
    text = resources.files("grantkeeper.cli.demo").joinpath("templates/site.css").read_text()
    return Response(text, media_type="text/css")


def site(stage: Stage) -> Starlette:
    """Return the site."""
    sessions = Sessions()
    own = Site(stage, sessions)
    pages = grantkeeper_app(
        stage.web,
        owner=sessions.owner,
        owner_name=sessions.owner_name,
        business_name=BUSINESS,
        done_url="/",
    )

    def stopped(_request: Request, error: Exception) -> Response:
        return HTMLResponse("<!doctype html><title>No</title><p>That form did not come from this site.", 403)

    return Starlette(
        routes=[
            Route("/", own.home, methods=["GET"]),
            Route("/sign-in", own.sign_in, methods=["POST"]),
            Route("/sign-out", own.sign_out, methods=["POST"]),
            Route("/disconnect/{client}", own.disconnect, methods=["POST"]),
            Route("/site.css", _style, methods=["GET"]),
            Mount("/grants", pages),
        ],
        middleware=[Middleware(_Headers)],
        exception_handlers={Stop: stopped},
    )
