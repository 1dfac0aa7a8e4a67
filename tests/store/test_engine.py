"""From a URL to a database: which URLs are taken, what is said of the others, and how SQLite is set up."""

from __future__ import annotations

import importlib.util
import socket
import sqlite3
import stat
import subprocess
import sys
import traceback
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from databases import MariaServer, PostgresServer
from grantkeeper.errors import DatabaseUnavailable, GrantkeeperError, Misconfigured
from grantkeeper.store import SqlStore, engine, tables
from grantkeeper.store.engine import sqlite as sqlite_engine
from store.faults.conftest import through
from store.faults.proxy import proxied
from store.made import NOW, flow_row, grant_row

PASSWORD = "planted-Password-4711"


def refusal(url: str) -> GrantkeeperError:
    """Return the error of the first use of a store at `url`; its text and frames hold no password."""
    with pytest.raises((Misconfigured, DatabaseUnavailable)) as refused, closing(SqlStore(url)) as store:
        store.check()
    shown = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
    ours = [frame for frame in shown.stack if "/grantkeeper/" in frame.filename]
    assert PASSWORD not in str(refused.value) + refused.value.advice
    assert PASSWORD not in "".join(str(frame.locals) for frame in ours)
    return refused.value


@pytest.mark.parametrize(
    "url",
    [
        "",
        "grantkeeper.sqlite3",
        f"oracle://u:{PASSWORD}@host/db",
        f"postgresql+asyncpg://u:{PASSWORD}@host/db",
        f"postgres://u:{PASSWORD}@host:port/db",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite:///a.sqlite3?mode=ro",
        f"sqlite://u:{PASSWORD}@host/a.sqlite3",
        f"mysql+mysqldb://u:{PASSWORD}@host/db",
        f"mysql://u:{PASSWORD}@host",
        f"mysql://u:{PASSWORD}@host:port/db",
        f"mysql://u:{PASSWORD}@host/db?connect_timeout=soon",
    ],
)
def test_a_url_that_is_not_usable_is_refused_and_good_ones_are_shown(url: str) -> None:
    """Misconfigured says which forms there are; no password is repeated (V-20, V-22)."""
    error = refusal(url)
    assert isinstance(error, Misconfigured)
    assert "sqlite:///file" in error.advice


@pytest.mark.parametrize(
    ("driver", "kind", "extra"), [("psycopg", "postgresql", "postgres"), ("pymysql", "mysql", "mysql")]
)
def test_a_missing_driver_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, driver: str, kind: str, extra: str
) -> None:
    """Without the driver the message says what to install."""
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == driver else found(name))
    error = refusal(f"{kind}://u:{PASSWORD}@host/db")
    assert isinstance(error, Misconfigured)
    assert f"grantkeeper[{extra}]" in error.advice


@pytest.fixture(params=["postgresql", "mariadb"])
def server(request: pytest.FixtureRequest) -> PostgresServer | MariaServer:
    """A server of each kind in turn."""
    found: PostgresServer | MariaServer = request.getfixturevalue(f"{request.param}_server")
    return found


def test_a_wrong_password_is_a_misconfiguration(server: PostgresServer | MariaServer) -> None:
    """The message says that the password is refused, and repeats neither it nor the right one."""
    with server.database() as right:
        error = refusal(right.replace(server.password, PASSWORD))
    assert isinstance(error, Misconfigured)
    assert "refuses the password" in str(error)
    assert server.password not in str(error)


