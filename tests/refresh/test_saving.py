"""An answer came and the database does not take it: nothing is lost, nobody is kept waiting, nobody is overwritten."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from grantkeeper import (
    ConsentRequired,
    DatabaseUnavailable,
    GrantStatus,
    Keeper,
    Misconfigured,
    ProviderUnavailable,
    Reason,
    Secret,
)
from grantkeeper.errors import GrantkeeperError, SealBroken
from grantkeeper.journal import SLOT, Journal
from grantkeeper.keeper.refresh import holders
from grantkeeper.keeper.refresh.leases import LEASE, STEAL_AFTER
from grantkeeper.model import GrantRow, Tokens
from refresh.conftest import NewScene
from refresh.scene import HOUR, SECOND, Scene

TEN_MINUTES = timedelta(minutes=10)
AWAY = DatabaseUnavailable("The database is away.")
READ_ONLY = Misconfigured("The database cannot be written.")


def goes_away(scene: Scene, error: GrantkeeperError = AWAY, *, reads: bool = False) -> None:
    """Let the database go away exactly between the next answer and its save; `reads`: they still work."""

    def away() -> None:
        scene.store.unwritable = error
        scene.store.unreadable = None if reads else error

    scene.wire.after.append(away)


def comes_back(scene: Scene) -> None:
    """Let the database be there again."""
    scene.store.unwritable = scene.store.unreadable = None


def saved_in_the_background(scene: Scene) -> None:
    """Let the thread that saves try once more; it has nothing left to do then."""
    assert not scene.pauses.turn()


def kept(scene: Scene) -> int:
    """Return how many entries the journals hold."""
    files = (scene.folder / "state").glob("journal-*.sealed")
    return sum(path.read_bytes()[start : start + 4] == b"gkj1" for path in files for start in range(0, 64 * SLOT, SLOT))


@pytest.mark.parametrize("error", [AWAY, READ_ONLY], ids=["away", "read-only"])
@pytest.mark.parametrize("journal", [True, False], ids=["journal", "memory"])
def test_ten_minutes_without_a_database_lose_nothing(scene: Scene, error: GrantkeeperError, journal: bool) -> None:
    """R-14: the caller is answered and served on, the answer is kept, and saved as soon as it can be."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal() if journal else None)
    goes_away(scene, error)
    token = keeper.token(grant)
    assert scene.emulator.introspect(token.value.reveal()) is not None
    assert scene.row(grant).generation == 1
    assert kept(scene) == (1 if journal else 0)

    began = scene.clock.now()
    while scene.clock.now() - began < TEN_MINUTES:
        last = scene.clock.now()
        assert scene.pauses.turn()
        assert scene.clock.now() - last <= 2 * SECOND
    assert scene.row(grant).generation == 1
    if error is AWAY:
        assert keeper.token(grant).value == token.value
    comes_back(scene)
    saved_in_the_background(scene)

    assert scene.row(grant).generation == 2
    assert scene.open_ends(grant) == ("", False, 0)
    assert kept(scene) == 0
    assert keeper.token(grant).value == token.value
    assert keeper.refresh(grant).value
    assert scene.sent() == [1, 2]


