"""Issue: a process that stands still past its lease and wakes up late does no harm, and what it brings is not lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from processes.fleet import Reply, Worker
from processes.site import HOUR, Held, Site

KINDS = ("sqlite", "postgresql")
MINUTES = 300.0
"""Seconds that a process stands still: longer than any lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """A holder of the lease that stands still in the middle of its send, and a successor that is told the lease ended.

    The provider has the holder's answer ready.
    """

    place: Site
    holder: Worker
    successor: Worker
    held: Held

    def wake(self) -> None:
        """Let the provider's answer out and the holder go on; returns when its late write was refused."""
        self.held.let_go()
        self.holder.go_on()
        assert self.holder.hear() == {"refused": "save"}

    def row(self) -> Reply:
        """Return the row as it is."""
        return self.successor.ask(self.place.looking)

    def hours_later(self, hours: int) -> list[Reply]:
        """Let both ask once, so many hours after the token ran out."""
        order = self.place.asking(ahead=self.place.ahead + hours * HOUR.total_seconds())
        return [self.holder.ask(order), self.successor.ask(order)]


@contextmanager
def stopped(place: Site, fleet: list[Worker], *, lost: bool = False, stall_at: str = "") -> Iterator[Stopped]:
    """Stop a holder in the middle of its send.

    `lost`: the answer that the provider has for it will not arrive. `stall_at`: where it stands still again.
    """
    holder, successor = fleet[:2]
    holder.ask(place.opening(tells_of_refused_saves=True, pauses_take_time=True))
    successor.ask(place.opening())
    held = Held(place.emulator)
    if lost:
        place.emulator.lose_answer()
    holder.tell(place.asking(stall_at=stall_at))
    held.arrived()
    holder.stop()
    try:
        yield Stopped(place=place, holder=holder, successor=successor, held=held)
        for worker in (holder, successor):
            worker.ask({"do": "close"})
    finally:
        held.let_go()
        holder.go_on()


