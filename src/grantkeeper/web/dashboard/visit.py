"""One request of an operator, and what has to hold before its handler sees it: session, role, and whose form it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from grantkeeper.errors import InvalidInput, NotFound
from grantkeeper.keeper.operators.people import ROLES
from grantkeeper.web import guard, outcome
from grantkeeper.web.dashboard.desk import SESSION
from grantkeeper.web.dashboard.frame import bounced, page, show
from grantkeeper.web.pages import prefix

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.requests import Request

    from grantkeeper.keeper import Keeper
    from grantkeeper.model import Operator, Role
    from grantkeeper.web.dashboard.desk import Desk

MAX_BODY: Final = 64 * 1024
"""Bytes. The largest form has a message to a person, or a list of owners."""
MAX_FIELDS: Final = 64
LIVE: Final = "x-grantkeeper-live"
"""Sent by our own script when it looks whether the page has changed: that is no use of the session by a person."""

Handler = Callable[["Visit"], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request whose session, role, method and form were checked; handlers get nothing else."""

    request: Request
    desk: Desk
    operator: Operator
    cookie: str = field(repr=False)
    fields: Mapping[str, str] = field(default_factory=dict)

    @property
    def verbs(self) -> Keeper:
        """The keeper, for `run`."""
        return self.desk.verbs

    @property
    def by(self) -> str:
        """Who does it, for the audit log."""
        return f"operator:{self.operator.id}"

    @property
    def now(self) -> datetime:
        """The keeper's time."""
        return self.desk.now

    @property
    def base(self) -> str:
        """The path under which the dashboard is mounted."""
        return prefix(self.request)

    def part(self, name: str) -> str:
        """Return a part of the path."""
        return str(self.request.path_params[name])

    def asked(self, name: str, limit: int = 320) -> str:
        """Return a parameter of the query, without outer spaces."""
        return self.request.query_params.get(name, "").strip()[:limit]

    def may(self, role: Role) -> bool:
        """Tell whether the operator's role includes this one."""
        return ROLES.index(self.operator.role) >= ROLES.index(role)

    async def run(self, verb: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run a verb of the keeper on a thread."""
        return await self.desk.keeper.run(verb, *args, **kwargs)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        """Render a page."""
        return page(self.request, self.desk, template, status=status, visit=self, **values)

    def go(self, path: str, said: str = "") -> Response:
        """Send the browser on after a form (so that a reload repeats nothing); `said` names what was done."""
        query = f"?said={quote(said)}" if said else ""
        return RedirectResponse(f"{self.base}{path}{query}", status_code=303)


def guarded(desk: Desk, handlers: Mapping[str, tuple[Role, Handler]]) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint of a route. What may be done is decided here, where the router has led (V-39d)."""

    async def endpoint(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        if method not in handlers:
            raise outcome.not_allowed()
        role, handler = handlers[method]
        cookie = desk.read(request, SESSION)
        operator = await _signed_in(desk, request, cookie)
        if operator is None:
            return _signed_out(request, desk)
        visit = Visit(request=request, desk=desk, operator=operator, cookie=cookie)
        request.state.visit = visit  # pages about what went wrong keep the frame of who is signed in
        if method == "POST":
            visit = replace(visit, fields=await read_fields(request, desk, cookie))
        if not visit.may(role):
            return show(request, desk, not_for_you(role), status=403, visit=visit)
        return await _handled(visit, handler)

    return endpoint


async def read_fields(request: Request, desk: Desk, secret: str) -> dict[str, str]:
    """Return a form's fields once it is sure that our own page sent it (V-37); the last of doubled ones counts.

    `secret` is what the browser's cookie holds, by which the form's token was made.

    Raises:
        Stop: another site sent it, or it has no token, or it is too large.
    """
    guard.check_same_site(request, desk.origin)
    pairs = await guard.read_form(request, most=MAX_BODY, fields=MAX_FIELDS)
    fields = {name: value.strip() for name, value in pairs}
    desk.check_token(fields.pop("token", ""), secret)
    return fields


async def _signed_in(desk: Desk, request: Request, cookie: str) -> Operator | None:
    if not cookie:
        return None
    touch = LIVE not in request.headers
    return await desk.keeper.run(desk.verbs.operators.session, cookie, touch=touch)


def _signed_out(request: Request, desk: Desk) -> Response:
    """Answer a browser without a session.

    A link in a mail brings no Strict cookie along: the page that opens then asks once more, from our own site.
    """
    if request.method not in ("GET", "HEAD"):
        return show(request, desk, signed_out(), status=401)
    site, mode = request.headers.get("sec-fetch-site", ""), request.headers.get("sec-fetch-mode", "")
    if site in ("cross-site", "same-site") and mode == "navigate":
        return bounced(request, desk, f"{prefix(request)}{_own_path(request)}")
    if LIVE in request.headers:
        return Response(status_code=401)
    response = RedirectResponse(f"{prefix(request)}/sign-in", status_code=303)
    desk.keep_asked(response, _own_path(request))
    return response


def _own_path(request: Request) -> str:
    """Return the path below our prefix and the query that were asked for; it begins with exactly one slash."""
    path = quote(request.url.path.removeprefix(prefix(request)).lstrip("/"), safe="/@:._~-")
    query = f"?{request.url.query}" if request.url.query else ""
    return f"/{path}{query}"


async def _handled(visit: Visit, handler: Handler) -> Response:
    """Let the handler answer; an address that leads nowhere is a page that says so."""
    try:
        return await handler(visit)
    except NotFound as error:
        raise outcome.Stop(_problem("not_found", HTTPStatus.NOT_FOUND, "There is nothing here", error)) from None
    except InvalidInput as error:
        raise outcome.Stop(_problem("invalid", HTTPStatus.UNPROCESSABLE_ENTITY, "That cannot be done", error)) from None


def _problem(kind: str, status: int, title: str, error: NotFound | InvalidInput) -> outcome.Ending:
    text = tuple(each for each in (str(error.args[0]), error.advice) if each)
    return outcome.Ending(kind=kind, status=status, tone="bad", title=title, text=text, page_status=status)


def not_for_you(role: Role) -> outcome.Ending:
    """Return what is said to whose role is not enough."""
    text = f"This needs the role {role}. An admin can give it to you on the page Operators. Nothing was changed."
    return outcome.Ending(kind="forbidden", status=403, tone="bad", title="Your role does not allow this", text=(text,))


def signed_out() -> outcome.Ending:
    """Return what is said to a form without a session."""
    text = "You were signed out, so nothing was changed. Sign in, and press the button once more."
    return outcome.Ending(kind="signed_out", status=401, tone="attention", title="Please sign in again", text=(text,))
