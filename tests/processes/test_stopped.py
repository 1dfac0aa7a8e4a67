"""Issue: a process that stands still past its lease and wakes up late does no harm, and what it brings is not lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from processes.fleet import Reply, Worker
from processes.site import HOUR, Held, Site

KINDS = ("sqlite", "postgresql")


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
def stopped(place: Site, fleet: list[Worker]) -> Iterator[Stopped]:
    """Stop a holder in the middle of its send."""
    holder, successor = fleet[:2]
    holder.ask(place.opening(tells_of_refused_saves=True, pauses_take_time=True))
    successor.ask(place.opening())
    held = Held(place.emulator)
    holder.tell(place.asking())
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
        assert (row["lease"], row["unresolved"]) == ("", False)
        assert place.most_sends_of_one_token() == 2
