"""The emulator itself: routing, verbs, and the log of what came in."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event, RLock
from typing import TYPE_CHECKING, Any, Literal

from grantkeeper.emulator import apis, wire
from grantkeeper.emulator.apis import refusals
from grantkeeper.emulator.clock import Clock
from grantkeeper.emulator.oauth import authorize, other, token
from grantkeeper.emulator.oauth import scopes as catalogue
from grantkeeper.emulator.oauth.faults import (
    AnswerLost,
    Faults,
    IdToken,
    Redirected,
    Rotation,
    RotationKind,
    TokenAnswer,
    Trouble,
)
from grantkeeper.emulator.oauth.keys import Keys
from grantkeeper.emulator.pages import desk
from grantkeeper.emulator.state import State
from grantkeeper.emulator.visitor import Visitor
from grantkeeper.emulator.wire import Params, Request, Response
from grantkeeper.emulator.world import Client, Person, Project, World

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import datetime

_ALIASES = {
    "/o/oauth2/token": "/token",
    "/oauth2/v4/token": "/token",
    "/o/oauth2/auth": "/o/oauth2/v2/auth",
    "/oauth2/v3/userinfo": "/v1/userinfo",
}
_LOGGED = 20_000
"""The log forgets the oldest beyond this, so that a benchmark does not fill the memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request that came in and the status it was answered with. Never prints what was sent: that holds secrets."""

    at: datetime
    method: str
    path: str
    status: int
    query: Params = field(default_factory=Params, repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    form: Params = field(default_factory=Params, repr=False)
    body: bytes = field(default=b"", repr=False)
    answer: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    """What a live access token stands for."""

    person: Person
    scopes: frozenset[str]
    client_id: str
    project: Project
    expires_at: datetime


def canonical(path: str) -> str:
    """Return the one name of an endpoint that has several."""
    return _ALIASES.get(path, path)


class Emulator:
    """Google in a box. Thread-safe; does no I/O; the time is the clock's."""

    def __init__(
        self, world: World | None = None, *, base_url: str = "http://emulator.test", clock: Clock | None = None
    ) -> None:
        """Take a world (default: the cast that comes along), the URL it is reached at, a clock (default: running)."""
        self.world = world or World.load()
        self.base_url = base_url
        self.clock: Clock = clock or Clock.running()
        self.lock = RLock()
        self.state = State()
        self.faults = Faults()
        self.keys = Keys()
        self.page_secret = secrets.token_urlsafe(24)
        self._released = Event()
        self.wait: Callable[[timedelta], None] = self._wait
        self._log: deque[Exchange] = deque(maxlen=_LOGGED)

    @property
    def issuer(self) -> str:
        """The `iss` of answers and id_tokens."""
        return self.base_url

    def handle(self, request: Request) -> Response:
        """Answer a request.

        Raises:
            AnswerLost: the work was done, and the answer is withheld.
        """
        with self.lock:
            trouble = self.faults.take(canonical(request.path))
            response = trouble.instead or _route(self, request)
            self.record(request, response)
        if trouble.late:
            self.wait(trouble.late)
        if trouble.lost:
            raise AnswerLost("the answer was lost on purpose")
        return response

    def record(self, request: Request, response: Response) -> None:
        """Put an exchange into the log."""
        exchange = Exchange(
            at=self.clock.now(),
            method=request.method,
            path=request.path,
            status=response.status,
            query=request.query,
            headers=dict(request.headers),
            form=request.form(),
            body=request.body,
            answer=response.body,
        )
        with self.lock:
            self._log.append(exchange)

    def requests(self, path: str, **form: str) -> tuple[Exchange, ...]:
        """Return what came in at an endpoint, by any of its names; optionally only what had these form values."""
        with self.lock:
            log = tuple(self._log)
        return tuple(
            each
            for each in log
            if canonical(each.path) == canonical(path) and all(each.form.get(key) == form[key] for key in form)
        )

    def latest(self, count: int) -> list[Exchange]:
        """Return the latest exchanges, newest first."""
        with self.lock:
            return list(self._log)[: -count - 1 : -1]

    def introspect(self, access_token: str) -> TokenInfo | None:
        """Return what the access token stands for, or None if it is not good (any more)."""
        with self.lock:
            token = self.state.access.get(access_token)
            if token is None or token.revoked or token.expires_at <= self.clock.now():
                return None
            person, client = self.world.person(token.sub), self.world.client(token.client_id)
            if person is None or client is None or person.sub in self.faults.suspended:
                return None
            return TokenInfo(
                person=person,
                scopes=token.scopes,
                client_id=client.id,
                project=self.world.project(client.project),
                expires_at=token.expires_at,
            )

    def mint(self, person: str, *scopes: str, client_id: str | None = None) -> str:
        """Return a new access token without the walk through the pages; by default for the first client."""
        with self.lock:
            sub = self._person(person).sub
            client = client_id or self.world.clients[0].id
            granted = catalogue.normalise(scopes)
            family = secrets.token_hex(8)
            return self.state.new_access(client, sub, granted, family, self.clock.now(), offline=False).value

    def add_client(
        self,
        *redirect_uris: str,
        kind: Literal["web", "installed"] = "web",
        name: str = "Another app",
        project: str | None = None,
    ) -> Client:
        """Register one more client, by default in the first project; its id and secret are made up."""
        with self.lock:
            home = self.world.project(project) if project else self.world.projects[0]
            client = Client(
                id=f"{home.number}-{secrets.token_hex(8)}.apps.googleusercontent.com",
                secret=f"GOCSPX-{secrets.token_urlsafe(21)}",
                project=home.id,
                kind=kind,
                redirect_uris=redirect_uris,
                name=name,
            )
            self.world = self.world.with_client(client)
            return client

    def client_secret(
        self, client_id: str | None = None, redirect_uris: Sequence[str] | None = None
    ) -> dict[str, dict[str, Any]]:
        """Return Google's client_secret.json of a client (default: the first).

        Redirect URIs that are given are registered first, as one would in Google's console.
        """
        with self.lock:
            name = client_id or self.world.clients[0].id
            if redirect_uris:
                self.world = self.world.with_redirect_uris(name, redirect_uris)
            client = self.world.client(name)
            if client is None:
                raise KeyError(name)
            return {
                client.kind: {
                    "client_id": client.id,
                    "project_id": client.project,
                    "auth_uri": f"{self.base_url}/o/oauth2/auth",
                    "token_uri": f"{self.base_url}/token",
                    "auth_provider_x509_cert_url": f"{self.base_url}/oauth2/v1/certs",
                    "client_secret": client.secret,
                    "redirect_uris": list(redirect_uris or client.redirect_uris),
                }
            }

    def endpoints(self) -> dict[str, Any]:
        """Return the discovery document."""
        return other.document(self.base_url)

    def consent(
        self, url: str, person: str, *, allow: Literal["all"] | Iterable[str] = "all", deny: bool = False
    ) -> str:
        """Walk a new browser through the pages; return the URL it ends at, at the client.

        Raises:
            PageShown: the walk ended on a page, as on an error.
        """
        return Visitor(self).consent(url, person, allow=allow, deny=deny)

    def live_refresh_tokens(self, person: str, client_id: str) -> int:
        """Count the refresh tokens that would be accepted."""
        with self.lock:
            return len(self.state.live(self._person(person).sub, client_id, self.clock.now()))

    def project_scopes(self, sub: str, project_id: str) -> frozenset[str]:
        """Return all that a person allowed to the clients of a project."""
        clients = {client.id for client in self.world.clients if client.project == project_id}
        given = [each.scopes for (who, client), each in self.state.consents.items() if who == sub and client in clients]
        return frozenset().union(*given)

    def end_grants(self, sub: str, project_id: str) -> None:
        """End every grant of a person in a project."""
        clients = frozenset(client.id for client in self.world.clients if client.project == project_id)
        self.state.end_grants(sub, clients, self.clock.now())

    # Verbs: what people and administrators do

    def revoke(self, person: str) -> None:
        """Let a person take back every grant, of every project, as on their account's own page."""
        with self.lock:
            for project in self.world.projects:
                self.end_grants(self._person(person).sub, project.id)

    def suspend(self, person: str) -> None:
        """Disable a person's account."""
        with self.lock:
            self.faults.suspended.add(self._person(person).sub)

    def rapt(self, person: str) -> None:
        """Let the person's Workspace ask for a new sign-in: refreshes answer invalid_rapt."""
        with self.lock:
            self.faults.rapt.add(self._person(person).sub)

    def admin_block(self, person: str, scope: str) -> None:
        """Let the person's administrator restrict a scope."""
        with self.lock:
            self.faults.blocked |= {(self._person(person).sub, full) for full in catalogue.normalise([scope])}

    def restore(self, person: str) -> None:
        """Lift suspend, rapt and admin_block from a person."""
        with self.lock:
            sub = self._person(person).sub
            self.faults.suspended.discard(sub)
            self.faults.rapt.discard(sub)
            self.faults.blocked = {each for each in self.faults.blocked if each[0] != sub}

    def grant_only(self, scopes: Iterable[str] | None) -> None:
        """Let every consent from now on give no more than these scopes, whatever is ticked; None lifts it."""
        with self.lock:
            self.faults.only = None if scopes is None else catalogue.normalise(scopes)

    def delete_client(self, client_id: str) -> None:
        """Delete an OAuth client: its name is still known, as deleted."""
        with self.lock:
            self.faults.deleted_clients.add(client_id)

    def expire_tokens(self) -> None:
        """Let every access token expire now."""
        with self.lock:
            self.state.expire_access(self.clock.now())

    def rotate(self, kind: RotationKind, grace: timedelta = timedelta(0), *, reuse_ends_family: bool = True) -> None:
        """Let refresh tokens rotate: never (Google), with a time of grace, or strictly.

        Reuse of a token that is used up ends the whole family (RFC 9700 section 4.14.2), or is only refused.
        """
        with self.lock:
            self.faults.rotation = Rotation(kind=kind, grace=grace, reuse_ends_family=reuse_ends_family)

    def rotate_keys(self) -> None:
        """Sign id_tokens with a new key."""
        with self.lock:
            self.keys.rotate()

    # Verbs: what goes wrong

    def fail(
        self,
        status: int,
        *,
        times: int = 1,
        path: str = "/token",
        body: dict[str, Any] | str | bytes | None = None,
        content_type: str | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        """Answer the next requests at a path with an error, and do nothing of what they ask."""
        known = {403: "rate_limit_exceeded", 429: "rate_limit_exceeded"}
        content = body if body is not None else {"error": known.get(status, "internal_failure")}
        kind = content_type or (wire.TYPE_JSON if isinstance(content, dict) else wire.TYPE_HTML)
        headers = [("content-type", kind)]
        if retry_after is not None:
            headers.append(("retry-after", str(int(retry_after.total_seconds()))))
        raw = wire.json(content).body if isinstance(content, dict) else content
        answer = Response(status=status, headers=tuple(headers), body=raw if isinstance(raw, bytes) else raw.encode())
        self._arm(Trouble(instead=answer), path, times)

    def refuse(self, api: str, code: str, *, times: int = 1, account: str | None = None) -> None:
        """Let an API refuse the next calls whose access token is good, optionally only those on one account.

        API and code: "google_ads" (REST and gRPC) with "authorizationError.USER_PERMISSION_DENIED" and the like;
        "ad_manager_soap" with "AuthenticationError.NETWORK_NOT_FOUND" and the like; "ad_manager" (REST), "analytics",
        "search_console", "merchant_center", "youtube", "business_profile", "display_video", and "google_ads" as well,
        with a reason ("SERVICE_DISABLED", "quotaExceeded") or a status ("NOT_FOUND"). An account is a customer id or
        a network code.

        Raises:
            ValueError: there is no such API or code; the text names those there are.
        """
        spelt = refusals.checked(api, code, account)
        with self.lock:
            self.faults.refuse(api, spelt, times, account)

    def lose_answer(self, times: int = 1, *, path: str = "/token") -> None:
        """Do the work of the next requests, then close the connection without an answer."""
        self._arm(Trouble(lost=True), path, times)

    def slow(self, duration: timedelta | float, times: int = 1, *, path: str = "/token") -> None:
        """Do the work of the next requests at once, and answer late (a number: seconds); `release` ends the wait."""
        late = duration if isinstance(duration, timedelta) else timedelta(seconds=duration)
        self._released.clear()
        self._arm(Trouble(late=late), path, times)

    def release(self) -> None:
        """Let every answer that waits go out now."""
        self._released.set()

    def omit_refresh_token(self, times: int = 1) -> None:
        """Leave the refresh token out of the next exchanges that would bring one."""
        with self.lock:
            self.faults.no_refresh_token += times

    def tamper_token_answer(self, change: TokenAnswer, times: int = 1) -> None:
        """Change the next good token answers: the function returns another dict, or the raw body."""
        with self.lock:
            self.faults.tamper(times, token_answer=change)

    def tamper_id_token(self, change: IdToken, times: int = 1) -> None:
        """Change the next id_tokens: the function takes claims and header; it returns both, or a whole token."""
        with self.lock:
            self.faults.tamper(times, id_token=change)

    def tamper_redirect(self, change: Redirected, times: int = 1) -> None:
        """Change the parameters of the next redirects to a client."""
        with self.lock:
            self.faults.tamper(times, redirect=change)

    def _arm(self, trouble: Trouble, path: str, times: int) -> None:
        with self.lock:
            self.faults.arm(trouble, canonical(path), times)

    def _person(self, name: str) -> Person:
        person = self.world.person(name)
        if person is None:
            raise KeyError(f"{name}: nobody of that name in this world")
        return person

    def _wait(self, duration: timedelta) -> None:
        self._released.wait(duration.total_seconds())


_ROUTES: dict[str, Callable[[Emulator, Request], Response]] = {
    "/o/oauth2/v2/auth": authorize.start,
    authorize.ACCOUNT: authorize.account,
    authorize.CONSENT: authorize.consent,
    "/token": token.token,
    "/revoke": other.revoke,
    "/tokeninfo": other.tokeninfo,
    "/v1/userinfo": other.userinfo,
    "/oauth2/v3/certs": other.jwks,
    "/oauth2/v1/certs": other.certificates,
    "/.well-known/openid-configuration": other.discovery,
    "/": desk.index,
}


def _route(emulator: Emulator, request: Request) -> Response:
    handler = _ROUTES.get(canonical(request.path))
    if handler:
        return handler(emulator, request)
    if request.path.startswith("/_emulator/"):
        return desk.route(emulator, request)
    return apis.route(emulator, request) or wire.json({"error": "not_found"}, 404)
