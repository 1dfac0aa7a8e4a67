"""Column types that mean the same on every database. Migrations use them too: never change what one means."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Integer, LargeBinary, String, Text
from sqlalchemy.dialects.mysql import LONGBLOB, LONGTEXT, VARBINARY
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

INSTANT: Final = BigInteger
"""Microseconds since 1970 UTC: exact, sorts, compares, and has no time zone to get wrong on any database."""

COUNTER: Final = BigInteger().with_variant(Integer, "sqlite")
"""What the database counts up itself; SQLite does that for its own INTEGER only, which has 64 bits too."""

SEALED: Final = LargeBinary().with_variant(LONGBLOB, "mysql", "mariadb")
"""What the sealer made."""

LONG: Final = Text().with_variant(LONGTEXT, "mysql", "mariadb")
"""Text that is never searched."""


TABLE: Final[dict[str, Any]] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
"""Options of every table: on MySQL text is Unicode and `a` is not `A`, whatever the database was made with."""


class BytewiseText(TypeDecorator[str]):
    """Text in MySQL's VARBINARY, the one type there that compares byte by byte.

    Its text collations take `Acme` for `acme`; the binary ones still take `acme ` for `acme`, or exist only on one of
    MySQL and MariaDB.
    """

    impl = VARBINARY
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """Return the bytes."""
        return None if value is None else value.encode()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        """Return the text."""
        return None if value is None else text_or_bytes(bytes(value))


def text_or_bytes(value: bytes) -> Any:
    """Return the text that these bytes are; or themselves, which no row takes for a text: somebody altered them."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def exact(length: int, *, ascii_only: bool = False) -> TypeEngine[str]:
    """Return the type of text whose equality and order are those of its bytes; `length` counts characters.

    Identity is case-sensitive (OpenID Connect Core 2: `sub`). SQLite compares so by default, PostgreSQL with the
    collation "C" (elsewhere the order would depend on the server's locale). MySQL counts bytes in an index and allows
    3072: `ascii_only` text (URLs, and `sub`, which Core 2 limits to 255 ASCII characters) takes one byte a character,
    so that (owner, client, issuer, subject) fit without a column of hashes beside them.
    """
    on_mysql = BytewiseText(length if ascii_only else 4 * length)
    on_postgresql = String(length, collation="C")
    return String(length).with_variant(on_postgresql, "postgresql").with_variant(on_mysql, "mysql", "mariadb")
