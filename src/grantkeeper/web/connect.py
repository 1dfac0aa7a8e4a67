"""The walk of a browser: the page with the button, the start, the way back, the page that says how it ended."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from grantkeeper.errors import BadCallback, DatabaseUnavailable, GrantkeeperError, NotFound
from grantkeeper.model import Grant, GrantStatus, Redirect
from grantkeeper.oauth.authorization import query_pairs
from grantkeeper.web import endings, guard, outcome
from grantkeeper.web.face import provider_title, scope_texts
from grantkeeper.web.pages import page, prefix, show
from grantkeeper.web.picker.shares import after_flow, chooses, count, shows
from grantkeeper.web.who import client_of, names_of, owner_of, ref_of, web_clients

if TYPE_CHECKING:
    from starlette.requests import Request

    from grantkeeper.model import OAuthClient
    from grantkeeper.web.face import Face
    from grantkeeper.web.languages import Text
    from grantkeeper.web.picker.shares import Shares

log = logging.getLogger("grantkeeper.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What the button sends that starts over: to where, and with which token; without one it is only a link."""

    action: str
    token: str = ""


class Ways(Protocol):
    """Where a person can go from the page that says how a flow ended."""

    async def again(self, request: Request, client: OAuthClient, owner: str) -> Start | None:
        """Return how to start over, or None when that cannot be done."""

    async def back(self, request: Request) -> str:
        """Return the address that leads back to the business, "" when there is none."""

    def told(self, error: GrantkeeperError) -> GrantkeeperError:
        """Return what the person may be told of an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteWays:
    """The ways of pages inside a site of the business."""

    face: Face

    async def again(self, request: Request, client: OAuthClient, owner: str) -> Start | None:
        """Return the form of the connect page, or the page itself for a browser without a cookie."""
        secret = guard.browser_secret(request, self.face)
        token = guard.form_token(secret, owner, client.name) if secret else ""
        return Start(action=f"{prefix(request)}/connect/{quote(client.name)}", token=token)

    async def back(self, request: Request) -> str:
        """Return the page of the site that it wants people to end on."""
        return self.face.done_url or ""

    def told(self, error: GrantkeeperError) -> GrantkeeperError:
        """Return it all: whoever is signed in here may know whom they are connected as."""
        return error


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """The handlers. Each keeps to one rule: GET changes nothing, but for the callback, which spends its own flow."""

    face: Face
    ways: Ways

    async def start(self, request: Request) -> Response:
        """Show what can be connected, and what is."""
        owner = await owner_of(request, self.face)
        rows = [(each, self.face.title(each.name), await self._shown(owner, each)) for each in web_clients(self.face)]
        name = await self.face.name_of_owner(request, owner)
        return page(request, self.face, "start.html", rows=rows, owner=name)

    async def connect(self, request: Request) -> Response:
        """Show the page, or take its form."""
        return await (self.begin(request) if request.method == "POST" else self.offer(request))

    async def offer(self, request: Request) -> Response:
        """Show what connecting means; nothing starts before the button is pressed (V-32)."""
        client, owner = client_of(request, self.face), await owner_of(request, self.face)
        secret = guard.browser_secret(request, self.face) or guard.new_secret()
        response = page(
            request,
            self.face,
            "connect.html",
            client=client,
            names=await names_of(request, self.face, client, owner),
            needed=scope_texts(client.provider, client.scopes),
            optional=scope_texts(client.provider, client.optional_scopes),
            identity=scope_texts(client.provider, client.provider.identity_scopes),
            current=await self._current(owner, client),
            token=guard.form_token(secret, owner, client.name),
            undo=client.provider.manage_url,
        )
        guard.set_cookie(response, self.face, secret)
        return response

    async def begin(self, request: Request) -> Response:
        """Begin a flow and send the browser to the provider."""
        client, owner = client_of(request, self.face), await owner_of(request, self.face)
        try:
            guard.check_same_site(request, guard.origin_of(client.redirect_uri))
            fields = dict(await guard.read_form(request))
            secret = guard.browser_secret(request, self.face)
            secret = guard.check_token(fields.get("token", ""), secret, owner, client.name)
        except outcome.Stop as stop:
            start = Start(action=f"{prefix(request)}/connect/{quote(client.name)}")
            return show(request, self.face, stop.ending, start=start)
        away = await self.face.keeper.begin(
            owner, client.name, flow=secret, other_account=self.face.other_account, picker=self.face.picker
        )
        return self._away(away)

    async def callback(self, request: Request) -> Response:
        """Take the browser back, and leave code and state out of the address bar (O-16).

        A database that does not answer leaves them there: a reload of this address can still end the flow.
        """
        if request.method != "GET":
            raise outcome.not_allowed()
        client, owner = client_of(request, self.face), await owner_of(request, self.face)
        query = request.scope["query_string"].decode("latin-1")
        flow = guard.browser_secret(request, self.face)
        try:
            done = await self.face.keeper.complete(flow, query, client=client.name, owner=owner)
        except (BadCallback, NotFound) as error:
            return await self._ended(request, client, owner, error)
        except DatabaseUnavailable as error:
            self._note(client, error)
            return await self._ended(request, client, owner, error)
        except GrantkeeperError as error:
            self._note(client, error)
            return self._clean(request, client, query)
        return self._away(done) if isinstance(done, Redirect) else await self._on(request, flow, done, query)

    async def result(self, request: Request) -> Response:
        """Show how a flow of this browser ended; the same again on reload."""
        client, owner = client_of(request, self.face), await owner_of(request, self.face)
        ref, flow = ref_of(request), guard.browser_secret(request, self.face)
        done: Grant | GrantkeeperError
        try:
            done = await self.face.keeper.result(flow, ref, owner=owner)
        except GrantkeeperError as error:
            done = error
        if isinstance(done, Grant) and (done.owner, done.client) != (owner, client.name):
            raise outcome.missing()
        shares = None
        if isinstance(done, Grant) and chooses(done):
            page = f"{prefix(request)}/accounts/{client.name}/{ref}"
            shares = await after_flow(self.face.keeper, flow, ref, owner, page=page)
        return await self._ended(request, client, owner, done, shares)

    # --- what they share ---------------------------------------------------------------------------------------

    async def _current(self, owner: str, client: OAuthClient) -> list[Grant]:
        """Return the owner's grants at this OAuthClient that are not over."""
        found = await self.face.keeper.grants(owner=owner, client=client.name)
        return [grant for grant in found if grant.status is not GrantStatus.REVOKED]

    async def _shown(self, owner: str, client: OAuthClient) -> list[tuple[Grant, Text | None]]:
        """Return these grants, each with how many accounts it shares."""
        grants = await self._current(owner, client)
        return [(each, await count(self.face.keeper, each) if each.usable else None) for each in grants]

    def _away(self, to: Redirect) -> Response:
        response = RedirectResponse(to.url, status_code=303)
        guard.set_cookie(response, self.face, to.flow)
        return response

    async def _on(self, request: Request, flow: str | None, grant: Grant, query: str) -> Response:
        """Send the browser to the page on which its person chooses accounts, when there is one; else to the end."""
        client = client_of(request, self.face)
        shown = False
        if chooses(grant):
            try:
                _, picker, _ = await self.face.keeper.choice(flow, _ref(query), owner=grant.owner)
                shown = shows(picker)
            except GrantkeeperError as error:
                self._note(client, error)
        return self._clean(request, client, query, "accounts" if shown else "result")

    def _clean(self, request: Request, client: OAuthClient, query: str, page: str = "result") -> Response:
        """Send the browser to the page that says how the flow of this query ended."""
        return RedirectResponse(f"{prefix(request)}/{page}/{client.name}/{_ref(query)}", status_code=303)

    async def _ended(
        self,
        request: Request,
        client: OAuthClient,
        owner: str,
        done: Grant | GrantkeeperError,
        shares: Shares | None = None,
    ) -> Response:
        names = await names_of(request, self.face, client, owner)
        ending = endings.ending(done if isinstance(done, Grant) else self.ways.told(done), names)
        if shares and shares.none:
            ending = endings.unshared(ending, names)
        missing = sorted(done.missing) if isinstance(done, Grant) else []
        shared = sorted(done.scopes - done.extra) if ending.tone == "good" and isinstance(done, Grant) else []
        return show(
            request,
            self.face,
            ending,
            start=await self.ways.again(request, client, owner) if ending.again else None,
            back=await self.ways.back(request),
            points=scope_texts(client.provider, missing or shared),
            said_by=provider_title(client.provider),
            undo=client.provider.manage_url,
            shares=shares,
        )

    def _note(self, client: OAuthClient, error: GrantkeeperError) -> None:
        """Tell the operators what the person is told in softer words."""
        log.log(outcome.log_level(error), "connecting %s ended in %s: %s", client.name, type(error).__name__, error)


def _ref(query: str) -> str:
    """Return the name of the flow whose way back has this query."""
    return guard.reference(next(value for name, value in query_pairs(query) if name == "state"))
