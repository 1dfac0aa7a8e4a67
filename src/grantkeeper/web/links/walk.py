"""The walk of a person who was invited: the page, its button, the way back, and on to the business."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode, urlsplit

from starlette.responses import RedirectResponse, Response

from grantkeeper.errors import AccessRefused, AccountMismatch, GrantkeeperError, NotFound
from grantkeeper.keeper.consent.invited import UNINVITED, sha256
from grantkeeper.model import LinkStatus
from grantkeeper.web import guard, outcome
from grantkeeper.web.connect import Start
from grantkeeper.web.face import scope_texts
from grantkeeper.web.links import wording
from grantkeeper.web.pages import page, prefix, show
from grantkeeper.web.who import client_of, names_of, ref_of, web_clients

if TYPE_CHECKING:
    from starlette.requests import Request

    from grantkeeper.model import Grant, Link, OAuthClient, Redirect
    from grantkeeper.web.connect import Connect
    from grantkeeper.web.face import Face
    from grantkeeper.web.links.place import Place
    from grantkeeper.web.picker.handlers import Picking

log = logging.getLogger("grantkeeper.web")
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_OPEN: Final = (LinkStatus.INVITED, LinkStatus.OPENED, LinkStatus.FAILED)
_MOST_CODE: Final = 20
"""Characters of a code that are looked at: six digits, and what people put between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The handlers. GET changes nothing, whoever fetches it and however often (V-32); the callback spends its flow."""

    face: Face
    place: Place
    connect: Connect
    picking: Picking

    # --- the invitation ------------------------------------------------------------------------------------------

    async def invitation(self, request: Request) -> Response:
        """Show the page of a link, or take its form."""
        return await (self._begin(request) if request.method == "POST" else self._offer(request))

    async def _offer(self, request: Request) -> Response:
        """Show what the invitation is about; a browser that used it is led to how it ended (R-59)."""
        try:
            link = await self._link(request)
        except outcome.Stop:
            ended = await self.place.ended_here(request)
            if ended:
                return RedirectResponse(ended, status_code=303)
            raise
        return await self._page(request, link)

    async def _page(self, request: Request, link: Link, *, wrong_code: bool = False) -> Response:
        client = self._client(link)
        names = await names_of(request, self.face, client, link.owner)
        secret = guard.browser_secret(request, self.face) or guard.new_secret()
        response = page(
            request,
            self.face,
            "invitation.html",
            status=422 if wrong_code else 200,
            link=link,
            names=names,
            reason=wording.reason(link),
            expected=wording.expected(link, names),
            needed=scope_texts(client.provider, client.scopes),
            optional=scope_texts(client.provider, client.optional_scopes),
            identity=scope_texts(client.provider, client.provider.identity_scopes),
            chooses=link.picker is not None and link.picker.page == "show",
            confirms=link.expect is None and link.confirm != "auto",
            token=guard.form_token(secret, "link", link.id),
            undo=client.provider.manage_url,
            wrong_code=wrong_code,
        )
        guard.set_cookie(response, self.face, secret)
        return response

    async def _begin(self, request: Request) -> Response:
        """Begin the flow: only the page's own button does."""
        link = await self._link(request)
        try:
            fields = await self._fields(request)
            secret = guard.check_token(
                fields.get("token", ""), guard.browser_secret(request, self.face), "link", link.id
            )
        except outcome.Stop as stop:
            return show(request, self.face, stop.ending, reopen="?")
        token, code = request.path_params["token"], fields.get("code", "")[:_MOST_CODE]
        try:
            away = await self.face.keeper.follow(token, flow=secret, code=code or None)
        except NotFound:
            raise wording.invalid() from None
        except AccessRefused:
            return await self._page(request, link, wrong_code=True)
        return self._away(request, link, token, away)

    async def again(self, request: Request) -> Response:
        """Begin once more from the page that says that it did not work; the address of the link is not needed."""
        client, link = client_of(request, self.face), await self.place.link_of(request)
        if link is None or link.client != client.name:
            raise wording.stranger(self.face.business)
        try:
            fields = await self._fields(request)
            secret = guard.check_token(fields.get("token", ""), guard.browser_secret(request, self.face), *_about(link))
        except outcome.Stop as stop:
            return show(request, self.face, stop.ending, reopen=self._result(request))
        token, code = await self.place.address_of(link)
        away = await self.face.keeper.follow(token, flow=secret, code=code)
        return self._away(request, link, token, away)

    def _away(self, request: Request, link: Link, token: str, away: Redirect) -> Response:
        log.info("a person followed link %s to %s", link.id, link.client)
        response = RedirectResponse(away.url, status_code=303)
        guard.set_cookie(response, self.face, away.flow)
        self.place.remember(response, sha256(token), link.client, away.url)
        return response

    # --- the way back --------------------------------------------------------------------------------------------

    async def callback(self, request: Request) -> Response:
        """Take the browser back from the provider."""
        response = await self.connect.callback(request)
        self.place.move(request, response)
        return response

    async def accounts(self, request: Request) -> Response:
        """Let the person choose what to share."""
        return await self.picking.accounts(request)

    async def result(self, request: Request) -> Response:
        """Say how it ended; where the business asks for a proof, a person who consented is led back at once (V-31)."""
        link = await self.place.link_of(request)
        if link is not None and link.confirm == "proof" and await self._granted(request, link):
            back = await self._home(request, link)
            if back:
                return RedirectResponse(back, status_code=303)
        return await self.connect.result(request)

    async def home(self, request: Request) -> Response:
        """Lead the person back to the business, with what proves that this browser consented."""
        link = await self.place.link_of(request)
        back = await self._home(request, link) if link is not None else ""
        if not back:
            raise outcome.missing()
        return RedirectResponse(back, status_code=303)

    async def _home(self, request: Request, link: Link) -> str:
        """Return where the person is led back to, "" when nowhere; the allow-list is asked again (V-55)."""
        if not self.place.allows(link.return_to):
            return ""
        grant = await self._granted(request, link)
        flow = guard.browser_secret(request, self.face)
        if grant is None or flow is None:
            return link.return_to
        proof = await self.face.keeper.run(self.face.keeper.keeper.links.proof, flow, link.id)
        return with_query(link.return_to, grantkeeper_grant=grant.id, grantkeeper_proof=proof)

    async def _granted(self, request: Request, link: Link) -> Grant | None:
        """Return what this walk brought, None when it did not end well."""
        flow = guard.browser_secret(request, self.face)
        try:
            grant = await self.face.keeper.result(flow, ref_of(request), owner=link.owner)
        except GrantkeeperError:
            return None
        return None if grant.missing else grant

    # --- what they share -----------------------------------------------------------------------------------------

    async def _link(self, request: Request) -> Link:
        """Return the link at this address, or stop, whatever is the matter with it (V-33)."""
        token = str(request.path_params["token"])
        if not _TOKEN.fullmatch(token):
            raise wording.invalid()
        try:
            link = await self.face.keeper.run(self.face.keeper.keeper.links.show, token)
        except NotFound:
            raise wording.invalid() from None
        if link.client not in {each.name for each in web_clients(self.face)}:
            raise wording.invalid()  # it is not configured any more
        request.state.language = link.language
        return link

    async def _fields(self, request: Request) -> dict[str, str]:
        guard.check_same_site(request, self.place.origin)
        return dict(await guard.read_form(request))

    def _client(self, link: Link) -> OAuthClient:
        return next(each for each in web_clients(self.face) if each.name == link.client)

    def _result(self, request: Request) -> str:
        params = request.path_params
        return f"{prefix(request)}/result/{quote(params['client'])}/{params['ref']}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkWays:
    """The ways from the page that says how a walk by a link ended."""

    face: Face
    place: Place

    async def again(self, request: Request, client: OAuthClient, owner: str) -> Start | None:
        """Return the form that follows the link once more, while it can be."""
        link, ref = await self.place.link_of(request), self.place.ref_of(request)
        secret = guard.browser_secret(request, self.face)
        if link is None or not ref or secret is None or link.status not in _OPEN:
            return None
        action = f"{prefix(request)}/again/{quote(client.name)}/{ref}"
        return Start(action=action, token=guard.form_token(secret, *_about(link)))

    async def back(self, request: Request) -> str:
        """Return our own address that leads to the business: the proof is in no page."""
        link, ref = await self.place.link_of(request), self.place.ref_of(request)
        if link is None or not ref or not self.place.allows(link.return_to):
            return ""
        return f"{prefix(request)}/return/{quote(link.client)}/{ref}"

    def told(self, error: GrantkeeperError) -> GrantkeeperError:
        """Return it without who is connected: whoever has the address of a link is nobody whom we know (V-31).

        Who was invited is on the link's own page anyway.
        """
        if not isinstance(error, AccountMismatch) or error.args[0] == UNINVITED:
            return error
        return AccountMismatch(error.args[0], grant_id=None, expected=(), actual=error.actual, advice="")


def _about(link: Link) -> tuple[str, str]:
    """Return what the token of the button that starts over is bound to, beside the browser."""
    return "link again", link.id


def with_query(url: str, **values: str) -> str:
    """Return an address with these parameters at the end of its query, whatever is in it already."""
    parts = urlsplit(url)
    return parts._replace(query="&".join(filter(None, (parts.query, urlencode(values))))).geturl()
