"""Token reads per second over HTTP, beside a bare ASGI application on the same server, round by round."""

from __future__ import annotations

import json
import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from grantkeeper.http import HttpTransport
from grantkeeper.keeper import Keeper
from grantkeeper.model import Scope

from ..databases import CLIENT, Filled, PostgresServer, fill, grant_id, places
from ..measure import aim, short_time
from .load import Seen, script, wrk
from .server import Server, running, settled

CONNECTIONS = (1, 32, 256)
AIM = 0.6
NANGO = "Nango 0.71 on this kind of machine: 200 to 230 reads/s, about 6 ms of CPU each"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured: grants in the databases, rounds, seconds of each load."""

    sizes: tuple[int, ...]
    rounds: int
    seconds: float
    held: int
    stored: int


FULL = Plan(sizes=(1, 100_000), rounds=5, seconds=4, held=100_000, stored=1_000_000)
QUICK = Plan(sizes=(1, 200), rounds=1, seconds=1, held=200, stored=500)


@dataclass(slots=True)
class Row:
    """Rounds of one contender: what wrk saw, and CPU seconds of the server per request."""

    seen: list[Seen] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)


def run(folder: Path, server: PostgresServer, *, quick: bool) -> list[str]:
    """Measure, print, and return the aims."""
    plan = QUICK if quick else FULL
    print(
        "\nToken reads over HTTP (wrk, one thread; uvicorn with uvloop and httptools, one process), beside a bare ASGI"
        f"\napplication on the same server, requests and bodies of the same size."
        f" {plan.rounds} rounds of {plan.seconds:.0f} s."
        f"\n{NANGO}."
    )
    aims: list[str] = []
    for place in places(folder, server, plan.sizes, "serving"):
        aims += _measured(folder, fill(place), plan)
    _memory(folder, server, plan)
    return aims


def _measured(folder: Path, filled: Filled, plan: Plan) -> list[str]:
    place, aims = filled.place, []
    with ExitStack() as stack:
        hello = stack.enter_context(running("hello"))
        ours = stack.enter_context(running("service", str(plan_file := _written(folder, filled))))
        _read_all(ours, folder, plan_file, place.size, plan)
        load = _load(folder, plan_file, place.size, "at random")
        print(f"\n{place.kind}, {place.size:,} {'grant' if place.size == 1 else 'grants, asked for at random'}")
        for connections in CONNECTIONS:
            rows = _rounds({"hello": (hello, load), "ours": (ours, load)}, connections, plan)
            ratio = statistics.median(
                one.rate / other.rate for one, other in zip(rows["ours"].seen, rows["hello"].seen, strict=True)
            )
            _tell(connections, rows, ratio)
            name = f"{place.kind}, {place.size:,} grants, {connections} connections: {ratio:.2f} of hello world"
            aims.append(aim(ratio >= AIM, f"{name} (aim {AIM})"))
    filled.store.close()
    return aims


def _rounds(contenders: dict[str, tuple[Server, Path | None]], connections: int, plan: Plan) -> dict[str, Row]:
    rows = {name: Row() for name in contenders}
    for number in range(plan.rounds):
        turn = list(contenders.items())
        for name, (server, load) in turn if number % 2 else reversed(turn):
            settled(server)
            before = server.cpu()
            seen = wrk(server.url, connections=connections, seconds=plan.seconds, script=load)
            rows[name].seen.append(seen)
            rows[name].cpu.append((server.cpu() - before) / max(seen.count, 1))
            if seen.failed:
                raise RuntimeError(f"{name}: {seen.failed} requests failed")
    return rows


def _tell(connections: int, rows: dict[str, Row], ratio: float) -> None:
    for name, label in (("hello", "bare ASGI"), ("ours", "GET /v1/grants/ID/token")):
        row = rows[name]
        rate, p99 = (statistics.median(getattr(each, what) for each in row.seen) for what in ("rate", "p99"))
        said = f"  ratio {ratio:.2f}" if name == "ours" else ""
        print(
            f"  {connections:>3} connections  {label:26} {rate:>8,.0f}/s   p99 {short_time(p99):>9}"
            f"   CPU {short_time(statistics.median(row.cpu)):>9} a read{said}"
        )


def _memory(folder: Path, server: PostgresServer, plan: Plan) -> None:
    """Print the resident memory with so many grants stored, and so many of their tokens held."""
    place = next(each for each in places(folder, server, (plan.stored,), "stored") if each.kind == "sqlite")
    filled = fill(place)
    with running("service", str(plan_file := _written(folder, filled))) as ours:
        empty = ours.memory()
        _read_all(ours, folder, plan_file, plan.held, plan)
        full = ours.memory()
    filled.store.close()
    print(
        f"\nMemory, SQLite, {plan.stored:,} grants stored: {empty / 1e6:,.0f} MB at the start, {full / 1e6:,.0f} MB"
        f"\nwith {plan.held:,} tokens held ({(full - empty) / plan.held / 1e3:.1f} kB each)"
    )


def _read_all(ours: Server, folder: Path, plan_file: Path, count: int, plan: Plan) -> None:
    """Read every grant's token once at least, so that it is in memory."""
    load, asked = _load(folder, plan_file, count, "in turn"), 0
    while asked < count:  # the script begins anew each time: the last load is the one that gets to its end
        asked = max(asked, wrk(ours.url, connections=32, seconds=_enough(asked, count, plan), script=load).count)


def _enough(asked: int, count: int, plan: Plan) -> float:
    """Return seconds in which so many requests are surely made, by what was made in the last load."""
    return plan.seconds * 2 if not asked else plan.seconds * 4 * count / asked


def _written(folder: Path, filled: Filled) -> Path:
    """Write down what the server needs to know, in a file that lives as long as the measurement."""
    keeper = Keeper(store=filled.store, sealer=filled.ring, clients=[CLIENT], transport=HttpTransport())
    made = keeper.keys.create("bench", {Scope.TOKENS_READ}, by="bench")
    plan = {"url": filled.place.url, "keys": filled.keys, "secret": made.secret.reveal()}
    file = folder / f"{filled.place.name}.json"
    file.write_text(json.dumps(plan))
    return file


def _load(folder: Path, plan_file: Path, count: int, order: Literal["at random", "in turn"]) -> Path:
    secret = json.loads(plan_file.read_text())["secret"]
    ids = [grant_id(number) for number in range(count)]
    return script(folder, ids=ids, order=order, authorization=f"Bearer {secret}")
