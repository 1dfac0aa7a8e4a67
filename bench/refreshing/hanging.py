"""Fresh tokens while 200 refreshes hang at the provider: does anybody wait who need not?"""

from __future__ import annotations

import asyncio
import gc
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from grantkeeper import AsyncKeeper, Keeper

from ..databases import LIFE, Place
from ..measure import aim, short_time
from .grants import Books, client_at, open_books
from .tokenserver import TokenServer

AIM = 2.0
_LOOK = 0.1
_QUIET_LOOKS = 3
"""So many seconds, and so often one after the other, this process shall do next to nothing before it is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured: refreshes that hang, and calls per round and phase."""

    hanging: int
    rounds: int
    memory_calls: int
    row_calls: int


FULL = Plan(hanging=200, rounds=9, memory_calls=20_000, row_calls=1_000)
QUICK = Plan(hanging=70, rounds=1, memory_calls=1_000, row_calls=50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """One phase's latencies, in seconds."""

    p50: float
    p99: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Each round's latencies, and how many requests hung at the provider meanwhile."""

    name: str
    idle: list[Latency] = field(default_factory=list)
    busy: list[Latency] = field(default_factory=list)
    hanging: list[int] = field(default_factory=list)

    def ratios(self) -> list[float]:
        """Return how many times as long p99 is while refreshes hang, round by round."""
        return [busy.p99 / idle.p99 for busy, idle in zip(self.busy, self.idle, strict=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """A keeper as its users call it: `start` asks for a token and does not wait, `read` times calls one by one."""

    name: str
    start: Callable[[str], Future[object]]
    read: Callable[[Sequence[str]], list[float]]


def run(places: Sequence[Place], server: TokenServer, *, quick: bool) -> list[str]:
    """Measure, print, and return the aims."""
    plan = QUICK if quick else FULL
    seen = [one for place in places for one in _of(open_books(place), server, plan)]
    print(
        f"\nLatency of fresh tokens while {plan.hanging} refreshes of other grants hang at the provider, beside idle"
        f"\n{plan.rounds} rounds, each with both phases, in turn the one and the other first. One reader, call after"
        f"\ncall: {plan.memory_calls:,} calls for a token in memory, {plan.row_calls:,} that look at a row each"
        f"\n(max_stale of zero). The {plan.hanging} are threads in Keeper.token, or tasks in AsyncKeeper.token;"
        "\nthose that do not hang at the provider wait for a connection or a thread. Medians of the rounds;"
        "\ngarbage collection is off."
    )
    print(_table(seen))
    return [_aim(one, plan) for one in seen]


def _of(books: Books, server: TokenServer, plan: Plan) -> Iterator[Seen]:
    client = client_at(server.endpoint("none", "hang"))
    fresh = books.add(plan.row_calls, due=False)
    for face_of in (_threads, _tasks):
        for what, max_stale, asked in (
            ("in memory", LIFE, fresh[:1] * plan.memory_calls),
            ("row read", timedelta(), fresh),
        ):
            with ExitStack() as stack:
                face = stack.enter_context(face_of(books.keeper(client, max_stale=max_stale)))
                face.read(asked)  # to warm up
                yield _rounds(f"{face.name}, {books.place.kind}, {what}", face, asked, books, server, plan)


def _rounds(name: str, face: Face, asked: Sequence[str], books: Books, server: TokenServer, plan: Plan) -> Seen:
    seen = Seen(name=name)

    def idle() -> None:
        seen.idle.append(_measured(face, asked))

    def busy() -> None:
        server.hold()
        under_way = [face.start(each) for each in books.add(plan.hanging, due=True)]
        seen.hanging.append(_settled(server))
        seen.busy.append(_measured(face, asked))
        server.release()
        for each in under_way:
            each.result()

    for number in range(plan.rounds):
        for phase in (idle, busy) if number % 2 == 0 else (busy, idle):
            phase()
    return seen


def _measured(face: Face, asked: Sequence[str]) -> Latency:
    gc.collect()
    gc.disable()
    try:
        cuts = statistics.quantiles(face.read(asked), n=100)
    finally:
        gc.enable()
    return Latency(p50=cuts[49], p99=cuts[98])


def _settled(server: TokenServer) -> int:
    """Wait until this process rests: whoever can be on the way to the provider is. Returns how many hang there."""
    quiet = 0
    while quiet < _QUIET_LOOKS:
        used = time.process_time()
        time.sleep(_LOOK)
        quiet = quiet + 1 if time.process_time() - used < _LOOK / 50 else 0
    return server.counts().hanging


@contextmanager
def _threads(keeper: Keeper) -> Iterator[Face]:
    def read(asked: Sequence[str]) -> list[float]:
        token, clock, taken = keeper.token, time.perf_counter, []
        for each in asked:
            begun = clock()
            token(each)
            taken.append(clock() - begun)
        return taken

    with keeper, ThreadPoolExecutor(FULL.hanging) as pool:
        yield Face(name="Keeper.token", start=lambda each: pool.submit(keeper.token, each), read=read)


@contextmanager
def _tasks(keeper: Keeper) -> Iterator[Face]:
    loop, asked_of = asyncio.new_event_loop(), AsyncKeeper(keeper)

    async def timed(asked: Sequence[str]) -> list[float]:
        token, clock, taken = asked_of.token, time.perf_counter, []
        for each in asked:
            begun = clock()
            await token(each)
            taken.append(clock() - begun)
        return taken

    def start(each: str) -> Future[object]:
        return asyncio.run_coroutine_threadsafe(asked_of.token(each), loop)

    def read(asked: Sequence[str]) -> list[float]:
        return asyncio.run_coroutine_threadsafe(timed(asked), loop).result()

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield Face(name="AsyncKeeper.token", start=start, read=read)
        asyncio.run_coroutine_threadsafe(asked_of.close(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _table(seen: Sequence[Seen]) -> str:
    head = f"{'idle p50':>10} {'p99':>10} {'hang p50':>10} {'p99':>10}"
    lines = [f"  {'':40} {head}   ratio at p99 (lowest to highest round), hanging at the provider"]
    for one in seen:
        times = [
            short_time(statistics.median(getattr(each, name) for each in phase))
            for phase in (one.idle, one.busy)
            for name in ("p50", "p99")
        ]
        ratios = one.ratios()
        spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        columns = " ".join(f"{each:>10}" for each in times)
        lines.append(f"  {one.name:40} {columns}   {spread}, {statistics.median(one.hanging):.0f}")
    return "\n".join(lines)


def _aim(seen: Seen, plan: Plan) -> str:
    times = statistics.median(seen.ratios())
    said = f"p99 within {AIM:g} times idle while {plan.hanging} refreshes hang: {times:.2f} times"
    return aim(times <= AIM, f"{seen.name}: {said}")
