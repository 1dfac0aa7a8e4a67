"""The store: every method is one short transaction."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select, update

from ..errors import Conflict, InvalidInput
from ..model import FlowRow, GrantRow, GrantStatus
from . import rows, schema, tables
from .engine import create_file, engine_for
from .failures import translated_errors

_GRANT = tables.grant.columns
_FLOW = tables.flow.columns


class SqlStore:
    """Grants and flows in the business's database. Implements `Store`; shared by threads.

    Every method raises Misconfigured when the schema is not there or not of this version, and DatabaseUnavailable
    when the database cannot be reached, is locked or full.
    """

    def __init__(self, url: str) -> None:
        self._engine = engine_for(url)
        self._writing = self._engine.execution_options(writing=True)

    def migrate(self) -> None:
        """Create or upgrade the tables."""
        create_file(self._engine)
        with translated_errors():
            schema.migrate(self._writing)

    def check(self) -> None:
        """Raise Misconfigured unless the tables are those of this version."""
        with translated_errors(), self._engine.connect() as connection:
            schema.check(connection)

    def close(self) -> None:
        """Close pooled connections."""
        self._engine.dispose()

    def installation(self) -> str:
        """Return this database's random id; part of every seal."""
        with translated_errors(), self._engine.connect() as connection:
            return str(connection.execute(select(tables.installation.c.id)).scalar_one())

    def add_flow(self, flow: FlowRow) -> None:
        """Keep a new flow."""
        with translated_errors(), self._writing.begin() as connection:
            connection.execute(insert(tables.flow).values(rows.flow_values(flow)))

    def flow(self, state_hash: str) -> FlowRow | None:
        """Return the flow with this hash of its state, or None."""
        with translated_errors(), self._engine.connect() as connection:
            found = connection.execute(select(*rows.FLOW_COLUMNS).where(_FLOW.state_hash == state_hash)).first()
        return None if found is None else rows.flow_row(found)

    def consume_flow(self, state_hash: str, *, at: datetime) -> bool:
        """Mark the flow as used and drop its sealed verifier; True for exactly one caller (one conditional UPDATE)."""
        unused = (_FLOW.state_hash == state_hash) & _FLOW.consumed_at.is_(None)
        values = {"consumed_at": rows.instant(at), "data_key": None, "sealed": None}
        with translated_errors(), self._writing.begin() as connection:
            return connection.execute(update(tables.flow).where(unused).values(values)).rowcount == 1

    def finish_flow(self, state_hash: str, *, outcome: str, grant_id: str = "") -> None:
        """Record how a consumed flow ended, so that a reload shows the same page."""
        values = {"outcome": outcome, "result_grant_id": grant_id}
        with translated_errors(), self._writing.begin() as connection:
            connection.execute(update(tables.flow).where(_FLOW.state_hash == state_hash).values(values))

    def sweep_flows(self, *, expired_before: datetime, limit: int = 1000) -> int:
        """Delete flows that ended before then; returns how many."""
        ended = _FLOW.expires_at < rows.instant(expired_before)
        oldest = select(_FLOW.state_hash).where(ended).order_by(_FLOW.expires_at).limit(limit)
        with translated_errors(), self._writing.begin() as connection:
            hashes = connection.execute(oldest).scalars().all()
            return connection.execute(delete(tables.flow).where(_FLOW.state_hash.in_(hashes))).rowcount

    def grant(self, grant_id: str) -> GrantRow | None:
        """Return the row, or None."""
        with translated_errors(), self._engine.connect() as connection:
            found = connection.execute(select(*rows.GRANT_COLUMNS).where(_GRANT.id == grant_id)).first()
        return None if found is None else rows.grant_row(found)

    def grants(
        self,
        *,
        owner: str | None = None,
        client: str | None = None,
        clients: tuple[str, ...] | None = None,
        issuer: str | None = None,
        subject: str | None = None,
        statuses: tuple[GrantStatus, ...] | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[GrantRow]:
        """Return rows that match all that is given, ordered by id, those with an id greater than `after`."""
        named = {"owner": owner, "client": client, "issuer": issuer, "subject": subject}
        wanted: list[ColumnElement[bool]] = [_GRANT.id > after]
        wanted += [_GRANT[name] == value for name, value in named.items() if value is not None]
        if clients is not None:
            wanted.append(_GRANT.client.in_(clients))
        if statuses is not None:
            wanted.append(_GRANT.status.in_([str(status) for status in statuses]))
        statement = select(*rows.GRANT_COLUMNS).where(*wanted).order_by(_GRANT.id).limit(limit)
        with translated_errors(), self._engine.connect() as connection:
            return [rows.grant_row(found) for found in connection.execute(statement)]

    def insert_grant(self, row: GrantRow) -> None:
        """Add a row; raises Conflict when (owner, client, issuer, subject) exists."""
        values = rows.grant_values(row)
        with translated_errors(), self._writing.begin() as connection:
            connection.execute(insert(tables.grant).values(values))

    def save_grant(self, row: GrantRow, *, expected_version: int) -> None:
        """Replace the row if its version is still `expected_version` (compare-and-swap); raises Conflict if not.

        `row.grant.version` must be `expected_version + 1`.
        """
        if row.grant.version != expected_version + 1:
            raise InvalidInput("A saved grant's version is one more than the expected one.")
        values: dict[str, Any] = rows.grant_values(row)
        unchanged = (_GRANT.id == values.pop("id")) & (_GRANT.version == expected_version)
        with translated_errors(), self._writing.begin() as connection:
            saved = connection.execute(update(tables.grant).where(unchanged).values(values)).rowcount
        if saved != 1:
            raise Conflict("Somebody saved this grant first.", advice="Read it again.")
