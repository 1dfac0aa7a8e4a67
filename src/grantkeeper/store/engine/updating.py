"""The two UPDATEs of every refresh, on the driver's own cursor.

One statement outside of a transaction is a transaction: no BEGIN, no COMMIT, no other round trips. SQLite, which has
one writer at a time and waits for the disk at each commit, makes the changes of all threads that wait in one.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, Update

from .kept import Kept


class NotMadeError(Exception):
    """The thread that made the changes of several was interrupted."""


class Statement:
    """An UPDATE, compiled once, whose parameters have these names."""

    def __init__(self, engine: Engine, statement: Update, names: tuple[str, ...]) -> None:
        compiled = statement.compile(engine, column_keys=list(names))
        self.text = str(compiled)
        self._constants = {name: value for name, value in compiled.params.items() if name not in names}
        self._places = compiled.positiontup if compiled.positional else None

    def parameters(self, values: Mapping[str, Any]) -> Any:
        """Return the values as the driver takes them."""
        named = {**self._constants, **values}
        return named if self._places is None else tuple(named[name] for name in self._places)


class Updater:
    """Makes changes of one statement each; shared by threads."""

    def __init__(self, engine: Engine, kept: Kept) -> None:
        self._kept = kept
        self._together = engine.dialect.name == "sqlite"
        self._lock = threading.Lock()
        self._waiting: list[_Change] = []
        self._leading = False

    def rows(self, statement: Statement, values: Mapping[str, Any]) -> int:
        """Make the change, and return how many rows it changed.

        Raises:
            Error: the driver's own. Whether the change was made is known by its kind, or not at all.
        """
        change = _Change(statement.text, statement.parameters(values))
        if not self._together:
            return self._alone(change)
        try:
            with self._lock:
                self._waiting.append(change)
                change.leads, self._leading = not self._leading, True
            if not change.leads:
                change.ready.wait()
            if change.leads:
                self._lead(change)
        except BaseException:  # Ctrl-C: the others are not left waiting for this thread
            self._leave(change)
            raise
        if change.error is not None:
            raise change.error
        return change.rows

    def start_afresh(self) -> None:
        """In a forked child: nobody waits here yet."""
        self._lock, self._waiting, self._leading = threading.Lock(), [], False

    def execute(self, cursor: Any, text: str, parameters: Any) -> int:
        """Execute a statement, and return how many rows it changed."""
        cursor.execute(text, parameters)
        return int(cursor.rowcount)

    def _alone(self, change: _Change) -> int:
        connection = self._kept.take()
        done = False
        try:
            cursor = connection.cursor()
            rows = self.execute(cursor, change.text, change.parameters)
            cursor.close()
            done = True
        finally:
            self._kept.put_back(connection, sound=done)
        return rows

    def _lead(self, own: _Change) -> None:
        """Make the changes of all who wait, the own one among them; then the first who came meanwhile leads."""
        with self._lock:
            changes, self._waiting = self._waiting, []
        try:
            self._make(changes)
        finally:
            for change in changes:
                if not change.made and change.error is None:
                    change.error = NotMadeError()
            with self._lock:
                self._pass_on(own)
            for change in changes:
                change.ready.set()

    def _pass_on(self, own: _Change) -> None:
        """Let the first who waits lead; under the lock."""
        own.leads, self._leading = False, bool(self._waiting)
        if self._leading:
            self._waiting[0].leads = True
            self._waiting[0].ready.set()

    def _leave(self, own: _Change) -> None:
        """Wait no longer."""
        with self._lock:
            if own in self._waiting:
                self._waiting.remove(own)
            if own.leads:
                self._pass_on(own)

    def _make(self, changes: list[_Change]) -> None:
        try:
            self._make_together(changes)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is for the thread whose change it was
            if len(changes) == 1:
                changes[0].error = error
                return
            for change in changes:  # one of them, or the commit: each by itself, so that one spoils no other
                self._make([change])

    def _make_together(self, changes: list[_Change]) -> None:
        connection = self._kept.take()
        done = False
        try:
            cursor = connection.cursor()
            cursor.execute("BEGIN IMMEDIATE")
            try:
                for change in changes:
                    change.rows = self.execute(cursor, change.text, change.parameters)
                cursor.execute("COMMIT")
                for change in changes:
                    change.made = True
            except BaseException:
                with suppress(Exception):  # some errors have ended the transaction already
                    cursor.execute("ROLLBACK")
                raise
            cursor.close()
            done = True
        finally:
            self._kept.put_back(connection, sound=done)


class _Change:
    """A change that a thread waits for. `leads`: that thread makes it itself, and those of all who wait with it."""

    __slots__ = ("error", "leads", "made", "parameters", "ready", "rows", "text")

    def __init__(self, text: str, parameters: Any) -> None:
        self.text = text
        self.parameters = parameters
        self.ready = threading.Event()
        self.leads = False
        self.made = False
        self.rows = 0
        self.error: Exception | None = None
