"""How much a worker may begin now: so many at a time, and so many a second, for each OAuth client and its provider."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from grantkeeper.model import OAuthClient

PER_SECOND: Final = 50
"""Refreshes of one OAuth client: Google answers within 200 ms and names no limit; 100,000 grants that are used all day
need 40. Who has more says so in the settings."""

OF_PROVIDER: Final = 2
"""A provider is asked twice as often as any of its OAuth clients may ask: two busy ones do not wait for each other."""

THREADS: Final = 16
"""Grants that one worker is at work on at a time; each waits for the provider nearly all the time."""

FEWEST: Final = 2
"""No OAuth client gets fewer threads, however many there are: one that hangs leaves another."""


class _Bucket:
    """Lets so many through a second; what was not used is good for one second."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: int) -> None:
        self._rate, self._left = rate, float(rate)
        self._at: datetime | None = None

    def left(self, now: datetime) -> int:
        """Return how many may pass now."""
        if self._at is not None:
            passed = max((now - self._at).total_seconds(), 0.0)  # a clock set back gives nothing
            self._left = min(self._left + passed * self._rate, float(self._rate))
        self._at = now
        return int(self._left)

    def take(self) -> None:
        """Let one pass."""
        self._left -= 1


class Budget:
    """Shares a worker's threads among the OAuth clients, and counts what they begin. Thread-safe.

    The threads are divided, not shared: what hangs or has much to do takes nothing from the others (V-63).
    """

    def __init__(self, clients: Sequence[OAuthClient], *, per_second: int = PER_SECOND, threads: int = THREADS) -> None:
        self._lock = threading.Lock()
        self.at_once = threads if len(clients) == 1 else max(FEWEST, threads // max(len(clients), 1))
        self.threads = max(self.at_once * len(clients), 1)
        self._busy = {client.name: 0 for client in clients}
        self._of_client = {client.name: _Bucket(per_second) for client in clients}
        self._of_provider = {client.provider.token_endpoint: _Bucket(per_second * OF_PROVIDER) for client in clients}

    def room(self, client: OAuthClient, *, now: datetime) -> int:
        """Return how many grants of this client may be begun now."""
        with self._lock:
            return max(
                min(
                    self.at_once - self._busy[client.name],
                    self._of_client[client.name].left(now),
                    self._of_provider[client.provider.token_endpoint].left(now),
                ),
                0,
            )

    def begin(self, client: OAuthClient) -> None:
        """Count a grant that is begun."""
        with self._lock:
            self._busy[client.name] += 1
            self._of_client[client.name].take()
            self._of_provider[client.provider.token_endpoint].take()

    def end(self, client: OAuthClient) -> None:
        """Count a grant that is done."""
        with self._lock:
            self._busy[client.name] -= 1


SOON: Final = timedelta(seconds=1)
"""When there may be room again, if nothing ends before."""