@pytest.mark.parametrize("rotation", ["none", "grace"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_the_successor_saved_stands(fleet: list[Worker], place: Site) -> None:
    """R-03, R-66: the holder's late write is refused, its caller gets a token that works, and life goes on."""
    with stopped(place, fleet) as late:
        first = late.successor.ask(place.asking())
        row = late.row()
        late.wake()
        second = late.holder.hear()
        assert first["errors"] == second["errors"] == []
        assert all(place.works(reply["tokens"][0]) for reply in (first, second))
        assert late.row() == row
        assert (row["status"], row["lease"], row["unresolved"]) == ("active", "", False)
        assert late.row()["generation"] == 2
        for hours in (1, 2, 3):
            assert [reply["errors"] for reply in late.hours_later(hours)] == [[], []]
        assert len(place.sends()) == 2 + 3


@pytest.mark.parametrize("rotation", ["none", "grace"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_successors_lease_stands_while_it_sends(fleet: list[Worker], place: Site) -> None:
    """R-03: the holder does not release what is not its own any more, and waits for its successor."""
    with stopped(place, fleet) as late:
        watcher = fleet[2]
        watcher.ask(place.opening())
        sending = Held(place.emulator)
        late.successor.tell(place.asking())
        sending.arrived()
        lease = watcher.ask(place.looking)["lease"]
        late.wake()
        during = watcher.ask(place.looking)
        sending.let_go()
        done, woken = late.successor.hear(), late.holder.hear()
        watcher.ask({"do": "close"})
        assert f".{late.successor.pid}." in lease
        assert during["lease"] == lease
        assert woken["errors"] == done["errors"] == []
        assert all(place.works(reply["tokens"][0]) for reply in (woken, done))
        assert (late.row()["status"], late.row()["lease"], late.row()["unresolved"]) == ("active", "", False)
        assert [reply["errors"] for reply in late.hours_later(1)] == [[], []]
        assert len(place.sends()) == 2 + 1


@pytest.mark.parametrize("rotation", ["none", "grace"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_holder_whose_send_failed_late_releases_nothing(fleet: list[Worker], place: Site) -> None:
    """R-03: the answer never came; what the holder gives back is not its own any more."""
    with stopped(place, fleet, lost=True) as late:
        watcher = fleet[2]
        watcher.ask(place.opening())
        sending = Held(place.emulator)
        late.successor.tell(place.asking())
        sending.arrived()
        before = watcher.ask(place.looking)
        late.held.let_go()
        late.holder.go_on()
        woken = late.holder.hear()
        after = watcher.ask(place.looking)
        sending.let_go()
        done = late.successor.hear()
        watcher.ask({"do": "close"})
        assert f".{late.successor.pid}." in before["lease"]
        assert after == before
        assert [error.partition(":")[0] for error in woken["errors"]] == ["ProviderUnavailable"]
        assert done["errors"] == []
        assert [reply["errors"] for reply in late.hours_later(1)] == [[], []]
        assert len(place.sends()) == 2 + 1


@pytest.mark.parametrize("rotation", ["grace"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_late_save_does_not_end_the_lease_of_a_third(fleet: list[Worker], place: Site) -> None:
    """R-03: nobody held the lease when the holder looked; somebody does by the time it saves."""
    with stopped(place, fleet, stall_at="before save again") as late:
        third = fleet[2]
        third.ask(place.opening())
        place.emulator.fail(503)
        assert late.successor.ask(place.asking())["errors"] != []
        assert late.row()["lease"] == ""
        late.wake()
        assert late.holder.hear() == {"stalled": True}
        sending = Held(place.emulator)
        third.tell(place.asking())
        sending.arrived()
        before = late.row()
        late.holder.tell({"ahead": place.ahead})
        refused = late.holder.hear()
        after = late.row()
        sending.let_go()
        done = third.hear()
        third.ask({"do": "close"})
        assert f".{third.pid}." in before["lease"]
        assert after == before
        assert refused == {"refused": "save"}
        assert late.holder.hear()["errors"] == done["errors"] == []
        assert [reply["errors"] for reply in late.hours_later(1)] == [[], []]


@pytest.mark.parametrize("rotation", ["strict"])
@pytest.mark.parametrize("kind", KINDS)
def test_whoever_was_held_up_before_its_send_does_not_send(fleet: list[Worker], place: Site) -> None:
    """R-04, R-66: a process that stood still between lease and send takes what its successor got; the grant lives."""
    holder, successor = fleet[:2]
    for worker in (holder, successor):
        worker.ask(place.opening())
    holder.tell(place.asking(stall_at="after lease"))
    assert holder.hear() == {"stalled": True}
    first = successor.ask(place.asking())
    second = holder.ask({"ahead": place.ahead + MINUTES})
    for worker in (holder, successor):
        worker.ask({"do": "close"})
    assert first["errors"] == second["errors"] == []
    assert first["tokens"] == second["tokens"]
    assert place.works(first["tokens"][0])
    assert [send.generation for send in place.sends()] == [0]


@pytest.mark.parametrize("rotation", ["strict"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_holders_newer_token_is_not_thrown_away(fleet: list[Worker], place: Site) -> None:
    """R-03, R-14: the successor was told that the token is used up; the holder wakes with the one that follows it."""
    with stopped(place, fleet) as late:
        place.emulator.rotate("strict", reuse_ends_family=False)
        refused = late.successor.ask(place.asking())
        assert refused["reasons"] == ["rotation_reply_lost"]
        late.wake()
        woken = late.holder.hear()
        assert woken["errors"] == []
        assert place.works(woken["tokens"][0])
        row = late.row()
        assert (row["status"], row["reason"], row["generation"]) == ("active", "", 2)
        assert row["lease"] == ""
        for hours in (1, 2, 3):
            assert [reply["errors"] for reply in late.hours_later(hours)] == [[], []]
        assert place.most_sends_of_one_token() == 2
        assert [send.generation for send in place.sends()] == [0, 0, 1, 2, 3]


@pytest.mark.parametrize("rotation", ["strict"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_grant_that_reuse_ended_is_named_so_and_asked_for_no_more(fleet: list[Worker], place: Site) -> None:
    """R-13, R-16: where the successor's send ends the family, nobody calls that a revocation; no loop of errors."""
    with stopped(place, fleet) as late:
        assert late.successor.ask(place.asking())["reasons"] == ["rotation_reply_lost"]
        late.wake()
        late.holder.hear()
        for hours in (1, 2, 3):
            late.hours_later(hours)
        assert [reply["reasons"] for reply in late.hours_later(4)] == [["rotation_reply_lost"]] * 2
        row = late.row()
        assert (row["status"], row["reason"]) == ("consent_required", "rotation_reply_lost")
        assert row["lease"] == ""
        assert place.most_sends_of_one_token() == 2