@pytest.mark.parametrize("error", [AWAY, READ_ONLY], ids=["full", "read-only"])
def test_a_database_that_only_reads_stops_nobody_who_has_a_token_in_memory(
    scene: Scene, error: GrantkeeperError
) -> None:
    """R-14: a full disk, a standby: the row is old and readable, the newer token is in memory, and it is served."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    goes_away(scene, error, reads=True)
    token = keeper.token(grant)
    for _ in range(10):
        scene.clock.advance(timedelta(minutes=1))
        assert keeper.token(grant).value == token.value

    assert scene.sent() == [1]
    with pytest.raises(type(error)):
        keeper.refresh(grant)
    scene.clock.advance(HOUR)
    with pytest.raises(type(error)):
        keeper.token(grant)
    comes_back(scene)
    assert keeper.token(grant).value
    assert scene.sent() == [1, 2]


def test_a_stop_while_the_database_is_away_leaves_the_answer_to_the_next_start(scene: Scene) -> None:
    """R-14: SIGTERM during the outage, then a restart: the token is there, and nothing is sent for it."""
    grant = scene.grant()
    goes_away(scene)
    with scene.keeper(journal=scene.journal()) as keeper:
        token = keeper.token(grant)
    assert kept(scene) == 1
    comes_back(scene)
    after = scene.keeper(store=scene.database(), journal=scene.journal())

    assert after.recover() == 1
    assert kept(scene) == 0
    assert list((scene.folder / "state").glob("journal-*")) == []
    assert after.token(grant).value == token.value
    assert after.refresh(grant).value
    assert scene.sent() == [1, 2]


def test_a_stop_when_the_database_is_back_saves_first(scene: Scene) -> None:
    """R-14, R-57: the last try is made before the end."""
    grant = scene.grant()
    goes_away(scene)
    with scene.keeper(journal=scene.journal()) as keeper:
        keeper.token(grant)
        comes_back(scene)

    assert scene.row(grant).generation == 2
    assert list((scene.folder / "state").glob("journal-*")) == []


def test_a_stop_without_a_journal_says_what_is_lost(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """R-14: not quietly."""
    grant = scene.grant()
    goes_away(scene)
    with scene.keeper() as keeper:
        keeper.token(grant)

    assert "nowhere: it is lost" in caplog.text


def test_the_next_call_saves_before_it_looks_at_the_row(scene: Scene) -> None:
    """R-14: nobody sends the used-up token because the thread in the background has not come to it yet."""
    grant = scene.grant()
    keeper = scene.keeper()
    goes_away(scene)
    keeper.token(grant)
    comes_back(scene)

    assert keeper.refresh(grant).value
    assert scene.sent() == [1, 2]
    assert scene.row(grant).generation == 3


def test_no_other_process_sends_the_old_token_while_the_answer_is_kept(scene: Scene) -> None:
    """R-14, R-03: the lease stays until the answer is saved; a lease that ended is watched, and saving comes first."""
    grant = scene.grant()
    keeper = scene.keeper()
    goes_away(scene, reads=True)
    keeper.token(grant)
    scene.clock.advance(LEASE + STEAL_AFTER)
    comes_back(scene)
    waits: list[timedelta] = []

    def pause(duration: timedelta) -> None:
        waits.append(duration)
        scene.clock.advance(duration)
        if sum(waits, timedelta()) > 2 * SECOND and scene.row(grant).generation == 1:
            keeper._refreshes._saving.flush_all()  # what the thread does every two seconds

    other = scene.keeper(store=scene.database(), pause=pause)
    assert other.token(grant).value == keeper.token(grant).value
    assert scene.sent() == [1]


def test_a_commit_that_was_done_although_the_database_said_nothing_is_found_done(scene: Scene) -> None:
    """R-14, R-40: kept, and let go when the row turns out to have it."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    save = scene.store.save_tokens

    def saved_in_silence(*args: Any, **rest: Any) -> None:
        scene.store.save_tokens = save  # type: ignore[method-assign]
        save(*args, **rest)
        raise AWAY

    scene.store.save_tokens = saved_in_silence  # type: ignore[method-assign]
    token = keeper.token(grant)
    saved_in_the_background(scene)

    assert kept(scene) == 0
    assert scene.row(grant).generation == 2
    assert scene.keeper().token(grant).value == token.value


# --- what happens to the grant meanwhile ---------------------------------------------------------------------------


def consented_again(scene: Scene, grant_id: str) -> str:
    """Let the owner consent again; returns the new refresh token."""
    row = scene.row(grant_id)
    with scene.emulator.lock:
        held = next(iter(scene.emulator.state.refresh.values()))
        token = scene.emulator.state.new_refresh(held.client_id, held.sub, held.scopes, "again", scene.clock.now())
    grant = replace(row.grant, version=row.grant.version + 1, status=GrantStatus.ACTIVE, reason=Reason.NONE)
    tokens = Tokens(refresh_token=Secret(token.value), access_token=Secret("of the consent"))
    sealed = scene.vault.seal_tokens(tokens, grant=grant, generation=row.generation + 1, key=None)
    changed = GrantRow(grant=grant, generation=row.generation + 1, sealed=sealed)
    with closing(scene.database()) as store:
        store.save_tokens(changed, expected_version=row.grant.version, attempt=None)
    return token.value


@pytest.mark.parametrize("how", ["background", "restart"])
def test_a_consent_given_meanwhile_stands(scene: Scene, how: str) -> None:
    """R-14: a kept answer is about tokens that are no more."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    goes_away(scene)
    keeper.token(grant)
    newest = consented_again(scene, grant)
    after_the_outage(scene, keeper, how)

    assert scene.refresh_token(grant) == newest
    assert kept(scene) == 0


@pytest.mark.parametrize("how", ["background", "restart"])
def test_a_grant_that_was_revoked_meanwhile_stays_revoked(scene: Scene, how: str) -> None:
    """R-14, R-55: final, also for an answer in the journal; no ciphertext comes back."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    goes_away(scene)
    keeper.token(grant)
    with scene.keeper(store=scene.database()) as other:
        other.revoke(grant)
    after_the_outage(scene, keeper, how)

    assert scene.row(grant).grant.status is GrantStatus.REVOKED
    assert scene.row(grant).sealed is None
    assert kept(scene) == 0


def after_the_outage(scene: Scene, keeper: Keeper, how: str) -> None:
    """Let the database be back for the process that kept an answer, or for the next one."""
    if how == "restart":
        keeper.close()
        comes_back(scene)
        scene.keeper(store=scene.database(), journal=scene.journal()).recover()
    else:
        comes_back(scene)
        saved_in_the_background(scene)


