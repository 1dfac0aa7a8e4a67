"""What two replicas of a business do all day: read tokens, refresh them, connect customers; and what came of it."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Final, Literal

from grantkeeper import Grant, Keeper, OAuthClient
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.errors import GrantkeeperError
from grantkeeper.journal import Journal
from grantkeeper.model import GrantRow
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, consent, oauth_client

Phase = Literal["before", "struck", "down", "after"]
"""All is well; the primary is gone; and so is what memory knew of the rows; there is another primary."""
What = Literal["read", "refresh", "connect"]

READ, BRIEF, NEW = "google-ads", "ad-manager", "newcomers"
"""OAuth clients: with tokens that live an hour, with tokens that live a second, and for who connects under the load."""

REPLICAS, FRESH_GRANTS, BRIEF_GRANTS = 2, 6, 10
PEOPLE: Final = ("ida@nordwind-outdoor.example", "lucia@casa-verde.example", "mateo.moreno@mail.example")
SAM: Final = "sam@fjord-media.example"
"""Consents to all that is brief, and nobody else does: a provider adds what a person allowed its other clients."""
NO_TIME: Final = timedelta()
MAX_STALE: Final = timedelta(seconds=1)
"""For so long a keeper hands out a token from memory without a look at its row."""
READ_PAUSE, REFRESH_PAUSE, CONNECT_PAUSE = 0.01, 0.1, 0.5
"""Seconds between two calls of a thread: what two cores carry beside the databases. A person has at most 100 live
refresh tokens at one OAuth client, so that connects must not be too many."""
ENDS_WITHIN = 40.0
"""Seconds for a thread to finish its last call: longer than any call may take."""
SAVING: Final = ("insert_grant", "save_grant", "save_tokens")
"""The store's methods that write a whole grant; when one returns, the database said that it is committed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One call: when it began and ended (seconds, monotonic), and the name of the error it ended with, or nothing."""

    phase: Phase
    what: What
    who: str
    began: float
    ended: float
    error: str


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What the load saw, what the provider saw, and what was in the database afterwards. By the grant's id."""

    fresh: list[str]
    brief: list[str]
    events: list[Event] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    acknowledged: dict[str, int]
    stored: dict[str, int] = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    stuck: list[str] = field(default_factory=list)

    def errors(self, what: What, *phases: Phase) -> list[str]:
        """Return the names of the errors of these calls."""
        return [each.error for each in self.calls(what, *phases) if each.error]

    def calls(self, what: What, *phases: Phase) -> list[Event]:
        """Return the calls of this kind that began in these phases, or in any."""
        return [each for each in self.events if each.what == what and (each.phase in phases or not phases)]


