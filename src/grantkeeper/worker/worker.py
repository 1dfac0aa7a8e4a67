"""The worker: claims what is due, and does it within a budget."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import zip_longest
from typing import Final, Self

from grantkeeper.errors import GrantkeeperError
from grantkeeper.keeper import Keeper
from grantkeeper.model import OAuthClient
from grantkeeper.renewal import DAY, NOTED_EVERY
from grantkeeper.settings.service import ServiceSettings

from .budget import PER_SECOND, SOON, THREADS, Budget
from .chores import Chores
from .delivering import Delivering
from .tending import Checks, Done, Due, Tending, given_back
from .threads import is_started

log = logging.getLogger("grantkeeper")

CLAIM: Final = timedelta(minutes=5)
"""How long a grant is one worker's: longer than any refresh and nearly any look takes. When the worker is killed, the
next one takes it then: a token that lives for an hour has seven minutes left at least."""

IDLE: Final = timedelta(seconds=5)
"""How often is looked for what is due while nothing was: one look-up in an index for each OAuth client."""

PATIENCE: Final = timedelta(seconds=30)
"""How long `stop` waits for what is under way: a call to a provider takes 20 seconds at most."""

_NEXT_DELIVERY: Final = timedelta(seconds=1)
_SWEEP: Final = "grantkeeper-sweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a sweep did. `grants` counts how they were left: renewed, checked, scheduled, over, failed, waits."""

    grants: dict[Done, int] = field(default_factory=dict)
    delivered: int = 0
    chores: dict[str, int] = field(default_factory=dict)


