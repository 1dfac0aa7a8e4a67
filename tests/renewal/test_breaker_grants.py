"""What one grant meets, and what several meet: trouble of a grant's own, and an OAuth client that is not accepted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from grantkeeper.renewal import Admission, Change, Outcome
from grantkeeper.renewal.breaker import (
    NOT_ACCEPTED_FIRST_WAIT,
    NOT_ACCEPTED_LONGEST_WAIT,
    OUTAGE_FIRST_WAIT,
    OUTAGE_LONGEST_WAIT,
    SEVERAL,
    TROUBLES_IN_A_ROW,
)
from grantkeeper.renewal.gate import PROBE_LIFETIME, PROBE_WAIT
from renewal.desk import SECOND, Desk

NOTHING = Change()
YES = Admission()


def test_trouble_of_fewer_grants_is_no_outage(desk: Desk) -> None:
    """R-51: two grants that the provider always answers with a 500 stop no other; a third makes it an outage."""
    for number in range(100):
        assert desk.record("trouble", f"bad{number % (SEVERAL - 1)}") == NOTHING
        assert desk.admit("good") == YES
    assert desk.record("trouble", "another") == Change(opened=("outage",))


def test_an_answer_makes_trouble_of_others_forgotten(desk: Desk) -> None:
    """R-51: in a row means in a row; of the grants, too."""
    for number in range(SEVERAL - 1):
        desk.record("trouble", f"bad{number}")
    desk.record("ok", "good")
    for _ in range(TROUBLES_IN_A_ROW):
        assert desk.record("trouble", "bad") == NOTHING


def test_a_grant_that_always_meets_trouble_is_asked_for_ever_more_rarely(desk: Desk) -> None:
    """R-39, R-51: after five of its own, 2 s, doubling to a minute, one probe at a time; the others notice nothing."""
    for _ in range(TROUBLES_IN_A_ROW):
        assert desk.admit("bad") == YES
        assert desk.record("trouble", "bad") == NOTHING
    assert desk.admit("bad") == Admission(why="trouble", wait=OUTAGE_FIRST_WAIT)
    waited = []
    for _ in range(7):
        waited.append(desk.waits("bad") / SECOND)
        assert desk.admit("bad") == Admission(why="trouble", wait=PROBE_WAIT)
        assert desk.admit("good") == YES
        desk.record("trouble", "bad")
    assert waited == [2, 4, 8, 16, 32, 60, 60]
    assert waited[-1] == OUTAGE_LONGEST_WAIT / SECOND


@pytest.mark.parametrize("outcome", ["ok", "refused"])
def test_a_grants_trouble_is_over_with_its_first_answer(desk: Desk, outcome: Outcome) -> None:
    """R-51: not with another grant's; then five troubles anew, not one, stop it again."""
    for _ in range(TROUBLES_IN_A_ROW):
        desk.record("trouble", "bad")
    desk.waits("bad")
    desk.record(outcome, "good")
    assert not desk.admit("bad").admitted
    desk.record(outcome, "bad")
    assert [desk.admit("bad") for _ in range(3)] == [YES] * 3
    for _ in range(TROUBLES_IN_A_ROW - 1):
        desk.record("trouble", "bad")
    assert desk.admit("bad") == YES


def test_a_grants_probe_that_is_not_sent_or_never_reports_is_not_the_last(desk: Desk) -> None:
    """R-51: its thread may have died."""
    for _ in range(TROUBLES_IN_A_ROW):
        desk.record("trouble", "bad")
    desk.waits("bad")
    desk.breakers.unsent("google", "ads", grant_id="bad")
    assert desk.admit("bad") == YES
    assert desk.waits("bad") == PROBE_LIFETIME


def test_a_client_that_is_not_accepted_is_asked_for_ever_more_rarely(desk: Desk) -> None:
    """R-30: after three grants 1 s, doubling to a minute, one probe at a time; of that client only."""
    for number in range(SEVERAL - 1):
        assert desk.record("ours", f"g{number}") == NOTHING
        assert desk.admit() == YES
    assert desk.record("ours", "another") == Change(opened=("not_accepted",))
    assert desk.admit() == Admission(why="not_accepted", wait=NOT_ACCEPTED_FIRST_WAIT)
    assert desk.admit(client="other") == YES
    waited = []
    for number in range(8):
        waited.append(desk.waits(f"new{number}") / SECOND)
        assert desk.admit() == Admission(why="not_accepted", wait=PROBE_WAIT)
        assert desk.record("ours", f"new{number}") == Change(failed=("not_accepted",))
    assert waited == [1, 2, 4, 8, 16, 32, 60, 60]
    assert waited[-1] == NOT_ACCEPTED_LONGEST_WAIT / SECOND


@pytest.mark.parametrize("outcome", ["ok", "refused"])
def test_a_client_is_accepted_with_the_first_answer_about_a_grant(desk: Desk, outcome: Outcome) -> None:
    """R-30: whoever is told of a grant was let in; and what was counted before counts no more."""
    for number in range(SEVERAL):
        desk.record("ours", f"g{number}")
    desk.waits()
    assert desk.record(outcome, "good") == Change(closed=("not_accepted",))
    assert [desk.admit() for _ in range(3)] == [YES] * 3
    for number in range(SEVERAL - 1):
        assert desk.record("ours", f"h{number}") == NOTHING


def test_a_probe_that_meets_trouble_says_nothing_about_the_client(desk: Desk) -> None:
    """R-30: it waits again, longer."""
    for number in range(SEVERAL):
        desk.record("ours", f"g{number}")
    desk.waits()
    assert desk.record("trouble", "g") == NOTHING
    assert desk.waits() == 2 * NOT_ACCEPTED_FIRST_WAIT


def test_one_grant_of_which_the_client_is_not_accepted_stops_no_other(desk: Desk) -> None:
    """R-30: unauthorized_client may mean that its refresh token is another client's; it waits at once, alone."""
    waited = timedelta()
    for seconds in (1, 2, 4, 8, 16, 32, 60, 60):
        assert desk.record("ours", "bad") == NOTHING
        assert desk.admit("bad") == Admission(why="not_accepted", wait=seconds * SECOND)
        assert desk.admit("good") == YES
        waited += desk.waits("bad")
    assert waited == 183 * SECOND
    desk.record("ok", "bad")
    assert [desk.admit("bad") for _ in range(3)] == [YES] * 3
