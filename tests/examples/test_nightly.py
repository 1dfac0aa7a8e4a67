"""The nightly job, run as cron would: over hundreds of grants, some of them dead."""

from __future__ import annotations

import json
import logging
import os
import pty
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from examples.crowd import ACCOUNTS, Crowd, crowd
from examples.site import load
from grantkeeper import GrantStatus, errors
from house.source import ROOT

JOB = ROOT / "examples" / "nightly.py"
AT_EMULATOR = Path(__file__).with_name("at_emulator.py")
MEMORY = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is one: a disk takes most of the time of hundreds of consents."""
    if not MEMORY.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=MEMORY) as made:
        yield Path(made)


def command(crowd: Crowd, *arguments: str) -> dict[str, Any]:
    """Return how the job is started in the crowd's folder, for `subprocess`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GRANTKEEPER_")}
    environ = {
        **kept,
        "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(crowd.serving.ca_file),
        "TERM": "xterm",
        "COLUMNS": "120",
    }
    words = [sys.executable, str(AT_EMULATOR), str(crowd.serving.grpc_target), str(JOB), "reports.jsonl", *arguments]
    return {"args": words, "cwd": crowd.folder, "env": environ}


def run(crowd: Crowd, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the job with its output in a pipe."""
    return subprocess.run(**command(crowd, *arguments), capture_output=True, text=True, timeout=100, check=False)


def reported(crowd: Crowd) -> Counter[str]:
    """Return how many accounts are in the file, by owner."""
    lines = (crowd.folder / "reports.jsonl").read_text().splitlines()
    return Counter(json.loads(line)["owner"] for line in lines)


def refreshes(crowd: Crowd) -> Counter[str | None]:
    """Return how often each refresh token was used."""
    sent = crowd.emulator.requests("/token", grant_type="refresh_token")
    return Counter(each.form.get("refresh_token") for each in sent)


@pytest.mark.timeout(400)
def test_the_job_survives_dead_grants_and_says_who_they_are(folder: Path) -> None:
    """Every living account is reported, every dead owner named with the reason; nobody is refreshed twice."""
    people, dead = 300, 20
    with crowd(folder, people) as at:
        gone = set(list(at.grants)[:: people // dead])
        at.leave(*gone)
        done = run(at)

        assert done.returncode == 4
        assert done.stderr == ""
        assert reported(at) == dict.fromkeys(at.grants.keys() - gone, ACCOUNTS)
        named = {line.split()[0] for line in done.stdout.splitlines() if "revoked_or_expired" in line}
        assert named == gone
        *_, last = done.stdout.splitlines()
        living = ACCOUNTS * (people - dead)
        assert last == f"{living} accounts reported, {ACCOUNTS * dead} failures; trouble with {dead} of {people} owners"
        assert sorted(refreshes(at).values()) == [1] * people


def test_a_grant_that_is_known_to_be_dead_is_named_and_not_asked_for(folder: Path) -> None:
    """The next night nothing of it goes to Google, and the table still says who has to act, and how."""
    with crowd(folder, 4) as at:
        at.leave("owner-003")
        at.find_out(*at.grants)
        before = len(at.emulator.requests("/token"))
        done = run(at)

        assert done.returncode == 4
        assert len(at.emulator.requests("/token")) == before
        (line,) = (line for line in done.stdout.splitlines() if "owner-003" in line)
        assert "the owner" in line
        assert "connect the account again" in line
        assert set(reported(at)) == at.grants.keys() - {"owner-003"}


def test_on_a_terminal_a_progress_bar_runs_up_to_the_end(folder: Path) -> None:
    """A night without trouble exits with 0; the table comes below the bar."""
    with crowd(folder, 2) as at:
        outer, inner = pty.openpty()
        with subprocess.Popen(**command(at), stdin=inner, stdout=inner, stderr=inner) as process:
            os.close(inner)
            shown = b"".join(iter(lambda: _read(outer), b"")).decode()
        os.close(outer)

    assert process.returncode == 0
    assert "Owners" in shown.partition("reported")[0]
    assert "100%" in shown.partition("reported")[0]
    assert "4 accounts reported, 0 failures" in shown


def test_a_line_of_the_file_holds_the_columns_of_the_query(folder: Path) -> None:
    """With the owner and the account, and nothing that was not asked for."""
    with crowd(folder, 1) as at:
        run(at)
        first = json.loads((folder / "reports.jsonl").read_text().splitlines()[0])
        account = at.emulator.world.account(first["account"])

    assert account is not None
    assert first["owner"] == "owner-001"
    assert first["customer"] == {
        "resource_name": f"customers/{account.id}",
        "descriptive_name": account.name,
        "currency_code": account.currency,
        "time_zone": account.time_zone,
        "status": "ENABLED",
    }


def test_an_unknown_client_is_yours_to_put_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is reported, and that is not called a success."""
    # The job is a process of its own; here it must not quiet the library for the tests that come after.
    monkeypatch.setattr(logging.getLogger("google.ads.googleads"), "setLevel", lambda _: None)
    monkeypatch.setattr("sys.argv", ["nightly.py", str(tmp_path / "reports.jsonl"), "--client", "no-such-client"])
    with crowd(tmp_path, 0):
        monkeypatch.chdir(tmp_path)
        assert load("nightly").main() == 3

    assert "Configured are: google-ads" in capsys.readouterr().err


def test_a_database_that_goes_away_loses_no_report(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is under way by then is waited for, written and counted; the file is called incomplete."""
    nightly = load("nightly")
    people = [SimpleNamespace(owner=f"owner-{each}", status=GrantStatus.ACTIVE) for each in range(5)]
    listed = threading.Event()

    def customers(*_: object, **__: object) -> Iterator[SimpleNamespace]:
        for person in people[:3]:
            yield SimpleNamespace(grant=person, account=SimpleNamespace(id="1"))
        listed.set()
        raise errors.DatabaseUnavailable("The database is away.")

    def report(customer: SimpleNamespace) -> tuple[SimpleNamespace, list[dict[str, int]]]:
        assert listed.wait(20)
        return customer, [{"x": 1}]

    keeper = SimpleNamespace(client=lambda name: SimpleNamespace(name=name), grants=lambda **_: people)
    monkeypatch.setattr(nightly.google_ads, "customers", customers)
    monkeypatch.setattr(nightly, "report", report)
    tallies: dict[str, Any] = defaultdict(nightly.Tally)
    with pytest.raises(errors.DatabaseUnavailable):
        nightly.run(keeper, "google-ads", folder / "reports.jsonl", 2, tallies)

    written = [json.loads(line)["owner"] for line in (folder / "reports.jsonl").read_text().splitlines()]
    assert sorted(written) == ["owner-0", "owner-1", "owner-2"]
    assert {owner: tally.reported for owner, tally in tallies.items()} == {
        **dict.fromkeys(written, 1),
        "owner-3": 0,
        "owner-4": 0,
    }
    assert "is incomplete" in capsys.readouterr().err


def test_what_could_not_be_written_or_shown_is_not_called_done(folder: Path) -> None:
    """A full disk: nothing was reported, yours to mend. A table that nobody reads: 141, and no word of it."""
    with crowd(folder, 2) as at:
        (folder / "reports.jsonl").symlink_to("/dev/full")
        full = run(at)
        (folder / "reports.jsonl").unlink()
        reads, writes = os.pipe()
        os.close(reads)
        unread = subprocess.run(**command(at), stdout=writes, stderr=subprocess.PIPE, timeout=60, check=False)
        os.close(writes)

        assert full.returncode == 3
        assert "0 accounts reported, 0 failures; trouble with 0 of 2 owners" in full.stdout
        assert "reports.jsonl is incomplete" in full.stderr
        assert "No space left on device" in full.stderr
        assert (unread.returncode, unread.stderr) == (141, b"")
        assert set(reported(at)) == at.grants.keys()


@pytest.mark.parametrize("count", ["0", "-1", "many", "1000000"])
def test_a_number_of_threads_that_is_none_is_a_wrong_use(
    count: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Said before anything is asked for."""
    monkeypatch.setattr("sys.argv", ["nightly.py", "reports.jsonl", f"--threads={count}"])
    with pytest.raises(SystemExit) as ended:
        load("nightly").main()

    assert ended.value.code == 2
    assert "from 1 to 256" in capsys.readouterr().err


def test_ctrl_c_ends_with_the_table_of_what_was_done(folder: Path) -> None:
    """What is under way is waited for, the rest is not begun."""
    entered, left = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        entered.set()
        left.wait(60)

    with crowd(folder, 8) as at:
        at.emulator.wait = wait
        at.emulator.slow(60, times=100)
        with subprocess.Popen(**command(at, "--threads", "1"), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as job:
            assert entered.wait(60)
            job.send_signal(signal.SIGINT)
            left.set()
            stdout, stderr = job.communicate(timeout=60)

        assert job.returncode == 130
        assert b"accounts reported" in stdout
        assert b"of 8 owners" in stdout
        assert stderr == b"nightly: reports.jsonl is incomplete\n"
        assert len(refreshes(at)) < 8


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConsentRequired("over", reason="revoked_or_expired"), 4),
        (errors.AccessRefused("not yours", who="person", code="AuthorizationError.USER_PERMISSION_DENIED"), 4),
        (errors.ProviderUnavailable("busy"), 5),
        (errors.DatabaseUnavailable("locked"), 5),
        (errors.Misconfigured("no such client"), 3),
        (errors.SealBroken("wrong key"), 3),
        (FileNotFoundError("reports.jsonl"), 3),
        (ZeroDivisionError(), 1),
    ],
    ids=lambda each: type(each).__name__,
)
def test_the_exit_code_says_who_has_to_act(error: Exception, code: int) -> None:
    """As the command line's own exit codes do."""
    nightly = load("nightly")

    assert nightly.exit_code(error) == code
    assert nightly.WHO[code]


def test_of_several_failures_the_most_urgent_is_kept() -> None:
    """An owner who only has to wait is not what hides that something is misconfigured."""
    tally = load("nightly").Tally()
    for error in (errors.ProviderUnavailable("busy"), errors.Misconfigured("no key"), errors.ProviderUnavailable("b")):
        tally.add(error)

    assert (tally.failed, tally.code, tally.said) == (3, 3, "no key")


def _read(terminal: int) -> bytes:
    """Read from the other end of a terminal; Linux says EIO when nobody holds it any more."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""