class Worker:
    """Does what is due for a keeper's grants, in threads of its own or round by round. Thread-safe.

    Callers come first: it has its own threads, and who asks for a token meanwhile waits for nothing of it.

    Args:
        keeper: whose grants; closed by its owner, after `stop`.
        checks: `off` leaves grants alone that nobody uses: no refresh a day that proves that they live and keeps them
            alive, and no look at what they reach.
        refreshes_per_second: at most so many are begun for an OAuth client, by this worker.
        threads: how many grants are worked at at a time; an OAuth client has its share of them.
        claim: how long a grant is this worker's, before another may take it over.
    """

    def __init__(
        self,
        keeper: Keeper,
        *,
        checks: Checks = "daily",
        refreshes_per_second: int = PER_SECOND,
        threads: int = THREADS,
        claim: timedelta = CLAIM,
    ) -> None:
        self._work = keeper.work
        self._tending = Tending(keeper.work, checks=checks)
        self._budget = Budget(keeper.work.clients, per_second=refreshes_per_second, threads=threads)
        self._chores = Chores(keeper)
        self._delivering = Delivering(keeper)
        self._claim = claim
        self._inline = threads == 1
        self._turn = 0
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._changed = threading.Condition()
        self._under_way = 0
        self._threads: list[threading.Thread] = []

    @classmethod
    def configured(cls, keeper: Keeper, settings: ServiceSettings) -> Self:
        """Return a worker as `[service]` describes it."""
        return cls(keeper, checks=settings.checks, refreshes_per_second=settings.refreshes_per_second)

    # --- in threads -------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work, in daemon threads; returns at once. After a fork, start another in the child."""
        loops = {"grants": self._tend_on, "chores": self._chores_on, "deliveries": self._deliver_on}
        for name, loop in loops.items():
            thread = threading.Thread(target=loop, name=f"grantkeeper-{name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self, patience: timedelta = PATIENCE) -> bool:
        """Claim nothing more, and wait for what is under way; False when some of it still is (R-57).

        Whatever was not begun is given back. May be called twice, and before `start`.
        """
        end = time.monotonic() + patience.total_seconds()
        self._stopping.set()
        self._woken.set()
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0.0))
        with self._changed:
            self._changed.wait_for(lambda: not self._under_way, max(end - time.monotonic(), 0.0))
            ended = not self._under_way
        ended = self._delivering.finish(timedelta(seconds=max(end - time.monotonic(), 0.0))) and ended
        return ended and not any(thread.is_alive() for thread in self._threads)

    def _tend_on(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                more = self._begun()
            except GrantkeeperError as error:
                log.warning("what is due is looked for again in a moment: %s", error)
                more = False
            except Exception:
                log.exception("what is due could not be looked for")
                more = False
            if more:
                self._woken.wait(SOON.total_seconds())  # until there is room
            else:
                self._stopping.wait(IDLE.total_seconds())

    def _chores_on(self) -> None:
        while not self._stopping.wait(self._chores.do_due()):
            continue

    def _deliver_on(self) -> None:
        while not self._stopping.is_set():
            if not self._delivered(self._delivering.begin):
                self._delivering.rest(_NEXT_DELIVERY)

    def _delivered(self, deliver: Callable[[], int]) -> int:
        try:
            return deliver()
        except GrantkeeperError as error:
            log.warning("events are delivered later: %s", error)
        except Exception:
            log.exception("events could not be delivered")
        return 0

    def _begun(self) -> bool:
        """Begin as much of what is due as there is room for; True when there may be more."""
        batch, more = self._claimed()
        for client, due in batch:
            self._begin(client, due)
        return more

    def _begin(self, client: OAuthClient, due: Due) -> None:
        if self._stopping.is_set():
            self._work.put(given_back(due, now=self._work.now()))
            return
        self._count_in(client)
        if not is_started(threading.Thread(target=self._do, args=(client, due), name="grantkeeper-grant", daemon=True)):
            self._count_out(client)
            self._work.put(given_back(due, now=self._work.now()))

    def _count_in(self, client: OAuthClient) -> None:
        self._budget.begin(client)
        with self._changed:
            self._under_way += 1

    def _count_out(self, client: OAuthClient) -> None:
        self._budget.end(client)
        with self._changed:
            self._under_way -= 1
            self._changed.notify_all()

    def _do(self, client: OAuthClient, due: Due) -> Done:
        try:
            return self._tending.tend(due)
        finally:
            self._count_out(client)
            self._woken.set()

    # --- round by round ---------------------------------------------------------------------------------------

    def sweep(self) -> Round:
        """Do everything that is due now, once, and return when it is done: for tests, and for `maintain` from cron."""
        chores = self._chores.do(self._chores.first)
        grants: Counter[Done] = Counter()
        more = True
        while more:
            batch, more = self._claimed()
            grants.update(self._all_done(batch))
            if more and not batch:
                self._work.pause(SOON)  # only the budget stands in the way
        chores |= self._chores.do(self._chores.then)
        delivered = self._delivered(self._delivering.once)
        chores |= self._chores.do(self._chores.last)
        return Round(grants=dict(grants), delivered=delivered, chores=chores)

    def _all_done(self, batch: list[tuple[OAuthClient, Due]]) -> list[Done]:
        for client, _ in batch:
            self._count_in(client)
        done: list[Done] = []

        def do(client: OAuthClient, due: Due) -> None:
            done.append(self._do(client, due))

        threads = [] if self._inline else [threading.Thread(target=do, args=each, name=_SWEEP) for each in batch[1:]]
        begun = [is_started(each) for each in threads]
        here = [*batch[:1], *(each for each, elsewhere in zip_longest(batch[1:], begun) if not elsewhere)]
        for each in here:
            do(*each)
        for thread, elsewhere in zip(threads, begun, strict=True):
            if elsewhere:
                thread.join()
        return done

    # --- what is due ------------------------------------------------------------------------------------------

    def _claimed(self) -> tuple[list[tuple[OAuthClient, Due]], bool]:
        """Claim what there is room for, and tell whether there may be more; each time another client is the first."""
        clients = self._work.clients
        self._turn = (self._turn + 1) % max(len(clients), 1)
        batch: list[tuple[OAuthClient, Due]] = []
        more = False
        for client in (*clients[self._turn :], *clients[: self._turn]):
            wait, probe = self._work.shut(client)
            if wait or self._stopping.is_set():
                continue  # nothing is hammered: its grants stay due
            room = self._budget.room(client, now=self._work.now())
            room = min(room, 1) if probe else room
            found = self._claimed_of(client, room) if room else []
            batch += [(client, due) for due in found]
            more = more or len(found) == room
        return batch, more

    def _claimed_of(self, client: OAuthClient, room: int) -> list[Due]:
        """Claim grants of one client: first what somebody uses, whose token ends soonest, then daily checks."""
        now = self._work.now()
        taken = self._work.claim(client, until=now + self._claim, limit=room, used_since=now - DAY - NOTED_EVERY)
        return [*taken.grants, *taken.unreadable]
