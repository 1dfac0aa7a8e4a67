"""A small chart of what became of refreshes, hour by hour: numbers in, places of rectangles out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from grantkeeper.model import Tally

HOURS: Final = 48
WIDTH: Final = 10
"""Of an hour, in the chart's own units; the bar in it leaves two free."""
HEIGHT: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A rectangle of the chart; `kind` is its class."""

    kind: str
    x: int
    y: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """An hour in numbers."""

    at: datetime
    refreshed: int
    failed: int
    refused: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What is drawn, and the same in numbers. `most` is the height of the highest bar."""

    blocks: tuple[Block, ...]
    hours: tuple[Hour, ...]
    most: int

    @property
    def width(self) -> int:
        """The whole width."""
        return len(self.hours) * WIDTH

    @property
    def refreshed(self) -> int:
        """How many refreshes brought a token."""
        return sum(each.refreshed for each in self.hours)

    @property
    def refused(self) -> int:
        """How many said that the owner has to consent again."""
        return sum(each.refused for each in self.hours)

    @property
    def failed(self) -> int:
        """How many failed by the provider's trouble or by our fault."""
        return sum(each.failed for each in self.hours)

    @property
    def rate(self) -> str:
        """The share that failed, as a percentage; "" when there was none."""
        every = self.refreshed + self.refused + self.failed
        return f"{100 * self.failed / every:.1f} %" if every else ""


def chart(tallies: Iterable[Tally], *, now: datetime) -> Chart:
    """Return the chart of one OAuth client for the last two days, the present hour at its end."""
    last = int(now.timestamp()) // 3600
    known = {each.hour: each for each in tallies}
    hours = tuple(_hour(known.get(number), number) for number in range(last - HOURS + 1, last + 1))
    most = max((each.refreshed + each.failed + each.refused for each in hours), default=0)
    blocks = tuple(block for place, each in enumerate(hours) for block in _blocks(place, each, most))
    return Chart(blocks=blocks, hours=hours, most=most)


def since(now: datetime) -> int:
    """Return the first hour that is drawn, in hours since 1970."""
    return int(now.timestamp()) // 3600 - HOURS + 1


def _hour(tally: Tally | None, number: int) -> Hour:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=number)
    if tally is None:
        return Hour(at=at, refreshed=0, failed=0, refused=0)
    return Hour(at=at, refreshed=tally.refreshed, failed=tally.trouble + tally.ours, refused=tally.refused)


def _blocks(place: int, hour: Hour, most: int) -> list[Block]:
    """Return the parts of one bar from the bottom up; whatever happened is at least one unit high."""
    found: list[Block] = []
    top = HEIGHT
    for kind, count in (("good", hour.refreshed), ("attention", hour.refused), ("bad", hour.failed)):
        if count:
            height = max(1, round(count * HEIGHT / most))
            top = max(0, top - height)
            found.append(Block(kind=kind, x=place * WIDTH + 1, y=top, height=height))
    return found
