"""The emulator itself: routing, verbs, and the log of what came in."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass, field
from threading import Event, RLock
from typing import TYPE_CHECKING

from grantkeeper.emulator import wire
from grantkeeper.emulator.clock import Clock
from grantkeeper.emulator.oauth import scopes as catalogue
from grantkeeper.emulator.oauth.faults import (
    AnswerLost,
    Faults,
)
from grantkeeper.emulator.state import State
from grantkeeper.emulator.wire import Params, Request, Response
from grantkeeper.emulator.world import Person, Project, World

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

_ALIASES = {"/o/oauth2/token": "/token", "/oauth2/v4/token": "/token", "/o/oauth2/auth": "/o/oauth2/v2/auth"}
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
        self.clock = clock or Clock.running()
        self.lock = RLock()
        self.state = State()
        self.faults = Faults()
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

    def _person(self, name: str) -> Person:
        person = self.world.person(name)
        if person is None:
            raise KeyError(f"{name}: nobody of that name in this world")
        return person

    def _wait(self, duration: timedelta) -> None:
        self._released.wait(duration.total_seconds())


def _route(emulator: Emulator, request: Request) -> Response:
    from grantkeeper.emulator import apis

    return apis.route(emulator, request) or wire.json({"error": "not_found"}, 404)
