"""Changes of the database, each one short transaction: tried again when nothing was kept, looked up when nobody knows.

Nothing here is repeated that a provider would notice: a store knows no HTTP.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, Update, event, select
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError

from ...errors import Misconfigured
from ..failures import DAMAGED, NOT_DONE, STOP_AND_RESTORE, UNIQUE, error_code, is_lost

RETRY_SECONDS: Final = 3.0
"""No further try begins later than so: the caller may be a page that somebody waits for."""

_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.5

_NOT_SOON: Final = frozenset({"Unanswered", "SQLITE_IOERR"})

Work = Callable[[Connection], int]
"""Makes a change by statements on this connection; returns how many rows it changed."""

Landed = Callable[[Connection], bool]
"""Reads whether the change is in the database."""


def holding(of: Table, values: Mapping[str, Any]) -> Landed:
    """Return what tells whether the row of this key holds exactly these values."""

    def landed(connection: Connection) -> bool:
        key = next(iter(of.primary_key))
        statement = select(*(of.c[name] for name in values)).where(key == values[key.name])
        found = connection.execute(statement).first()
        return found is not None and tuple(found) == tuple(values.values())

    return landed


def both(statement: Update, values: dict[str, Any], also: Callable[[Connection], None]) -> Work:
    """Return the work of an UPDATE and, when it finds its row, of what goes with it."""

    def work(connection: Connection) -> int:
        changed = connection.execute(statement, values).rowcount
        if changed:
            also(connection)
        return changed

    return work


class CommitUnknownError(Exception):
    """The connection was lost while the COMMIT was under way: it was done, will be, or never will."""

    def __init__(self, lost: DBAPIError) -> None:
        super().__init__()
        self.lost = lost


class Writer:
    """Makes changes through an engine; shared by threads. `pause` sleeps for some seconds.

    `damaged` is True once the database was found so.
    """

    def __init__(self, engine: Engine, where: str, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._engine = engine
        self._writing = engine.execution_options(writing=True)
        self._where = where
        self._pause = pause
        self.damaged = False
        event.listen(engine, "handle_error", self._look_at)

    def change(self, work: Work, landed: Landed | None = None, *, doubt: bool = False) -> int:
        """Make a change and return how many rows it changed; 1 when it turns out to have been made.

        `doubt`: it was tried already, and may have been made.

        `landed` tells a change that was made from one that was not, after a COMMIT whose answer was lost (R-40).
        Without it the change is one that may be made twice.

        Raises:
            DBAPIError: it was not made, or nobody can tell.
            Misconfigured: the database was found damaged before: nothing is written to it any more (R-43).
        """
        pause, end = _FIRST_PAUSE, time.monotonic() + RETRY_SECONDS
        while True:
            try:
                return self._tried(work, landed, doubt=doubt)
            except CommitUnknownError as unknown:
                doubt, error = True, unknown.lost
            except DBAPIError as problem:
                if not _may_succeed(problem):
                    raise
                error = problem
            if time.monotonic() + pause > end:
                return self._last_look(error, landed if doubt else None)
            self._pause(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, so that rivals do not meet again
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _tried(self, work: Work, landed: Landed | None, *, doubt: bool) -> int:
        """Make the change once. In `doubt` look first, and again after a try that found its work done by another.

        The second look is for a lost COMMIT that the server comes to only then: until it does, our statement waits.
        """
        if not doubt or landed is None:
            return self._once(work)
        if self._read(landed):
            return 1
        try:
            changed = self._once(work)
        except DBAPIError as error:
            if error_code(cause(error)) in UNIQUE and self._read(landed):
                return 1
            raise
        return 1 if not changed and self._read(landed) else changed

    def _last_look(self, error: DBAPIError, landed: Landed | None) -> int:
        if landed is not None and self._read(landed):
            return 1
        raise error

    def _once(self, work: Work) -> int:
        if self.damaged:
            raise Misconfigured(f"The database {self._where} is damaged.", advice=STOP_AND_RESTORE)
        with self._begun() as connection:
            changed = work(connection)
            try:
                connection.commit()
            except DBAPIError as error:
                if is_lost(error):
                    raise CommitUnknownError(error) from None
                raise
        return changed

    def _begun(self) -> Connection:
        """Return a connection in a transaction; a pooled one that is gone is noticed by BEGIN and replaced."""
        connection = self._writing.connect()
        try:
            connection.begin()
        except DBAPIError as error:
            connection.close()
            if not error.connection_invalidated:
                raise
            connection = self._writing.connect()
            connection.begin()
        return connection

    def _read(self, landed: Landed) -> bool:
        with self._engine.connect() as connection:
            return landed(connection)

    def _look_at(self, context: ExceptionContext) -> None:
        """Write nothing more to a damaged database, whoever noticed: each change may damage more of it."""
        if error_code(context.original_exception) in DAMAGED:
            self.damaged = True


def cause(error: DBAPIError) -> BaseException:
    """Return the driver's own error."""
    return error.orig if error.orig is not None else error


def _may_succeed(error: DBAPIError) -> bool:
    """Tell whether nothing of the transaction was kept and the same may succeed soon: a COMMIT had not been sent."""
    code = error_code(cause(error))
    return code in NOT_DONE or (is_lost(error) and code not in _NOT_SOON)
