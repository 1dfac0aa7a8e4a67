"""Ctrl-C, a closing keeper and two who start at once: an answer is not lost by any of them."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from grantkeeper import ProviderUnavailable, SealBroken
from grantkeeper.keeper.refresh.leases import LEASE
from grantkeeper.model import GrantRow
from refresh.saving.outages import kept
from refresh.saving.test_replays import left_behind, started
from refresh.scene import Scene


def interrupted(*_args: object, **_kwargs: object) -> None:
    """Be Ctrl-C."""
    raise KeyboardInterrupt


def test_ctrl_c_while_an_answer_is_saved_loses_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-14: the answer exists nowhere else; it is in the journal, and saved by the thread or at the next start."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())
    monkeypatch.setattr(scene.store, "save_tokens", interrupted)
    with pytest.raises(KeyboardInterrupt):
        keeper.refresh(grant)
    assert kept(scene) == 1
    monkeypatch.undo()

    assert keeper.refresh(grant).value
    assert scene.sent() == [1, 2]


def test_a_sealer_that_fails_leaves_the_answer_in_memory(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-14: a key service that is away at the wrong moment."""
    grant = scene.grant()
    keeper = scene.keeper(journal=scene.journal())

    def fails(*_args: object, **_kwargs: object) -> GrantRow:
        raise SealBroken("The key service is away.")

    vault = keeper._refreshes._saving._vault
    monkeypatch.setattr(type(vault), "seal_tokens", fails)
    monkeypatch.setattr(type(vault), "seal_answer", fails)
    with pytest.raises(SealBroken):
        keeper.refresh(grant)
    monkeypatch.undo()

    assert keeper.refresh(grant).value
    assert scene.sent() == [1, 2]


def test_closing_waits_for_refreshes_under_way_and_begins_none(scene: Scene) -> None:
    """R-57: a rotated token is not cut off on its way."""
    grant, other = scene.grant("acme"), scene.grant("globex")
    keeper = scene.keeper()
    arrived, answer = threading.Event(), threading.Event()

    def answered() -> None:
        arrived.set()
        assert answer.wait(10)

    scene.wire.after.append(answered)
    refreshing = threading.Thread(target=keeper.refresh, args=(grant,))
    refreshing.start()
    assert arrived.wait(10)
    closing = threading.Thread(target=keeper.close)
    closing.start()
    gate = keeper._refreshes._gate
    with gate._changed:
        assert gate._changed.wait_for(lambda: not gate._open or gate._changed.wait(0.01), 10)
    with pytest.raises(ProviderUnavailable, match="closed"):
        keeper.refresh(other)
    assert closing.is_alive()
    answer.set()
    refreshing.join(10)
    closing.join(10)

    assert not closing.is_alive()
    assert scene.row(grant).generation == 2


def test_who_starts_while_another_replays_waits_for_it(scene: Scene) -> None:
    """R-10, R-14: two workers start after a crash: neither sends a token whose answer is in a journal."""
    grant = scene.grant()
    left_behind(scene, grant)
    lock = scene.folder / "state" / "lock"
    other = Path(lock).open("w+b")  # noqa: SIM115 - another process, which is reading the journals
    fcntl.flock(other, fcntl.LOCK_EX)
    second = scene.keeper(store=scene.database(), journal=scene.journal())
    tokens: list[object] = []
    asking = threading.Thread(target=lambda: tokens.append(second.token(grant)))
    asking.start()
    asking.join(0.2)
    assert asking.is_alive()
    assert scene.sent() == [1]
    other.close()
    asking.join(10)

    assert tokens
    assert scene.sent() == [1]
    assert scene.row(grant).generation == 2


def test_an_answer_of_another_database_is_left_alone(scene: Scene) -> None:
    """R-14: a folder that two databases share, production's and a copy for tests."""
    grant = scene.grant()
    left_behind(scene, grant)
    stranger = scene.keeper(store=scene.database(), journal=scene.journal())
    stranger._refreshes._recovery._vault.installation = "another"
    stranger._refreshes.start()
    assert kept(scene) == 1
    assert scene.row(grant).generation == 1

    started(scene)
    assert scene.row(grant).generation == 2


def test_a_journal_comes_before_a_lease_that_another_host_left(scene: Scene) -> None:
    """R-14: the answer is here, its row under the lease of a host that was switched off: it is saved, not asked for."""
    grant = scene.grant()
    left_behind(scene, grant)
    row = scene.row(grant)
    assert scene.store.end_refresh(grant, attempt=row.lease, sent_at=row.sent_at, sends=row.sends)
    assert scene.store.begin_refresh(
        grant,
        version=row.grant.version,
        sends=row.sends,
        attempt="0123456789ab.1.1.0123456789ab",
        at=scene.clock.now(),
        lease=LEASE,
    )
    keeper = started(scene)
    assert scene.row(grant).generation == 1  # it may still live

    assert keeper.token(grant).value
    keeper.close()
    # The thread that recovers may have asked once more by now, to be certain: with the new token.
    assert scene.sent() in ([1], [1, 2])
    assert scene.row(grant).generation == 1 + len(scene.sent())
