"""One expired token, and 64 threads that ask for it at the same moment."""

from __future__ import annotations

import statistics
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import get_args

from grantkeeper.model import OAuthClient

from ..databases import Place
from ..measure import aim
from .askers import Asker, Opened
from .grants import Books, client_at, open_books
from .others import others
from .tokenserver import Rotation, TokenServer

THREADS = 64
LATENCY = 50
"""Milliseconds."""
OURS, APART = "grantkeeper", "grantkeeper, 8 keepers that share no memory"
_APART = 8
WORDS: dict[Rotation, str] = {
    "none": "refresh tokens that stay the same",
    "strict": "strictly rotating refresh tokens, reuse ends the grant",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one contender's rounds led to."""

    calls: list[int] = field(default_factory=list)
    errors: list[int] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    alive: list[bool] = field(default_factory=list)


def run(places: Sequence[Place], server: TokenServer, *, quick: bool) -> list[str]:
    """Ask, print, and return the aims."""
    rounds, aims = 2 if quick else 20, []
    print(
        f"\nOne expired token, {THREADS} threads ask for it at once; {rounds} rounds, each with a new grant"
        f"\nThe token endpoint answers after {LATENCY} ms. A caller's error is an exception instead of a token; a grant"
        "\nis alive when what is stored afterwards can be read and refreshed. Peers refresh and save as their docs"
        "\nshow, each alone on the machine; django-allauth is not here: it has no refresh."
    )
    for place in places:
        books = open_books(place)
        for rotation in get_args(Rotation):
            seen = _rounds(books, server, rotation, rounds)
            print(f"\n{place.kind}, {WORDS[rotation]}\n{_table(seen)}")
            aims += [_aim(seen[name], f"{place.kind}, rotation {rotation}, {name}") for name in (OURS, APART)]
    return aims


def _rounds(books: Books, server: TokenServer, rotation: Rotation, rounds: int) -> dict[str, Seen]:
    """Let one contender after the other do its rounds: they are counted, not timed, and leave no connections behind."""
    endpoint, seen = server.endpoint(rotation, LATENCY), {}
    client = client_at(endpoint, rotation)
    ours: list[Opened] = [partial(_ours, books, client, name, count) for name, count in ((OURS, 1), (APART, _APART))]
    for opened in [*ours, *others(books.place, server, endpoint)]:
        with ExitStack() as stack:
            asker = opened(stack)
            seen[asker.name] = Seen()
            for _ in range(rounds):
                _round(asker, seen[asker.name], server)
    return seen


def _ours(books: Books, client: OAuthClient, name: str, count: int, stack: ExitStack) -> Asker:
    """One keeper for all threads, or one for every eight of them, as eight processes would have."""
    keepers = [stack.enter_context(books.keeper(client)) for _ in range(count)]

    def add() -> str:
        return books.add(1, due=True)[0]

    def ask(grant: str, number: int) -> object:
        return keepers[number % count].token(grant)

    return Asker(name=name, add=add, ask=ask, again=keepers[0].refresh)


def _round(asker: Asker, seen: Seen, server: TokenServer) -> None:
    key, before = asker.add(), server.counts().refreshes
    failed = [error for error in at_once(THREADS, partial(asker.ask, key)) if error]
    seen.calls.append(server.counts().refreshes - before)
    seen.errors.append(len(failed))
    seen.kinds.update(type(error).__name__ for error in failed)
    seen.alive.append(_works(partial(asker.again, key)))


def at_once(count: int, call: Callable[[int], object]) -> list[Exception | None]:
    """Call with 0, 1, 2 ... on so many threads at the same moment; return what each raised."""
    gate = threading.Barrier(count)

    def one(number: int) -> Exception | None:
        gate.wait()
        try:
            call(number)
        except Exception as error:  # noqa: BLE001 - libraries raise whatever they like; it is counted
            return error
        return None

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


def _works(call: Callable[[], object]) -> bool:
    try:
        call()
    except Exception:  # noqa: BLE001 - as above
        return False
    return True


def _table(seen: dict[str, Seen]) -> str:
    lines = [f"  {'':48} {'upstream calls':>18} {'callers with errors':>20} {'alive':>10}   most errors are"]
    for name, one in seen.items():
        calls = f"{statistics.median(one.calls):g} ({min(one.calls)} to {max(one.calls)})"
        errors = f"{sum(one.errors):,} of {THREADS * len(one.errors):,}"
        kind = "".join(each for each, _ in one.kinds.most_common(1))
        lines.append(
            f"  {name:48} {calls:>18} {errors:>20} {f'{sum(one.alive)} of {len(one.alive)}':>10}   {kind}".rstrip()
        )
    return "\n".join(lines)


def _aim(seen: Seen, title: str) -> str:
    reached = set(seen.calls) == {1} and not any(seen.errors) and all(seen.alive)
    said = f"at most {max(seen.calls)}, {sum(seen.errors)}, {seen.alive.count(False)}"
    return aim(reached, f"{title}: one upstream call, no error, no grant lost: {said}")
