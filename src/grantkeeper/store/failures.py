"""What a database's error means, in our words. No driver's message is repeated: it may hold values or a password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from ..errors import Conflict, DatabaseUnavailable, GrantkeeperError, Misconfigured, SealBroken

RUN_INIT: Final = "Run `grantkeeper init`."

_CORRECT: Final = "Correct the database URL, or the user's rights."
_START: Final = "Start the database server, or correct the database URL."
_RESTORE: Final = "Stop everything that uses it and restore a backup."

# SQLSTATE (PostgreSQL, appendix A) or SQLite's result code (sqlite.org/rescode.html): what is to be changed, and how.
_YOURS: Final = {
    "28P01": ("refuses the password", _CORRECT),
    "28000": ("refuses the user", _CORRECT),
    "3D000": ("does not exist on its server", "Create it, or correct the database URL."),
    "42501": ("does not let this user use grantkeeper's tables", _CORRECT),
    "42P01": ("has none of grantkeeper's tables, or those of another version", RUN_INIT),
    "42703": ("has none of grantkeeper's tables, or those of another version", RUN_INIT),
    "SQLITE_ERROR": ("has none of grantkeeper's tables, or those of another version", RUN_INIT),
    "SQLITE_CANTOPEN": ("cannot be opened", "Correct the path, or the rights of the file and its folder."),
    "SQLITE_NOTADB": ("is not an SQLite database", "Correct the path."),
    "SQLITE_READONLY": ("cannot be written", "Correct the rights of the file and its folder."),
    "SQLITE_CORRUPT": ("is damaged", _RESTORE),
}
_PASSING: Final = {
    "25006": "is read-only at the moment, as after a failover",
    "53100": "has no room left on its disk",
    "53300": "has no connection free",
    "55P03": "is locked by somebody else",
    "40001": "had two changes at once",
    "40P01": "had two changes at once",
    "57014": "took too long",
    "SQLITE_BUSY": "is locked by somebody else",
    "SQLITE_LOCKED": "is locked by somebody else",
    "SQLITE_FULL": "has no room left on its disk",
    "SQLITE_IOERR": "has trouble with its disk",
}
# A login that fails has no SQLSTATE in psycopg (3.3): the server's English words are all there is.
_SAID: Final = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    "no pg_hba.conf entry": "28000",
    'role "': "28000",
    'database "': "3D000",
    "too many clients": "53300",
}
_UNKNOWN_HOST: Final = ("failed to resolve host", "could not translate host name")
_NOT_UTF8: Final = "Could not decode to UTF-8"  # CPython's sqlite3, without a code; the text that follows is the value
_UNIQUE: Final = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE"})


@contextmanager
def translated_errors(where: str) -> Iterator[None]:
    """Raise what `translated` makes of any error of SQLAlchemy or a driver."""
    try:
        yield
    except PoolExhausted:
        raise DatabaseUnavailable(f"All connections to {where} are in use.", advice="Try again.") from None
    except SQLAlchemyError as error:
        raise translated(_cause(error), where) from None


def translated(error: BaseException, where: str) -> GrantkeeperError:
    """Return the error to raise for a driver's error at `where`, which names the database without its password.

    Conflict for a broken unique constraint; Misconfigured for what stays wrong until somebody changes it (no tables,
    no such database, login refused, file unreadable or damaged); SealBroken for a row with text that is none;
    DatabaseUnavailable for the rest.
    """
    code = error_code(error)
    if code == "no text":
        advice = "Restore the row from a backup, or let the owner consent again."
        return SealBroken(f"A row of the database {where} was altered: it holds text that is not UTF-8.", advice=advice)
    if code in _UNIQUE:
        return Conflict("It is there already.", advice="Read it again.")
    if code in _YOURS:
        said, advice = _YOURS[code]
        return Misconfigured(f"The database {where} {said}.", advice=advice)
    if code == "unreachable":
        return DatabaseUnavailable(f"The database {where} cannot be reached.", advice=_START)
    if code == "unknown host":
        return Misconfigured(f"The host of the database {where} is not known.", advice=_CORRECT)
    said = _PASSING.get(code, f"did not do its work ({code})")
    return DatabaseUnavailable(f"The database {where} {said}.", advice="Try again.")


def error_code(error: BaseException) -> str:
    """Return the SQLSTATE, SQLite's result code, `unreachable`, `unknown host`, `no text`, or the error's class."""
    state = getattr(error, "sqlstate", None)
    if state:
        return str(state)
    name = getattr(error, "sqlite_errorname", None)
    if name:
        return _sqlite_code(str(name))
    if type(error).__name__ not in {"OperationalError", "ConnectionTimeout"}:
        return type(error).__name__
    said = str(error)
    if said.startswith(_NOT_UTF8):
        return "no text"
    if any(words in said for words in _UNKNOWN_HOST):
        return "unknown host"
    return next((code for words, code in _SAID.items() if words in said), "unreachable")


def _sqlite_code(name: str) -> str:
    """Return the primary code of an extended one (SQLITE_BUSY_SNAPSHOT: SQLITE_BUSY), but for constraints."""
    return name if name.startswith("SQLITE_CONSTRAINT") else "_".join(name.split("_")[:2])


def _cause(error: SQLAlchemyError) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
