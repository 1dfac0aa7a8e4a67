"""A thousand due grants and a token endpoint far away: refreshes per second beside the bare HTTP client's."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import httpx2

from grantkeeper import GrantkeeperError, Keeper
from grantkeeper.http import HttpTransport
from grantkeeper.keeper.authority import DEADLINE
from grantkeeper.model import OAuthClient, Request, Secret
from grantkeeper.oauth.token import refresh_request

from ..databases import Place
from ..measure import Contender, Timing, Work, aim, ratio, rounds, table
from .grants import Books, client_at, open_books
from .tokenserver import TokenServer, refresh_token

THREADS = 64
LATENCY = 50
"""Milliseconds."""
BARE = "bare HTTP client (HttpTransport.send)"
HTTPX2 = "httpx2.Client, for comparison"
AIM = 0.8
Failed: TypeAlias = list[str]
"""The class of the error that each failed call ended in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured."""

    rounds: int
    due: int


FULL = Plan(rounds=7, due=1_000)
QUICK = Plan(rounds=1, due=64)


def run(places: Sequence[Place], server: TokenServer, *, quick: bool) -> list[str]:
    """Measure, print, and return the aims."""
    plan = QUICK if quick else FULL
    client = client_at(server.endpoint("none", LATENCY))
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(THREADS))
        failed: dict[str, Failed] = defaultdict(list)
        contenders = [*_bare(client, pool, stack, failed)]
        for place in places:
            books = open_books(place)
            keeper = stack.enter_context(books.keeper(client))
            contenders.append(_ours(books, keeper, pool, failed[_name(place)]))
        timings = rounds(contenders, count=plan.rounds, size=plan.due, calls=plan.due)
    _tell(plan)
    print(table(timings, BARE, "wall"))
    print("\n".join(_rate(timing, failed[timing.name]) for timing in timings.values()))
    return [_aim(timings, _name(place), failed[_name(place)]) for place in places]


def _tell(plan: Plan) -> None:
    most = 1000 * THREADS // LATENCY
    print(
        f"\nRefreshing {plan.due:,} due grants on {THREADS} threads; the token endpoint answers after {LATENCY} ms"
        f"\nIn each of {plan.rounds} rounds every contender makes {plan.due:,} refreshes, in an order by chance. Shown"
        f"\nis the time of a round by their number; at most {most:,} a second are possible. The endpoint is a process"
        "\nof its own on this machine, plain HTTP on kept connections. PostgreSQL's server does without fsync here,"
        "\nSQLite does not."
    )


def _name(place: Place) -> str:
    return f"Keeper.token, {place.kind}"


def _bare(
    client: OAuthClient, pool: ThreadPoolExecutor, stack: ExitStack, failed: dict[str, Failed]
) -> list[Contender]:
    """The same requests, and nobody reads the answers."""
    transport = HttpTransport()
    stack.callback(transport.close)
    limits = httpx2.Limits(max_connections=THREADS, max_keepalive_connections=THREADS)
    other = stack.enter_context(httpx2.Client(trust_env=False, limits=limits))

    def send(request: Request) -> None:
        assert transport.send(request, deadline=DEADLINE).status == 200

    def post(request: Request) -> None:
        assert other.post(request.url, content=request.body, headers=request.headers).status_code == 200

    def prepare(name: str, call: Callable[[Request], None], numbers: Sequence[int]) -> Work:
        requests = [_request(client, number) for number in numbers]
        return partial(on_threads, pool, [partial(call, request) for request in requests], failed[name])

    named = ((BARE, send), (HTTPX2, post))
    return [Contender(name=name, prepare=partial(prepare, name, call)) for name, call in named]


def _request(client: OAuthClient, number: int) -> Request:
    token = Secret(refresh_token(f"bare{number:028d}"))
    return refresh_request(client, secret=client.client_secrets[0], refresh_token=token)


def _ours(books: Books, keeper: Keeper, pool: ThreadPoolExecutor, failed: Failed) -> Contender:
    def prepare(numbers: Sequence[int]) -> Work:
        due = books.add(len(numbers), due=True)
        return partial(on_threads, pool, [partial(keeper.token, each) for each in due], failed)

    return Contender(name=_name(books.place), prepare=prepare)


def on_threads(pool: ThreadPoolExecutor, calls: Sequence[Callable[[], object]], failed: Failed) -> None:
    """Make all calls, on all threads of the pool; count what they raise."""
    left = iter(calls)

    def work() -> None:
        for call in left:  # a list's iterator may be shared by threads
            try:
                call()
            except GrantkeeperError as error:
                failed.append(type(error).__name__)

    for done in [pool.submit(work) for _ in range(THREADS)]:
        done.result()


def _rate(timing: Timing, failed: Failed) -> str:
    trouble = f"; failed: {', '.join(f'{count} {name}' for name, count in Counter(failed).items())}" if failed else ""
    return f"  {timing.name:48} {1 / statistics.median(timing.wall):>8,.0f} refreshes/s{trouble}"


def _aim(timings: dict[str, Timing], name: str, failed: Failed) -> str:
    share = 1 / ratio(timings, name, BARE, "wall")
    said = f"at least {AIM} of the bare HTTP client's refreshes per second, none failed: {share:.2f}, {len(failed)}"
    return aim(share >= AIM and not failed, f"{name}: {said}")