class Load:
    """Two keepers over one database and a strictly rotating provider, and the threads that use them."""

    def __init__(self, url: str, folder: Path) -> None:
        self.emulator = Emulator(base_url="https://emulator.test", clock=Clock.running())
        self.emulator.rotate("strict")
        self.emulator.tamper_token_answer(_brief, times=20_000)
        self.phase: Phase = "before"
        self._url = url
        self._folder = folder
        self._ring = KeyRing.parse(new_key())
        self._clients = _clients(self.emulator)
        self._counted: Counter[tuple[Phase, What, str, bool]] = Counter()
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._newcomers = itertools.count()
        self._acknowledged: dict[str, int] = {}
        self.keepers = tuple(self.keeper() for _ in range(REPLICAS))
        self.fresh = [self._connected(f"reader-{number}", READ) for number in range(FRESH_GRANTS)]
        self.brief = [self._connected(f"brief-{number}", BRIEF) for number in range(BRIEF_GRANTS)]
        self.outcome = Outcome(fresh=self.fresh, brief=self.brief, acknowledged=self._acknowledged)
        for keeper, grant_id in itertools.product(self.keepers, self.fresh):
            keeper.token(grant_id)

    def keeper(self) -> Keeper:
        """Return one more replica, with connections of its own; what it saves is noted."""
        store = SqlStore(self._url)
        for name in SAVING:
            if hasattr(store, name):
                setattr(store, name, self._noting(getattr(store, name)))
        return Keeper(
            store=store,
            sealer=self._ring,
            clients=self._clients,
            transport=EmulatorTransport(self.emulator),
            now=self.emulator.clock.now,
            max_stale=MAX_STALE,
            journal=Journal(self._folder),
        )

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let the threads work; at the end each finishes what it is at."""
        threads = list(self._threads())
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            ends = monotonic() + ENDS_WITHIN
            for thread in threads:
                thread.join(max(0, ends - monotonic()))
            self.outcome.stuck = [thread.name for thread in threads if thread.is_alive()]

    def until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Wait until this is so, which is looked at after each call; returns whether it is."""
        with self._news:
            return self._news.wait_for(reached, seconds)

    def count(self, phase: Phase, what: What, who: str = "", *, tried: bool = False) -> int:
        """Return how many calls that began in this phase went well, or were tried; of one grant, or of all."""
        return self._counted[phase, what, who, True] + (tried and self._counted[phase, what, who, False])

    def working(self, phase: Phase, times: int = 2) -> bool:
        """Tell whether in this phase every token was read and refreshed that often, and as many customers connected."""
        read = all(self.count(phase, "read", grant_id) >= times for grant_id in self.fresh)
        refreshed = all(self.count(phase, "refresh", grant_id) >= times for grant_id in self.brief)
        return read and refreshed and self.count(phase, "connect") >= times

    def inspect(self) -> Outcome:
        """Look at everything with the eyes of a process that was started afterwards; returns what there is to see."""
        seen = replace(self.outcome, acknowledged=dict(self._acknowledged))
        log = self.emulator.requests("/token", grant_type="refresh_token")
        seen.refusals = [each.status for each in log if each.status != 200]
        with self.keeper() as late, closing(SqlStore(self._url)) as store:
            for grant_id in seen.acknowledged:
                row = store.grant(grant_id)
                seen.stored[grant_id] = row.grant.version if row else 0
                problem = _problem(partial(self._use, late, grant_id))
                if problem:
                    seen.unusable[grant_id] = problem
        return seen

    def close(self) -> None:
        """Close the keepers."""
        for keeper in self.keepers:
            keeper.close()

    def _use(self, keeper: Keeper, grant_id: str) -> None:
        token = keeper.token(grant_id, min_ttl=NO_TIME)
        assert self.emulator.introspect(token.value.reveal()) is not None, "the provider does not know the token"

    def _connected(self, owner: str, client: str) -> str:
        return self._connect(self.keepers[0], owner, client).id

    def _connect(self, keeper: Keeper, owner: str, client: str) -> Grant:
        person = SAM if client == BRIEF else PEOPLE[int(owner.partition("-")[2]) % len(PEOPLE)]
        return consent(keeper, self.emulator, owner, person, client)

    def _threads(self) -> Iterator[threading.Thread]:
        for number, keeper in enumerate(self.keepers):
            works = {"reader": self._read, "refresher": self._refresh, "refresher 2": self._refresh}
            works["connector"] = self._connect_newcomers
            for name, work in works.items():
                yield threading.Thread(target=work, args=(keeper,), name=f"{name} of {number}", daemon=True)

    def _read(self, keeper: Keeper) -> None:
        for grant_id in itertools.cycle(self.fresh):
            self._call("read", grant_id, partial(keeper.token, grant_id))
            if self._stop.wait(READ_PAUSE):
                return

    def _refresh(self, keeper: Keeper) -> None:
        for grant_id in itertools.cycle(self.brief):
            self._call("refresh", grant_id, partial(keeper.refresh, grant_id))
            if self._stop.wait(REFRESH_PAUSE):
                return

    def _connect_newcomers(self, keeper: Keeper) -> None:
        for number in self._newcomers:
            self._call("connect", "", partial(self._connect, keeper, f"newcomer-{number}", NEW))
            if self._stop.wait(CONNECT_PAUSE):
                return

    def _call(self, what: What, who: str, call: Callable[[], Any]) -> None:
        phase, began = self.phase, monotonic()
        error = _problem(call)
        event = Event(phase=phase, what=what, who=who, began=began, ended=monotonic(), error=error)
        with self._news:
            self.outcome.events.append(event)
            for each in {who, ""}:
                self._counted[phase, what, each, not error] += 1
            self._news.notify_all()

    def _noting(self, save: Callable[..., None]) -> Callable[..., None]:
        def saved(row: GrantRow, **how: Any) -> None:
            save(row, **how)
            with self._news:
                known = self._acknowledged.get(row.grant.id, 0)
                self._acknowledged[row.grant.id] = max(known, row.grant.version)

        return saved


def _problem(call: Callable[[], Any]) -> str:
    """Return the name of the error that a call ends with; of one that is not ours, all that it says."""
    try:
        call()
    except GrantkeeperError as error:
        return type(error).__name__
    except Exception as error:  # noqa: BLE001 - whatever it is, a thread of the load must report it
        return repr(error)
    return ""


def _brief(answer: dict[str, Any]) -> dict[str, Any]:
    """Let the tokens for Ad Manager live one second."""
    return answer | {"expires_in": 1} if "dfp" in answer["scope"] else answer


def _clients(emulator: Emulator) -> tuple[OAuthClient, ...]:
    """Return the OAuth clients of this load, at a provider that ends the family of a refresh token used twice."""
    newcomers = emulator.add_client(name="Newcomers").id
    made = (
        oauth_client(emulator, READ, ["adwords"]),
        oauth_client(emulator, BRIEF, ["ad_manager"]),
        oauth_client(emulator, NEW, ["adwords"], client_id=newcomers),
    )
    strict = replace(made[0].provider, rotation="strict", sibling_refresh_tokens=False)
    return tuple(replace(each, provider=strict) for each in made)
