"""Tokens that are good still: from memory, from the database, and what a program pays before it has one."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from . import imports, ours, peers
from .databases import Filled, Place, fill
from .measure import By, aim, ratio, rounds, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is measured."""

    sizes: tuple[int, ...]
    rounds: int
    hot_calls: int
    cold_calls: int
    starts: int


FULL = Plan(sizes=(1_000, 100_000), rounds=15, hot_calls=100_000, cold_calls=500, starts=15)
QUICK = Plan(sizes=(100,), rounds=2, hot_calls=1_000, cold_calls=50, starts=2)


def run(places: Sequence[Place], plan: Plan) -> list[str]:
    """Measure, print, and return the aims."""
    _tell(plan)
    aims: list[str] = []
    for number, place in enumerate(places):
        filled = fill(place)
        if number == 0:
            aims += _hot(filled, plan)
        aims += _database(filled, plan)
        filled.store.close()
    return aims + _starts(plan)


def _tell(plan: Plan) -> None:
    print(
        f"\nMeasured in {plan.rounds} rounds; in each, every contender makes the same calls, in an order by chance:"
        f"\n{plan.hot_calls:,} in memory, {plan.cold_calls:,} on grants drawn by chance from the database."
        "\nShown are the median time of a call, and the median of the rounds' own ratios with the lowest and highest."
        "\nCPU is that of this process, and what it does alone is compared by it: other programs disturb it less;"
        "\na PostgreSQL server's comes on top, so there the wall counts. The databases fit into memory, garbage"
        "\ncollection is off while the clock runs, one round to warm up is not counted. Nobody refreshes a token."
    )


def _hot(filled: Filled, plan: Plan) -> list[str]:
    timings = rounds(ours.hot(filled), count=plan.rounds, size=1, calls=plan.hot_calls)
    print(f"\nA token that is in memory\n{table(timings, ours.DICTIONARY, 'cpu')}")
    times = ratio(timings, ours.HOT, ours.DICTIONARY, "cpu")
    return [aim(times <= 10, f"hot token within 10 times a dictionary hit with an expiry check: {times:.1f} times")]


def _database(filled: Filled, plan: Plan) -> list[str]:
    ring = [*ours.cold(filled), *peers.peers(filled)]
    timings = rounds(ring, count=plan.rounds, size=filled.place.size, calls=plan.cold_calls)
    by: By = "cpu" if filled.place.kind == "sqlite" else "wall"
    title = f"{filled.place.kind}, {filled.place.size:,} grants"
    print(f"\nA token that is in the database: {title}\n{table(timings, ours.BARE, by)}")
    cold = ratio(timings, ours.COLD, ours.BARE, by)
    nearest = min(peers.STORES, key=lambda each: ratio(timings, each, ours.HOT, by))
    times = ratio(timings, nearest, ours.HOT, by)
    slower = f"{times:,.0f} times ({nearest})"
    return [
        aim(cold <= 2, f"{title}: cold token within 2 times the bare driver's read and open: {cold:.2f} times"),
        aim(times >= 100, f"{title}: hot token 100 times faster than every peer that stores: {slower}"),
    ]


def _starts(plan: Plan) -> list[str]:
    timings = imports.starts(plan.starts)
    print(f"\nStarting\n{table(timings, imports.PYTHON, 'cpu')}")
    seconds = statistics.median(timings[imports.HELP].wall)
    return [aim(seconds <= 0.3, f"the command line's help within 0.3 s: {seconds:.2f} s")]
