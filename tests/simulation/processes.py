"""A process as the simulation has it: a real Keeper; every way out is a seam, where it may be killed or held up."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast
from unittest.mock import patch
from urllib.parse import parse_qsl

from grantkeeper import journal as journal_module
from grantkeeper.errors import DatabaseUnavailable, ProviderUnavailable
from grantkeeper.journal import Journal, Leftover
from grantkeeper.keeper import Keeper
from grantkeeper.keeper.consent import consents
from grantkeeper.keeper.consent.consents import Consents
from grantkeeper.keeper.refresh import holders, leases, recovery, saving
from grantkeeper.keeper.tokens import keeping
from grantkeeper.model import Request, Response, Store
from grantkeeper.renewal import Admission, Breakers, Change
from simulation.baton import SECOND, Event, Here, Killed, Lock, Thread
from simulation.server import REVOKE_URL

if TYPE_CHECKING:
    from simulation.world import World

EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
SLOT: Final = 4096
"""Room for an answer in a journal: those of the server here are short."""
READS: Final = frozenset({"grant", "grants", "unresolved"})
SAVES: Final = frozenset({"insert_grant", "save_grant", "save_tokens"})


def moment(at: int) -> datetime:
    """Return a virtual time as the product has it."""
    return EPOCH + timedelta(microseconds=at)


def micro(duration: timedelta) -> int:
    """Return microseconds."""
    return duration // timedelta(microseconds=1)


class Process:
    """A process of a host. What it has in memory is gone with it; its journal's file stays."""

    def __init__(self, world: World, number: int, host: str) -> None:
        self.world, self.host, self.pid = world, host, number
        self.name = f"{host}/{number}"
        self.alive = True
        self.skew = 0
        self.away_until = 0
        self.jumped = False
        self.journal = SimJournal(self, world.folder / host)
        self.keeper = Keeper(
            store=cast("Store", SimStore(self)),
            sealer=world.ring,
            clients=(world.client,),
            transport=SimTransport(self),
            now=self.now,
            pause=self.pause,
            journal=self.journal,
        )
        refreshes = self.keeper._refreshes
        self.saving = refreshes._saving
        self.consents: Consents = cast("Any", self.keeper._flows)._consents
        self._watch_breakers(cast("Any", refreshes.tokens._refresh).__self__._judging)

    def _watch_breakers(self, judging: Any) -> None:
        judging._breakers = Watched(self, judging._breakers)

    def now(self) -> datetime:
        """Return the time by this process's clock."""
        return moment(self.world.scheduler.now + self.skew)

    def pause(self, duration: timedelta) -> None:
        """Wait, as the keeper asks for."""
        self.seam("pause", micro(duration))

    def seam(self, what: str, duration: int = 0) -> bool:
        """Pass time, and perhaps die or be held up; True when it was held up."""
        scheduler, faults = self.world.scheduler, self.world.faults
        if not self.alive:
            raise Killed
        stalled = False
        draw = self.world.rng.random()
        if draw < faults.crash and self.world.may_crash():
            scheduler.note(f"crash at {what}")
            self.die()
            raise Killed
        if draw < faults.crash + faults.stall:
            stalled = True
            duration += int(self.world.rng.uniform(1, 120) * SECOND)
            scheduler.note(f"stall at {what} for {duration / SECOND:.1f} s")
        scheduler.sleep(duration)
        return stalled

    def die(self) -> None:
        """Be gone: nothing of it runs on, its file lock is released, its memory is lost."""
        self.alive = False
        if self.journal._file is not None:
            self.journal._file.close()
        self.world.checker.died(self)
        for task in self.world.scheduler.tasks:
            if task.process is self:
                self.world.scheduler.kill(task)
        self.world.died(self)

    def leave(self) -> None:
        """End in order."""
        self.keeper.close()
        if self.alive:
            self.alive = False
            self.world.checker.died(self)


class Watched(Breakers):
    """A keeper's breakers, whose decisions the checker sees."""

    def __init__(self, process: Process, real: Breakers) -> None:
        self._process, self._real = process, real

    def admit(self, *which: str, **what: Any) -> Admission:
        """Pass on."""
        admission = self._real.admit(*which, **what)
        self._process.world.checker.asked(self._process, admission)
        return admission

    def record(self, *which: str, **what: Any) -> Change:
        """Pass on."""
        change = self._real.record(*which, **what)
        self._process.world.checker.recorded(self._process, change)
        return change

    def unsent(self, *which: str, **what: Any) -> None:
        """Pass on."""
        self._process.world.checker.unsent(self._process)
        self._real.unsent(*which, **what)

    def frozen(self, client: str) -> bool:
        """Pass on."""
        return self._real.frozen(client)


