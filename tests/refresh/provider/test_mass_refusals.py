"""A mass refusal in bad company: a database that fails over, threads that cross, an incident of last week."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper import ConsentRequired, DatabaseUnavailable, Misconfigured, ProviderUnavailable, SealBroken
from grantkeeper.errors import GrantkeeperError
from grantkeeper.model import GrantRow
from refresh.scene import HOUR, SECOND, Scene
from refresh.test_judging import ALIVE, OVER, REVOKED, ask_all, refuse, status


@pytest.mark.parametrize("trouble", [DatabaseUnavailable("A failover."), Misconfigured("It refuses the password.")])
def test_what_the_database_does_not_let_be_taken_back_is_taken_back_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, trouble: GrantkeeperError
) -> None:
    """R-31: a failover in the middle of it, and a row that does not open: each other grant lives, a little later."""
    grants = [scene.grant(f"owner-{number}") for number in range(14)]
    keeper = scene.keeper()
    refuse(scene, REVOKED, times=1000)
    ask_all(keeper, grants[:9])
    save, away = scene.store.save_grant, [trouble, None, None, SealBroken("Altered.")]

    def save_grant(row: GrantRow, **how: Any) -> None:
        error = away.pop() if away else None
        if error is not None:
            raise error
        save(row, **how)

    monkeypatch.setattr(scene.store, "save_grant", save_grant)
    ask_all(keeper, grants[9:])
    assert [status(scene, grant) for grant in grants] == [OVER] + [ALIVE] * 2 + [OVER] * 6 + [ALIVE] * 5
    assert "taken back later" in caplog.text
    assert f"{grants[0]}, which a mass refusal ended, cannot be taken back" in caplog.text

    scene.clock.advance(30 * SECOND)
    ask_all(keeper, grants[9:10])
    assert [status(scene, grant) for grant in grants] == [OVER] + [ALIVE] * 13


def test_a_grant_that_is_saved_while_it_is_taken_back_is_looked_at_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-31: whatever was saved, perhaps not that it lives."""
    grants = [scene.grant(f"owner-{number}") for number in range(10)]
    keeper = scene.keeper()
    refuse(scene, REVOKED, times=1000)
    ask_all(keeper, grants[:9])
    save, others = scene.store.save_grant, [1]

    def save_grant(row: GrantRow, **rest: Any) -> None:
        if others:
            before = scene.row(row.grant.id)
            grant = replace(before.grant, version=before.grant.version + others.pop())
            save(replace(before, grant=grant), expected_version=before.grant.version)
        save(row, **rest)

    monkeypatch.setattr(scene.store, "save_grant", save_grant)
    ask_all(keeper, grants[9:])
    assert status(scene, grants[0]) == OVER
    scene.clock.advance(30 * SECOND)
    ask_all(keeper, grants[9:])
    assert {status(scene, grant) for grant in grants} == {ALIVE}


def test_a_refusal_that_is_saved_when_it_has_become_one_of_many_is_taken_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-31: the tenth refusal is judged between the ninth's look at the breaker and its save."""
    grants = [scene.grant(f"owner-{number}") for number in range(10)]
    keeper = scene.keeper()
    refuse(scene, REVOKED, times=1000)
    ask_all(keeper, grants[:8])
    save, tenth = scene.store.save_tokens, grants[9:]

    def save_tokens(row: GrantRow, **how: Any) -> None:
        if tenth:
            assert ask_all(keeper, [tenth.pop()]) == [ProviderUnavailable]
        save(row, **how)

    monkeypatch.setattr(scene.store, "save_tokens", save_tokens)
    assert ask_all(keeper, grants[8:9]) == [ProviderUnavailable]
    assert {status(scene, grant) for grant in grants} == {ALIVE}


def test_an_earlier_incident_confirms_no_refusal_of_the_next(scene: Scene) -> None:
    """R-31: nobody asks for these grants for days in between; and the hour is counted from the new refusal on."""
    grants = [scene.grant(f"owner-{number}") for number in range(14)]
    refuse(scene, REVOKED, times=1000)
    ask_all(scene.keeper(), grants)
    scene.clock.advance(timedelta(days=3, seconds=1))
    keeper = scene.keeper()
    ask_all(keeper, grants)
    for wait in (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=10)):
        scene.clock.advance(wait)
        ask_all(keeper, grants)

    assert {status(scene, grant) for grant in grants} == {ALIVE}
    scene.clock.advance(HOUR)
    assert ask_all(keeper, grants[:1]) == [ConsentRequired]
