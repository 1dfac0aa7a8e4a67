"""A copied or restored database is noticed before it refreshes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from databases import PostgresServer
from grantkeeper import ConsentRequired, Grant, Keeper, Misconfigured, installation
from grantkeeper.cli import app
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.journal import Journal
from grantkeeper.model import GrantStatus
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.settings import Settings
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, consent, oauth_client

IDA = "ida@nordwind-outdoor.example"
TOM = "tom.becker@nordwind-outdoor.example"
HOUR = timedelta(hours=1)


class Site:
    """A deployment: a database, a state folder, a key, and a provider that replaces refresh tokens strictly."""

    def __init__(self, folder: Path) -> None:
        self.emulator = Emulator(base_url="https://emulator.test", clock=Clock.fixed())
        self.emulator.rotate("strict")
        client = oauth_client(self.emulator, "google-ads", ["adwords"])
        provider = replace(client.provider, rotation="strict", sibling_refresh_tokens=False)
        self.client = replace(client, provider=provider)
        self.file = folder / "grantkeeper.sqlite3"
        self.state = folder / "state"
        self.ring = KeyRing.parse(new_key())
        store = SqlStore(f"sqlite:///{self.file}")
        store.migrate()
        store.close()

    def open(self, file: Path | None = None) -> Keeper:
        """Start a keeper as `Keeper.from_settings` does; raises Misconfigured."""
        now = self.emulator.clock.now
        store = SqlStore(f"sqlite:///{file or self.file}", now=now)
        try:
            installation.check(store, self.state)
        except Misconfigured:
            store.close()
            raise
        return Keeper(
            store=store,
            sealer=self.ring,
            clients=[self.client],
            transport=EmulatorTransport(self.emulator),
            now=now,
            pause=self.emulator.clock.advance,
            journal=Journal(self.state),
            rotated=installation.Count(store, self.state, now=now).rotated,
        )

    def resume(self, file: Path | None = None) -> int:
        """Go on with the database as it is."""
        store = SqlStore(f"sqlite:///{file or self.file}")
        try:
            return installation.resume(store, self.state, at_risk=(self.client.name,), now=self.emulator.clock.now())
        finally:
            store.close()

    def refreshes(self) -> int:
        """How many refreshes the provider has seen."""
        return len(self.emulator.requests("/token", grant_type="refresh_token"))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A deployment of its own."""
    return Site(tmp_path)


def connected(site: Site) -> tuple[Grant, Grant]:
    """Two grants of two people."""
    with site.open() as keeper:
        return consent(keeper, site.emulator, "acme", IDA), consent(keeper, site.emulator, "globex", TOM)


def test_the_same_database_starts_again_and_again(site: Site) -> None:
    """R-60: nothing to do for who has not moved anything."""
    grant, _ = connected(site)
    for _ in range(3):
        site.emulator.clock.advance(2 * HOUR)
        with site.open() as keeper:
            assert keeper.token(grant.id).value


def test_a_restored_backup_refreshes_nothing_until_somebody_looked(site: Site, tmp_path: Path) -> None:
    """R-60: no token call before `resume`; after it, exactly those that were replaced since are named as lost."""
    rotated, untouched = connected(site)
    backup = tmp_path / "backup.sqlite3"
    shutil.copyfile(site.file, backup)
    with site.open() as keeper:
        for _ in range(3):
            site.emulator.clock.advance(2 * HOUR)
            assert keeper.token(rotated.id).value
    site.file.write_bytes(backup.read_bytes())  # the same inode: only the count tells
    before = site.refreshes()
    with pytest.raises(Misconfigured, match=r"older state.*grantkeeper resume"):
        site.open()
    assert site.refreshes() == before

    assert site.resume() == 2
    with site.open() as keeper:
        assert keeper.recover() == 2
        assert keeper.get(rotated.id).status is GrantStatus.CONSENT_REQUIRED
        assert keeper.get(rotated.id).reason.value == "rotation_reply_lost"
        assert keeper.get(untouched.id).status is GrantStatus.ACTIVE
        with pytest.raises(ConsentRequired):
            keeper.token(rotated.id)
        assert keeper.token(untouched.id).value


def test_a_copy_does_not_start_beside_the_original(site: Site, tmp_path: Path) -> None:
    """R-61: a staging system with production's data would rotate production's tokens away."""
    grant, _ = connected(site)
    copy = tmp_path / "copy.sqlite3"
    shutil.copyfile(site.file, copy)
    site.emulator.clock.advance(2 * HOUR)
    before = site.refreshes()
    with pytest.raises(Misconfigured, match=r"copied or moved.*grantkeeper resume"):
        site.open(copy)
    assert site.refreshes() == before
    with site.open() as keeper:
        assert keeper.token(grant.id).value