class SimStore:
    """The one real store, as a process reaches it: slowly, and not always."""

    def __init__(self, process: Process) -> None:
        self._process, self._world = process, process.world
        self._real: Store = process.world.store

    def installation(self) -> str:
        """Return what names it."""
        return self._world.installation

    def close(self) -> None:
        """Leave it open, for the others."""

    def __getattr__(self, name: str) -> Any:
        """Return a method, or a part for one matter, to be reached in the same way."""
        if isinstance(getattr(Store, name, None), property):
            return SimPart(self, name)
        return partial(self._called, name)

    def _called(self, name: str, *args: Any, **named: Any) -> Any:
        process, world, faults = self._process, self._world, self._world.faults
        rng, scheduler = world.rng, world.scheduler
        process.seam(name, int(rng.random() * faults.database_latency))
        draw = rng.random()
        if draw < faults.outage:
            until = scheduler.now + int(rng.uniform(1, rng.choice((10, 60, 600))) * SECOND)
            for each in world.processes if rng.random() < 0.5 else [process]:
                each.away_until = until
            scheduler.note(f"the database is away until {until / SECOND:.1f}")
        if scheduler.now < process.away_until or draw < faults.outage + faults.database_before:
            scheduler.note(f"{name}: not reached")
            raise DatabaseUnavailable("It is away.")
        result = self._done(name, args, named)
        if name not in READS:
            if draw > 1 - faults.database_after:
                scheduler.note(f"{name}: done, not answered")
                raise DatabaseUnavailable("It did not answer.")
            process.seam(f"after {name}")
        return result

    def _done(self, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """Do it; the checker looks at what became of it."""
        checker, scheduler = self._world.checker, self._world.scheduler
        try:
            result = attrgetter(name)(self._real)(*args, **named)
        except Exception as error:
            scheduler.note(f"{name}: {type(error).__name__}")
            raise
        if name == "begin_refresh":
            scheduler.note(f"begin_refresh {args[0]}: {result}")
            if result:
                checker.began(args[0], named["attempt"], scheduler.now + micro(named["lease"]))
        elif name == "end_refresh":
            scheduler.note(f"end_refresh {args[0]}: {result} sends={named['sends']}")
            if result:
                checker.gave_back(named["sends"])
        elif name in SAVES:
            row = args[0]
            scheduler.note(f"{name} {row.grant.id}: {row.grant.status} {row.grant.reason} v{row.grant.version}")
            checker.wrote(row.grant.id)
        return result


class SimPart:
    """A part of the store, as a process reaches it."""

    def __init__(self, store: SimStore, name: str) -> None:
        self._store, self._name = store, name

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return partial(self._store._called, f"{self._name}.{name}")


class SimTransport:
    """The way to the server: requests and answers are lost, late, or something else comes back."""

    def __init__(self, process: Process) -> None:
        self._process, self._world = process, process.world

    def close(self) -> None:
        """Nothing to close."""

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Send one request."""
        form = dict(parse_qsl(request.body.decode()))
        if request.url == REVOKE_URL:
            return self._revoked(form["token"])
        token = form["refresh_token"]
        sending = self._world.checker.sending(self._process, token)
        try:
            answer = self._exchanged(token, self._world.scheduler.now + micro(deadline))
        finally:
            self._world.checker.sent(sending)
        return answer

    def _exchanged(self, token: str, end: int) -> Response:
        process, world, rng = self._process, self._world, self._world.rng
        fault = world.faults.of_send(rng)
        world.scheduler.note(f"send {token.rpartition('rt-')[2]} {fault}")
        process.seam("send", int(rng.random() * 0.2 * SECOND))
        if world.scheduler.now >= end:
            raise ProviderUnavailable("It took too long.", sent=True)
        if fault == "not sent":
            world.checker.definite(process)
            raise ProviderUnavailable("It was never sent.", sent=False)
        if fault == "lost" or (world.server.down_until > world.scheduler.now and rng.random() < 0.3):
            self._lost(end)
        if (response := self._trouble(fault, token)) is not None:
            return response
        status, answer = world.server.refresh(token, process.skew)
        if fault == "answer lost":
            self._lost(end)
        return self._arrived(status, answer, fault, end)

    def _arrived(self, status: int, answer: dict[str, Any], fault: str, end: int) -> Response:
        process, world, rng = self._process, self._world, self._world.rng
        latency = rng.choice((0.05, 0.05, 0.3, 3, 15))
        process.seam("answer", int(rng.random() * latency * SECOND))
        if world.scheduler.now >= end and rng.random() < 0.5:
            raise ProviderUnavailable("It took too long.", sent=True)
        if fault == "500 after":
            return Response(status=500)
        if fault == "garbage":
            return Response(status=200, body=b"<html>")
        if status == 200:
            if fault == "odd" and "refresh_token" in answer:
                answer |= rng.choice(({"token_type": "mac"}, {"expires_in": 0}, {"access_token": 7}))
            world.checker.received(process, answer.get("refresh_token"))
        world.checker.definite(process)
        world.scheduler.note(f"answer {status} {answer.get('error_description', '')}{fault}")
        return _response(status, answer)

    def _trouble(self, fault: str, token: str) -> Response | None:
        """Return what comes back when the request is not handled."""
        world, process = self._world, self._process
        if fault == "500 before" or world.scheduler.now < world.server.down_until:
            return Response(status=503)
        if fault == "429":
            world.checker.definite(process)
            return Response(status=429, headers={"retry-after": str(world.rng.choice((1, 20, 1000)))})
        if fault in {"vague", "certain"}:
            world.checker.definite(process)
            known = world.server.tokens.get(token)
            return _response(*world.server.refuse(known, certain=fault == "certain"))
        return None

    def _lost(self, end: int) -> None:
        """Wait for what does not come."""
        scheduler, rng = self._world.scheduler, self._world.rng
        until = end if rng.random() < 0.5 else scheduler.now + int(rng.random() * SECOND)
        self._process.seam("wait for an answer", max(until - scheduler.now, 0))
        scheduler.note("nothing came")
        raise ProviderUnavailable("No answer came.", sent=True)

    def _revoked(self, token: str) -> Response:
        process, world = self._process, self._world
        process.seam("revoke", int(world.rng.random() * 0.2 * SECOND))
        if world.rng.random() < world.faults.trouble:
            raise ProviderUnavailable("No answer came.", sent=True)
        owner = world.server.tokens[token].family.owner if token in world.server.tokens else ""
        world.server.end(owner, "keeper")
        process.seam("revoked")
        return Response(status=200)


def _response(status: int, answer: dict[str, Any]) -> Response:
    return Response(status=status, headers={"content-type": "application/json"}, body=json.dumps(answer).encode())


class SimJournal(Journal):
    """A real journal, with seams around its writes."""

    def __init__(self, process: Process, folder: Path) -> None:
        super().__init__(folder)
        self._process = process

    def put(self, payload: bytes) -> int:
        """Write an entry."""
        self._process.seam("put")
        slot = super().put(payload)
        self._process.world.scheduler.note("put into the journal")
        self._process.seam("after put")
        return slot

    def drop(self, slot: int) -> None:
        """Free a slot."""
        self._process.seam("drop")
        super().drop(slot)

    def leftovers(self) -> Generator[Leftover, None, None]:
        """Yield the files of processes that are gone."""
        for leftover in super().leftovers():
            self._process.world.scheduler.note("found a journal")
            yield leftover

    def close(self) -> None:
        """Let go of the file."""
        if self._process.alive:
            super().close()


@contextmanager
def patched() -> Iterator[None]:
    """Let what the keeper takes from the operating system be the simulation's."""
    with ExitStack() as stack:
        for place, name, value in _replacements():
            stack.enter_context(patch.object(place, name, value, create=name == "time"))
        yield


def _replacements() -> list[tuple[Any, str, Any]]:
    """Return what is replaced: where, its name, by what."""
    threads = SimpleNamespace(Lock=threading.Lock, Event=Event, Thread=Thread)

    def process(_pid: int = 0) -> Process:
        return cast("Process", Here.scheduler.me.process)

    def start(pid: int) -> str:
        return f"s{pid}" if Here.world.is_alive(process().host, pid) else ""

    def kill(pid: int, _signal: int) -> None:
        if not start(pid):
            raise ProcessLookupError

    def sleep(seconds: float) -> None:
        Here.scheduler.sleep(int(seconds * SECOND))

    made = SimpleNamespace(token_hex=lambda _length: f"{next(Here.world.numbers):012x}")
    return [
        (holders, "os", SimpleNamespace(getpid=lambda: process().pid, kill=kill)),
        (holders, "secrets", made),
        (holders, "_host", lambda: process().host),
        (holders, "_start", start),
        (holders, "_process", lambda pid: f"{process().host}.{pid}.s{pid}"),
        (holders, "_active", set()),
        (journal_module, "secrets", made),
        (journal_module, "SLOTS", 8),
        (journal_module, "SLOT", SLOT),
        (journal_module, "time", SimpleNamespace(monotonic=lambda: Here.scheduler.now / SECOND, sleep=sleep)),
        (consents, "new_grant_id", lambda: f"gr_{next(Here.world.numbers)}x"),
        (keeping, "threading", threads),
        (saving, "threading", threads),
        (recovery, "threading", SimpleNamespace(Lock=Lock)),
        (leases, "random", SimpleNamespace(uniform=lambda a, b: Here.scheduler.rng.uniform(a, b))),
        # Those who wait look less often: what they see is the same, and a seed costs less.
        (leases, "_LONGEST_LOOK", timedelta(seconds=1.2)),
        (recovery, "_LOOK", timedelta(seconds=1.2)),
        (saving, "_LOOK", timedelta(seconds=0.9)),
    ]
