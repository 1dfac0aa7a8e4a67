"""After a restore no event is given an id or a position that another one had."""

from __future__ import annotations

import dataclasses
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grantkeeper import installation
from grantkeeper.cli import app
from grantkeeper.model import NOTHING, Event
from grantkeeper.store import SqlStore
from grantkeeper.webhooks import message_id
from store.made import endpoint_row, event

NOW = datetime(2026, 12, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def happen(store: SqlStore, count: int) -> list[Event]:
    """Let so much happen; returns it as readers see it."""
    last = store.events.last()
    for _ in range(count):
        store.events.add(event())
    return store.events.read(after=last)


def test_ids_and_positions_go_on_from_what_nobody_had(store: SqlStore) -> None:
    """R-60: on every database, twice, and also from a number that is lower than what there is."""
    store.webhooks.add(endpoint_row("a"), beside=NOTHING)
    seen = happen(store, 3)
    for number in (1_000, 1_000_000_000_000, 5):
        before = max(max(each.id, each.position) for each in seen)
        store.events.skip_to(number)
        store.events.skip_to(number)
        new = happen(store, 2)
        assert min(min(each.id, each.position) for each in new) > max(number, before)
        assert new[1].position == new[0].position + 1
        seen += new

    assert len({each.id for each in seen}) == len(seen) == len(store.events.read())
    assert {each.event_id for each in store.webhooks.deliveries()} == {each.id for each in seen}


def test_no_number_is_given_again_when_the_events_that_had_it_are_gone(store: SqlStore) -> None:
    """R-60: a clock that was ahead let them skip far, and events were deleted since."""
    seen = happen(store, 1)
    for number in (2_000_000_000_000, 1_800_000_000_000):
        store.events.skip_to(number)
        seen += happen(store, 1)
        store.events.prune(before=NOW + DAY)
        assert store.events.read() == []

    assert [each.id for each in seen] == sorted({each.id for each in seen})
    assert [each.position for each in seen] == sorted({each.position for each in seen})


def test_after_a_restore_no_event_is_taken_for_another(tmp_path: Path) -> None:
    """R-60: neither by who reads on from a position nor by who knows messages by their id; twice from one backup."""
    file, backup, state = tmp_path / "a.sqlite3", tmp_path / "backup.sqlite3", tmp_path / "state"
    with closing(SqlStore(f"sqlite:///{file}")) as store:
        store.migrate()
        installation.check(store, state)
        seen = happen(store, 3)
    shutil.copyfile(file, backup)
    for days in range(2):
        with closing(SqlStore(f"sqlite:///{file}")) as store:
            seen += happen(store, 5)
            store.count_on()
            installation.check(store, state)
        shutil.copyfile(backup, file)
        with closing(SqlStore(f"sqlite:///{file}")) as store:
            assert installation.look(store, state).found == "restored"
            installation.resume(store, state, at_risk=(), now=NOW + days * DAY)
            installation.check(store, state)
            new = happen(store, 2)
            name = store.installation()
        assert {message_id(each, name) for each in new}.isdisjoint(message_id(each, name) for each in seen)
        assert min(each.position for each in new) > max(each.position for each in seen)
        seen += new


def test_what_was_committed_before_the_backup_keeps_its_place(tmp_path: Path) -> None:
    """R-60: an event that had no position yet gets the next one of its time."""
    with closing(SqlStore(f"sqlite:///{tmp_path / 'a.sqlite3'}")) as store:
        store.migrate()
        installation.check(store, tmp_path / "state")
        store.events.add(event())
        (tmp_path / "state").rename(tmp_path / "other")
        looked = installation.look(store, tmp_path / "other")
        store.settle(place="elsewhere", counted=looked.installation.counted)
        installation.resume(store, tmp_path / "other", at_risk=(), now=NOW)
        store.events.add(dataclasses.replace(event(), kind="grant.revoked"))
        assert [each.position for each in store.events.read()] == [1, int(NOW.timestamp() * 1000) + 1]


def test_a_restore_that_does_not_show_can_be_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-60: where no refresh token was replaced since the backup, the count is what it was."""
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(app, ["init"]).exit_code == 0
    assert "nothing to resume" in CliRunner().invoke(app, ["resume", "--yes"]).stdout
    done = CliRunner().invoke(app, ["resume", "--restored", "--yes"])
    assert (done.exit_code, "backup was restored" in done.stderr) == (0, True)
    with closing(SqlStore("sqlite:///grantkeeper.sqlite3")) as store:
        assert happen(store, 1)[0].position > 1_000_000_000_000
