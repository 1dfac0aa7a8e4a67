"""When a refresh may be sent: outages, asked waits and mass refusals, rule by rule."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from grantkeeper.model import Reason
from grantkeeper.oauth.reading import retry_after as read_retry_after
from grantkeeper.renewal import Admission, Breakers, Change, Meaning, Outcome, outcome_of
from grantkeeper.renewal.breaker import (
    BELIEVED_AFTER,
    BELIEVED_UNTIL,
    CAP,
    MANY_REFUSALS,
    OUTAGE_FIRST_WAIT,
    OUTAGE_LONGEST_WAIT,
    REFUSAL_FIRST_WAIT,
    REFUSAL_LONGEST_WAIT,
    TROUBLES_IN_A_ROW,
    WINDOW,
)
from grantkeeper.renewal.gate import PROBE_LIFETIME, PROBE_WAIT
from renewal.desk import SECOND, START, Desk

NOTHING = Change()
YES = Admission()


def test_five_troubles_in_a_row_are_an_outage(desk: Desk) -> None:
    """R-51: not four; and for every OAuth client of the provider, not for others."""
    assert desk.trouble(TROUBLES_IN_A_ROW - 1) == NOTHING
    assert desk.admit() == YES
    assert desk.trouble(1) == Change(opened=("outage",))
    assert desk.admit() == Admission(why="outage", wait=OUTAGE_FIRST_WAIT)
    assert desk.admit(client="another") == Admission(why="outage", wait=OUTAGE_FIRST_WAIT)
    assert desk.admit(provider="meta", client="pages") == YES


@pytest.mark.parametrize("outcome", ["ok", "refused", "ours"])
def test_any_answer_in_between_resets_the_row(desk: Desk, outcome: Outcome) -> None:
    """R-51: whoever answers, a refusal too, is not down."""
    desk.trouble(TROUBLES_IN_A_ROW - 1)
    assert desk.record(outcome, "other", client="another") == NOTHING
    assert desk.trouble(TROUBLES_IN_A_ROW - 1) == NOTHING
    assert desk.admit() == YES


def test_an_outage_is_probed_by_one_at_a_time_and_ever_more_rarely(desk: Desk) -> None:
    """R-51: 2 s, doubling to a minute."""
    desk.trouble()
    waited = []
    for _ in range(8):
        waited.append(desk.waits() / SECOND)
        assert desk.admit() == Admission(why="outage", wait=PROBE_WAIT)
        assert desk.trouble(1) == Change(failed=("outage",))

    assert waited == [2, 4, 8, 16, 32, 60, 60, 60]
    assert waited[-1] == OUTAGE_LONGEST_WAIT / SECOND


@pytest.mark.parametrize("outcome", ["ok", "refused", "ours"])
def test_an_outage_is_over_with_the_first_answer(desk: Desk, outcome: Outcome) -> None:
    """R-51: and the next outage begins with the first wait again."""
    desk.trouble()
    desk.waits()
    desk.trouble(1)
    desk.waits()
    assert desk.record(outcome, "other") == Change(closed=("outage",))
    assert [desk.admit() for _ in range(3)] == [YES] * 3
    assert desk.trouble() == Change(opened=("outage",))
    assert desk.admit() == Admission(why="outage", wait=OUTAGE_FIRST_WAIT)


def test_trouble_from_before_the_outage_makes_it_no_longer(desk: Desk) -> None:
    """R-51: sixty-four time-outs at once are one outage, not sixty."""
    desk.trouble()
    assert desk.trouble(59) == NOTHING
    assert desk.waits() == OUTAGE_FIRST_WAIT


def test_a_probe_that_never_reports_blocks_for_a_while_only(desk: Desk) -> None:
    """R-51: its thread may have died."""
    desk.trouble()
    desk.waits()
    assert desk.waits() == PROBE_LIFETIME


def test_a_probe_that_was_not_sent_gives_its_place_to_another(desk: Desk) -> None:
    """R-51: somebody else had refreshed meanwhile."""
    desk.trouble()
    desk.waits()
    assert not desk.admit().admitted
    desk.breakers.unsent("google", "ads", grant_id="g")
    assert desk.admit() == YES
    assert not desk.admit().admitted


def test_of_many_threads_one_is_the_probe(desk: Desk, hasty_threads: None) -> None:
    """R-51: also when their looks at the clock and at the breaker cross."""
    desk.trouble()
    together = threading.Barrier(8)

    def ask(number: int) -> bool:
        together.wait()
        now = desk.now - number * timedelta(microseconds=1)
        return desk.breakers.admit("google", "ads", grant_id=f"g{number}", now=now).admitted

    with ThreadPoolExecutor(8) as pool:
        for _ in range(200):
            desk.now += OUTAGE_LONGEST_WAIT
            assert sum(pool.map(ask, range(8))) == 1
            desk.trouble(1)


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads take turns a thousand times as often, so that a missing lock shows."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(usual / 1000)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(seconds=120)),
        ("Sun, 22 Nov 2026 12:01:30 GMT", timedelta(seconds=90)),
        ("0", None),
        ("-5", None),
        ("1000000000", CAP),
        ("soon", None),
    ],
)
def test_a_client_waits_as_long_as_it_was_asked(desk: Desk, header: str, wait: timedelta | None) -> None:
    """R-32: seconds, a date, none, negative, absurd, garbage: that client only, and never longer than the cap."""
    changed = desk.record("trouble", retry_after=read_retry_after(header, now=START))
    assert changed == (NOTHING if wait is None else Change(opened=("asked_to_wait",)))
    assert desk.admit() == (YES if wait is None else Admission(why="asked_to_wait", wait=wait))
    assert desk.admit(client="another") == YES


@pytest.mark.parametrize("asked", [timedelta.min, -SECOND, timedelta(), None])
def test_a_wait_of_no_time_is_none(desk: Desk, asked: timedelta | None) -> None:
    """R-32: whoever read the header."""
    assert desk.record("trouble", retry_after=asked) == NOTHING
    assert desk.admit() == YES


def test_the_longest_of_several_waits_counts(desk: Desk) -> None:
    """R-32: answers to requests sent together come in any order."""
    for seconds in (30, 60, 10):
        desk.record("trouble", retry_after=seconds * SECOND)
    assert desk.waits() == 60 * SECOND


def test_after_an_asked_wait_one_probe_says_whether_it_is_over(desk: Desk) -> None:
    """R-32: not everybody at once; asked again, it waits again, as long as it is asked then."""
    desk.record("trouble", retry_after=60 * SECOND)
    assert desk.waits() == 60 * SECOND
    assert desk.admit() == Admission(why="asked_to_wait", wait=PROBE_WAIT)
    assert desk.record("trouble", retry_after=5 * SECOND) == NOTHING
    assert desk.waits() == 5 * SECOND
    assert desk.trouble(1) == NOTHING
    assert desk.waits() == 10 * SECOND
    assert desk.record("ok") == Change(closed=("asked_to_wait",))
    assert [desk.admit() for _ in range(3)] == [YES] * 3


def test_an_answer_from_before_ends_no_asked_wait(desk: Desk) -> None:
    """R-32: what was sent before the provider asked says nothing about now."""
    desk.record("trouble", retry_after=60 * SECOND)
    assert desk.record("ok") == NOTHING
    assert desk.admit() == Admission(why="asked_to_wait", wait=60 * SECOND)


def test_an_asked_wait_and_an_outage_can_begin_together(desk: Desk) -> None:
    """R-32, R-51: the longer of the two is told."""
    desk.trouble(TROUBLES_IN_A_ROW - 1)
    changed = desk.record("trouble", retry_after=60 * SECOND)
    assert changed == Change(opened=("outage", "asked_to_wait"))
    assert desk.admit() == Admission(why="asked_to_wait", wait=60 * SECOND)
    assert desk.admit(client="another") == Admission(why="outage", wait=OUTAGE_FIRST_WAIT)


def test_a_client_that_waits_takes_no_probe_away_from_others(desk: Desk) -> None:
    """R-51: only who may be sent is the probe."""
    desk.trouble(TROUBLES_IN_A_ROW - 1)
    desk.record("trouble", retry_after=60 * SECOND)
    desk.now += OUTAGE_FIRST_WAIT
    assert not desk.admit().admitted
    assert desk.admit(client="another") == YES


def test_ten_refused_grants_are_not_believed(desk: Desk) -> None:
    """R-31: statuses freeze, and what was believed so far is named, so that it can be taken back."""
    assert desk.refuse(last=MANY_REFUSALS - 1) == NOTHING
    assert not desk.breakers.frozen("ads")
    changed = desk.refuse(MANY_REFUSALS - 1, MANY_REFUSALS)
    assert changed == Change(opened=("mass_refusal",), refused=tuple(f"g{number}" for number in range(10)))
    assert desk.breakers.frozen("ads")
    assert not desk.breakers.frozen("another")
    assert desk.admit() == Admission(why="mass_refusal", wait=REFUSAL_FIRST_WAIT)
    assert desk.admit(client="another") == YES


def test_one_grant_refused_ten_times_is_one_refusal(desk: Desk) -> None:
    """R-31: a loop over a dead grant freezes nobody."""
    for _ in range(50):
        assert desk.record("refused", "g1") == NOTHING
    assert not desk.breakers.frozen("ads")


def test_refusals_of_a_minority_are_believed(desk: Desk) -> None:
    """R-31: ten of twenty-one may be ten people; ten of twenty are not."""
    for number in range(11):
        desk.record("ok", f"good{number}")
    assert desk.refuse() == NOTHING
    assert desk.refuse(MANY_REFUSALS, MANY_REFUSALS + 1).opened == ("mass_refusal",)


def test_a_grants_latest_answer_counts(desk: Desk) -> None:
    """R-31: refused and then answered is answered."""
    desk.refuse(last=MANY_REFUSALS - 1)
    desk.record("ok", "g0")
    assert desk.refuse(MANY_REFUSALS - 1, MANY_REFUSALS) == NOTHING
    assert desk.refuse(MANY_REFUSALS, MANY_REFUSALS + 1).refused == tuple(f"g{number}" for number in range(1, 11))


def test_refusals_far_apart_have_nothing_to_do_with_each_other(desk: Desk) -> None:
    """R-31: a window that slides; its end is five minutes, to the second."""
    desk.refuse(last=5)
    desk.now += WINDOW
    assert desk.refuse(5, MANY_REFUSALS) == NOTHING
    desk.now += WINDOW - SECOND
    changed = desk.refuse(MANY_REFUSALS, MANY_REFUSALS + 5)
    assert changed.refused == tuple(f"g{number}" for number in range(5, 15))


def test_trouble_and_what_is_ours_are_no_answers_about_grants(desk: Desk) -> None:
    """R-30, R-31: neither refusals nor proof that the others are fine."""
    for number in range(30):
        desk.record("ours", f"x{number}")
        desk.record("trouble", f"y{number}")
    assert not desk.breakers.frozen("ads")
    assert desk.refuse().opened == ("mass_refusal",)


def test_a_mass_refusal_is_probed_rarely_and_over_with_the_first_success(desk: Desk) -> None:
    """R-31: every 30 s, doubling to five minutes; then ten refusals anew, not one, freeze it again."""
    desk.refuse()
    waited = []
    for number in range(6):
        waited.append(desk.waits() / SECOND)
        assert desk.admit() == Admission(why="mass_refusal", wait=PROBE_WAIT)
        assert desk.record("refused", f"more{number}") == Change(failed=("mass_refusal",))
    assert waited == [30, 60, 120, 240, 300, 300]
    assert waited[-1] == REFUSAL_LONGEST_WAIT / SECOND
    desk.waits()
    assert desk.record("ok", "good") == Change(closed=("mass_refusal",))
    assert not desk.breakers.frozen("ads")
    assert [desk.admit() for _ in range(3)] == [YES] * 3
    assert desk.refuse(last=MANY_REFUSALS - 1) == NOTHING
    assert desk.refuse(MANY_REFUSALS - 1, MANY_REFUSALS).opened == ("mass_refusal",)


def test_refusals_from_before_a_success_count_no_more(desk: Desk) -> None:
    """R-31: thirty seconds later the window still reaches back to them, but they are explained."""
    desk.refuse()
    desk.waits()
    desk.record("ok", "good")
    assert desk.refuse(MANY_REFUSALS, 2 * MANY_REFUSALS - 1) == NOTHING
    changed = desk.refuse(2 * MANY_REFUSALS - 1, 2 * MANY_REFUSALS)
    assert changed.refused == tuple(f"g{number}" for number in range(10, 20))


@pytest.mark.parametrize("outcome", ["trouble", "ours", "refused"])
def test_a_probe_without_success_leaves_statuses_frozen(desk: Desk, outcome: Outcome) -> None:
    """R-31: whatever else it met."""
    desk.refuse()
    desk.waits()
    desk.record(outcome, "other")
    assert desk.breakers.frozen("ads")
    assert desk.waits() == 2 * REFUSAL_FIRST_WAIT


def test_a_success_from_before_leaves_statuses_frozen(desk: Desk) -> None:
    """R-31: only what was sent after the wait shows that it is over."""
    desk.refuse()
    assert desk.record("ok", "good") == NOTHING
    assert desk.breakers.frozen("ads")


def test_a_refusal_ends_an_outage_and_may_begin_a_mass_refusal(desk: Desk) -> None:
    """R-31, R-51: in one report."""
    desk.refuse(last=MANY_REFUSALS - 1)
    desk.trouble()
    desk.waits()
    changed = desk.refuse(MANY_REFUSALS - 1, MANY_REFUSALS)
    assert (changed.opened, changed.closed, len(changed.refused)) == (("mass_refusal",), ("outage",), MANY_REFUSALS)


@pytest.mark.parametrize(
    ("refused_ago", "believed"),
    [
        (None, False),
        (-SECOND, False),
        (timedelta(), False),
        (BELIEVED_AFTER - SECOND, False),
        (BELIEVED_AFTER, True),
        (BELIEVED_UNTIL, True),
        (BELIEVED_UNTIL + SECOND, False),
    ],
)
def test_a_refusal_repeated_after_an_hour_and_within_days_is_believed(
    refused_ago: timedelta | None, believed: bool
) -> None:
    """R-31: an old installation with many grants that really are over comes to rest; old incidents confirm nothing."""
    refused_at = None if refused_ago is None else START - refused_ago
    assert Breakers.believed(refused_at, now=START) is believed


@pytest.mark.parametrize(
    ("refused_ago", "counts"),
    [(None, False), (-SECOND, False), (timedelta(), True), (BELIEVED_UNTIL, True), (BELIEVED_UNTIL + SECOND, False)],
)
def test_what_is_refused_after_days_is_refused_for_the_first_time(refused_ago: timedelta | None, counts: bool) -> None:
    """R-31, R-65: also what seems to have been refused in the future."""
    refused_at = None if refused_ago is None else START - refused_ago
    assert Breakers.first_refused(refused_at, now=START) == (refused_at if counts else START)


@pytest.mark.parametrize("back", [SECOND, timedelta(hours=1), timedelta(days=365)])
def test_a_clock_set_back_makes_no_wait_longer(desk: Desk, back: timedelta) -> None:
    """R-65: from the clock's new state on, each wait is as long as it was at most."""
    desk.refuse()
    desk.trouble()
    desk.record("trouble", retry_after=60 * SECOND)
    desk.now -= back
    assert desk.waits() <= 60 * SECOND
    desk.now -= back
    assert desk.waits() <= PROBE_LIFETIME
    desk.record("ok")
    assert desk.admit() == YES


