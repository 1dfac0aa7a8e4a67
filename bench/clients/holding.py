"""A process that holds a thousand GoogleAdsClients of a thousand grants, idle and after a call each: memory and time.

Each contender runs in new processes, in turn with the other. The emulator answers over gRPC and TLS from this process,
so its own work is in the seconds and none of it in the memory.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from grantkeeper.emulator import Emulator
from grantkeeper.emulator.server import Serving, serve

from ..measure import aim

PERSON = "ida@nordwind-outdoor.example"
PLAIN, OURS = "GoogleAdsClient as the library makes it", "google_ads.client"
WAYS = {PLAIN: "plain", OURS: "ours"}
AIM = 4.0
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How many clients a process holds, and how many processes of each way are measured."""

    clients: int
    rounds: int


FULL, QUICK = Plan(clients=1000, rounds=3), Plan(clients=50, rounds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What one way took in each of its processes."""

    name: str
    told: list[dict[str, float]] = field(default_factory=list)

    def middle(self, what: str) -> float:
        """Return the median."""
        return statistics.median(each[what] for each in self.told)


def run(*, quick: bool) -> list[str]:
    """Measure, print, and return the aims."""
    plan = QUICK if quick else FULL
    held = {name: Held(name=name) for name in WAYS}
    emulator = Emulator()
    with serve(emulator, grpc=True) as at:
        token = emulator.mint(PERSON, "https://www.googleapis.com/auth/adwords")
        for _ in range(plan.rounds):
            for name, way in WAYS.items():
                held[name].told.append(_process(way, plan.clients, at, token))
    print(f"\nHolding {plan.clients:,} clients of as many grants (medians of {plan.rounds})")
    print(_table(held))
    return [_aim(held[PLAIN], held[OURS], plan.clients)]


def _process(way: str, count: int, at: Serving, token: str) -> dict[str, float]:
    command = [sys.executable, "-m", "bench.clients.process", way, str(count), str(at.grpc_target), token]
    roots = os.environ | {"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(at.ca_file)}
    done = subprocess.run(command, cwd=_ROOT, env=roots, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return told


def _table(held: dict[str, Held]) -> str:
    lines = [f"  {'':42} {'once':>9} {'idle':>9} {'used':>9} {'seconds':>9} {'files open':>11}"]
    for each in held.values():
        sizes = (f"{each.middle(what) / 1000:,.1f} MB" for what in ("once", "idle", "used"))
        cells = " ".join(f"{size:>9}" for size in sizes)
        lines.append(f"  {each.name:42} {cells} {each.middle('used_seconds'):>9.1f} {each.middle('opened'):>11.0f}")
    plain, ours = held[PLAIN], held[OURS]
    less = {what: plain.middle(what) / ours.middle(what) for what in ("used", "used_seconds")}
    lines.append(f"  {OURS}: {less['used']:.1f} times less memory, {less['used_seconds']:.1f} times less time")
    return "\n".join(lines)


def _aim(plain: Held, ours: Held, clients: int) -> str:
    times = plain.middle("used") / ours.middle("used")
    each = ours.middle("used") / clients
    said = f"{each:.0f} kB a client that was used, {times:.1f} times less than the library's (aim: {AIM:.0f} times)"
    return aim(times >= AIM, f"Holding {clients:,} clients: {said}")
