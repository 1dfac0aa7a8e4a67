"""A PgBouncer in transaction mode before a private PostgreSQL: each transaction may be another server connection's."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from databases import PostgresServer, _account

PORT = 6432
POOL = 4
"""Server connections: fewer than threads that ask, so that transactions of different clients share them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PgBouncer:
    """A running proxy, reached on a socket in a private folder."""

    folder: Path
    server: PostgresServer

    @contextmanager
    def database(self) -> Iterator[str]:
        """Create a database on the server, yield its URL through the proxy, drop it."""
        with self.server.database() as direct:
            yield f"{direct.partition('?')[0]}?host={self.folder}&port={PORT}"


@contextmanager
def running_pgbouncer(server: PostgresServer) -> Iterator[PgBouncer]:
    """Start the proxy as a user without rights, yield it, stop it and remove its folder."""
    account = _account()
    identity: dict[str, Any] = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    with tempfile.TemporaryDirectory(prefix="gk-bouncer-") as name:
        folder = Path(name)
        users, settings = folder / "users.txt", folder / "pgbouncer.ini"
        users.write_text(f'"grantkeeper" "{server.password}"\n')
        settings.write_text(_settings(server, folder, users))
        for path in (folder, users, settings):
            path.chmod(0o700)
            if account:
                os.chown(path, account.pw_uid, account.pw_gid)
        command = [_program(), str(settings)]
        with subprocess.Popen(
            command, cwd="/", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **identity
        ) as process:
            try:
                _wait_until_up(process)
                yield PgBouncer(folder=folder, server=server)
            finally:
                process.kill()


def _settings(server: PostgresServer, folder: Path, users: Path) -> str:
    return f"""
[databases]
* = host={server.folder}

[pgbouncer]
listen_addr =
listen_port = {PORT}
unix_socket_dir = {folder}
auth_type = scram-sha-256
auth_file = {users}
pool_mode = transaction
default_pool_size = {POOL}
max_client_conn = 400
log_connections = 0
log_disconnections = 0
log_pooler_errors = 0
log_stats = 0
"""


def _wait_until_up(process: subprocess.Popen[bytes]) -> None:
    """Return when the proxy says that it serves. Little is logged after that: the pipe never fills."""
    assert process.stderr is not None
    said = b""
    for line in process.stderr:
        said += line
        if b"process up" in line:
            return
    pytest.fail(f"PgBouncer did not start:\n{said.decode(errors='replace')}")


def _program() -> str:
    """Return the path of the program; without it tests fail, they do not skip."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        pytest.fail("PgBouncer is missing: `apt-get install pgbouncer`.")
    return found
