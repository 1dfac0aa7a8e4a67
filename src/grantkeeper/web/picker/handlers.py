"""The picker: shows what a grant reaches, takes the ticks, saves them. GET changes nothing."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from grantkeeper.errors import (
    AccessRefused,
    BadCallback,
    Conflict,
    ConsentRequired,
    DatabaseUnavailable,
    GrantkeeperError,
    InvalidInput,
    NotFound,
    printable,
)
from grantkeeper.web import endings, guard, outcome
from grantkeeper.web.pages import page, prefix, show
from grantkeeper.web.picker import words
from grantkeeper.web.picker.shares import chooses
from grantkeeper.web.picker.sheet import sheet
from grantkeeper.web.picker.ticks import after, first_ticks, found, listed, posted_ticks, reached_ticks, trees_of, wish
from grantkeeper.web.who import client_of, names_of, owner_of, ref_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from starlette.requests import Request

    from grantkeeper.model import Account, Grant, OAuthClient, Picker, Sharing
    from grantkeeper.web.face import Face
    from grantkeeper.web.picker.ticks import Key, Wish

log = logging.getLogger("grantkeeper.web")
Notice = Literal["", "lacking", "changed"]
"""Why a choice was not saved: not enough is ticked, or what there is changed under way."""
_STATUS: Final[dict[Notice, int]] = {"": 200, "lacking": 422, "changed": 409}
_OTHER_FIELDS = 8
"""Fields of the form beside the ticks."""
_LONGEST_SEARCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One browser at the page of its flow."""

    client: OAuthClient
    owner: str
    ref: str
    grant: Grant
    picker: Picker
    sharing: Sharing


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What the grant reaches, as far as the APIs say; `silent` are the titles of those that could not be asked."""

    accounts: Sequence[Account]
    silent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What the browser sent."""

    token: str
    posted: Sequence[str]
    search: str
    shown: str
    asked: Wish

    def ticks(self, accounts: Sequence[Account]) -> set[Key]:
        """Return what is ticked once the button is pressed."""
        ticked = posted_ticks(accounts, self.posted)
        if self.asked.verb not in ("tick", "untick"):
            return ticked
        trees = trees_of(accounts)
        return after(ticked, self.asked, trees, found(trees, self.shown).hits)

    def searched(self) -> str:
        """Return what the page that comes next is searched for."""
        match self.asked.verb:
            case "clear":
                return ""
            case "save" | "tick" | "untick":
                return self.shown
        return self.search


