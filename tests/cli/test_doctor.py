"""`doctor` sees what is wrong, says what to do, and lets one problem hide no other; `init` makes what is missing."""

from __future__ import annotations

import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Home
from grantkeeper.cli.doctor.database import check_journal
from grantkeeper.cli.doctor.finding import Finding
from grantkeeper.cli.doctor.network import check_clock, check_providers
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.errors import ProviderUnavailable
from grantkeeper.model import Request, Response
from grantkeeper.providers import google

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def findings(home: Home, *arguments: str, **environ: str) -> list[dict[str, Any]]:
    """Return what `doctor --json` finds."""
    found: list[dict[str, Any]] = home.call("doctor", "--json", *arguments, **environ).json["findings"]
    return found


def levels(found: list[dict[str, Any]], check: str) -> set[str]:
    """Return the levels of a check's lines."""
    return {each["level"] for each in found if each["check"] == check}


def break_key(home: Home) -> None:
    """Let everybody read the key."""
    (home.folder / "grantkeeper.key").chmod(0o644)


def lose_key(home: Home) -> None:
    """Take the key away."""
    (home.folder / "grantkeeper.key").unlink()


def break_client(home: Home) -> None:
    """Put something else where the client_secret.json was."""
    home.write("client_secret.json", "[]").chmod(0o600)


def lose_database(home: Home) -> None:
    """Take the database away."""
    (home.folder / "grantkeeper.sqlite3").unlink()


def empty_database(home: Home) -> None:
    """Put a database without tables in its place."""
    home.write("grantkeeper.sqlite3", "").chmod(0o600)


@pytest.mark.parametrize(
    ("spoil", "check", "advice"),
    [
        (break_key, "key", "chmod 600"),
        (lose_key, "key", "grantkeeper init"),
        (break_client, "clients", ""),
        (lose_database, "database", "grantkeeper init"),
        (empty_database, "database", "grantkeeper init"),
    ],
)
def test_a_problem_is_named_and_hides_no_other(
    home: Home, spoil: Callable[[Home], None], check: str, advice: str
) -> None:
    """One line is a problem with advice; the other checks are made all the same; exit code 3."""
    before = {each["check"] for each in findings(home, "--offline")}
    spoil(home)
    done = home.call("doctor", "--offline", "--json")
    problems = [each for each in done.json["findings"] if each["level"] == "problem"]
    assert done.code == 3
    assert done.json["ok"] is False
    assert [each["check"] for each in problems] == [check]
    assert advice in problems[0]["advice"]
    assert {"key", "database", "configuration"} & before <= {each["check"] for each in done.json["findings"]}


def test_secrets_that_others_may_read_are_a_warning(home: Home) -> None:
    """V-73: client_secret.json, the database, and a configuration with a password in it."""
    (home.folder / "client_secret.json").chmod(0o644)
    (home.folder / "grantkeeper.sqlite3").chmod(0o640)
    found = findings(home, "--offline")
    assert levels(found, "client secret") == {"warning"}
    assert "warning" in levels(found, "database")
    assert {each["level"] for each in found} == {"ok", "warning"}
    config = home.folder / "grantkeeper.toml"
    url = '"postgresql://keeper:hunter2@127.0.0.1:1/grants"'
    config.write_text(config.read_text().replace('"sqlite:///grantkeeper.sqlite3"', url))
    config.chmod(0o644)
    done = home.call("doctor", "--offline")
    assert f"{config} may be read by others (-rw-r--r--)." in done.out
    assert "hunter2" not in done.out + done.err


def test_a_misspelt_variable_is_a_warning(home: Home) -> None:
    """It would be ignored in silence."""
    done = home.call("doctor", "--offline", GRANTKEEPER_DATABSE="sqlite:///x", GRANTKEEPER_OTHER="x")
    assert done.code == 0
    assert "GRANTKEEPER_DATABSE means nothing to grantkeeper." in done.out
    assert "Did you mean GRANTKEEPER_DATABASE?" in done.out
    assert "GRANTKEEPER_OTHER" not in done.out