def test_a_missing_database_is_a_misconfiguration(server: PostgresServer | MariaServer) -> None:
    """The server is there, the database is not."""
    error = refusal(server.url("nowhere"))
    assert isinstance(error, Misconfigured)
    assert "nowhere" in str(error)
    assert "does not exist" in str(error)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_a_server_that_does_not_answer_is_unavailable_and_named(kind: str) -> None:
    """Host and port are said; whether the server is down or the URL wrong is for a person to see."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        error = refusal(f"{kind}://u:{PASSWORD}@127.0.0.1:{port}/grants")
    assert isinstance(error, DatabaseUnavailable)
    assert f"grants at 127.0.0.1:{port} cannot be reached" in str(error)
    assert "correct the database URL" in error.advice


@pytest.mark.parametrize(("kind", "option"), [("postgresql", "connect_timeout=2"), ("mysql", "read_timeout=1")])
def test_a_server_that_says_nothing_is_given_up(kind: str, option: str) -> None:
    """A connection that is accepted and never answered ends at a timeout, here of the URL."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        error = refusal(f"{kind}://u:{PASSWORD}@127.0.0.1:{port}/grants?{option}")
    assert isinstance(error, DatabaseUnavailable)


@pytest.mark.parametrize("kind", ["postgresql", "mysql"])
def test_an_unknown_host_is_a_misconfiguration(kind: str) -> None:
    """`.invalid` never resolves (RFC 6761 6.4)."""
    error = refusal(f"{kind}://u:{PASSWORD}@database.invalid/grants")
    assert isinstance(error, Misconfigured)
    assert "database.invalid is not known" in str(error)


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [
        ("postgresql", "postgres"),
        ("postgresql", "postgresql+psycopg"),
        ("mariadb", "mysql+pymysql"),
        ("mariadb", "mariadb"),
        ("mariadb", "mariadb+pymysql"),
    ],
)
def test_every_spelling_of_a_kind_works(kind: str, scheme: str, request: pytest.FixtureRequest) -> None:
    """Platforms hand out `postgres://`, and `mysql://` or `mariadb://` for the same server."""
    with request.getfixturevalue(f"{kind}_server").database() as url:
        store = SqlStore(f"{scheme}:{url.partition(':')[2]}")
        store.migrate()
        store.check()
        store.close()


def test_the_next_host_is_tried_and_the_one_that_can_write_is_found(postgresql_server: PostgresServer) -> None:
    """R-42: libpq's several hosts and target_session_attrs are passed on (PostgreSQL 34.1.1.3)."""
    with postgresql_server.database() as url, proxied(postgresql_server.socket) as there, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        name = url.partition("?")[0].rpartition("/")[2]
        hosts = f"127.0.0.1:{nobody.getsockname()[1]},127.0.0.1:{there.port}"
        login = f"postgresql://grantkeeper:{postgresql_server.password}"
        with closing(SqlStore(f"{login}@{hosts}/{name}?target_session_attrs=read-write")) as store:
            store.migrate()
            store.insert_grant(grant_row())
            assert store.grants() == [grant_row()]
        error = refusal(f"postgresql://u:{PASSWORD}@{hosts.rpartition(':')[0]}:{nobody.getsockname()[1]}/{name}")
        assert f"{name} at 127.0.0.1:{nobody.getsockname()[1]}, 127.0.0.1:" in str(error)


@pytest.mark.parametrize("option", ["local_infile=1", "init_command=DROP", "read_default_file=/etc/passwd", "x=value"])
def test_options_that_would_change_what_mysql_does_are_refused(option: str) -> None:
    """The URL may say how to reach and trust a server, and no more; the option is named, not its value."""
    error = refusal(f"mysql://u:{PASSWORD}@host/db?{option}")
    name, _, value = option.partition("=")
    assert isinstance(error, Misconfigured)
    assert f"not known: {name}" in str(error)
    assert value not in str(error)
    assert "ssl_ca" in error.advice
    assert "charset" in str(refusal(f"mysql://u:{PASSWORD}@host/db?charset=latin1"))


def test_a_missing_file_for_tls_is_a_misconfiguration(tmp_path: Path) -> None:
    """The driver's own error has another type than its others, and would get through."""
    error = refusal(f"mysql://u:{PASSWORD}@127.0.0.1:1/db?ssl_ca={tmp_path}/none.pem")
    assert isinstance(error, Misconfigured)
    assert "TLS cannot be used: No such file" in str(error)


