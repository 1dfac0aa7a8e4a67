"""The walk of a browser: the page with the button, the start, the way back, the page that says how it ended."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.responses import RedirectResponse, Response

from grantkeeper.errors import BadCallback, DatabaseUnavailable, GrantkeeperError, NotFound
from grantkeeper.model import Grant, GrantStatus, Redirect
from grantkeeper.oauth.authorization import query_pairs
from grantkeeper.web import guard, outcome
from grantkeeper.web.face import provider_title, scope_words
from grantkeeper.web.pages import page, prefix, show

if TYPE_CHECKING:
    from starlette.requests import Request

    from grantkeeper.model import OAuthClient
    from grantkeeper.web.face import Face

log = logging.getLogger("grantkeeper.web")
_REF: Final = re.compile(r"[0-9a-f]{64}")
"""What names a flow in an address: the hash of its state, worth nothing without the browser's cookie."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connect:
    """The handlers. Each keeps to one rule: GET changes nothing, but for the callback, which spends its own flow."""

    face: Face

    async def start(self, request: Request) -> Response:
        """Show what can be connected, and what is."""
        owner = await self._owner(request)
        rows = [(client, self.face.title(client.name), await self._current(owner, client)) for client in self._web()]
        name = await self.face.name_of_owner(request, owner)
        return page(request, self.face, "start.html", rows=rows, owner=name)

    async def connect(self, request: Request) -> Response:
        """Show the page, or take its form."""
        return await (self.begin(request) if request.method == "POST" else self.offer(request))

    async def offer(self, request: Request) -> Response:
        """Show what connecting means; nothing starts before the button is pressed (V-32)."""
        client, owner = self._client(request), await self._owner(request)
        secret = guard.browser_secret(request, self.face) or guard.new_secret()
        response = page(
            request,
            self.face,
            "connect.html",
            client=client,
            names=await self._names(request, client, owner),
            needed=scope_words(client.provider, client.scopes),
            optional=scope_words(client.provider, client.optional_scopes),
            identity=scope_words(client.provider, client.provider.identity_scopes),
            current=await self._current(owner, client),
            token=guard.form_token(secret, owner, client.name),
            undo=client.provider.manage_url,
        )
        guard.set_cookie(response, self.face, secret)
        return response

    async def begin(self, request: Request) -> Response:
        """Begin a flow and send the browser to the provider."""
        client, owner = self._client(request), await self._owner(request)
        try:
            guard.check_same_site(request, guard.origin_of(client.redirect_uri))
            fields = await guard.read_form(request)
            secret = guard.browser_secret(request, self.face)
            secret = guard.check_token(fields.get("token", ""), secret, owner, client.name)
        except outcome.Stop as stop:
            return show(request, self.face, stop.ending, start={"client": client.name, "token": ""})
        away = await self.face.keeper.begin(owner, client.name, flow=secret, other_account=self.face.other_account)
        return self._away(away)

    async def callback(self, request: Request) -> Response:
        """Take the browser back, and leave code and state out of the address bar (O-16).

        A database that does not answer leaves them there: a reload of this address can still end the flow.
        """
        if request.method != "GET":
            raise outcome.not_allowed()
        client, owner = self._client(request), await self._owner(request)
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
        return self._away(done) if isinstance(done, Redirect) else self._clean(request, client, query)

    async def result(self, request: Request) -> Response:
        """Show how a flow of this browser ended; the same again on reload."""
        client, owner = self._client(request), await self._owner(request)
        ref, flow = request.path_params["ref"], guard.browser_secret(request, self.face)
        if not _REF.fullmatch(ref):
            raise outcome.missing()
        done: Grant | GrantkeeperError
        try:
            done = await self.face.keeper.result(flow, ref, owner=owner)
        except GrantkeeperError as error:
            done = error
        if isinstance(done, Grant) and (done.owner, done.client) != (owner, client.name):
            raise outcome.missing()
        return await self._ended(request, client, owner, done)

    # --- what they share ---------------------------------------------------------------------------------------

    def _web(self) -> list[OAuthClient]:
        return [client for client in self.face.keeper.clients if client.kind == "web"]

    def _client(self, request: Request) -> OAuthClient:
        """Return the OAuthClient that the path names, or stop."""
        for client in self._web():
            if client.name == request.path_params["client"]:
                return client
        raise outcome.missing()

    async def _owner(self, request: Request) -> str:
        """Return the owner of this browser, or stop: nothing here is for a browser that belongs to nobody (V-31)."""
        owner = await self.face.owner_of(request)
        if not owner:
            raise outcome.signed_out(self.face.business)
        return owner

    async def _names(self, request: Request, client: OAuthClient, owner: str) -> outcome.Names:
        return outcome.Names(
            business=self.face.business,
            provider=provider_title(client.provider),
            client=self.face.title(client.name),
            owner=await self.face.name_of_owner(request, owner),
        )

    async def _current(self, owner: str, client: OAuthClient) -> list[Grant]:
        """Return the owner's grants at this OAuthClient that are not over."""
        found = await self.face.keeper.grants(owner=owner, client=client.name)
        return [grant for grant in found if grant.status is not GrantStatus.REVOKED]

    def _away(self, to: Redirect) -> Response:
        response = RedirectResponse(to.url, status_code=303)
        guard.set_cookie(response, self.face, to.flow)
        return response

    def _clean(self, request: Request, client: OAuthClient, query: str) -> Response:
        """Send the browser to the page that says how the flow of this query ended."""
        state = next(value for name, value in query_pairs(query) if name == "state")
        where = f"{prefix(request)}/result/{client.name}/{guard.reference(state)}"
        return RedirectResponse(where, status_code=303)

    async def _ended(
        self, request: Request, client: OAuthClient, owner: str, done: Grant | GrantkeeperError
    ) -> Response:
        ending = outcome.ending(done, await self._names(request, client, owner))
        missing = sorted(done.missing) if isinstance(done, Grant) else []
        shared = sorted(done.scopes - done.extra) if isinstance(done, Grant) and done.usable else []
        secret = guard.browser_secret(request, self.face)
        token = guard.form_token(secret, owner, client.name) if secret else ""
        return show(
            request,
            self.face,
            ending,
            start={"client": client.name, "token": token},
            points=scope_words(client.provider, missing or shared),
            said_by=provider_title(client.provider),
            undo=client.provider.manage_url,
        )

    def _note(self, client: OAuthClient, error: GrantkeeperError) -> None:
        """Tell the operators what the person is told in softer words."""
        log.log(outcome.log_level(error), "connecting %s ended in %s: %s", client.name, type(error).__name__, error)
