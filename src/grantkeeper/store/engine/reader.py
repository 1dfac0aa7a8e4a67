"""The one read that every cold token waits for, on the driver's own cursor.

The statement is an ordinary Core statement, compiled once; what is left out is what SQLAlchemy does around each
execution: pool check-out, execution context, result object. That is four fifths of the time of such a read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final

from sqlalchemy import Engine, Select

from ..columns import BytewiseText, text_or_bytes
from .kept import Kept

_PYMYSQL: Final = ("_read_timeout", "_write_timeout")
"""Where PyMySQL (1.1) keeps its own; it asks for them at each call, and offers no other way to change them."""


class Reader:
    """Reads one row by one parameter, named `key` in the statement; shared by threads."""

    def __init__(self, engine: Engine, statement: Select[Any], kept: Kept) -> None:
        compiled = statement.compile(engine)
        self._text = str(compiled)
        self._positional = compiled.positional
        types = [column.type.dialect_impl(engine.dialect) for column in statement.selected_columns]
        self._bytes = frozenset(place for place, each in enumerate(types) if isinstance(each, BytewiseText))
        self._kept = kept

    def first(self, key: str | None, patience: float | None = None) -> Any | None:
        """Return the row as the driver's plain tuple, or None; in `patience` seconds, of a server that can be hurried.

        Raises:
            Error: the driver's own; the connection was thrown away.
        """
        connection = self._kept.take()
        done = False
        try:
            cursor = connection.cursor()
            with _hurried(connection.driver_connection, patience) if patience else nullcontext():
                cursor.execute(self._text, (key,) if self._positional else {"key": key})
            row = cursor.fetchone()
            cursor.close()
            done = True
        finally:
            self._kept.put_back(connection, sound=done)
        return self._texts(row) if self._bytes and row is not None else row

    def _texts(self, row: Sequence[Any]) -> Sequence[Any]:
        """Return a row of MySQL, whose driver knows only that these columns hold bytes."""
        return tuple(
            text_or_bytes(value) if place in self._bytes and value is not None else value
            for place, value in enumerate(row)
        )


@contextmanager
def patient(connection: Any, seconds: float) -> Iterator[None]:
    """Let each call of a driver's connection take so long, where it ends its calls by itself."""
    names = [name for name in ("call_seconds", *_PYMYSQL) if hasattr(connection, name)]
    usual = {name: getattr(connection, name) for name in names}
    for name in names:
        setattr(connection, name, seconds)
    try:
        yield
    finally:
        for name, value in usual.items():
            setattr(connection, name, value)


@contextmanager
def _hurried(connection: Any, patience: float) -> Iterator[None]:
    """Let a call take less time, where the driver's connection is one that ends its calls by itself."""
    usual = getattr(connection, "call_seconds", None)
    if usual is None:
        yield
        return
    connection.call_seconds = min(patience, usual)
    try:
        yield
    finally:
        connection.call_seconds = usual
