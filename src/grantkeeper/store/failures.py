"""What a database's error means, in our words. No message of a driver that may hold values is repeated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import Conflict, DatabaseUnavailable, GrantkeeperError, Misconfigured

RUN_INIT: Final = "Run `grantkeeper init`."

_UNIQUE: Final = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE"})
_NO_TABLE: Final = frozenset({"42P01", "42703"})
_REFUSED: Final = {
    "28P01": "refused the password",
    "28000": "refused the user",
    "3D000": "has no database of that name",
    "42501": "lets this user neither read nor write grantkeeper's tables",
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise what `translated` makes of any error of SQLAlchemy or a driver."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        raise translated(cause) from None


def translated(error: BaseException) -> GrantkeeperError:
    """Return the error to raise for a driver's error.

    Conflict for a broken unique constraint, Misconfigured for a missing table, a refused login and the like,
    DatabaseUnavailable for the rest.
    """
    code = error_code(error)
    if code in _UNIQUE:
        return Conflict("This owner has a grant of this person at this OAuth client already.")
    if code in _NO_TABLE or str(error).startswith(("no such table", "no such column")):
        return Misconfigured(
            "The database has none of grantkeeper's tables, or those of another version.", advice=RUN_INIT
        )
    if code in _REFUSED:
        said = f"The database {_REFUSED[code]}."
        return Misconfigured(said, advice="Correct the database URL or the user's rights.")
    return DatabaseUnavailable(f"The database did not do its work ({code}).", advice="Try again.")


def error_code(error: BaseException) -> str:
    """Return the SQLSTATE, SQLite's error name, or the error's class."""
    return getattr(error, "sqlstate", None) or getattr(error, "sqlite_errorname", None) or type(error).__name__
