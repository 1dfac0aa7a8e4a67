"""MySQL and MariaDB, through PyMySQL."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

from pymysql.connections import Connection
from pymysql.constants import SERVER_STATUS
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError

from ...errors import Misconfigured, printable
from .urls import CONNECT_SECONDS, FORMS, POOLED

LOCK_SECONDS: Final = 5
"""How long a statement waits for a row or a table that somebody else holds; the server's own limits are far beyond a
call's (50 s and a day)."""

_SETTINGS: Final = (
    # What a statement sees is what is committed when it begins, as on PostgreSQL.
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    # TRADITIONAL: a value that does not fit is an error, and is not cut to fit. InnoDB: the one engine that keeps rows
    # whole through a crash.
    (
        f"SET SESSION sql_mode = 'TRADITIONAL', SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}, "
        f"SESSION lock_wait_timeout = {LOCK_SECONDS}, SESSION default_storage_engine = InnoDB"
    ),
)
# What a URL may ask for. Others would let the server read files of this machine, or change what statements mean.
_OPTIONS: Final = frozenset(
    {"unix_socket", "charset", "connect_timeout", "read_timeout", "write_timeout"}
    | {"ssl_ca", "ssl_capath", "ssl_cert", "ssl_key", "ssl_check_hostname", "ssl_disabled"}
    | {"ssl_verify_cert", "ssl_verify_identity"}
)


class Quiet(Connection):  # type: ignore[misc]
    """A connection that does not end a transaction where none is: the pool asks for it each time, a round trip."""

    def rollback(self) -> None:
        """Roll back what was begun."""
        if self.server_status & SERVER_STATUS.SERVER_STATUS_IN_TRANS:
            super().rollback()


def mysql_engine(url: URL, call_seconds: float) -> Engine:
    """Return the engine of a database on MySQL or MariaDB; TLS by the options of the URL that begin with ssl_.

    Raises:
        Misconfigured: the URL names no database, or its options cannot be read or are none of ours.
    """
    if not url.database:
        raise Misconfigured("The database URL names no database on its server.", advice=FORMS)
    for name in sorted(url.query.keys() - _OPTIONS):
        advice = f"Known here: {', '.join(sorted(_OPTIONS))}."
        raise Misconfigured(f"The database URL has an option that is not known: {printable(name)}.", advice=advice)
    if url.query.get("charset", "utf8mb4") != "utf8mb4":
        raise Misconfigured("The database URL's charset is not utf8mb4.", advice="Leave it out.")
    arguments: dict[str, Any] = {
        "charset": "utf8mb4",
        "connect_timeout": CONNECT_SECONDS,
        "read_timeout": call_seconds,
        "write_timeout": call_seconds,
    }
    arguments = {name: value for name, value in arguments.items() if name not in url.query}
    with suppress(ArgumentError, ValueError):
        engine = create_engine(url.set(drivername="mysql+pymysql"), connect_args=arguments, **POOLED)
        engine.dialect.create_connect_args(url)  # reads the options, which creating an engine does not
        event.listen(engine, "do_connect", _connect)
        return engine
    # Said out here, so that the driver's frames, which hold the password, are not part of it.
    raise Misconfigured("The database URL's options cannot be read.", advice=FORMS)


def _connect(_dialect: object, _record: object, _words: object, options: dict[str, Any]) -> Quiet:
    given = options.get("password")
    # Unless told not to, PyMySQL prepares TLS for each connection, 30 ms; on a socket of this machine it has no use.
    asked = any(name.startswith("ssl") for name in options)
    plain = {"ssl_disabled": True} if "unix_socket" in options and not asked else {}
    try:
        # MySQL's passwords are UTF-8; PyMySQL would write a text as Latin-1, or not at all.
        connection = Quiet(**{**plain, **options, "password": given.encode() if given else b""})
    except (OSError, ValueError, TypeError) as error:  # files for TLS; trouble with the network has PyMySQL's own type
        what = getattr(error, "strerror", None) or type(error).__name__
        problem = Misconfigured(f"The database URL's options for TLS cannot be used: {what}.", advice="Correct them.")
        del given, options  # a traceback that shows local variables must not show the password
    else:
        with connection.cursor() as cursor:
            for setting in _SETTINGS:
                cursor.execute(setting)
        return connection
    raise problem
