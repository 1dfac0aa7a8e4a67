"""Connections kept beside the pool, for the few statements that are worth it."""

from __future__ import annotations

from collections import deque
from typing import Final

from sqlalchemy import Engine, PoolProxiedConnection

KEPT: Final = 6
"""Connections kept out of the pool: more than the threads that a few cores run at once, and few enough to leave the
pool, which has 15, its own."""


class Kept:
    """A few connections, shared by threads, taken one at a time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._kept: deque[PoolProxiedConnection] = deque()

    def take(self) -> PoolProxiedConnection:
        """Return a connection, the one used last if any is free."""
        try:
            return self._kept.pop()
        except IndexError:
            return self._engine.raw_connection()

    def put_back(self, connection: PoolProxiedConnection, *, sound: bool) -> None:
        """Keep a connection for the next, or give it back to the pool; throw it away when it is not sound."""
        if not sound:
            connection.invalidate()
        elif len(self._kept) < KEPT:
            self._kept.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        """Give the kept connections back to the pool."""
        while self._kept:
            self._kept.pop().close()

    def drop(self) -> None:
        """Throw the kept connections away."""
        while self._kept:
            self._kept.pop().invalidate()

    def forgotten(self) -> list[PoolProxiedConnection]:
        """Return the kept connections and keep them no longer: for a forked child, where they must not be touched."""
        kept, self._kept = list(self._kept), deque()
        return kept