def test_a_report_during_the_refresh_costs_no_token(scene: Scene) -> None:
    """R-12, R-37: the row has another version, and the same tokens: the answer is saved on top."""
    grant = scene.grant()
    keeper = scene.keeper()
    keeper.token(grant)
    scene.clock.advance(HOUR / 2)
    current = scene.vault.open_tokens(scene.row(grant)).access_token
    assert current is not None
    other = scene.keeper(store=scene.database())
    scene.wire.after.append(lambda: other.report_rejected(grant, current))

    assert keeper.refresh(grant).value
    assert scene.row(grant).generation == 3
    assert keeper.refresh(grant).value
    assert scene.sent() == [1, 2, 3]


# --- who comes late ------------------------------------------------------------------------------------------------


def stolen(scene: Scene, grant_id: str, by: str) -> None:
    """Let another process take the lease after it ended."""
    scene.clock.advance(LEASE + SECOND)
    row = scene.row(grant_id)
    now = scene.clock.now()
    old = {"version": row.grant.version, "sends": row.sends, "expired": row.lease}
    with closing(scene.database()) as store:
        assert store.begin_refresh(grant_id, attempt=by, at=now, lease=LEASE, **old)


def test_who_comes_late_waits_for_the_successor_and_saves_on_top_of_its_failure(scene: Scene) -> None:
    """R-03: the successor found no provider; the newer token is not lost, and nobody is sure that it still works."""
    grant = scene.grant()
    keeper = scene.keeper()
    held = scene.database()

    def pause(duration: timedelta) -> None:
        scene.clock.advance(duration)
        held.end_refresh(grant, attempt="another.1.2.3", sent_at=scene.clock.now(), sends=2)

    scene.wire.after.append(lambda: stolen(scene, grant, "another.1.2.3"))
    keeper = scene.keeper(pause=pause)
    token = keeper.token(grant)
    held.close()

    assert scene.row(grant).generation == 2
    assert scene.open_ends(grant) == ("", True, 1)
    assert scene.emulator.introspect(token.value.reveal()) is not None
    assert keeper.refresh(grant).value
    assert scene.sent() == [1, 2]
    assert scene.open_ends(grant) == ("", False, 0)


def test_who_comes_late_leaves_the_successors_tokens_alone(new_scene: NewScene) -> None:
    """R-03: the fenced write is refused; its caller gets what the successor saved."""
    scene = new_scene(rotation="grace", grace=timedelta(minutes=30))
    grant = scene.grant()
    successor = scene.keeper(store=scene.database())
    taken: list[Secret] = []

    def overtaken() -> None:
        scene.clock.advance(LEASE + STEAL_AFTER + SECOND)
        holders.end(scene.row(grant).lease)  # its process is seen as gone: it stands still on another host
        taken.append(successor.token(grant).value)

    scene.wire.after.append(overtaken)
    assert scene.keeper().token(grant).value == taken[0]
    assert scene.row(grant).generation == 2
    assert scene.refresh_token(grant) == _issued(scene)[2]


def _issued(scene: Scene) -> list[str]:
    with scene.emulator.lock:
        return list(scene.emulator.state.refresh)


# --- the journal's own troubles --------------------------------------------------------------------------------------


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
    assert scene.refresh_token(grant) == _issued(scene)[1]
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


def test_a_successor_that_died_does_not_take_the_newer_token_with_it(scene: Scene) -> None:
    """R-03, R-14: it stole the lease and was killed on its host; its lease is waited for, and then it is over."""
    grant = scene.grant()
    scene.wire.after.append(lambda: stolen(scene, grant, "another.1.2.3"))
    keeper = scene.keeper()
    token = keeper.token(grant)

    assert scene.row(grant).generation == 2
    assert scene.open_ends(grant)[:2] == ("", True)
    assert keeper.token(grant).value == token.value
    assert keeper.refresh(grant).value
    assert scene.sent() == [1, 2]


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


def test_a_row_that_changes_all_the_time_costs_no_answer(scene: Scene) -> None:
    """R-14: others write beside the tokens faster than we save: it is kept, and saved when they pause."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    save = scene.store.save_tokens

    def overtaken(row: GrantRow, **rest: Any) -> None:
        now = scene.row(grant)
        touched = replace(now, grant=replace(now.grant, version=now.grant.version + 1))
        with closing(scene.database()) as store:
            store.save_grant(touched, expected_version=now.grant.version)
        save(row, **rest)

    scene.store.save_tokens = overtaken  # type: ignore[method-assign]
    token = keeper.token(grant)
    assert kept(scene) == 1
    scene.store.save_tokens = save  # type: ignore[method-assign]
    saved_in_the_background(scene)

    assert scene.row(grant).generation == 2
    assert keeper.token(grant).value == token.value
    assert scene.sent() == [1]