def test_after_a_clock_set_back_old_refusals_are_old(desk: Desk) -> None:
    """R-65, R-31: what seems to come from the future does not stay for ever."""
    desk.refuse(last=MANY_REFUSALS - 1)
    desk.now -= timedelta(hours=1)
    assert desk.refuse(MANY_REFUSALS - 1, MANY_REFUSALS) == NOTHING


NOT_NAMED = {Reason.REVOKED_OR_EXPIRED, Reason.ROTATION_REPLY_LOST}
DEATHS = {reason: "refused" if reason in NOT_NAMED else "ok" for reason in Reason}


@pytest.mark.parametrize(
    ("meant", "reason", "outcome"),
    [
        *((Meaning(kind="dead", reason=reason), reason, outcome) for reason, outcome in DEATHS.items()),
        (Meaning(kind="dead", reason=Reason.REVOKED_OR_EXPIRED), Reason.TESTING_EXPIRED, "ok"),
        (Meaning(kind="dead", reason=Reason.REVOKED_OR_EXPIRED, certain=False), Reason.REVOKED_OR_EXPIRED, "refused"),
        (Meaning(kind="ours"), Reason.NONE, "ours"),
        (Meaning(kind="transient"), Reason.NONE, "trouble"),
        (Meaning(kind="transient", used_up="unknown"), Reason.NONE, "trouble"),
    ],
)
def test_only_deaths_without_a_reason_of_their_own_are_suspicious(
    meant: Meaning, reason: Reason, outcome: Outcome
) -> None:
    """R-31: a whole company that has to sign in again is no fault of ours."""
    assert outcome_of(meant, reason) == outcome
