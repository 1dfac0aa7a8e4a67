"""What a journal holds, and a row that was ended or restored since."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grantkeeper import ConsentRequired, GrantStatus, Keeper, Reason
from grantkeeper.keeper.refresh import holders
from refresh.saving.outages import comes_back, goes_away, kept
from refresh.scene import HOUR, Scene


def left_behind(scene: Scene, grant: str) -> None:
    """Let a process be answered while the database is away, and be killed."""
    keeper = scene.keeper(journal=scene.journal())
    goes_away(scene)
    assert keeper.token(grant).value
    journal = keeper._refreshes._saving._journal
    assert journal is not None
    assert journal._file is not None
    journal._file.close()  # as at its end: the lock goes
    keeper._refreshes._saving._kept.clear()
    holders._active.clear()
    comes_back(scene)
    assert kept(scene) == 1


def started(scene: Scene) -> Keeper:
    """Start the next process."""
    keeper = scene.keeper(store=scene.database(), journal=scene.journal())
    keeper._refreshes.start()
    return keeper


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (GrantStatus.REVOKED, Reason.DISCONNECTED),
        (GrantStatus.CONSENT_REQUIRED, Reason.SIBLING_REVOKED),
    ],
)
def test_what_was_ended_on_purpose_stays_so(scene: Scene, status: GrantStatus, reason: Reason) -> None:
    """R-14: a journal brings no revoked grant back to life."""
    grant = scene.grant()
    left_behind(scene, grant)
    row = scene.row(grant)
    ended = replace(row.grant, status=status, reason=reason, version=row.grant.version + 1)
    scene.store.save_grant(replace(row, grant=ended), expected_version=row.grant.version)

    keeper = started(scene)
    assert scene.row(grant).grant.status is status
    assert scene.row(grant).grant.reason is reason
    with pytest.raises(ConsentRequired):
        keeper.token(grant)
    assert kept(scene) == 0


def test_an_answer_newer_than_a_restored_row_is_saved(scene: Scene) -> None:
    """R-14, R-60: the database went back behind what the journal follows; the journal has the living token."""
    grant = scene.grant()
    backup = scene.row(grant)
    keeper = scene.keeper()
    assert keeper.refresh(grant).value
    scene.clock.advance(2 * HOUR)
    left_behind(scene, grant)
    now = scene.row(grant)
    older = replace(backup, grant=replace(backup.grant, version=now.grant.version + 1))
    scene.store.save_tokens(older, expected_version=now.grant.version, attempt=None)

    keeper = started(scene)
    assert scene.row(grant).generation == now.generation + 1
    assert keeper.refresh(grant).value
    assert scene.row(grant).grant.status is GrantStatus.ACTIVE
