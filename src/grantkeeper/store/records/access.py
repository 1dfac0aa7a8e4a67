"""What a record needs of the store: reading, and changing in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Executable, Row

from ..engine.writing import Landed, Work


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """`read` executes a SELECT with its values, `written` does work in a transaction; errors are ours."""

    read: Callable[[Executable, dict[str, Any]], list[Row[Any]]]
    written: Callable[[Work, Landed | None], int]
