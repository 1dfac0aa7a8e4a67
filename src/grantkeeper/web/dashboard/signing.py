"""In and out: the one-time link, OpenID Connect, and the end of a session."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import RedirectResponse, Response

from grantkeeper.errors import GrantkeeperError, NotFound, printable
from grantkeeper.web import outcome
from grantkeeper.web.dashboard.desk import SESSION, START
from grantkeeper.web.dashboard.frame import page, show
from grantkeeper.web.dashboard.visit import read_fields
from grantkeeper.web.face import provider_title
from grantkeeper.web.guard import new_secret
from grantkeeper.web.pages import prefix

if TYPE_CHECKING:
    from starlette.requests import Request

    from grantkeeper.model import SignedIn
    from grantkeeper.web.dashboard.desk import Desk

log = logging.getLogger("grantkeeper.web")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """The pages for a browser without a session."""

    desk: Desk

    async def sign_in(self, request: Request) -> Response:
        """Show how one signs in."""
        if await self._has_session(request):
            return RedirectResponse(f"{prefix(request)}/", status_code=303)
        return self._start(request, "sign_in.html", openid=self._provider() != "", provider=self._provider())

    async def link(self, request: Request) -> Response:
        """Show the button of a one-time link, or take it; what only looks, such as a mail scanner, uses nothing up."""
        token = str(request.path_params["link"])
        operator = await self.desk.keeper.run(self.desk.verbs.operators.invited, token)
        if request.method != "POST":
            if operator is None:
                return show(request, self.desk, over())
            return self._start(request, "link.html", email=operator.email)
        await read_fields(request, self.desk, self.desk.read(request, START))
        before = self.desk.read(request, SESSION)
        try:
            opened = await self.desk.keeper.run(self.desk.verbs.operators.redeem, token, instead_of=before)
        except NotFound:
            return show(request, self.desk, over())
        to = f"{prefix(request)}{self.desk.asked(request)}"
        return self._in(RedirectResponse(to, status_code=303), opened)

    async def begin(self, request: Request) -> Response:
        """Send the browser to the provider; a session that it had is over."""
        self._check_rules()
        start = self.desk.read(request, START)
        await read_fields(request, self.desk, start)
        await self.desk.keeper.run(self.desk.verbs.operators.sign_out, self.desk.read(request, SESSION))
        away = await self.desk.keeper.run(self.desk.verbs.operators.sign_in_redirect, browser=start)
        response = RedirectResponse(away.url, status_code=303)
        self.desk.keep_start(response, away.flow)
        self.desk.drop_session(response)
        return response

    async def callback(self, request: Request) -> Response:
        """Take the browser back from the provider. The page leads on by itself, from our own site.

        A redirect would still count as the provider's, and the new session's cookie, which is Strict, stay behind.
        """
        self._check_rules()
        browser = self.desk.read(request, START) or None
        query = request.scope["query_string"].decode("latin-1")
        verb = self.desk.verbs.operators.sign_in_complete
        try:
            # It asks the provider, behind which a person waits.
            opened = await self.desk.keeper.call(verb, browser, query)
        except GrantkeeperError as error:
            log.info("a sign-in ended in %s", type(error).__name__)
            return show(request, self.desk, refused(error))
        to = f"{prefix(request)}{self.desk.asked(request)}"
        response = page(request, self.desk, "onward.html", visit=None, to=to, title="You are signed in")
        return self._in(response, opened)

    async def out(self, request: Request) -> Response:
        """End the session on the server and in the browser."""
        cookie = self.desk.read(request, SESSION)
        if cookie:
            await read_fields(request, self.desk, cookie)
            await self.desk.keeper.run(self.desk.verbs.operators.sign_out, cookie)
        response = RedirectResponse(f"{prefix(request)}/sign-in", status_code=303)
        self.desk.drop_session(response)
        return response

    def _check_rules(self) -> None:
        if self.desk.settings.sign_in is None:
            raise outcome.missing()

    def _provider(self) -> str:
        """Return who signs people in, "" when only links do."""
        rules = self.desk.settings.sign_in
        found = next((each for each in self.desk.keeper.clients if rules and each.name == rules.client), None)
        return provider_title(found.provider) if found else ""

    def _start(self, request: Request, template: str, **values: Any) -> Response:
        """Render a page with a form for a browser that has no session: its token is bound to a cookie of its own."""
        secret = self.desk.read(request, START) or new_secret()
        response = page(request, self.desk, template, visit=None, start=self.desk.token(secret), **values)
        self.desk.keep_start(response, secret)
        return response

    def _in(self, response: Response, opened: SignedIn) -> Response:
        self.desk.keep_session(response, opened.session.reveal())
        self.desk.keep_asked(response, "/")
        return response

    async def _has_session(self, request: Request) -> bool:
        cookie = self.desk.read(request, SESSION)
        if not cookie:
            return False
        return await self.desk.keeper.run(self.desk.verbs.operators.session, cookie) is not None


def over() -> outcome.Ending:
    """Return what is said of a one-time link that cannot be used: never whether it was one."""
    return outcome.Ending(
        kind="link_over",
        status=404,
        tone="attention",
        title="This sign-in link cannot be used any more",
        text=(
            "Each is good once, for one hour.",
            "Ask an admin for another one, or make one on the server: grantkeeper operator invite.",
        ),
        page_status=404,
    )


def refused(error: GrantkeeperError) -> outcome.Ending:
    """Return what is said of a sign-in that came to nothing."""
    text = tuple(printable(str(each)) for each in (error.args[0], error.advice) if each)
    said = str(error.provider) if error.provider else ""
    return outcome.Ending(
        kind="sign_in_refused",
        status=403,
        tone="attention",
        title="You are not signed in",
        text=text,
        said=said,
        again="Sign in",
        page_status=403,
    )
