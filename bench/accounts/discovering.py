"""Finding 5,000 Google Ads accounts below one person: how many calls, how long, beside the way of Google's samples.

Source of the other way: google-ads-python, examples/account_management/get_account_hierarchy.py (2026-11-22): from each
customer that the person reaches directly, one query per manager for what is right below it, one after the other.
The emulator answers over HTTP from a thread of this process, so its own work is in every figure. A call to Google takes
about a tenth of a second: the second table adds that to each.
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from grantkeeper.emulator import Emulator, World
from grantkeeper.emulator.server import serve
from grantkeeper.http import HttpTransport
from grantkeeper.keeper import Keeper
from grantkeeper.model import Request, Response
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import consent, oauth_client

PERSON = "big@holding.example"
AWAY = timedelta(milliseconds=100)
_QUERY = (
    "SELECT customer_client.client_customer, customer_client.level, customer_client.manager, "
    "customer_client.descriptive_name, customer_client.currency_code, customer_client.time_zone, customer_client.id "
    "FROM customer_client WHERE customer_client.level <= 1"
)


class Counting(HttpTransport):
    """Counts calls of the Ads API, and lets each take as much longer as it is told."""

    def __init__(self, away: timedelta) -> None:
        super().__init__()
        self.calls = 0
        self._away = away.total_seconds()
        self._lock = threading.Lock()

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Wait as long as the way is, then send."""
        if "/customers" in request.url:
            with self._lock:
                self.calls += 1
            time.sleep(self._away)
        return super().send(request, deadline=deadline)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One way's rounds."""

    name: str
    accounts: int
    calls: int
    seconds: list[float]


def run(*, quick: bool) -> list[str]:
    """Measure both ways with and without distance; returns the lines to print at the end."""
    lines = []
    with serving(World.load("agency")) as emulator:
        for away in (timedelta(0), AWAY):
            ours, theirs = _compared(emulator, away, rounds=1 if quick else 5)
            print(
                f"\n5,000 Google Ads accounts, {away / timedelta(milliseconds=1):.0f} ms away\n{_table(ours, theirs)}"
            )
            ratio = statistics.median(b / a for a, b in zip(ours.seconds, theirs.seconds, strict=True))
            lines.append(
                f"discovery, {away / timedelta(milliseconds=1):.0f} ms away: {ours.calls} calls beside {theirs.calls}, "
                f"{ratio:.1f} times as fast"
            )
    return lines


@contextmanager
def serving(world: World) -> Iterator[Emulator]:
    """Serve an emulator."""
    emulator = Emulator(world)
    with serve(emulator):
        yield emulator


def _compared(emulator: Emulator, away: timedelta, *, rounds: int) -> tuple[Found, Found]:
    ours = [_ours(emulator, away) for _ in range(rounds)]
    theirs = [_level_by_level(emulator, away) for _ in range(rounds)]
    return _together("keeper.discover, saved", ours), _together("level by level, as in the samples", theirs)


def _together(name: str, found: list[tuple[int, int, float]]) -> Found:
    accounts, calls, _ = found[0]
    return Found(name=name, accounts=accounts, calls=calls, seconds=[seconds for _, _, seconds in found])


def _ours(emulator: Emulator, away: timedelta) -> tuple[int, int, float]:
    """Return how many accounts were found, by how many calls, in how many seconds, until they were saved."""
    transport = Counting(away)
    with tempfile.TemporaryDirectory() as folder:
        store = SqlStore(f"sqlite:///{Path(folder) / 'accounts.sqlite3'}")
        store.migrate()
        clients = (oauth_client(emulator, "google-ads", ["adwords"]),)
        with Keeper(store=store, sealer=KeyRing.parse(new_key()), clients=clients, transport=transport) as keeper:
            grant = consent(keeper, emulator, "holding", PERSON)
            seconds = _timed(lambda: keeper.discover(grant.id))
            return len(keeper.accounts(grant.id)), transport.calls, seconds


def _level_by_level(emulator: Emulator, away: timedelta) -> tuple[int, int, float]:
    transport = Counting(away)
    token = emulator.mint(PERSON, "https://www.googleapis.com/auth/adwords")
    found: set[str] = set()

    def ask(path: str, login: str = "", body: dict[str, Any] | None = None) -> Any:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        headers |= {"login-customer-id": login} if login else {}
        request = Request(
            method="POST" if body else "GET",
            url=f"{emulator.base_url}/v26/{path}",
            headers=headers,
            body=msgspec.json.encode(body) if body else b"",
            largest=16 << 20,
        )
        return msgspec.json.decode(transport.send(request, deadline=timedelta(seconds=60)).body)

    def walk() -> None:
        for name in ask("customers:listAccessibleCustomers")["resourceNames"]:
            root = name.removeprefix("customers/")
            waiting = deque([root])
            while waiting:
                answer = ask(f"customers/{(at := waiting.popleft())}/googleAds:search", root, {"query": _QUERY})
                for row in (each["customerClient"] for each in answer.get("results", ())):
                    if row["manager"] and row["id"] != at and row["id"] not in found:
                        waiting.append(row["id"])
                    found.add(row["id"])

    seconds = _timed(walk)
    transport.close()
    return len(found), transport.calls, seconds


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _table(*found: Found) -> str:
    head = f"  {'':36} {'accounts':>9} {'calls':>6} {'seconds (lowest to highest round)':>36}"
    lines = [head]
    for each in found:
        spread = f"{statistics.median(each.seconds):.2f} ({min(each.seconds):.2f} to {max(each.seconds):.2f})"
        lines.append(f"  {each.name:36} {each.accounts:>9} {each.calls:>6} {spread:>36}")
    return "\n".join(lines)
