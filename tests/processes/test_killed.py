"""Issue: `kill -9` anywhere between "due" and "answered" loses no grant that its provider's rules allow to keep."""

from __future__ import annotations

import os
import signal
from enum import Enum
from typing import get_args

import pytest

from grantkeeper.emulator.oauth.faults import RotationKind
from processes.fleet import Reply, Worker
from processes.site import HOUR, Held, Site

ROTATIONS = get_args(RotationKind)
AT_THE_PROVIDER = "while the provider answers"


class Fate(Enum):
    """What there is of a refresh when its process is gone."""

    NOT_DONE = "the provider knows nothing of it"
    REPLY_LOST = "the provider did it, and its answer was in the killed process only"
    KEPT = "its answer is in the database, or in the journal"


POINTS = {
    "before open": Fate.NOT_DONE,
    "after open": Fate.NOT_DONE,
    "before lease": Fate.NOT_DONE,
    "lease statement not executed": Fate.NOT_DONE,
    "lease statement executed": Fate.NOT_DONE,
    "after lease": Fate.NOT_DONE,
    "before send": Fate.NOT_DONE,
    "connection.connect_tcp.complete": Fate.NOT_DONE,
    "http11.send_request_headers.complete": Fate.NOT_DONE,  # half a request is none
    AT_THE_PROVIDER: Fate.REPLY_LOST,
    "http11.receive_response_headers.complete": Fate.REPLY_LOST,
    "after send": Fate.REPLY_LOST,
    "before seal": Fate.REPLY_LOST,
    "after seal": Fate.REPLY_LOST,
    "before save": Fate.REPLY_LOST,
    "save statement not executed": Fate.REPLY_LOST,
    "save statement executed": Fate.REPLY_LOST,  # KEPT where a statement is its own transaction
    "after save": Fate.KEPT,
    "journal kept": Fate.KEPT,
}

SENT: dict[tuple[Fate, str], list[int]] = {
    (Fate.NOT_DONE, "none"): [0, 0],
    (Fate.NOT_DONE, "grace"): [0, 1],
    (Fate.NOT_DONE, "strict"): [0, 1],
    (Fate.REPLY_LOST, "none"): [0, 0, 0],
    (Fate.REPLY_LOST, "grace"): [0, 0, 2],  # the first token twice; the second came with the lost answer
    (Fate.REPLY_LOST, "strict"): [0, 0],
    (Fate.KEPT, "none"): [0, 0],
    (Fate.KEPT, "grace"): [0, 1],
    (Fate.KEPT, "strict"): [0, 1],
}
"""The refresh tokens that the provider sees, numbered as it issued them: by the process that is killed, by the one that
recovers, and by that one again an hour later. R-15: none is older than the last but one. R-16: the one whose answer was
lost is sent twice. What was kept is not sent again."""


def kill(nursery: Worker, place: Site, point: str) -> None:
    """Let a fresh process ask for the token and be killed at the point."""
    if point == AT_THE_PROVIDER:
        held = Held(place.emulator)
        child = nursery.fork([place.opening(), place.asking()])
        held.arrived()
        os.kill(child, signal.SIGKILL)
        ended = nursery.ended()
        held.let_go()
    else:
        nursery.fork([place.opening(), place.asking(die_at=point)])
        ended = nursery.ended()
    assert ended.code == -signal.SIGKILL, f"the point was not reached: {ended.replies} {ended.errors}"


def recovered(nursery: Worker, place: Site) -> tuple[Reply, Reply, Reply]:
    """Let a fresh process recover and ask; returns what it was told, the row, and what it was told an hour later."""
    later = place.asking(ahead=place.ahead + HOUR.total_seconds())
    orders = [{"do": "recover"}, place.asking(), place.looking, later, {"do": "close"}]
    nursery.fork([place.opening(), *orders])
    ended = nursery.ended()
    assert ended.code == 0, ended.errors
    _opened, _recovered, asked, row, asked_later, _closed = ended.replies
    return asked, row, asked_later


