"""What a database's error means, in our words. No driver's message is repeated: it may hold values or a password."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from socket import EAI_AGAIN, gaierror
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from ..errors import Conflict, DatabaseUnavailable, GrantkeeperError, Misconfigured, SealBroken

UNANSWERED: Final = "Unanswered"
"""The name of our own error for a call that took too long, see `engine.postgresql`."""

RUN_INIT: Final = "Run `grantkeeper init`."

_CORRECT: Final = "Correct the database URL, or the user's rights."
_START: Final = "Start the database server, or correct the database URL."
STOP_AND_RESTORE: Final = "Stop everything that uses it and restore a backup."

_NO_TABLES: Final = ("has none of grantkeeper's tables, or those of another version", RUN_INIT)
_PASSWORD: Final = ("refuses the password", _CORRECT)
_USER: Final = ("refuses the user", _CORRECT)
_RIGHTS: Final = ("does not let this user use grantkeeper's tables", _CORRECT)
_MISSING: Final = ("does not exist on its server", "Create it, or correct the database URL.")

# What is to be changed, and how. SQLSTATE (PostgreSQL, appendix A), SQLite's result code (sqlite.org/rescode.html), or
# the number of a MySQL or MariaDB error (dev.mysql.com/doc/mysql-errors, mariadb.com/kb/en/mariadb-error-codes).
_YOURS: Final = {
    "28P01": _PASSWORD,
    "28000": _USER,
    "3D000": _MISSING,
    "42501": _RIGHTS,
    "42P01": _NO_TABLES,
    "42703": _NO_TABLES,
    "SQLITE_ERROR": _NO_TABLES,
    "SQLITE_CANTOPEN": ("cannot be opened", "Correct the path, or the rights of the file and its folder."),
    "SQLITE_NOTADB": ("is not an SQLite database", "Correct the path."),
    "SQLITE_READONLY": ("cannot be written", "Correct the rights of the file and its folder."),
    "SQLITE_CORRUPT": ("is damaged", STOP_AND_RESTORE),
    "MySQL 1045": _PASSWORD,
    "MySQL 1698": _USER,
    "MySQL 1044": ("does not let this user in", _CORRECT),
    "MySQL 1049": _MISSING,
    "MySQL 1142": _RIGHTS,
    "MySQL 1143": _RIGHTS,
    "MySQL 1054": _NO_TABLES,
    "MySQL 1146": _NO_TABLES,
}
_READ_ONLY: Final = "is read-only at the moment, as after a failover"
_FULL: Final = "has no room left on its disk"
_DISK: Final = "has trouble with its disk"
_BUSY: Final = "has no connection free"
_LOCKED: Final = "is locked by somebody else"
LOCK_TIMEOUT: Final = "55P03"
"""PostgreSQL: a lock that somebody else holds was waited for long enough."""
_AT_ONCE: Final = "had two changes at once"
_SLOW: Final = "took too long"
_ENDING: Final = "is being stopped or started"
_PASSING: Final = {
    "25006": _READ_ONLY,
    "53100": _FULL,
    "53300": _BUSY,
    "55P03": _LOCKED,
    "40001": _AT_ONCE,
    "40P01": _AT_ONCE,
    "57014": _SLOW,
    "57P01": _ENDING,
    "57P02": _ENDING,
    "57P03": _ENDING,
    UNANSWERED: "did not answer in time",
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR": _DISK,
    "MySQL 1205": _LOCKED,
    "MySQL 1213": _AT_ONCE,
    "MySQL 1020": _AT_ONCE,  # MariaDB with innodb_snapshot_isolation
    "MySQL 1040": _BUSY,
    "MySQL 1203": _BUSY,
    "MySQL 1226": _BUSY,
    "MySQL 1290": _READ_ONLY,
    "MySQL 1792": _READ_ONLY,
    "MySQL 1836": _READ_ONLY,
    "MySQL 1021": _FULL,
    "MySQL 1114": _FULL,
    "MySQL 1026": _DISK,
    "MySQL 1030": _DISK,
    "MySQL 1317": _SLOW,
    "MySQL 1969": _SLOW,
    "MySQL 3024": _SLOW,
    "MySQL 1053": _ENDING,
    "MySQL 1927": _ENDING,
}
SERVER_CANNOT_WRITE: Final = frozenset({"25006", "MySQL 1290", "MySQL 1792", "MySQL 1836"})
"""The server became a standby, or was one all the time."""

NOT_DONE: Final = SERVER_CANNOT_WRITE | {
    *("40001", "40P01", "55P03", "53300", "57P03", "08001", "08004"),
    *("MySQL 1205", "MySQL 1213", "MySQL 1020", "MySQL 1040", "MySQL 1203"),
}
"""Of a transaction that ends so nothing is kept, and the same may succeed in a moment (R-42)."""

DAMAGED: Final = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB"})
"""Whatever is written now may damage more (R-43)."""

_LOST: Final = frozenset(
    {
        *("unreachable", UNANSWERED, "57P01", "57P02", "08000", "08003", "08006", "08P01", "40003"),
        *("MySQL 1053", "MySQL 1927"),
        "SQLITE_IOERR",  # of a COMMIT: the journal was deleted, which is the commit, and making that last failed
    }
)

# A login that fails has no SQLSTATE in psycopg (3.3): the server's English words are all there is.
_SAID: Final = {
    "password authentication failed": "28P01",
    "no password supplied": "28P01",
    "no pg_hba.conf entry": "28000",
    'role "': "28000",
    'database "': "3D000",
    "too many clients": "53300",
    "remaining connection slots": "53300",
    "the database system is": "57P03",
    "session is read-only": "25006",  # of a URL with target_session_attrs=read-write, when no host can write
}
_UNKNOWN_HOST: Final = ("failed to resolve host", "could not translate host name")
# psycopg resolves names itself and repeats Python's error, libpq repeats the C library's words.
_RESOLVER_AWAY: Final = re.compile(rf"\[Errno {int(EAI_AGAIN)}\]|Temporary failure in name resolution")
_NOT_UTF8: Final = "Could not decode to UTF-8"  # CPython's sqlite3, without a code; the text that follows is the value
UNIQUE: Final = frozenset({"23505", "SQLITE_CONSTRAINT_UNIQUE", "MySQL 1062"})
# PyMySQL's own numbers for a server that is not there, or not any more, and for a connection that it closed itself.
_GONE: Final = frozenset({0, 2002, 2003, 2006, 2013, 2014, 2055})


@contextmanager
def translated_errors(where: str, *, worked: bool = False) -> Iterator[None]:
    """Raise what `translated` makes of any error of SQLAlchemy or a driver."""
    try:
        yield
    except PoolExhausted:
        raise DatabaseUnavailable(f"All connections to {where} are in use.", advice="Try again.") from None
    except SQLAlchemyError as error:
        raise translated(_cause(error), where, worked=worked) from None


def translated(error: BaseException, where: str, *, worked: bool = False) -> GrantkeeperError:
    """Return the error to raise for a driver's error at `where`, which names the database without its password.

    `worked`: it was used before, so that a host that is not known any more is trouble with the resolver, or a server
    that is being started, and no mistyped name.

    Conflict for a broken unique constraint; Misconfigured for what stays wrong until somebody changes it (no tables,
    no such database, login refused, file unreadable or damaged); SealBroken for a row with text that is none;
    DatabaseUnavailable for the rest.
    """
    code = error_code(error)
    if code == "no text":
        advice = "Restore the row from a backup, or let the owner consent again."
        return SealBroken(f"A row of the database {where} was altered: it holds text that is not UTF-8.", advice=advice)
    if code in UNIQUE:
        return Conflict("It is there already.", advice="Read it again.")
    if code in _YOURS:
        said, advice = _YOURS[code]
        return Misconfigured(f"The database {where} {said}.", advice=advice)
    if code == "unreachable":
        return DatabaseUnavailable(f"The database {where} cannot be reached.", advice=_START)
    if code == "unknown host" and not worked:
        return Misconfigured(f"The host of the database {where} is not known.", advice=_CORRECT)
    if code in {"unknown host", "no resolver"}:
        return DatabaseUnavailable(f"The host of the database {where} is not found just now.", advice="Try again.")
    said = _PASSING.get(code, f"did not do its work ({code})")
    return DatabaseUnavailable(f"The database {where} {said}.", advice="Try again.")


def error_code(error: BaseException) -> str:
    """Return the SQLSTATE, SQLite's result code, MySQL's number, or what has none of them in a word.

    The words are `unreachable`, `unknown host`, `no resolver`, `no text`, and the error's class for what is not known
    here.
    """
    if type(error).__module__.startswith("pymysql"):
        return _mysql_code(error)
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
        return "no resolver" if _RESOLVER_AWAY.search(said) else "unknown host"
    return next((code for words, code in _SAID.items() if words in said), "unreachable")


def _sqlite_code(name: str) -> str:
    """Return the primary code of an extended one (SQLITE_BUSY_SNAPSHOT: SQLITE_BUSY), but for constraints."""
    return name if name.startswith("SQLITE_CONSTRAINT") else "_".join(name.split("_")[:2])


def is_lost(error: DBAPIError) -> bool:
    """Tell whether the server did not say how it ended: of a COMMIT, that it is not known whether it was done (R-40).

    Whatever was not committed before is undone by the server.
    """
    return error.connection_invalidated or is_silence(_cause(error))


def is_silence(error: BaseException) -> bool:
    """Tell of a driver's error whether it leaves open what became of the call."""
    return error_code(error) in _LOST


def _mysql_code(error: BaseException) -> str:
    number = error.args[0] if error.args else 0
    trouble = getattr(error, "original_exception", None)
    if isinstance(trouble, gaierror):
        return "no resolver" if trouble.errno == EAI_AGAIN else "unknown host"
    return "unreachable" if number in _GONE else f"MySQL {number}"


def _cause(error: SQLAlchemyError) -> BaseException:
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
