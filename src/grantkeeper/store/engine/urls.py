"""What a database's URL says, and what all engines have in common."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

FORMS: Final = (
    "Use sqlite:///file, sqlite:////absolute/file, postgresql://user@host/database or mysql://user@host/database."
)
CONNECT_SECONDS: Final = 5
"""How long one host may take to accept a connection and to begin it."""

POOL_SECONDS: Final = 10.0
"""How long a thread waits for a connection of the pool (R-49)."""

CALL_SECONDS: Final = 15.0
"""How long a database may take for one call: a statement, or a COMMIT that waits for a standby (R-41)."""

POOLED: Final[dict[str, Any]] = {
    "isolation_level": "AUTOCOMMIT",
    "hide_parameters": True,
    "pool_timeout": POOL_SECONDS,
    "pool_use_lifo": True,
}

# Control characters end a value on its way to the driver; half a surrogate pair, which an environment variable with
# bytes of another encoding holds, cannot be encoded, and the error would show the whole of it.
_UNUSABLE: Final = re.compile("[\0-\x1f\x7f\ud800-\udfff]")
_SEVERAL_HOSTS: Final = re.compile(
    r"(?P<before>postgres[^:]*://(?:[^/?#]*@)?)(?P<hosts>[^/?#@]*,[^/?#@]*)(?P<path>/[^?#]*)?(?:\?(?P<query>.*))?"
)


def parsed(text: str) -> URL | None:
    """Return the URL, or None when it cannot be read, or holds what no driver can pass on, percent-encoded or not."""
    try:
        url = make_url(_hosts_as_options(text))
    except (ArgumentError, ValueError):
        return None
    parts = (text, url.username, url.password, url.host, url.database)
    return None if any(_UNUSABLE.search(part or "") for part in parts) else url


def _hosts_as_options(text: str) -> str:
    """Return libpq's `host1:port1,host2:port2` as SQLAlchemy writes it: `?host=host1:port1&host=host2:port2`.

    Source: PostgreSQL 34.1.1.3, "Specifying Multiple Hosts".
    """
    found = _SEVERAL_HOSTS.fullmatch(text)
    if found is None:
        return text
    options = [f"host={quote(host, safe='[]:')}" for host in found["hosts"].split(",")]
    options += [found["query"]] if found["query"] else []
    return f"{found['before']}{found['path'] or '/'}?{'&'.join(options)}"


def place(url: URL) -> str:
    """Return how messages name a database: the file, or host, port and name; never the user or the password."""
    if url.get_backend_name() == "sqlite":
        return str(sqlite_file(url))
    beside = url.query.get("host") or url.query.get("unix_socket") or "on this machine"
    host = url.host or (beside if isinstance(beside, str) else ", ".join(beside))
    return f"{url.database or ''} at {host}{f':{url.port}' if url.port else ''}".lstrip()


def sqlite_file(url: URL) -> Path:
    """Return the file that an SQLite URL names."""
    return Path(url.database or "")