def test_tls_that_the_server_does_not_speak_is_not_done_without(mariadb_server: MariaServer, tmp_path: Path) -> None:
    """With ssl_ca a server without TLS is refused: the password is not sent in clear."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with mariadb_server.database() as url, proxied(mariadb_server.socket) as there:
        error = refusal(through(there, url) + f"?ssl_ca={tmp_path}/ca.pem")
    assert isinstance(error, DatabaseUnavailable)


def test_every_mysql_connection_is_set_up(mariadb_server: MariaServer) -> None:
    """Whatever the server's defaults: strict, UTF-8, READ COMMITTED, InnoDB, locks that end, rows found are counted."""
    with mariadb_server.database() as url, closing(SqlStore(url)) as store:
        store.migrate()
        with store._engine.connect() as connection:
            names = "sql_mode, character_set_connection, tx_isolation, innodb_lock_wait_timeout, autocommit"
            asked = ", ".join(f"@@session.{name.strip()}" for name in names.split(","))
            mode, *rest = connection.exec_driver_sql(f"SELECT {asked}").one()
            engines = connection.exec_driver_sql(
                "SELECT DISTINCT engine, table_collation FROM information_schema.tables WHERE table_schema = DATABASE()"
                f" AND table_name <> '{tables.VERSION_TABLE}'"
            ).all()
        assert {"STRICT_ALL_TABLES", "NO_ZERO_DATE"} <= set(mode.split(","))
        assert rest == ["utf8mb4", "READ-COMMITTED", 5, 1]
        assert engines == [("InnoDB", "utf8mb4_bin")]
        store.insert_grant(grant_row())
        assert store.begin_refresh("g1", version=1, attempt="a", at=NOW, lease=NOW - NOW)
        assert store.end_refresh("g1", attempt="a", sent_at=None, sends=0)
        store.add_flow(flow_row())
        for _ in range(2):
            store.finish_flow(flow_row().state_hash, outcome="the same")


def test_a_read_on_mysql_is_one_request(mariadb_server: MariaServer) -> None:
    """Neither BEGIN nor ROLLBACK goes along with it."""
    with mariadb_server.database() as url, closing(SqlStore(url)) as store:
        store.migrate()
        store.grants()
        with store._engine.connect() as connection:
            counted = "SHOW SESSION STATUS LIKE 'Questions'"
            before = int(connection.exec_driver_sql(counted).one()[1])
        store.flow("x")
        with store._engine.connect() as connection:
            assert int(connection.exec_driver_sql(counted).one()[1]) == before + 2


def test_a_password_may_have_any_character(mariadb_server: MariaServer) -> None:
    """MySQL's are UTF-8; the driver would send Latin-1, or fail with the password in its error."""
    password = "pässwörd-ж@%/"
    with mariadb_server.database() as url:
        mariadb_server.execute(f"CREATE USER odd@localhost IDENTIFIED BY '{password}'")
        mariadb_server.execute("GRANT ALL ON *.* TO odd@localhost")
        try:
            other = url.replace(f"grantkeeper:{mariadb_server.password}", f"odd:{quote(password, safe='')}")
            with closing(SqlStore(other)) as store:
                store.migrate()
        finally:
            mariadb_server.execute("DROP USER odd@localhost")


def test_relative_and_absolute_sqlite_urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slashes are relative to the working folder, four absolute; odd characters in a path are just characters."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ä b#c%41").mkdir()
    for url in ("sqlite:///a.sqlite3", f"sqlite:///{tmp_path}/b.sqlite3", "sqlite:///ä b#c%2541/c.sqlite3"):
        store = SqlStore(url)
        store.migrate()
        store.close()
    made = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.sqlite3"))
    assert made[:2] == ["a.sqlite3", "b.sqlite3"]
    assert len(made) == 3


