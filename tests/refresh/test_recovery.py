"""What is left open: a refresh whose outcome nobody knows is resolved, once, as the provider's rotation has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper import ConsentRequired, GrantStatus, Keeper, ProviderUnavailable, Reason
from grantkeeper.keeper.refresh import recovery
from grantkeeper.model import GrantRow, Sealed
from refresh.conftest import NewScene
from refresh.scene import HOUR, SECOND, Scene, lost, unsent

PATIENCE = SECOND


def interrupted(scene: Scene, grant_id: str, *, by: Callable[[], None] | None = None) -> None:
    """Let a process send and be gone before it is answered: `by` says on which side of the provider."""

    class Killed(BaseException):
        """Nothing more is done in that process."""

    def kill() -> None:
        raise Killed

    (scene.wire.before if by is unsent else scene.wire.after).append(kill)
    with scene.keeper(store=(dead := scene.database())) as keeper:
        dead.end_refresh = lambda *_args, **_rest: True  # type: ignore[method-assign]
        with pytest.raises(Killed):
            keeper.refresh(grant_id)
    assert scene.row(grant_id).sends == 1


def recovered(scene: Scene, **changes: Any) -> int:
    """Let the next process recover."""
    with scene.keeper(**changes) as keeper:
        return keeper.recover(patience=PATIENCE)


def test_where_tokens_are_kept_nothing_is_sent_to_find_out(new_scene: NewScene) -> None:
    """R-13: rotation none: the refresh token is as good as before, whatever became of the answer."""
    scene = new_scene(rotation="none")
    grant = scene.grant()
    interrupted(scene, grant)

    assert recovered(scene) == 0
    assert scene.sent() == [1]
    assert scene.keeper().token(grant).value


@pytest.mark.parametrize(("after", "alive"), [(0 * SECOND, True), (2 * SECOND, True), (4 * SECOND, False)])
def test_within_the_grace_the_lost_answer_comes_again_and_after_it_never(
    new_scene: NewScene, after: timedelta, alive: bool
) -> None:
    """R-13: grace of 3 s: recovered at 0 s, gone at 4 s, and then named for what it is: nobody revoked anything."""
    scene = new_scene(rotation="grace", grace=3 * SECOND)
    grant = scene.grant()
    interrupted(scene, grant)
    scene.clock.advance(after)

    assert recovered(scene) == 1
    assert scene.sent() == [1, 1]
    found = scene.row(grant).grant
    if alive:
        assert (found.status, found.reason) == (GrantStatus.ACTIVE, Reason.NONE)
        assert scene.open_ends(grant) == ("", False, 0)
        assert scene.keeper().refresh(grant).value
        assert scene.sent() == [1, 1, 3]
    else:
        assert (found.status, found.reason) == (GrantStatus.CONSENT_REQUIRED, Reason.ROTATION_REPLY_LOST)


@pytest.mark.parametrize("rotation", ["strict", "unknown"])
def test_a_request_that_never_arrived_is_sent_again_and_works(new_scene: NewScene, rotation: str) -> None:
    """R-13: strict, or nobody knows: the one way to find out is the token itself, and here it was not used up."""
    scene = new_scene(rotation=rotation)
    grant = scene.grant()
    interrupted(scene, grant, by=unsent)

    assert recovered(scene) == 1
    assert scene.sent() == [1]
    assert scene.open_ends(grant) == ("", False, 0)
    assert scene.keeper().refresh(grant).value
    assert scene.sent() == [1, 2]


@pytest.mark.parametrize("rotation", ["strict", "unknown"])
def test_a_reply_that_was_lost_is_named_so(new_scene: NewScene, rotation: str) -> None:
    """R-13, R-15: the token is used up; it is sent once more, no other is, and nobody is said to have revoked it."""
    scene = new_scene(rotation=rotation)
    grant = scene.grant()
    interrupted(scene, grant)

    assert recovered(scene) == 1
    assert recovered(scene) == 0
    keeper = scene.keeper()
    for _ in range(3):
        with pytest.raises(ConsentRequired) as caught:
            keeper.token(grant)
        assert caught.value.reason == Reason.ROTATION_REPLY_LOST
        assert "Nobody withdrew access" in caught.value.advice
    assert scene.sent() == [1, 1]
    assert scene.open_ends(grant)[0] == ""


def test_a_provider_that_gives_the_same_answer_again_is_taken_at_its_word(scene: Scene) -> None:
    """R-13: django-oauth-toolkit answers the first token again with the tokens it had given: idempotent."""
    grant = scene.grant()
    interrupted(scene, grant)
    first = scene.refresh_token(grant)
    given = scene.emulator.requests("/token")[0].answer
    scene.emulator.fail(200, body=given, content_type="application/json")

    assert recovered(scene) == 1
    assert scene.row(grant).grant.status is GrantStatus.ACTIVE
    assert scene.refresh_token(grant) != first
    assert scene.keeper().refresh(grant).value
    assert scene.sent() == [1, 1, 2]


def test_the_oldest_come_first_and_each_once(scene: Scene) -> None:
    """R-13: the sooner after it was sent, the likelier it is that the provider still answers; those wait longest."""
    owners = ["ada", "bob", "cleo"]
    for owner in reversed(owners):
        interrupted(scene, scene.grant(owner), by=unsent)
        scene.clock.advance(SECOND)
    asked: list[str] = []
    scene.wire.before.extend([lambda: asked.append("")] * 3)

    assert recovered(scene) == 3
    came = [each.form.get("refresh_token") for each in scene.emulator.requests("/token")]
    with scene.emulator.lock:
        assert [scene.emulator.state.refresh[token].family for token in came] == ["of cleo", "of bob", "of ada"]
    assert recovered(scene) == 0


def test_what_cannot_be_resolved_yet_stays_open_and_stops_no_other(scene: Scene) -> None:
    """R-13, R-52: a row that does not open, a provider that hangs up: each costs its own grant only."""
    broken, away, fine = (scene.grant(owner) for owner in ("ada", "bob", "cleo"))
    for grant in (broken, away, fine):
        interrupted(scene, grant, by=unsent)
        scene.clock.advance(SECOND)
    spoil(scene, broken)
    scene.wire.before.extend([lost, lambda: None])

    assert recovered(scene) == 1
    assert [scene.open_ends(grant)[1:] for grant in (broken, away, fine)] == [(True, 1), (True, 2), (False, 0)]
    assert recovered(scene) == 1
    assert scene.open_ends(away) == ("", False, 0)


def spoil(scene: Scene, grant_id: str) -> None:
    """Alter a row so that it does not open."""
    row = scene.row(grant_id)
    assert row.sealed is not None
    grant = replace(row.grant, version=row.grant.version + 1)
    altered: GrantRow = replace(row, grant=grant, sealed=Sealed(key=row.sealed.key, data=bytes(99)))
    scene.store.save_grant(altered, expected_version=row.grant.version)


def test_many_that_cannot_be_resolved_do_not_hide_those_that_can(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """R-52: the sweep goes past a whole batch of broken rows."""
    monkeypatch.setattr(recovery, "BATCH", 2)
    for owner in ("ada", "bob", "cleo", "dan"):
        interrupted(scene, scene.grant(owner), by=unsent)
        scene.clock.advance(SECOND)
    for owner in ("ada", "bob"):
        spoil(scene, f"gr_{owner}")

    assert recovered(scene) == 2


def test_a_reply_lost_to_a_living_process_is_asked_for_again_at_once_and_once(new_scene: NewScene) -> None:
    """R-13, R-16: nobody has to wait for a sweep: the same call sends the token a second time, and never a third."""
    scene = new_scene(rotation="grace", grace=3 * SECOND)
    grant = scene.grant()
    scene.wire.after.append(lost)

    assert scene.keeper().token(grant).value
    assert scene.sent() == [1, 1]
    assert scene.open_ends(grant) == ("", False, 0)


@pytest.mark.parametrize("rotation", ["none", "grace", "strict", "unknown"])
def test_one_token_is_sent_at_most_twice_for_one_failure(new_scene: NewScene, rotation: str) -> None:
    """R-16: after two lost replies the caller is told, and what is open is written down."""
    scene = new_scene(rotation=rotation, grace=timedelta(minutes=30) if rotation == "grace" else None)
    grant = scene.grant()
    scene.wire.after.extend([lost] * 10)
    with pytest.raises((ProviderUnavailable, ConsentRequired)):
        scene.keeper().token(grant)

    assert scene.sent() == ([1] if rotation == "none" else [1, 1])
    assert scene.open_ends(grant)[:2] == ("", True)


def test_while_it_is_open_each_later_call_sends_it_once(scene: Scene) -> None:
    """R-16: two at the first failure, then one for each call: no window grows into a loop."""
    grant = scene.grant()
    keeper = scene.keeper()
    scene.wire.before.extend([lost] * 10)
    for number in range(1, 4):
        with pytest.raises(ProviderUnavailable):
            keeper.token(grant)
        assert len(scene.wire.before) == 10 - 1 - number

    assert scene.open_ends(grant) == ("", True, 3)


def test_no_token_older_than_the_last_but_one_is_ever_sent(new_scene: NewScene) -> None:
    """R-15: whatever is lost in whatever order, the provider sees each token after the one before, never an older."""
    scene = new_scene(rotation="grace", grace=timedelta(minutes=30))
    grant = scene.grant()
    keeper = scene.keeper()
    for end in ([], [lost], [lost, lost], [], [lost]):
        scene.wire.after.clear()
        scene.wire.after.extend(end)
        try:
            keeper.refresh(grant)
        except ProviderUnavailable:
            assert keeper.refresh(grant).value
        scene.clock.advance(HOUR)

    sent = scene.sent()
    assert sent == sorted(sent)
    assert [sent.count(token) for token in sorted(set(sent))] == [1, 2, 3, 1, 2]


def test_a_slow_database_between_two_sends_does_not_make_the_first_forgotten(scene: Scene) -> None:
    """R-11, R-13: the second send is given up because its lease took too long; what is open stays open."""
    grant = scene.grant()
    begin = scene.store.begin_refresh
    slow = iter([timedelta(), 11 * SECOND])

    def begun(*args: Any, **rest: Any) -> bool:
        done = begin(*args, **rest)
        scene.clock.advance(next(slow, timedelta()))
        return done

    scene.store.begin_refresh = begun  # type: ignore[method-assign]
    scene.wire.after.append(lost)
    with pytest.raises(ProviderUnavailable):
        scene.keeper().token(grant)

    assert scene.open_ends(grant) == ("", True, 1)


def test_a_keeper_without_the_client_leaves_its_grants_alone(scene: Scene) -> None:
    """R-13: another application's grants in the same database are not ours to resolve."""
    grant = scene.grant()
    interrupted(scene, grant, by=unsent)
    with scene.keeper(clients=[replace(scene.client, name="another")]) as other:
        assert other.recover(patience=PATIENCE) == 0

    assert scene.open_ends(grant)[1:] == (True, 1)
    assert scene.sent() == []


def test_a_living_process_is_waited_for(scene: Scene) -> None:
    """R-13: a refresh that is under way is not an interrupted one."""
    grant = scene.grant()
    other: list[Keeper] = [scene.keeper(store=scene.database())]
    seen: list[int] = []
    scene.wire.before.append(lambda: seen.append(other[0].recover(patience=PATIENCE)))

    assert scene.keeper().token(grant).value
    assert seen == [0]
    assert scene.sent() == [1]


@pytest.mark.parametrize(("grace", "soon"), [(None, 2.0), (timedelta(seconds=3), 0.75), (timedelta(minutes=30), 2.0)])
def test_a_short_time_of_grace_is_used_several_times(scene: Scene, grace: timedelta | None, soon: float) -> None:
    """R-13: a provider in trouble at our start is asked again before its grace is over."""
    row = scene.row(scene.grant())
    recovery = scene.keeper()._refreshes._recovery
    client = recovery._clients[row.grant.client]
    recovery._clients = {client.name: replace(client, provider=replace(client.provider, rotation_grace=grace))}

    assert recovery._soon(row).total_seconds() == soon
