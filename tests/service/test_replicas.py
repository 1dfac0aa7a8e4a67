"""Several replicas on one PostgreSQL: real processes, real signals."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from databases import PostgresServer
from grantkeeper import Grant, Keeper, Settings
from grantkeeper.emulator import Emulator
from grantkeeper.emulator.server import serve
from grantkeeper.settings import new_key_file
from grantkeeper.store import SqlStore
from service.replicas import Load, Replica, environment

IDA = "ida@nordwind-outdoor.example"
URL = "https://grants.example.com"
CONFIG = f"""\
key_file = "grantkeeper.key"
[clients.google-ads]
provider = "google"
client_secret_file = "client_secret.json"
redirect_uri = "{URL}/callback/google-ads"
scopes = ["adwords"]
[service]
url = "{URL}"
requests_per_minute = 10000000
"""


class Site:
    """A configuration, a keeper over its database, and two replicas."""

    def __init__(self, folder: Path, keeper: Keeper, emulator: Emulator, replicas: list[Replica]) -> None:
        self.folder, self.keeper, self.emulator, self.replicas = folder, keeper, emulator, replicas

    def connected(self) -> Grant:
        """Let a person consent; returns the grant."""
        away = self.keeper.begin("acme", "google-ads")
        done = self.keeper.complete(away.flow, self.emulator.consent(away.url, IDA), client="google-ads")
        assert isinstance(done, Grant)
        return done

    def key(self, *scopes: str) -> str:
        """Make an API key."""
        return self.keeper.keys.create("a program", scopes, distinct_per_minute=100_000).secret.reveal()


@pytest.fixture
def site(tmp_path: Path, postgresql_server: PostgresServer) -> Iterator[Site]:
    """Two replicas, ready."""
    box = Emulator()
    with serve(box), postgresql_server.database() as database:
        (tmp_path / "grantkeeper.toml").write_text(CONFIG)
        new_key_file(tmp_path / "grantkeeper.key")
        secret = box.client_secret(None, [f"{URL}/callback/google-ads"])
        (tmp_path / "client_secret.json").write_text(json.dumps(secret))
        (tmp_path / "client_secret.json").chmod(0o600)
        store = SqlStore(database)
        store.migrate()
        store.close()
        environ = {"GRANTKEEPER_DATABASE": database, "GRANTKEEPER_EMULATOR": box.base_url}
        replicas = [Replica(folder=tmp_path, environ=environment(**environ), name=name) for name in ("one", "two")]
        with Keeper.from_settings(Settings.load(tmp_path / "grantkeeper.toml", environ)) as keeper:
            try:
                for each in replicas:
                    each.start()
                yield Site(tmp_path, keeper, box, replicas)
            finally:
                for each in replicas:
                    if each.process.poll() is None:
                        each.process.kill()
                        each.process.communicate()


@pytest.mark.timeout(180)
def test_a_rolling_restart_under_load_fails_no_read(site: Site) -> None:
    """R-57: each replica is ended and started again while tokens are read; none fails, and each ends with 0."""
    grant = site.connected()
    load = Load(site.replicas, f"/v1/grants/{grant.id}/token", site.key("tokens:read"))
    with load.running():
        load.go_on(100)
        for replica in site.replicas:
            assert replica.stop() == 0
            load.go_on(100)
            replica.start()
            load.go_on(100)
    assert load.failed == []
    assert [each.stop() for each in site.replicas] == [0, 0]
    lines = [line for each in site.replicas for line in each.log.read_text().splitlines()]
    assert all(isinstance(json.loads(line), dict) for line in lines)
    assert [line for line in lines if json.loads(line)["level"] == "error"] == []


@pytest.mark.timeout(120)
def test_a_grant_that_is_revoked_at_one_is_not_served_by_the_other(site: Site) -> None:
    """After `max_stale`, which is a second, no replica hands out a token that it has in memory."""
    grant, key = site.connected(), f"Bearer {site.key('tokens:read', 'grants:write')}"
    one, two = site.replicas
    path = f"/v1/grants/{grant.id}"
    assert [each.ask("GET", f"{path}/token", Authorization=key)[0] for each in (one, two)] == [200, 200]
    assert one.ask("DELETE", path, Authorization=key)[0] in (200, 204)
    ended = time.monotonic()
    assert one.ask("GET", f"{path}/token", Authorization=key)[0] == 409
    served = ended
    while time.monotonic() < ended + 3:
        asked = time.monotonic()
        status, _ = two.ask("GET", f"{path}/token", Authorization=key)
        if status == 200:
            served = asked
    assert served <= ended + 1.0
    assert status == 409


@pytest.mark.timeout(120)
def test_an_outage_of_the_database_is_not_ready_and_alive(site: Site, postgresql_server: PostgresServer) -> None:
    """R-58: the replica lives, says that it is not ready, and is ready again with the database."""
    (one, _) = site.replicas
    postgresql_server.execute(f"ALTER DATABASE {_database(site)} ALLOW_CONNECTIONS false")
    postgresql_server.hang_up(_database(site))
    end = time.monotonic() + 20
    while one.is_ready() and time.monotonic() < end:
        time.sleep(0.1)
    assert not one.is_ready()
    assert one.ask("GET", "/healthz")[0] == 200
    postgresql_server.execute(f"ALTER DATABASE {_database(site)} ALLOW_CONNECTIONS true")
    end = time.monotonic() + 20
    while not one.is_ready() and time.monotonic() < end:
        time.sleep(0.1)
    assert one.is_ready()


def _database(site: Site) -> str:
    url = site.replicas[0].environ["GRANTKEEPER_DATABASE"]
    return url.partition("?")[0].rpartition("/")[2]
