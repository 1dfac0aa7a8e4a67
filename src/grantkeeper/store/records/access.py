"""What a record needs of the store: reading, and changing in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from sqlalchemy import Executable, Row, Select

from ...errors import SealBroken
from ..engine.writing import Landed, Work

log = logging.getLogger("grantkeeper")

_NAMED: Final = 1000
"""So many rows that cannot be read are named in the log, each once in the life of a process."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """`read` executes a SELECT with its values, `written` does work in a transaction; errors are ours."""

    read: Callable[[Executable, dict[str, Any]], list[Row[Any]]]
    written: Callable[[Work, Landed | None], int]
    _named: set[str] = field(default_factory=set)

    def readable(
        self, statement: Select[Any], values: dict[str, Any], make: Callable[[Row[Any]], T], limit: int | None = None
    ) -> list[T]:
        """Return what `make` makes of the rows; one that it cannot read is logged, and stops no other (R-52).

        With a `limit` there are fewer only when there are no more rows: whoever reads by the page goes on.
        """
        found: list[T] = []
        seen = 0
        while True:
            page = statement if limit is None else statement.limit(limit).offset(seen or None)
            rows = self.read(page, values)
            for columns in rows:
                try:
                    found.append(make(columns))
                except SealBroken as problem:
                    self.name(problem, " It is left out.")
            seen += len(rows)
            if limit is None or len(rows) < limit or len(found) >= limit:
                return found[:limit]

    def name(self, problem: SealBroken, what_then: str = "") -> None:
        """Name a row that cannot be read in the log; each once."""
        said = f"{problem}{what_then}"
        if said not in self._named and len(self._named) < _NAMED:
            self._named.add(said)
            log.error("%s", said)
