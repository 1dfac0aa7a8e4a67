"""Flows: a browser's attempts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from ...errors import DatabaseUnavailable
from ...model import FlowRow
from .. import rows, tables
from ..engine.writing import holding

_FLOW: Final = tables.flow.columns
_FLOW_BY_STATE: Final = select(*rows.FLOW_COLUMNS).where(_FLOW.state_hash == bindparam("key"))
_INSERT_FLOW: Final = insert(tables.flow)
_UPDATE_FLOW: Final = update(tables.flow).where(_FLOW.state_hash == bindparam("key"))
_CONSUME_FLOW: Final = _UPDATE_FLOW.where(_FLOW.consumed_at.is_(None))
_CONSUMED_AT: Final = select(_FLOW.consumed_at).where(_FLOW.state_hash == bindparam("key"))


class FlowRecords:
    """The store's methods about flows; in a file of their own for length only."""

    _where: str
    _read: Callable[..., list[Row[Any]]]
    _change: Callable[..., int]
    _written: Callable[..., int]

    def add_flow(self, flow: FlowRow) -> None:
        """Keep a new flow."""
        values = rows.flow_values(flow)
        self._change(_INSERT_FLOW, values, holding(tables.flow, values))

    def flow(self, state_hash: str) -> FlowRow | None:
        """Return the flow with this hash of its state, or None."""
        found = self._read(_FLOW_BY_STATE, {"key": rows.searchable(state_hash)})
        return rows.flow_row(found[0]) if found else None

    def consume_flow(self, state_hash: str, *, at: datetime) -> bool:
        """Mark the flow as used and drop its sealed verifier; True for exactly one caller (one conditional UPDATE)."""
        key, values = rows.searchable(state_hash), {"consumed_at": rows.instant(at), "data_key": None, "sealed": None}

        def landed(connection: Connection) -> bool:
            """Say no while nobody has it. Ours and another's look alike, and both must not be told that they won."""
            if connection.execute(_CONSUMED_AT, {"key": key}).scalar() is not None:
                raise DatabaseUnavailable(
                    f"The database {self._where} did not say who was first.", advice="Begin again."
                )
            return False

        return self._change(_CONSUME_FLOW, {"key": key, **values}, landed) == 1

    def finish_flow(self, state_hash: str, *, outcome: str, grant_id: str = "", until: datetime | None = None) -> None:
        """Record how a consumed flow ended, and until when its pages can be read."""
        values = rows.checked({"outcome": outcome, "result_grant_id": grant_id})
        values |= {} if until is None else {"expires_at": rows.instant(until)}
        self._change(_UPDATE_FLOW, {"key": rows.searchable(state_hash), **values})

    def sweep_flows(self, *, expired_before: datetime, limit: int = 1000) -> int:
        """Delete flows that ended before then, oldest first, at most `limit`; returns how many."""
        ended = _FLOW.expires_at < rows.instant(expired_before)
        oldest = select(_FLOW.state_hash).where(ended).order_by(_FLOW.expires_at).limit(limit)

        def sweep(connection: Connection) -> int:
            hashes = connection.execute(oldest).scalars().all()
            return connection.execute(delete(tables.flow).where(_FLOW.state_hash.in_(hashes))).rowcount

        return self._written(sweep)