def test_what_a_remote_reads_is_no_misspelling(home: Home) -> None:
    """GRANTKEEPER_API_KEY is like GRANTKEEPER_KEYS and is not it; a program beside may need it."""
    done = home.call("doctor", "--offline", GRANTKEEPER_URL="x", GRANTKEEPER_API_KEY="x", GRANTKEEPER_API_KEY_FILE="x")

    assert "means nothing" not in done.out


def test_a_provider_that_cannot_be_reached_is_a_problem(home: Home) -> None:
    """The host is named, and where to look."""
    url = "http://127.0.0.1:9"
    for name in ("client_secret.json",):
        text = (home.folder / name).read_text()
        home.write(name, text.replace(home.environ["GRANTKEEPER_EMULATOR"], url)).chmod(0o600)
    found = findings(home, GRANTKEEPER_EMULATOR=url)
    (problem,) = [each for each in found if each["level"] == "problem"]
    assert (problem["check"], "127.0.0.1:9 cannot be reached" in problem["text"]) == ("google", True)


@pytest.mark.parametrize(
    ("off", "level", "said"),
    [(0, "ok", "Agrees"), (9, "ok", "Agrees"), (30, "warning", "30 s ahead"), (-30, "warning", "30 s behind"),
     (61, "problem", "61 s ahead"), (-7200, "problem", "7200 s behind")],
)  # fmt: skip
def test_the_clock_is_compared_with_the_providers(off: int, level: str, said: str) -> None:
    """RFC 9110 6.6.1: an answer says when it was made; id_tokens tolerate 60 s."""
    found = check_clock(format_datetime(NOW, usegmt=True), NOW + timedelta(seconds=off))
    assert (found.level, said in found.text) == (level, True)


@pytest.mark.parametrize("date", ["", "yesterday", "99999999999", "Sun, 99 Nov 2026 12:00:00 GMT"])
def test_a_date_that_is_none_is_a_warning(date: str) -> None:
    """Nothing is said about the clock."""
    assert check_clock(date, NOW).level == "warning"


class Wire:
    """A transport that answers 404 with a date, but for the hosts that cannot be reached."""

    def __init__(self, *dead: str) -> None:
        self.dead = dead
        self.sent: list[Request] = []

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Answer."""
        self.sent.append(request)
        if any(host in request.url for host in self.dead):
            raise ProviderUnavailable("no route", sent=False)
        return Response(status=404, headers={"date": format_datetime(NOW, usegmt=True)})

    def close(self) -> None:
        """Nothing to close."""


def checked(wire: Wire) -> list[Finding]:
    """Return what is found at Google over this wire."""
    return list(check_providers([google.PROVIDER, google.PROVIDER], wire, lambda: NOW))


def test_each_host_is_called_once_and_nothing_is_sent() -> None:
    """Whatever the answer is, it was reached."""
    wire = Wire()
    assert {each.level for each in checked(wire)} == {"ok"}
    hosts = [request.url.split("/")[2] for request in wire.sent]
    assert sorted(hosts) == ["accounts.google.com", "oauth2.googleapis.com", "www.googleapis.com"]
    assert {(request.method, request.body, tuple(request.headers)) for request in wire.sent} == {("GET", b"", ())}


def test_one_dead_host_does_not_hide_the_others() -> None:
    """The token endpoint may be blocked while the browser's page is not."""
    found = checked(Wire("oauth2.googleapis.com"))
    assert [each.level for each in found] == ["ok", "problem", "ok", "ok"]
    assert [each.level for each in checked(Wire("google"))] == ["problem"] * 3


@pytest.mark.parametrize(
    ("version", "mode", "level"),
    [
        ((3, 40, 1), "wal", "problem"),
        ((3, 51, 2), "wal", "problem"),
        ((3, 51, 3), "wal", "ok"),
        ((3, 52, 0), "wal", "problem"),
        ((3, 53, 0), "wal", "ok"),
        ((3, 40, 1), "delete", "ok"),
        ((3, 52, 0), "delete", "ok"),
    ],
)
def test_wal_is_refused_on_a_sqlite_that_corrupts_it(version: tuple[int, int, int], mode: str, level: str) -> None:
    """R-47: before 3.51.3 and in 3.52.0 several processes can corrupt a WAL database."""
    assert check_journal(version, mode).level == level


def test_the_emulators_clock_is_not_taken_for_wrong_when_it_runs(home: Home, emulator: Emulator) -> None:
    """With the real parts, everything is well."""
    assert isinstance(emulator.clock, Clock)
    assert {each["level"] for each in findings(home)} == {"ok"}