def test_a_missing_file_is_not_made_by_looking(tmp_path: Path) -> None:
    """Only `migrate` creates; whoever just opens is told to run init."""
    error = refusal(f"sqlite:///{tmp_path}/a.sqlite3")
    assert isinstance(error, Misconfigured)
    assert "grantkeeper init" in error.advice
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_kind_is_a_misconfiguration(tmp_path: Path) -> None:
    """Neither a text nor a folder is a database; neither is touched."""
    (tmp_path / "text.sqlite3").write_text("not a database at all, but long enough to look like one" * 100)
    (tmp_path / "folder.sqlite3").mkdir()
    assert "is not an SQLite database" in str(refusal(f"sqlite:///{tmp_path}/text.sqlite3"))
    assert "cannot be opened" in str(refusal(f"sqlite:///{tmp_path}/folder.sqlite3"))


def test_a_file_that_cannot_be_made_is_a_misconfiguration(tmp_path: Path) -> None:
    """The message names the file and the reason."""
    store = SqlStore(f"sqlite:///{tmp_path}/missing/a.sqlite3")
    with pytest.raises(Misconfigured, match=r"missing/a\.sqlite3 cannot be created: No such file") as refused:
        store.migrate()
    assert "folder" in refused.value.advice


def test_database_and_journal_are_private(tmp_path: Path) -> None:
    """V-10: the file is made with mode 0600 whatever the umask; SQLite gives its journals the same."""
    script = f"""
import os; os.umask(0)
from grantkeeper.store import SqlStore
store = SqlStore("sqlite:///{tmp_path}/a.sqlite3"); store.migrate()
with store._writing.begin() as connection:
    connection.exec_driver_sql("UPDATE grantkeeper_installation SET epoch = 2")
    print([oct(os.stat(os.path.join("{tmp_path}", name)).st_mode)[-3:] for name in sorted(os.listdir("{tmp_path}"))])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(eval(done.stdout)) == {"600"}
    assert stat.S_IMODE((tmp_path / "a.sqlite3").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("version", "safe"),
    [
        ((3, 7, 0), False),
        ((3, 40, 1), False),
        ((3, 51, 2), False),
        ((3, 51, 3), True),
        ((3, 51, 9), True),
        ((3, 52, 0), False),
        ((3, 53, 0), True),
        ((4, 0, 0), True),
    ],
)
def test_wal_is_used_only_where_it_is_safe(version: tuple[int, int, int], safe: bool) -> None:
    """R-47: the WAL-reset bug corrupts databases that several processes write."""
    assert engine.wal_is_safe(version) is safe
    assert engine.journal_mode(version) == ("wal" if safe else "delete")


@pytest.mark.parametrize("left", ["delete", "wal"])
def test_every_sqlite_connection_is_set_up(tmp_path: Path, left: str) -> None:
    """R-44, R-47: rollback journal or WAL by the library's version, whatever the file was left in; FULL always."""
    store = SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")
    store.migrate()
    store.close()
    with sqlite3.connect(tmp_path / "a.sqlite3") as other:
        assert other.execute(f"PRAGMA journal_mode = {left}").fetchone() == (left,)
    other.close()
    wanted = {
        "journal_mode": engine.journal_mode(sqlite3.sqlite_version_info),
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": int(sqlite_engine.BUSY_SECONDS * 1000),
        "secure_delete": 1,
    }
    with store._engine.connect() as one, store._engine.connect() as two:
        for connection in (one, two):
            found = {name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in wanted}
            assert found == wanted
    store.close()


def test_writers_begin_immediately(tmp_path: Path) -> None:
    """R-06: a writer takes the lock at BEGIN, where waiting works, not at its first change, where it fails at once."""
    store = SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")
    store.migrate()
    other = sqlite3.connect(tmp_path / "a.sqlite3", timeout=0)
    with store._writing.begin(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.close()
    store.close()


def test_what_was_deleted_is_overwritten(tmp_path: Path) -> None:
    """V-10: secure_delete: a row's bytes are gone from the file with the row."""
    store = SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")
    store.migrate()
    store.insert_grant(grant_row(email="planted-canary@acme.example"))
    assert b"planted-canary" in (tmp_path / "a.sqlite3").read_bytes()
    with store._writing.begin() as connection:
        connection.exec_driver_sql("DELETE FROM grantkeeper_grant")
    store.close()
    assert b"planted-canary" not in (tmp_path / "a.sqlite3").read_bytes()
