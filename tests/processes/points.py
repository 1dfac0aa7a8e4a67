"""The points at which a process can be killed, placed around the parts that a keeper is made of; none is in them.

When it reaches the point that the wire is armed with, the process kills itself, as `kill -9` would.
"""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Self

import psycopg

from grantkeeper.errors import Conflict, DatabaseUnavailable
from grantkeeper.http import HttpTransport
from grantkeeper.model import GrantRow, Request, Response, SealContext, Sealed
from grantkeeper.seal import KeyRing
from grantkeeper.store import SqlStore


class Tripwire:
    """Kills this process at the armed point, or does what else was said; "" is no point."""

    def __init__(self) -> None:
        self._armed = ""
        self._then: Callable[[], object] = _die

    def arm(self, point: str, then: Callable[[], object] | None = None) -> None:
        """From now on, be killed at this point; with `then`, do that instead, once."""
        self._armed, self._then = point, then or _die

    def armed_with(self, point: str) -> bool:
        """Tell whether it is this point that kills."""
        return self._armed == point

    def reach(self, point: str) -> None:
        """Be here; this does not return when the wire is armed to kill at this point."""
        if self._armed == point:
            self._armed = ""
            self._then()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()  # the signal is on its way: nothing more is done here


class StoreWithPoints(SqlStore):
    """A store with points around the writes of a refresh.

    Armed with `journal kept`, every save says that the database is away, and the second one, which comes after the
    answer was put aside, kills. `refused` is called when a save is refused because the row is not what it was.
    """

    def __init__(self, url: str, wire: Tripwire, *, now: Callable[[], datetime] | None) -> None:
        super().__init__(url, now=now)
        self._wire = wire
        self._saves = 0
        self._refused = False
        self.refused: Callable[[], object] = lambda: None

    def begin_refresh(self, grant_id: str, **rest: Any) -> bool:
        """Take the lease, between two points."""
        with _Between(self._wire, "lease"):
            return super().begin_refresh(grant_id, **rest)

    def save_tokens(self, row: GrantRow, **rest: Any) -> None:
        """Save, between two points; or be away."""
        if self._wire.armed_with("journal kept"):
            self._saves += 1
            if self._saves > 1:
                self._wire.reach("journal kept")
            raise DatabaseUnavailable("The database is away.")
        try:
            if self._refused:
                self._wire.reach("before save again")
            with _Between(self._wire, "save"):
                super().save_tokens(row, **rest)
        except Conflict:
            self._refused = True
            self.refused()
            raise


class _Between:
    """Two points, before and after a block that ended well."""

    def __init__(self, wire: Tripwire, name: str) -> None:
        self._wire, self._name = wire, name

    def __enter__(self) -> None:
        self._wire.reach(f"before {self._name}")

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is None:
            self._wire.reach(f"after {self._name}")


def watch_drivers(wire: Tripwire) -> None:
    """Put points around the statements of a refresh, in the drivers: whatever way they take there, they pass here."""

    class Cursor(sqlite3.Cursor):
        """SQLite's, with points."""

        def execute(self, sql: str, *rest: Any) -> Self:
            with _Statement(wire, sql):
                return super().execute(sql, *rest)

    class Connection(sqlite3.Connection):
        """SQLite's, whose cursors have points."""

        def cursor(self, factory: Any = Cursor) -> Any:
            return super().cursor(factory)

    connect, execute = sqlite3.connect, psycopg.Cursor.execute

    def watched(cursor: Any, query: Any, *rest: Any, **named: Any) -> Any:
        with _Statement(wire, query):
            return execute(cursor, query, *rest, **named)

    # Set by name: to a type checker these are no variables.
    setattr(sqlite3, "connect", functools.partial(connect, factory=Connection))  # noqa: B010
    setattr(psycopg.Cursor, "execute", watched)  # noqa: B010


class _Statement:
    """Two points, before and after one of our UPDATEs; none for other statements."""

    def __init__(self, wire: Tripwire, text: object) -> None:
        self._wire = wire
        update = isinstance(text, str) and text.startswith("UPDATE grantkeeper_grant")
        self._name = ("save" if "sealed=" in str(text) else "lease") if update else ""

    def __enter__(self) -> None:
        if self._name:
            self._wire.reach(f"{self._name} statement not executed")

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is None and self._name:
            self._wire.reach(f"{self._name} statement executed")


class SealerWithPoints:
    """A key ring with points around sealing and opening."""

    def __init__(self, ring: KeyRing, wire: Tripwire) -> None:
        self._ring, self._wire = ring, wire

    def seal(self, plaintext: bytes, context: SealContext, *, key: bytes | None = None) -> Sealed:
        """Seal, between two points."""
        with _Between(self._wire, "seal"):
            return self._ring.seal(plaintext, context, key=key)

    def open(self, sealed: Sealed, context: SealContext) -> bytes:
        """Open, between two points."""
        with _Between(self._wire, "open"):
            return self._ring.open(sealed, context)

    def rewrap(self, key: bytes, context: SealContext) -> bytes | None:
        """Wrap anew; nothing of a refresh."""
        return self._ring.rewrap(key, context)

    def sign(self, content: bytes) -> tuple[str, str]:
        """Sign; nothing of a refresh."""
        return self._ring.sign(content)

    def signed(self, content: bytes, *, key_id: str, mac: str) -> bool | None:
        """Look at a signature; nothing of a refresh."""
        return self._ring.signed(content, key_id=key_id, mac=mac)


class TransportWithPoints(HttpTransport):
    """Real HTTP, with points around a call, and those within it that the HTTP library's own trace tells of."""

    def __init__(self, wire: Tripwire) -> None:
        super().__init__()
        self._wire = wire
        self._http: Any = _TracedPool(self._http, wire)  # the emulator is asked in plain http

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Send, between two points."""
        with _Between(self._wire, "send"):
            return super().send(request, deadline=deadline)


class _TracedPool:
    """A connection pool whose requests reach a point at each step, such as `http11.send_request_headers.complete`."""

    def __init__(self, pool: Any, wire: Tripwire) -> None:
        self._pool, self._wire = pool, wire

    def stream(self, *args: Any, extensions: dict[str, Any], **rest: Any) -> Any:
        return self._pool.stream(*args, extensions={**extensions, "trace": self._step}, **rest)

    def close(self) -> None:
        self._pool.close()

    def _step(self, name: str, _info: Any) -> None:
        self._wire.reach(name)
