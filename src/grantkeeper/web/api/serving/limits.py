"""How often somebody may ask. Each process counts for itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from grantkeeper.errors import TooManyRequests

MOST: Final = 50_000
"""Askers that are remembered; past that the one heard of longest ago is forgotten."""


class Buckets:
    """A bucket of requests for each asker, filled again evenly; `per_minute` fit into it. Used on the event loop."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._size, self._rate, self._clock = float(per_minute), per_minute / 60, clock
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, who: str) -> None:
        """Take one request; raises TooManyRequests when there is none left."""
        now, left = self._now(who)
        self._left.pop(who, None)
        if len(self._left) >= MOST:
            del self._left[next(iter(self._left))]
        self._left[who] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            raise self._refusal(left)

    def spent(self, who: str) -> bool:
        """Tell whether nothing is left; nothing is taken."""
        return self._now(who)[1] < 1

    def _now(self, who: str) -> tuple[float, float]:
        now = self._clock()
        left, at = self._left.get(who, (self._size, now))
        return now, min(self._size, left + (now - at) * self._rate)

    def _refusal(self, left: float) -> TooManyRequests:
        return TooManyRequests(
            "Too many requests.",
            retry_after=timedelta(seconds=(1 - left) / self._rate),
            advice="Ask less often; tokens may be kept until they end.",
        )
