"""What happened to the grant while its refresh was under way, or came too late: nobody is overwritten."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from grantkeeper import GrantStatus, Keeper, Reason, Secret
from grantkeeper.keeper.refresh import holders
from grantkeeper.keeper.refresh.leases import LEASE, STEAL_AFTER
from grantkeeper.model import GrantRow, Tokens
from refresh.conftest import NewScene
from refresh.saving.outages import comes_back, goes_away, issued, kept, saved_in_the_background
from refresh.scene import HOUR, SECOND, Scene


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
    assert scene.refresh_token(grant) == issued(scene)[2]


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
