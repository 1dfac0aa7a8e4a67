"""Interleaved rounds: in each one every contender does the same work, so that a busy machine is busy for all."""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

Work = Callable[[], object]
By = Literal["wall", "cpu"]
"""Work that is done in this process is compared by its CPU time, which other programs on the machine disturb less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """`prepare` takes the numbers of the grants of a round and returns the work, which is timed; it is not."""

    name: str
    prepare: Callable[[Sequence[int]], Work]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One contender's rounds: seconds per call, by the clock on the wall and of this process's CPU."""

    name: str
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def ratios(self, reference: Timing, by: By) -> list[float]:
        """Return how many times as long as the reference each round took."""
        mine, its = (self.wall, reference.wall) if by == "wall" else (self.cpu, reference.cpu)
        return [one / other for one, other in zip(mine, its, strict=True)]


def rounds(contenders: Sequence[Contender], *, count: int, size: int, calls: int) -> dict[str, Timing]:
    """Time every contender `count` times, in an order that changes; the first round warms up and is not counted."""
    timings = {each.name: Timing(name=each.name) for each in contenders}
    chance = random.Random(20261122)
    for number in range(count + 1):
        grants = [chance.randrange(size) for _ in range(calls)] if size < calls else chance.sample(range(size), calls)
        for each in chance.sample(list(contenders), len(contenders)):
            wall, cpu = timed(each.prepare(grants))
            if number:
                timings[each.name].wall.append(wall / calls)
                timings[each.name].cpu.append(cpu / calls)
    return timings


def timed(work: Work) -> tuple[float, float]:
    """Return the seconds that a piece of work takes: wall, and CPU of this process."""
    gc.collect()
    gc.disable()
    try:
        cpu, wall = time.process_time(), time.perf_counter()
        work()
        return time.perf_counter() - wall, time.process_time() - cpu
    finally:
        gc.enable()


def each_of(call: Callable[[int], object]) -> Callable[[Sequence[int]], Work]:
    """Return a `prepare` for a contender that is asked grant by grant."""

    def prepare(grants: Sequence[int]) -> Work:
        def work() -> None:
            for number in grants:
                call(number)

        return work

    return prepare


def table(timings: dict[str, Timing], reference: str, by: By) -> str:
    """Lay timings out: medians, and the ratio to the reference as the median and range of the rounds' own ratios."""
    lines = [f"  {'':48} {'wall':>10} {'CPU':>10}   ratio by {by} (lowest to highest round)"]
    for timing in timings.values():
        ratios = timing.ratios(timings[reference], by)
        spread = f"{_number(statistics.median(ratios))} ({_number(min(ratios))} to {_number(max(ratios))})"
        wall, cpu = statistics.median(timing.wall), statistics.median(timing.cpu)
        lines.append(f"  {timing.name:48} {short_time(wall):>10} {short_time(cpu):>10}   {spread}")
    return "\n".join(lines)


def ratio(timings: dict[str, Timing], name: str, reference: str, by: By) -> float:
    """Return the median of the rounds' ratios."""
    return statistics.median(timings[name].ratios(timings[reference], by))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def short_time(seconds: float) -> str:
    """Return a duration for people."""
    return f"{seconds * 1e3:.1f} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.2f} us"


def aim(reached: bool, text: str) -> str:
    """Return the line that says whether an aim was reached."""
    return f"{'reached    ' if reached else 'NOT reached'}  {text}"
