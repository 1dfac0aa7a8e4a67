"""The database's clock: leases end by it, so that hosts whose clocks differ agree on them (R-65)."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class Microseconds(FunctionElement[int]):
    """Microseconds since 1970 UTC, now, by the database server."""

    type = BigInteger()
    inherit_cache = True


MICROSECONDS: Final = Microseconds()


@compiles(Microseconds, "sqlite")
def _sqlite(_element: Microseconds, _compiler: Any, **_: Any) -> str:
    # Milliseconds are what SQLite's clock gives (sqlite.org/lang_datefunc.html); 2440587.5 is 1970 as a Julian day.
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000"


@compiles(Microseconds, "postgresql")
def _postgresql(_element: Microseconds, _compiler: Any, **_: Any) -> str:
    return "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"


@compiles(Microseconds, "mysql")
@compiles(Microseconds, "mariadb")
def _mysql(_element: Microseconds, _compiler: Any, **_: Any) -> str:
    return "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)"
