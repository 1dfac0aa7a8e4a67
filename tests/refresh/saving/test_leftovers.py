"""The journal's own troubles: full, broken, altered, another's."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from grantkeeper import ConsentRequired, DatabaseUnavailable, GrantStatus, ProviderUnavailable, Reason
from grantkeeper.errors import SealBroken
from grantkeeper.journal import SLOT, Journal
from grantkeeper.model import GrantRow
from refresh.saving.outages import AWAY, comes_back, goes_away, issued, kept, saved_in_the_background
from refresh.scene import Scene


def full(_journal: Journal, _payload: bytes) -> int:
    """Be a journal without room."""
    raise OSError("the journal is full")


def cannot(*_args: object) -> None:
    """Be a disk that is broken."""
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("method", ["put", "prepare"])
def test_a_journal_that_fails_stops_no_refresh(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    """R-14: then the answer is in memory only, and that is said."""
    monkeypatch.setattr(Journal, method, full if method == "put" else cannot)
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    goes_away(scene)
    assert keeper.token(grant).value
    assert ("memory only" if method == "put" else "no journal can be kept") in caplog.text
    comes_back(scene)
    saved_in_the_background(scene)

    assert scene.row(grant).generation == 2


def test_a_journal_that_cannot_be_erased_is_no_callers_trouble(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-14: the answer is in the database; an entry too many is found to be of no use at the next start."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    goes_away(scene)
    keeper.token(grant)
    comes_back(scene)
    monkeypatch.setattr(Journal, "drop", cannot)

    assert keeper.refresh(grant).value
    assert scene.sent() == [1, 2]
    keeper.close()
    after = scene.keeper(store=scene.database(), journal=scene.journal())
    assert after.recover() == 0
    assert scene.row(grant).generation == 3
    assert kept(scene) == 0


def test_an_answer_for_a_client_that_is_not_configured_here_stays_in_the_journal(scene: Scene) -> None:
    """R-14: another application uses the same state folder; whoever has the client saves it."""
    grant = scene.grant()
    goes_away(scene)
    with scene.keeper(journal=scene.journal()) as keeper:
        keeper.token(grant)
    comes_back(scene)
    with scene.keeper(store=scene.database(), journal=scene.journal(), clients=[]) as another:
        assert another.recover() == 0

    assert kept(scene) == 1
    assert scene.keeper(store=scene.database(), journal=scene.journal()).recover() == 1
    assert scene.row(grant).generation == 2


def test_a_database_that_is_still_away_at_the_start_costs_no_answer(scene: Scene) -> None:
    """R-14: replaying raises, and can be repeated."""
    grant = scene.grant()
    goes_away(scene)
    with scene.keeper(journal=scene.journal()) as keeper:
        keeper.token(grant)
    scene.store.unreadable = None
    after = scene.keeper(journal=scene.journal())
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            after.recover()
        assert kept(scene) == 1
    comes_back(scene)

    assert after.recover() == 1


@pytest.mark.parametrize(
    "odd", [{"expires_in": -5}, {"token_type": "mac"}, {"access_token": None}, {"id_token": "e30.e30.AAAA"}], ids=str
)
def test_a_refresh_token_in_a_bad_answer_goes_through_the_journal_too(scene: Scene, odd: dict[str, Any]) -> None:
    """R-12, R-14: what is wrong beside it is judged after the restart as it would have been before."""
    grant = scene.grant()
    scene.emulator.tamper_token_answer(lambda answer: answer | odd)
    goes_away(scene)
    with scene.keeper(journal=scene.journal()) as keeper, pytest.raises((ProviderUnavailable, ConsentRequired)):
        keeper.token(grant)
    comes_back(scene)
    after = scene.keeper(store=scene.database(), journal=scene.journal())

    assert after.recover() == 1
    assert scene.refresh_token(grant) == issued(scene)[1]
    found = scene.row(grant).grant
    if "id_token" in odd:
        assert (found.status, found.reason) == (GrantStatus.CONSENT_REQUIRED, Reason.OTHER_ACCOUNT)
    else:
        assert found.usable
        assert after.token(grant).value
        assert scene.sent() == [1, 2]


@pytest.mark.parametrize(
    "change",
    [lambda left: left | {"grant_id": "gr_bob"}, lambda left: left | {"data": left["data"][:-8] + "AAAAAAA="}],
    ids=["given to another grant", "altered"],
)
def test_an_entry_that_was_altered_is_kept_and_stops_no_other(
    scene: Scene, change: Callable[[dict[str, Any]], dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    """R-14, V-02: it does not open; nothing of it reaches a row; the entry beside it is saved."""
    grants = [scene.grant("ada"), scene.grant("bob")]
    with scene.keeper(journal=scene.journal()) as keeper:
        for grant in grants:
            goes_away(scene)
            keeper.token(grant)
            comes_back(scene)
        scene.store.unwritable = AWAY
    comes_back(scene)
    path = alter_first_entry(scene, change)
    after = scene.keeper(store=scene.database(), journal=scene.journal())

    assert after.recover(patience=timedelta()) == 1
    assert [scene.row(grant).generation for grant in grants] == [1, 2]
    assert path.exists()
    assert str(path) in caplog.text
    assert kept(scene) == 1


def alter_first_entry(scene: Scene, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Path:
    """Rewrite the entry in the first slot."""
    (path,) = (scene.folder / "state").glob("journal-*.sealed")
    raw = path.read_bytes()
    length = int.from_bytes(raw[4:8], "big")
    payload = json.dumps(change(json.loads(raw[8 : 8 + length]))).encode()
    path.write_bytes(raw[:4] + len(payload).to_bytes(4, "big") + payload.ljust(SLOT - 8, b"\0") + raw[SLOT:])
    return path


def test_one_answer_that_cannot_be_saved_holds_up_no_other(scene: Scene) -> None:
    """R-52: its row was altered; the others are saved, by the thread in the background and at the end."""
    broken, fine = scene.grant("ada"), scene.grant("bob")
    keeper = scene.keeper(journal=scene.journal())
    goes_away(scene, reads=True)
    keeper.token(broken)
    comes_back(scene)
    goes_away(scene, reads=True)
    keeper.token(fine)
    save = scene.store.save_tokens

    def altered(row: GrantRow, **rest: Any) -> None:
        if row.grant.id == broken:
            raise SealBroken("A row of the database was altered.")
        save(row, **rest)

    scene.store.save_tokens = altered  # type: ignore[method-assign]
    comes_back(scene)

    assert scene.pauses.turn()
    assert scene.row(fine).generation == 2
    assert kept(scene) == 1
    scene.store.save_tokens = save  # type: ignore[method-assign]