# --- init -------------------------------------------------------------------------------------------------------------


def contents(folder: Path) -> dict[str, bytes]:
    """Return what is in the folder."""
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_init_overwrites_nothing(home: Home) -> None:
    """V-09: configuration and key stay byte by byte, whatever is asked for the second time."""
    before = contents(home.folder)
    assert home.call("init").code == 0
    assert home.call("init", "--emulator").code == 0
    assert contents(home.folder) == before


def test_init_makes_private_files(empty: Home) -> None:
    """V-09, V-73: key and database are for this user only, whatever the umask."""
    assert empty.call("init").code == 0
    for name in ("grantkeeper.key", "grantkeeper.sqlite3"):
        assert stat.S_IMODE((empty.folder / name).stat().st_mode) == 0o600
    assert {each["level"] for each in findings(empty, "--offline")} == {"ok", "warning"}


def test_init_makes_a_key_that_is_never_the_same(empty: Home) -> None:
    """Two installations share nothing."""
    keys = set()
    for name in ("a", "b"):
        (empty.folder / name).mkdir()
        assert empty.call("--config", f"{name}/grantkeeper.toml", "init").code == 0
        keys.add((empty.folder / name / "grantkeeper.key").read_bytes())
    assert len(keys) == 2


def test_init_takes_the_keys_of_the_environment(empty: Home, home: Home) -> None:
    """Where keys come from a secret store, no key file is written."""
    key = (home.folder / "grantkeeper.key").read_text().splitlines()[-1]
    (home.folder / "grantkeeper.key").unlink()
    assert home.call("init", GRANTKEEPER_KEYS=key).code == 0
    assert not (home.folder / "grantkeeper.key").exists()
    assert home.call("list", GRANTKEEPER_KEYS=key).code == 0


def test_init_where_nothing_can_be_written_says_so(empty: Home) -> None:
    """The path is named; no traceback."""
    done = empty.call("--config", "no/such/folder/grantkeeper.toml", "init")
    assert done.code == 3
    assert "there is no folder no/such/folder" in done.err


def test_init_brings_an_empty_database_up_to_date(home: Home) -> None:
    """Running it again is how a new version's tables are made."""
    empty_database(home)
    assert home.call("list").code == 3
    assert home.call("init").code == 0
    assert home.call("list").code == 0
    with closing(sqlite3.connect(home.folder / "grantkeeper.sqlite3")) as database:
        tables = {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
    assert all(name.startswith("grantkeeper_") for name in tables - {"sqlite_sequence"})


def test_the_service_is_looked_at_when_there_is_one(home: Home) -> None:
    """What `serve` would say is said before: a wrong address, none, and OAuth clients that lead elsewhere."""
    assert levels(findings(home, "--offline"), "service") == set()
    assert levels(findings(home, "--offline", GRANTKEEPER_SERVICE_URL="http://a.example"), "service") == {"problem"}
    url = "https://grants.example.com"
    assert levels(findings(home, "--offline", GRANTKEEPER_SERVICE_URL=url), "service") == {"ok"}
    config = home.folder / "grantkeeper.toml"
    config.write_text(f"{config.read_text()}\n[service]\nbusiness_name = 'Harbour Agency'\n")
    assert levels(findings(home, "--offline"), "service") == {"warning"}


def test_an_oauth_client_that_leads_elsewhere_is_named(home: Home, emulator: Emulator) -> None:
    """Its redirect URI, and the one to register, stand in the line."""
    home.write_client_secret(emulator, kind="web")
    elsewhere = json.loads((home.folder / "client_secret.json").read_text())["web"]["redirect_uris"][0]
    config = home.folder / "grantkeeper.toml"
    config.write_text(config.read_text().replace('"http://localhost"', f'"{elsewhere}"'))
    found = findings(home, "--offline", GRANTKEEPER_SERVICE_URL="https://grants.example.com")
    (line,) = [each for each in found if each["check"] == "service" and each["level"] == "warning"]
    assert f"its redirect_uri is {elsewhere}." in line["text"]
    assert "Register https://grants.example.com/callback/google-ads at Google" in line["advice"]