def fate(place: Site, nursery: Worker, point: str) -> Fate:
    """Return what there is of the refresh whose process was killed at the point."""
    nursery.fork([place.opening(), place.looking])
    _opened, row = nursery.ended().replies
    saved = row["generation"] > 1
    assert saved <= point.startswith(("save statement executed", "after save"))
    return Fate.KEPT if saved else POINTS[point]


def check(place: Site, ends: Fate, rotation: str, asked: Reply, row: Reply, later: Reply) -> None:
    """Check what a process was told after the kill, the row after that, and what it was told an hour later."""
    assert [send.generation for send in place.sends()] == SENT[ends, rotation]
    assert all(send.generation >= send.newest - 1 for send in place.sends())
    assert not row["unresolved"] or row["status"] == "consent_required"  # why it is over stays to be seen
    assert row["lease"] == ""
    if (ends, rotation) == (Fate.REPLY_LOST, "strict"):
        assert row["status"] == "consent_required"
        assert row["reason"] == "rotation_reply_lost"
        assert asked["reasons"] == later["reasons"] == ["rotation_reply_lost"]
    else:
        assert row["status"] == "active"
        assert asked["errors"] == later["errors"] == []
        assert all(place.works(reply["tokens"][0]) for reply in (asked, later))


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(
    ("kind", "rotation"),
    [
        *(("sqlite", rotation) for rotation in ROTATIONS),
        ("postgresql", "strict"),
        pytest.param("postgresql", "grace", marks=pytest.mark.slow),
        pytest.param("postgresql", "none", marks=pytest.mark.slow),
    ],
)
def test_the_next_process_recovers_what_can_be(
    rotation: RotationKind, point: str, nursery: Worker, place: Site
) -> None:
    """R-10, R-13, R-14, R-15, R-16: a process that starts over the same database and state folder goes on."""
    kill(nursery, place, point)
    ends = fate(place, nursery, point)
    check(place, ends, rotation, *recovered(nursery, place))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("after lease", "after lease"),
        ("after lease", "after send"),
        ("after send", "after lease"),
        ("after send", "after send"),
        ("after send", "save statement executed"),
        ("after send", "after save"),
        ("after send", "journal kept"),
        ("journal kept", "before save"),
        ("journal kept", "save statement executed"),
        ("journal kept", "after save"),
    ],
)
@pytest.mark.parametrize("rotation", ["grace"])
@pytest.mark.parametrize("kind", ["sqlite"])
def test_who_recovers_may_be_killed_too(first: str, second: str, nursery: Worker, place: Site) -> None:
    """R-10, R-14: a third process ends what the second one could not; an answer that was put aside is never resent."""
    kill(nursery, place, first)
    nursery.fork([place.opening(), {"do": "recover", "die_at": second}, place.asking(die_at=second)])
    killed = nursery.ended()
    assert killed.code == -signal.SIGKILL, f"the point was not reached: {killed.replies} {killed.errors}"
    asked, row, later = recovered(nursery, place)
    assert (row["status"], row["lease"], row["unresolved"]) == ("active", "", False)
    assert asked["errors"] == later["errors"] == []
    assert all(place.works(reply["tokens"][0]) for reply in (asked, later))
    sent = [send.generation for send in place.sends()]
    lost = [point for point in (first, second) if POINTS[point] is Fate.REPLY_LOST and first != "journal kept"]
    assert sent == [0] * (1 + len(lost)) + [1 + len(lost)]


@pytest.mark.parametrize(
    "point", ["after lease", AT_THE_PROVIDER, "after send", "save statement executed", "journal kept"]
)
@pytest.mark.parametrize("rotation", ROTATIONS)
@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_process_that_lived_on_recovers_it_too(
    rotation: RotationKind, point: str, nursery: Worker, fleet: list[Worker], place: Site
) -> None:
    """R-10: who asks for the token does not wait for somebody to start anew; what the dead one put aside is found."""
    survivor = fleet[0]
    survivor.ask(place.opening())
    kill(nursery, place, point)
    ends = fate(place, nursery, point)
    asked, row = survivor.ask(place.asking()), survivor.ask(place.looking)
    asked_later = survivor.ask(place.asking(ahead=place.ahead + HOUR.total_seconds()))
    survivor.ask({"do": "close"})
    check(place, ends, rotation, asked, row, asked_later)
