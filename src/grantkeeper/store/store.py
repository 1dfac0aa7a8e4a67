"""The store: every method is one short transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Executable,
    Row,
    String,
    Update,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import Conflict, GrantkeeperError, InvalidInput, Misconfigured, SealBroken
from ..forks import in_child
from ..model import ALL_SHARED, NOTHING, UNIDENTIFIED, Beside, GrantRow, GrantStatus, Imported, Installation, Sharing
from . import installations, rows, schema, tables
from .clock import MICROSECONDS
from .engine import CALL_SECONDS, create_file, engine_for, place
from .engine.kept import Kept
from .engine.reader import Reader
from .engine.updating import NotMadeError, Statement, Updater
from .engine.writing import Landed, Work, Writer, both, holding
from .failures import RUN_INIT, UNANSWERED, error_code, is_silence, translated, translated_errors
from .records.access import Access
from .records.accounts import Accounts, sharing_text
from .records.audit.erasing import Erasing
from .records.audit.log import AuditLog
from .records.beside import with_beside, write_beside
from .records.events import Events, write
from .records.flows import FlowRecords
from .records.imports import KEEPING_FIRST, as_given, gone_with
from .records.leases import END_REFRESH, TOUCH_LEASE, begin_refresh
from .records.overview import Overview
from .records.service.answers import Answers
from .records.service.keys import Keys
from .records.service.links import Links
from .records.service.operators import Operators
from .records.upkeep.health import HealthRecords
from .records.upkeep.work import WorkRecords
from .records.webhooks.deliveries import Webhooks

_DIRECTLY: Final = frozenset({"sqlite", "postgresql"})
"""Where our types are the driver's own; for MySQL's, SQLAlchemy translates."""

_GRANT: Final = tables.grant.columns
_INSTALLATION: Final = select(tables.installation.c.id)
_GRANT_BY_ID: Final = select(*rows.GRANT_COLUMNS).where(_GRANT.id == bindparam("key"))
_INSERT_GRANT: Final = insert(tables.grant)
_SAVE_GRANT: Final = update(tables.grant).where(
    _GRANT.id == bindparam("key"), _GRANT.version == bindparam("expected_version")
)
_SAVE_TOKENS: Final = _SAVE_GRANT.where(
    or_(bindparam("attempt", type_=String()).is_(None), func.coalesce(_GRANT.lease_owner, "") == bindparam("attempt"))
)
_TAKE_OVER: Final = _SAVE_TOKENS.values(KEEPING_FIRST)
_UNIDENTIFIED: Final = (_GRANT.subject >= UNIDENTIFIED) & (_GRANT.subject < UNIDENTIFIED[:-1] + ";")  # after a colon


class SqlStore(FlowRecords):
    """Grants and flows in the business's database. Implements `Store`; shared by threads.

    Opening one connects to nothing. The first call looks at the schema's revision; every method raises Misconfigured
    when it is not this version's, and DatabaseUnavailable when the database cannot be reached, is locked or full.
    A forked child gets connections of its own.

    A change that the database did not keep, as after a deadlock or a failover, is made again, for three seconds at
    most; one that it may have kept is looked up (R-40). Where that tells nothing, it is DatabaseUnavailable.

    `now` takes the place of the database's clock, by which leases end: for tests that move time by hand. A server has
    `call_seconds` for each call. `pause` is what waits between tries.
    """

    def __init__(
        self,
        url: str,
        *,
        now: Callable[[], datetime] | None = None,
        call_seconds: float = CALL_SECONDS,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        try:
            self._engine = engine_for(url, call_seconds=call_seconds)
        except GrantkeeperError:
            del url  # a traceback that shows local variables must not show its password
            raise
        self._writing = self._engine.execution_options(writing=True)
        self._where = place(self._engine.url)
        self._writer = Writer(self._engine, self._where, pause=pause)
        self._kept = Kept(self._engine)
        self._grant_reader = Reader(self._engine, _GRANT_BY_ID, self._kept)
        self._updater = Updater(self._engine, self._kept)
        self._statements: dict[tuple[int, tuple[str, ...]], Statement] = {}
        self._driver_error: type[Exception] = self._engine.dialect.loaded_dbapi.Error
        self._checked = False
        self._now = now
        self._begin_refresh = begin_refresh(MICROSECONDS if now is None else bindparam("clock", type_=BigInteger))
        access = Access(read=self._read, written=self._written)
        self.accounts, self.events, self.overview = Accounts(access), Events(access), Overview(access)
        self.links, self.keys, self.operators = Links(access), Keys(access), Operators(access)
        self.webhooks, self.audit, self.erasing = Webhooks(access), AuditLog(access), Erasing(access)
        self.health, self.work, self.answers = HealthRecords(access), WorkRecords(access), Answers(access)
        self._inherited: list[object] = []
        in_child(self._forked)

    def migrate(self) -> None:
        """Create the tables, or upgrade them; several processes may do it at once.

        Raises:
            Misconfigured: they are newer than this code; or the database cannot be used.
        """
        create_file(self._engine)
        with translated_errors(self._where):
            schema.migrate(self._writing)

    def check(self) -> None:
        """Return when the tables are those of this version.

        Raises:
            Misconfigured: there are none, or older or newer ones; the message says what to do.
        """
        with translated_errors(self._where, worked=self._checked), self._engine.connect() as connection:
            schema.check(connection)
        self._checked = True

    def close(self) -> None:
        """Close pooled connections."""
        self._kept.close()
        self._engine.dispose()

    def installation(self) -> str:
        """Return this database's random id; part of every seal."""
        found = self._read(_INSTALLATION)
        if not found:  # a migration that was killed before its last step
            raise Misconfigured(f"The database {self._where} is not set up to its end.", advice=RUN_INIT)
        return str(found[0][0])

    def identity(self) -> Installation:
        """Return what the database says of itself, and where it is."""
        found = self._read(installations.SELECT)[0]
        return Installation(id=found.id, counted=found.counted, place=found.place or "", here=self._read_here())

    def settle(self, *, place: str, counted: int) -> None:
        """Write down where the database is used from now on, and what it has counted."""
        self._change(installations.SETTLE, {"now_at": place, "so_far": counted})

    def count_on(self) -> int:
        """Let the database count on by one, and return what it has counted."""
        return self._written(installations.count_on)

    def counts(self) -> dict[str, int]:
        """Return how many active grants each OAuth client has."""
        return {row.client: row.grants for row in self._read(installations.COUNTS)}

    def doubt(self, clients: tuple[str, ...], *, at: datetime) -> int:
        """Write down for every active grant of these clients that the outcome of a refresh is not known."""
        return self._change(installations.doubt(clients), {"at": rows.instant(at)})

    def _read_here(self) -> str:
        if not self._checked:
            self.check()
        with translated_errors(self._where, worked=self._checked):
            return installations.here(self._engine)

    def grant(self, grant_id: str, *, patience: timedelta | None = None) -> GrantRow | None:
        """Return the row, or None; `patience` is how long the database may take, where it can be hurried."""
        if not self._checked:
            self.check()
        key = rows.searchable(grant_id)
        try:
            found = self._grant_reader.first(key, patience.total_seconds() if patience else None)
        except (self._driver_error, SQLAlchemyError) as error:
            if patience and is_silence(error):
                self._kept.drop()
                raise translated(error, self._where, worked=self._checked) from None
            # The kept connections may be gone; the plain way reads again, and says what is wrong if it still is.
            self._kept.drop()
            again = self._read(_GRANT_BY_ID, {"key": key})
            found = again[0] if again else None
        return None if found is None else rows.grant_row(found)

    def grants(
        self,
        *,
        owner: str | None = None,
        client: str | None = None,
        email: str | None = None,
        owners: tuple[str, ...] | None = None,
        clients: tuple[str, ...] | None = None,
        issuer: str | None = None,
        subject: str | None = None,
        imported: str | None = None,
        unidentified: bool = False,
        only_confirmed: bool = False,
        statuses: tuple[GrantStatus, ...] | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[GrantRow]:
        """Return rows that match all that is given, ordered by id, those with an id greater than `after`.

        `imported` is the token of an `Imported`; with `unidentified`, only grants whose person is not known; with
        `only_confirmed`, none whose person the business has not confirmed.
        """
        values = {"owner": owner, "client": client, "issuer": issuer, "subject": subject, "imported": imported}
        values["email"] = email
        named = {name: rows.searchable(value) for name, value in values.items() if value is not None}
        wanted: list[ColumnElement[bool]] = [_GRANT.id > bindparam("after")]
        wanted += [_GRANT[name] == bindparam(name) for name in named]
        for column, several in ((_GRANT.owner, owners), (_GRANT.client, clients)):
            if several is not None:
                wanted.append(column.in_([rows.searchable(name) for name in several]))
        if unidentified:
            wanted.append(_UNIDENTIFIED)
        if only_confirmed:
            wanted.append(_GRANT.unconfirmed == 0)
        if statuses is not None:
            wanted.append(_GRANT.status.in_([str(status) for status in statuses]))
        statement = select(*rows.GRANT_COLUMNS).where(*wanted).order_by(_GRANT.id).limit(limit)
        found = self._read(statement, {**named, "after": rows.searchable(after)})
        return [rows.grant_row(columns) for columns in found]

    def insert_grant(
        self,
        row: GrantRow,
        *,
        sharing: Sharing = ALL_SHARED,
        imported: Imported | None = None,
        beside: Beside = NOTHING,
    ) -> None:
        """Add a row, in one transaction with what is kept of the token that it was taken over with.

        Raises Conflict when one lives of (owner, client, issuer, subject), or of this token where only one may.
        """
        values = rows.grant_values(row) | {"sharing": sharing_text(sharing)} | rows.imported_values(imported)

        def insert(connection: Connection) -> int:
            inserted = connection.execute(_INSERT_GRANT, values | rows.due_values(row)).rowcount
            if imported is not None:
                write(connection, imported.event)
            write_beside(connection, beside)
            return inserted

        self._written(insert, holding(tables.grant, values))

    def save_grant(self, row: GrantRow, *, expected_version: int, beside: Beside = NOTHING) -> None:
        """Replace the row if its version is still `expected_version` (compare-and-swap); raises Conflict if not.

        `row.grant.version` must be `expected_version + 1`. What a GrantRow does not carry stays as it is.
        """
        self._save(_SAVE_GRANT, row, expected_version, rows.due_values(row), with_beside(beside))

    def begin_refresh(
        self,
        grant_id: str,
        *,
        version: int,
        attempt: str,
        at: datetime,
        lease: timedelta,
        sends: int = 0,
        expired: str = "",
        gone: str = "",
    ) -> bool:
        """Take the lease of a row of this version and these sends, and write down that its token is sent: one UPDATE.

        False when somebody else holds it, or held it since the row was read. The lease named `expired` is taken over if
        its time is up by the database's clock, the one named `gone` in any case. `attempt` may begin again, before it
        sends once more.
        """
        values: dict[str, Any] = {
            "key": rows.searchable(grant_id),
            "expected_version": version,
            "expected_sends": sends,
            "attempt": attempt,
            "at": rows.instant(at),
            "lease": lease // timedelta(microseconds=1),
            "expired": expired,
            "gone": gone,
        }
        if self._now is not None:
            values["clock"] = rows.instant(self._now())
        # Made twice it tells the same: who holds the lease is read under the row's lock. One send too many is counted.
        return self._update(self._begin_refresh, values) == 1

    def end_refresh(self, grant_id: str, *, attempt: str, sent_at: datetime | None, sends: int) -> bool:
        """Give the lease back and write down what stays open; False when it is not `attempt`'s any more."""
        left = {
            "sent_at": None if sent_at is None else rows.instant(sent_at),
            "sends": min(sends, tables.MOST_SENDS),
        }
        key, after = rows.searchable(grant_id), {"lease_owner": None, "lease_until": None, **left}
        landed = holding(tables.grant, {"id": key, **after})
        return self._update(END_REFRESH, {"key": key, "attempt": attempt, **after}, landed) == 1

    def touch_lease(self, grant_id: str, *, lease: str) -> bool:
        """Write the row of this lease as it is, which shows that the database takes writes; False when it is gone."""
        return self._change(TOUCH_LEASE, {"key": rows.searchable(grant_id), "attempt": lease}) == 1

    def save_tokens(
        self, row: GrantRow, *, expected_version: int, attempt: str | None, beside: Beside = NOTHING
    ) -> None:
        """As `save_grant`, and no lease is left; raises Conflict too when `attempt` is given and not its holder.

        "" is given by who has none: then nobody may hold it.
        """
        ended = {"attempt": attempt, **rows.without_lease(row), **rows.due_values(row)}
        self._save(_SAVE_TOKENS, row, expected_version, ended, with_beside(beside))

    def take_over(
        self,
        row: GrantRow,
        *,
        expected_version: int,
        sharing: Sharing | None = None,
        imported: Imported | None = None,
        beside: Beside = NOTHING,
    ) -> None:
        """As `save_tokens` whoever holds the lease, for tokens that did not come from those in the row.

        In one transaction: `sharing`, when given, is what the grant shares from now on, and its accounts and looks,
        which were another's, are deleted; `imported` is kept unless one is already. Raises as `insert_grant`, too.
        """
        ended = {"attempt": None, **rows.without_lease(row), **as_given(imported), **rows.due_values(row)}
        ended |= {} if sharing is None else {"sharing": sharing_text(sharing)}
        self._save(_TAKE_OVER, row, expected_version, ended, gone_with(row.grant.id, sharing, imported, beside))

    def unresolved(self, *, clients: tuple[str, ...], limit: int = 100) -> list[GrantRow]:
        """Return active grants of these clients with a refresh whose outcome is not known, the oldest first."""
        wanted = (
            _GRANT.sent_at.is_not(None),
            _GRANT.status == str(GrantStatus.ACTIVE),
            _GRANT.client.in_([rows.searchable(name) for name in clients]),
        )
        statement = select(*rows.GRANT_COLUMNS).where(*wanted).order_by(_GRANT.sent_at).limit(limit)
        found = []
        for columns in self._read(statement):
            with suppress(SealBroken):  # an altered row: nobody can refresh it, and the others go on
                found.append(rows.grant_row(columns))
        return found

    def _save(
        self,
        statement: Update,
        row: GrantRow,
        expected_version: int,
        more: dict[str, Any],
        also: Callable[[Connection], None] | None = None,
    ) -> None:
        if row.grant.version != expected_version + 1:
            raise InvalidInput("The version of a saved grant must be one more than the expected one.")
        values = rows.grant_values(row)
        guards = {"key": values["id"], "expected_version": expected_version}
        given = {name: value for name, value in values.items() if name != "id"}
        # Not looked at is what stands beside: the next refresh may have begun since.
        new, landed = {**guards, **given, **more}, holding(tables.grant, values)
        work = None if also is None else both(statement, new, also)
        saved = self._update(statement, new, landed) if work is None else self._written(work, landed)
        if saved != 1:
            raise Conflict("Somebody saved this grant first.", advice="Read it again.")

    def _read(self, statement: Executable, values: dict[str, Any] | None = None) -> list[Row[Any]]:
        """Return the rows of one SELECT; once more when its connection turns out to be gone."""
        if not self._checked:
            self.check()
        with translated_errors(self._where, worked=self._checked):
            try:
                return self._fetched(statement, values)
            except DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            return self._fetched(statement, values)

    def _fetched(self, statement: Executable, values: dict[str, Any] | None) -> list[Row[Any]]:
        with self._engine.connect() as connection:
            return list(connection.execute(statement, values).all())

    def _change(self, statement: Executable, values: dict[str, Any], landed: Landed | None = None) -> int:
        """Execute one statement in a transaction; returns how many rows it changed."""
        return self._written(lambda connection: connection.execute(statement, values).rowcount, landed)

    def _update(self, statement: Update, values: dict[str, Any], landed: Landed | None = None) -> int:
        """Execute an UPDATE of the refresh; returns how many rows it changed.

        The short way first. When that fails, what it did is looked up and the rest done the long way, which knows what
        may be tried again and says what is wrong.
        """
        if not self._checked:
            self.check()
        doubt = False
        if self._engine.dialect.name in _DIRECTLY and not self._writer.damaged:
            try:
                return self._updater.rows(self._compiled(statement, tuple(values)), values)
            except (self._driver_error, SQLAlchemyError, NotMadeError) as error:
                self._kept.drop()
                doubt = is_silence(error) or isinstance(error, NotMadeError)
                if error_code(error) == UNANSWERED:  # another wait as long would be too long
                    raise translated(error, self._where, worked=self._checked) from None
        with translated_errors(self._where, worked=self._checked):
            return self._writer.change(
                lambda connection: connection.execute(statement, values).rowcount, landed, doubt=doubt
            )

    def _compiled(self, statement: Update, names: tuple[str, ...]) -> Statement:
        found = self._statements.get((id(statement), names))
        if found is None:
            found = self._statements[id(statement), names] = Statement(self._engine, statement, names)
        return found

    def _written(self, work: Work, landed: Landed | None = None) -> int:
        if not self._checked:
            self.check()
        with translated_errors(self._where, worked=self._checked):
            return self._writer.change(work, landed)

    def _forked(self) -> None:
        """Leave the parent's connections alone: closing one here would roll back, or say goodbye, in the parent's name.

        Source: sqlite.org/howtocorrupt.html 2.6, R-67. They are kept, for the end of an object is a closing, too.
        """
        self._inherited += [self._engine.pool, *self._kept.forgotten()]
        self._updater.start_afresh()
        self._engine.dispose(close=False)
