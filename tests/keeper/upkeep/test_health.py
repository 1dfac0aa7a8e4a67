"""How OAuth clients do is counted, and told once."""

from __future__ import annotations

import copy
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper import DatabaseUnavailable, GrantkeeperError, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.model import NOTHING
from grantkeeper.renewal import Change
from grantkeeper.testing import Connect

PEOPLE = ("ida@nordwind-outdoor.example", "tom.becker@nordwind-outdoor.example", "sam@fjord-media.example")
HOUR = timedelta(hours=1)


def fail(keeper: Keeper, emulator: Emulator, connect: Connect) -> list[str]:
    """Let the provider be down for several grants; returns them."""
    grants = [connect(f"owner-{number}", person).id for number, person in enumerate(PEOPLE)]
    emulator.fail(503, times=5)  # then a breaker is open
    for _ in range(2):
        for each in grants:
            with pytest.raises(GrantkeeperError):
                keeper.refresh(each)
    return grants


def test_refreshes_are_counted_by_what_became_of_them(keeper: Keeper, emulator: Emulator, connect: Connect) -> None:
    """By client and hour, for the dashboard; a grant that was revoked counts as refused, whatever the reason."""
    since = emulator.clock.now()
    first, second = connect("acme", PEOPLE[0]), connect("globex", PEOPLE[1])
    keeper.refresh(first.id)
    emulator.fail(503)
    with pytest.raises(GrantkeeperError):
        keeper.refresh(first.id)
    emulator.revoke(PEOPLE[1])
    with pytest.raises(GrantkeeperError):
        keeper.refresh(second.id)

    (tally,) = keeper.health.tallies(since=since)
    assert (tally.client, tally.refreshed, tally.trouble, tally.refused, tally.ours) == ("google-ads", 1, 1, 1, 0)
    assert keeper.health.tallies(since=since) == [tally]
    assert keeper.health.tallies(since=since + HOUR) == []


def test_an_outage_is_told_when_it_begins_and_when_it_ends(
    keeper: Keeper, emulator: Emulator, connect: Connect
) -> None:
    """For each OAuth client of the provider, with why and what to do; without a worker, too."""
    grants = fail(keeper, emulator, connect)
    failing = keeper.events(kind="client.failing")
    assert {each.client for each in failing} == {"google-ads", "ad-manager"}
    assert {each.data["why"] for each in failing} == {"outage"}
    assert all(each.data["advice"] for each in failing)
    assert all(state.failing_since for state in keeper.health.states())
    emulator.clock.advance(timedelta(minutes=2))
    keeper.refresh(grants[0])

    assert {each.client for each in keeper.events(kind="client.recovered")} == {"google-ads", "ad-manager"}
    assert not any(state.failing_since for state in keeper.health.states())


def test_news_that_the_database_does_not_take_are_told_later(
    keeper: Keeper, emulator: Emulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refresh does not fail because of it, and nothing counted is lost."""

    def away(*_: Any, **__: Any) -> None:
        raise DatabaseUnavailable("away")

    since = emulator.clock.now()
    with monkeypatch.context() as patched:
        patched.setattr(keeper._store.health, "mark", away)
        patched.setattr(keeper._store.health, "add", away)
        fail(keeper, emulator, connect)
        with pytest.raises(DatabaseUnavailable):
            keeper.health.flush()
    assert keeper.events(kind="client.failing") == []
    keeper.health.flush()

    assert len(keeper.events(kind="client.failing")) == 2
    assert sum(each.trouble for each in keeper.health.tallies(since=since)) >= 5


def test_a_state_whose_process_was_killed_is_taken_back(keeper: Keeper, emulator: Emulator, connect: Connect) -> None:
    """Whoever refreshes without trouble ten minutes later knows better."""
    grant = connect("acme", PEOPLE[0])
    now = emulator.clock.now()
    keeper._store.health.mark("google-ads", failing=True, why="outage", at=now, beside=NOTHING)
    keeper.refresh(grant.id)
    keeper.health.settle()
    assert keeper.health.states()[0].failing_since == now
    emulator.clock.advance(timedelta(minutes=10))
    keeper.refresh(grant.id)
    keeper.health.settle()

    assert keeper.health.states()[0].failing_since is None
    assert [each.client for each in keeper.events(kind="client.recovered")] == ["google-ads"]


def told(keeper: Keeper) -> list[str]:
    """Return the reasons of "google-ads" that were told, in order, "" where it works again."""
    return [each.data.get("why", "") for each in keeper.events() if each.client == "google-ads"]


def why(keeper: Keeper) -> list[str]:
    """Return for what "google-ads" fails."""
    return [each.why for each in keeper.health.states() if each.client == "google-ads" and each.failing_since]


def test_another_reason_is_told_even_where_the_first_ends_with_it(keeper: Keeper) -> None:
    """People read what to do now: "Wait" is wrong advice once the secret is."""
    client = keeper.client("google-ads")
    keeper.health.changed(client, Change(opened=("outage",)))
    keeper.health.changed(client, Change(opened=("not_accepted",), closed=("outage",)))
    keeper.health.changed(client, Change(failed=("not_accepted",)))

    assert (told(keeper), why(keeper)) == (["outage", "not_accepted"], ["not_accepted"])
    keeper.health.changed(client, Change(opened=("outage",), closed=("not_accepted",)))
    assert (told(keeper)[2:], why(keeper)) == (["outage"], ["outage"])
    keeper.health.changed(client, Change(closed=("outage",)))
    assert (told(keeper)[3:], why(keeper)) == ([""], [])


def test_of_several_reasons_the_one_that_you_can_mend_is_told(keeper: Keeper) -> None:
    """Waiting is for when nothing else is known; and which one it is does not hang on which came first."""
    client = keeper.client("google-ads")
    keeper.health.changed(client, Change(opened=("not_accepted",)))
    keeper.health.changed(client, Change(opened=("outage",)))
    keeper.health.changed(client, Change(failed=("outage",)))
    assert (told(keeper), why(keeper)) == (["not_accepted"], ["not_accepted"])
    keeper.health.changed(client, Change(closed=("not_accepted",)))
    assert (told(keeper), why(keeper)) == (["not_accepted", "outage"], ["outage"])


def test_two_processes_with_different_reasons_do_not_tell_them_by_turns(keeper: Keeper, emulator: Emulator) -> None:
    """Each probes every few minutes; when one is gone, what the other knows is told after all."""
    client, other = keeper.client("google-ads"), copy.copy(keeper.health)
    other._start_afresh()  # as in a forked child
    keeper.health.changed(client, Change(opened=("outage",)))
    other.changed(client, Change(opened=("not_accepted",)))
    for _ in range(3):
        emulator.clock.advance(timedelta(minutes=5))
        keeper.health.changed(client, Change(failed=("outage",)))
        other.changed(client, Change(failed=("not_accepted",)))
    assert (told(keeper), why(keeper)) == (["outage", "not_accepted"], ["not_accepted"])

    for _ in range(3):
        emulator.clock.advance(timedelta(minutes=5))
        keeper.health.changed(client, Change(failed=("outage",)))
    assert (told(keeper)[2:], why(keeper)) == (["outage"], ["outage"])