def test_a_moved_database_goes_on_after_resume(site: Site, tmp_path: Path) -> None:
    """R-61: who says that the old place is no more may go on; nothing was lost, so nothing dies."""
    grant, _ = connected(site)
    moved = tmp_path / "moved.sqlite3"
    shutil.copyfile(site.file, moved)
    site.file.unlink()
    site.resume(moved)
    with site.open(moved) as keeper:
        assert keeper.recover() == 2
        assert keeper.token(grant.id).value


def test_a_renamed_file_is_the_same_database(site: Site, tmp_path: Path) -> None:
    """R-61: what counts is the file, not its name."""
    grant, _ = connected(site)
    site.file.rename(tmp_path / "renamed.sqlite3")
    with site.open(tmp_path / "renamed.sqlite3") as keeper:
        assert keeper.token(grant.id).value


def test_another_database_of_a_server_is_a_copy(postgresql_server: PostgresServer, tmp_path: Path) -> None:
    """R-61: PostgreSQL; the name of the database does not matter, which one it is does."""
    state = tmp_path / "state"
    with postgresql_server.database() as url:
        original = SqlStore(url)
        original.migrate()
        installation.check(original, state)
        name = url.rpartition("?")[0].rpartition("/")[2]
        original.close()
        postgresql_server.execute(f"CREATE DATABASE {name}_copy TEMPLATE {name}")
        try:
            copy = SqlStore(url.replace(f"/{name}?", f"/{name}_copy?"))
            with pytest.raises(Misconfigured, match="copied or moved"):
                installation.check(copy, state)
            copy.close()
        finally:
            postgresql_server.execute(f"DROP DATABASE {name}_copy WITH (FORCE)")
        again = SqlStore(url)
        installation.check(again, state)
        again.close()


def test_a_folder_that_cannot_be_written_stops_nobody(site: Site, tmp_path: Path) -> None:
    """R-60: what cannot be remembered is not noticed later; `doctor` says so."""
    (tmp_path / "state").write_text("a file where the folder should be")
    with site.open() as keeper:
        assert consent(keeper, site.emulator, "acme", IDA).usable


@pytest.mark.parametrize("written", ["", "x", "9" * 40, "-1", "\ufffd"])
def test_a_garbled_count_counts_as_none(site: Site, written: str) -> None:
    """R-60: a file that a power cut left empty must not stop a deployment."""
    connected(site)
    (file,) = site.state.glob("installation-*")
    file.write_text(written)
    with site.open() as keeper:
        assert keeper.clients


def test_settings_name_the_state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default it lies beside the configuration; the environment may name another."""
    from typer.testing import CliRunner

    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["init"]).exit_code == 0
    assert Settings.load().state_folder == tmp_path / "grantkeeper.state"
    elsewhere = tmp_path / "elsewhere"
    environ = {"GRANTKEEPER_STATE_FOLDER": str(elsewhere)}
    assert Settings.load(environ=environ).state_folder == elsewhere
    elsewhere.write_text("a file")
    with pytest.raises(Misconfigured, match="is not a folder"):
        Settings.load(environ=environ)


def test_the_command_line_tells_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-60, R-61: every command but doctor and resume refuses a copy; resume tells what is at risk, and asks."""
    from typer.testing import CliRunner

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(arguments))
        return done.exit_code, done.stdout + done.stderr

    monkeypatch.chdir(tmp_path)
    assert run("init")[0] == 0
    assert run("list")[0] == 0
    assert "nothing to resume" in run("resume")[1]
    shutil.copyfile("grantkeeper.sqlite3", "copy")
    Path("copy").replace("grantkeeper.sqlite3")
    code, said = run("list")
    assert code == 3
    assert "grantkeeper resume" in said
    assert "copied or moved" in run("doctor", "--offline")[1]
    assert run("resume")[0] == 2  # nobody to ask
    assert run("list")[0] == 3
    assert run("resume", "--yes")[0] == 0
    assert run("list")[0] == 0


def test_who_settles_late_counts_nothing_back(site: Site) -> None:
    """R-60: a process that looked before another counted on must not make the next start look like a restore."""
    store = SqlStore(f"sqlite:///{site.file}")
    looked = store.identity()
    assert store.count_on() == looked.counted + 1
    store.settle(place=looked.here, counted=looked.counted)
    assert store.identity().counted == looked.counted + 1
    store.close()