@dataclass(frozen=True, slots=True, kw_only=True)
class Picking:
    """The handlers of the picker's page."""

    face: Face

    async def accounts(self, request: Request) -> Response:
        """Show the page, or take its form."""
        visit = await self._visit(request)
        if visit is None:
            return self._on(request, "result")
        if request.method != "POST":
            reached = await self._reached(visit.grant)
            ticks = partial(first_ticks, reached.accounts, visit.picker, visit.sharing)
            return await self._page(request, visit, reached, ticks)
        try:
            return await self._take(request, visit, await self._form(request, visit))
        except outcome.Stop as stop:
            ending = stop.ending
        except (AccessRefused, Conflict, DatabaseUnavailable) as error:
            log.warning("a choice ended in %s: %s", type(error).__name__, printable(str(error)))
            ending = endings.unsaved(error, await names_of(request, self.face, visit.client, visit.owner))
        return show(request, self.face, ending, reopen=self._path(request, "accounts"))

    async def _visit(self, request: Request) -> Visit | None:
        """Return whose page this is, refused as the page of the result is; None when there is nothing to choose."""
        client, owner = client_of(request, self.face), await owner_of(request, self.face)
        ref, flow = ref_of(request), guard.browser_secret(request, self.face)
        try:
            grant, picker, sharing = await self.face.keeper.choice(flow, ref, owner=owner)
        except (BadCallback, NotFound, DatabaseUnavailable):
            raise
        except GrantkeeperError:
            return None  # the page of the result says how it ended
        if (grant.owner, grant.client) != (owner, client.name):
            raise outcome.missing()
        if picker is None or picker.page != "show" or not chooses(grant):
            return None
        return Visit(client=client, owner=owner, ref=ref, grant=grant, picker=picker, sharing=sharing)

    async def _reached(self, grant: Grant) -> Reached:
        """Return what there is to choose from; an API that cannot be asked now takes nothing of the rest away."""
        try:
            accounts = await self.face.keeper.to_choose(grant.id)
        except (DatabaseUnavailable, ConsentRequired):
            raise
        except GrantkeeperError:
            accounts = []
        looks = await self.face.keeper.looks(grant.id)
        silent = tuple(words.title(each.kind) for each in looks if each.problem)
        return Reached(accounts=await run_in_threadpool(listed, accounts), silent=silent)

    async def _form(self, request: Request, visit: Visit) -> Form:
        """Read the form of this page, or stop (V-37)."""
        guard.check_same_site(request, guard.origin_of(visit.client.redirect_uri))
        most = guard.MAX_TICKS + _OTHER_FIELDS
        pairs = await guard.read_form(request, most=guard.MAX_PICKER_BODY, fields=most)
        form = await run_in_threadpool(_form_of, pairs)
        guard.check_token(form.token, guard.browser_secret(request, self.face), *_about(visit))
        return form

    async def _take(self, request: Request, visit: Visit, form: Form) -> Response:
        """Do what the pressed button says."""
        if form.asked.verb == "look":
            await self._look(visit.grant)
        reached = await self._reached(visit.grant)
        ticks = partial(form.ticks, reached.accounts)
        if form.asked.verb != "save":
            return await self._page(request, visit, reached, ticks, search=form.searched())
        if not reached.accounts:
            return await self._changed(request, form)
        ticked = await run_in_threadpool(ticks)
        if await run_in_threadpool(reached_ticks, reached.accounts, ticked) < visit.picker.at_least:
            return await self._page(request, visit, reached, ticks, search=form.searched(), notice="lacking")
        try:
            await self.face.keeper.share(visit.grant.id, ticked, by="person")
        except InvalidInput as error:
            log.info("a choice was overtaken: %s", printable(str(error)))
            return await self._changed(request, form)
        return self._on(request, "result")

    async def _changed(self, request: Request, form: Form) -> Response:
        """Read again what there is, and show it with the ticks that are left of the form."""
        try:
            visit = await self._visit(request)
        except (BadCallback, NotFound):
            visit = None  # with the grant went the flow
        if visit is None:
            return self._on(request, "result")
        reached = await self._reached(visit.grant)
        ticks = partial(form.ticks, reached.accounts)
        return await self._page(request, visit, reached, ticks, search=form.searched(), notice="changed")

    async def _look(self, grant: Grant) -> None:
        """Ask the APIs again; what stands in the way is on the page afterwards."""
        try:
            await self.face.keeper.to_choose(grant.id, look=True)
        except (DatabaseUnavailable, ConsentRequired):
            raise
        except GrantkeeperError:
            return

    # --- answers -----------------------------------------------------------------------------------------------

    async def _page(
        self,
        request: Request,
        visit: Visit,
        reached: Reached,
        ticks: Callable[[], set[Key]],
        *,
        search: str = "",
        notice: Notice = "",
    ) -> Response:
        secret = guard.browser_secret(request, self.face) or ""
        names = await names_of(request, self.face, visit.client, visit.owner)
        values: dict[str, Any] = {
            "names": names,
            "grant": visit.grant,
            "silent": reached.silent,
            "at_least": visit.picker.at_least,
            "notice": notice,
            "undo": visit.client.provider.manage_url,
            "token": guard.form_token(secret, *_about(visit)),
            "here": self._path(request, "accounts"),
            "result": self._path(request, "result"),
            "again": f"{prefix(request)}/connect/{visit.client.name}",
        }
        # Thousands of lines take a moment: on a thread, so that nobody else waits for them.
        return await run_in_threadpool(self._rendered, request, reached, ticks, search, values)

    def _rendered(
        self, request: Request, reached: Reached, ticks: Callable[[], set[Key]], search: str, values: dict[str, Any]
    ) -> Response:
        lines = sheet(reached.accounts, ticks(), search)
        template = "picker.html" if reached.accounts else "nothing.html"
        response = page(request, self.face, template, status=_STATUS[values["notice"]], sheet=lines, **values)
        policy = guard.content_security_policy(
            self.face.form_targets(), scripts="own", images="own" if self.face.images else "none"
        )
        response.headers["content-security-policy"] = policy
        return response

    def _path(self, request: Request, what: str) -> str:
        params = request.path_params
        return f"{prefix(request)}/{what}/{params['client']}/{params['ref']}"

    def _on(self, request: Request, what: str) -> Response:
        return RedirectResponse(self._path(request, what), status_code=303)


def _about(visit: Visit) -> tuple[str, ...]:
    """Return what the form's token is bound to, beside the browser."""
    return "accounts", visit.owner, visit.client.name, visit.ref


def _form_of(pairs: Sequence[tuple[str, str]]) -> Form:
    """Return what the fields say; of those that come more than once, beside the ticks, the last counts."""
    last = dict(pairs)
    return Form(
        token=last.get("token", ""),
        posted=[value for name, value in pairs if name == "a"],
        search=last.get("q", "")[:_LONGEST_SEARCH],
        shown=last.get("shown", "")[:_LONGEST_SEARCH],
        asked=wish(last.get("do", "")),
    )
