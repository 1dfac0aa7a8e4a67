"""PostgreSQL, through psycopg: nothing prepared, nothing kept in the session, and no call without an end."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from time import monotonic
from typing import Any, Final, TypeVar

import psycopg
from psycopg import waiting
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError

from ...errors import Misconfigured
from .urls import CALL_SECONDS, CONNECT_SECONDS, FORMS, POOLED

_Result = TypeVar("_Result")

_ARGUMENTS: Final[dict[str, Any]] = {
    # Behind a transaction-pooling proxy a statement that was prepared on one server may be executed on another, where
    # its name means something else: nothing is prepared.
    "prepare_threshold": None,
    "connect_timeout": CONNECT_SECONDS,
    # A host that vanished without a word is noticed by a connection that waits for it, and by one that rests (34.1.2).
    "tcp_user_timeout": int(CALL_SECONDS * 1000),
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
_LOOK_SECONDS: Final = 0.1
"""How often psycopg looks up from waiting (its own default), and so how exact the end is."""


class Unanswered(psycopg.OperationalError):
    """The call took longer than it may: its connection is closed, and what it did is not known."""


class Bounded(psycopg.Connection[tuple[Any, ...]]):
    """A connection whose calls end.

    A COMMIT that waits for a standby, a server that is stopped or a network that swallows packets cannot be ended by
    the server's own statement_timeout (R-41); here the client stops waiting and hangs up.
    """

    call_seconds: float = CALL_SECONDS

    def wait(self, gen: Generator[Any, Any, _Result], interval: float = _LOOK_SECONDS, *_more: Any) -> _Result:
        """Wait for the server as psycopg does, for `call_seconds` at most.

        Not through psycopg's own method: that one asks the server to cancel when Ctrl-C comes, and a cold read waits
        for each detour. Whatever ends the wait, the connection is not used again.

        Raises:
            Unanswered: they are over.
        """
        try:
            return waiting.wait(_until(monotonic() + self.call_seconds, gen), self.pgconn.socket, interval)
        except (Unanswered, KeyboardInterrupt, SystemExit):
            self.pgconn.finish()
            raise


def _until(end: float, gen: Generator[Any, Any, _Result]) -> Generator[Any, Any, _Result]:
    """Do as `gen` does, which yields what it waits for and is sent what is ready: nothing, each time one looks up."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and monotonic() >= end:
                raise Unanswered
            wanted = gen.send(ready)
    except StopIteration as stop:
        result: _Result = stop.value
        return result


def postgresql_engine(url: URL, call_seconds: float) -> Engine:
    """Return the engine of a PostgreSQL database; several hosts and libpq's options are passed on.

    Raises:
        Misconfigured: the URL's options cannot be read.
    """
    arguments = {name: value for name, value in _ARGUMENTS.items() if name not in url.query}
    with suppress(ArgumentError):
        engine = create_engine(url.set(drivername="postgresql+psycopg"), connect_args=arguments, **POOLED)
        event.listen(engine, "do_connect", _connecting(call_seconds))
        return engine
    # Said out here, so that the driver's frames, which hold the password, are not part of it.
    raise Misconfigured("The database URL's options cannot be read.", advice=FORMS)


def _connecting(call_seconds: float) -> Any:
    def connect(_dialect: object, _record: object, words: Any, options: dict[str, Any]) -> Bounded:
        connection = Bounded.connect(*words, **options)
        connection.call_seconds = call_seconds
        return connection

    return connect
