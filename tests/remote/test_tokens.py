"""Tokens in memory: good for a moment, asked for once by all, kept while the service is away, gone once refused."""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import pytest

from clients.sources import at_once
from grantkeeper import (
    AccessToken,
    ConsentRequired,
    ProviderUnavailable,
    Remote,
    Secret,
    ServiceUnavailable,
)
from grantkeeper.emulator import Clock
from grantkeeper.remote import tokens as held
from remote.conftest import GRANT, HOUR, MakeRemote, token
from remote.fake import Answer, Call, Fake, problem_of

OTHER = "f" * 32
SECOND = timedelta(seconds=1)
CALLERS = 64


def value(found: object) -> str:
    """Return a token's text."""
    assert isinstance(found, AccessToken), found
    return found.value.reveal()


class Held:
    """Holds answers back until `open`; `entered` counts those who came. `open_soon`: once the first has come."""

    def __init__(self, fake: Fake) -> None:
        self.inner = fake.answering
        self.open = threading.Event()
        self.entered = threading.Semaphore(0)
        fake.answering = self

    def __call__(self, call: Call) -> Answer:
        """Wait, then answer as before."""
        self.entered.release()
        assert self.open.wait(20), "nobody opened"
        return self.inner(call)

    def open_soon(self) -> None:
        """Open in a thread of its own."""

        def wait() -> None:
            assert self.entered.acquire(timeout=20)
            self.open.set()

        threading.Thread(target=wait).start()


# --- memory ----------------------------------------------------------------------------------------------------------


def test_a_token_is_handed_out_from_memory_for_ten_seconds(remote: Remote, fake: Fake, clock: Clock) -> None:
    """Then the service is asked whether it still is one; how much life is wanted goes along."""
    assert remote.remembered(GRANT) is None
    first = remote.token(GRANT)
    clock.advance(9.99 * SECOND)
    assert [remote.token(GRANT), remote.remembered(GRANT)] == [first, first]
    assert len(fake.calls) == 1

    clock.advance(0.01 * SECOND)
    assert remote.remembered(GRANT) is None
    assert value(remote.token(GRANT)) == "made-up-token-2"
    assert [each.query for each in fake.calls] == [{"min_ttl": "300"}] * 2


def test_a_revocation_elsewhere_is_seen_after_max_stale(remote: Remote, fake: Fake, clock: Clock) -> None:
    """And then for good: what the service said to be over is not handed out while it is away."""
    remote.token(GRANT)
    over = ConsentRequired("Over.", reason="disconnected", grant_id=GRANT)
    fake.answering = lambda _: problem_of(over)
    clock.advance(held.WAIT_FOR_SERVICE + 10 * SECOND)
    with pytest.raises(ConsentRequired):
        remote.token(GRANT)

    fake.answering = lambda _: Answer(hang_up=True)
    with pytest.raises(ServiceUnavailable):
        remote.token(GRANT)


def test_max_stale_is_chosen_and_may_be_none(make_remote: MakeRemote, fake: Fake, clock: Clock) -> None:
    """With none, each call asks."""
    remote = make_remote(max_stale=timedelta())
    assert [value(remote.token(GRANT)) for _ in range(3)] == [f"made-up-token-{n}" for n in (1, 2, 3)]

    longer = make_remote(max_stale=timedelta(minutes=1))
    longer.token(GRANT)
    clock.advance(59 * SECOND)
    assert longer.remembered(GRANT) is not None


def test_staleness_counts_from_the_question(remote: Remote, fake: Fake, clock: Clock) -> None:
    """An answer that took nine seconds may be nine seconds old when it comes."""
    inner = fake.answering

    def slow(call: Call) -> Answer:
        clock.advance(9 * SECOND)
        return inner(call)

    fake.answering = slow
    remote.token(GRANT)
    assert remote.remembered(GRANT) is not None
    clock.advance(SECOND)
    assert remote.remembered(GRANT) is None


def test_whoever_wants_more_life_than_is_left_asks(remote: Remote, fake: Fake) -> None:
    """The service refreshes if it must."""
    remote.token(GRANT)
    remote.token(GRANT, min_ttl=timedelta(minutes=59, milliseconds=59_500))
    assert len(fake.calls) == 1
    remote.token(GRANT, min_ttl=HOUR)

    assert [each.query["min_ttl"] for each in fake.calls] == ["300", "3600"]


def test_a_clock_set_back_hands_out_nothing_old(remote: Remote, fake: Fake, clock: Clock) -> None:
    """Ten seconds would else last an hour."""
    remote.token(GRANT)
    clock.advance(-HOUR)

    assert remote.remembered(GRANT) is None


def test_memory_has_an_end(remote: Remote, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was looked at longest ago goes."""
    monkeypatch.setattr(held, "MAX_HELD", 2)
    for each in ("a", "b", "c"):
        remote.token(each)

    assert [remote.remembered(each) is None for each in ("a", "b", "c")] == [True, False, False]


# --- one call for all ------------------------------------------------------------------------------------------------


def test_threads_that_ask_at_once_cause_one_call(remote: Remote, fake: Fake) -> None:
    """Sixty-four callers, one request, one answer for all."""
    gate = Held(fake)
    gate.open_soon()
    found = at_once(lambda: remote.token(GRANT), CALLERS)

    assert {value(each) for each in found} == {"made-up-token-1"}
    assert len(found) == CALLERS
    assert len(fake.calls) == 1


def test_an_error_reaches_each_of_them_as_its_own(remote: Remote, fake: Fake) -> None:
    """One object raised in many threads would mix their tracebacks."""
    over = ConsentRequired("Over.", reason="disconnected", grant_id=GRANT, advice="Ask.")
    fake.answering = lambda _: problem_of(over)
    gate = Held(fake)
    gate.open_soon()
    found = at_once(lambda: remote.token(GRANT), CALLERS)

    assert {type(each) for each in found} == {ConsentRequired}
    assert {str(each) for each in found} == {"Over. Ask."}
    assert len({id(each) for each in found}) == CALLERS


def test_grants_do_not_wait_for_each_other(remote: Remote, fake: Fake) -> None:
    """One that hangs at the service holds up its own callers only."""
    gate = Held(fake)
    hanging = threading.Thread(target=remote.token, args=(GRANT,))
    hanging.start()
    assert gate.entered.acquire(timeout=20)
    fake.answering = gate.inner

    assert value(remote.token(OTHER)) == "made-up-token-1"
    gate.open.set()
    hanging.join(20)


# --- repeated --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lost", [Answer(hang_up=True), Answer(status=503, body=b"")], ids=["answer", "replica"])
def test_a_lost_answer_is_asked_for_once_more(remote: Remote, fake: Fake, lost: Answer) -> None:
    """A replica that is restarted fails nobody; the second request says that it is the first."""
    answers = [lost, token("again", remote._tokens._now() + HOUR)]
    fake.answering = lambda _: answers.pop(0)

    assert value(remote.refresh(GRANT)) == "again"
    keys = {each.headers["idempotency-key"] for each in fake.calls}
    assert (len(fake.calls), len(keys)) == (2, 1)
    assert len(keys.pop()) == 32


def test_each_wish_has_a_key_of_its_own(remote: Remote, fake: Fake) -> None:
    """Or the second refresh would be answered with the first one's token. What changes nothing has none."""
    for _ in range(2):
        remote.refresh(GRANT)
    remote.token(OTHER)

    assert fake.calls[0].headers["idempotency-key"] != fake.calls[1].headers["idempotency-key"]
    assert "idempotency-key" not in fake.calls[2].headers


def test_nothing_is_sent_three_times(remote: Remote, fake: Fake) -> None:
    """A service in trouble is not to be hammered."""
    fake.answering = lambda _: Answer(hang_up=True)
    with pytest.raises(ServiceUnavailable) as caught:
        remote.refresh(GRANT)

    assert caught.value.sent is True
    assert len(fake.calls) == 2


def test_what_the_service_refuses_is_not_sent_again(remote: Remote, fake: Fake) -> None:
    """Its word is an answer, even that it cannot."""
    fake.answering = lambda _: problem_of(ProviderUnavailable("Later."))
    with pytest.raises(ProviderUnavailable):
        remote.refresh(GRANT)

    assert len(fake.calls) == 1


# --- refused, refreshed, ended ---------------------------------------------------------------------------------------


def test_a_rejected_token_is_handed_out_no_more_and_told(remote: Remote, fake: Fake) -> None:
    """R-37: the next one comes from the service."""
    first = remote.token(GRANT)
    remote.report_rejected(GRANT, first.value)

    assert value(remote.token(GRANT)) == "made-up-token-3"
    assert (fake.calls[1].method, fake.calls[1].path) == ("POST", f"/v1/grants/{GRANT}/rejected")
    assert fake.calls[1].json() == {"token": "made-up-token-1"}


def test_a_report_of_an_older_token_leaves_the_present_one(remote: Remote, fake: Fake) -> None:
    """A late complaint; the service is told all the same, and decides for itself."""
    first = remote.token(GRANT)
    remote.report_rejected(GRANT, Secret("an-older-one"))

    assert remote.remembered(GRANT) == first
    assert len(fake.calls) == 2


def test_a_token_that_was_asked_for_before_it_was_rejected_is_not_kept(remote: Remote, fake: Fake) -> None:
    """Nor handed to whoever asks after the report."""
    gate = Held(fake)
    early: list[AccessToken] = []
    asking = threading.Thread(target=lambda: early.append(remote.token(GRANT)))
    asking.start()
    assert gate.entered.acquire(timeout=20)
    fake.answering = gate.inner
    remote.report_rejected(GRANT, Secret("made-up-token-0"))
    late = remote.token(GRANT)
    gate.open.set()
    asking.join(20)

    assert len(early) == 1
    assert early[0] != late
    assert remote.remembered(GRANT) == late


def test_a_refresh_replaces_what_is_in_memory(remote: Remote, fake: Fake) -> None:
    """The older token is not handed out afterwards."""
    remote.token(GRANT)
    second = remote.refresh(GRANT)

    assert remote.remembered(GRANT) == second
    assert fake.paths() == [f"GET /v1/grants/{GRANT}/token", f"POST /v1/grants/{GRANT}/refresh"]


@pytest.mark.parametrize("ends", ["revoke", "report_rejected"])
def test_a_refresh_under_way_brings_back_nothing_that_was_ended(remote: Remote, fake: Fake, ends: str) -> None:
    """Its answer comes when the grant was revoked here, or its token reported: the next caller asks."""
    gate = Held(fake)
    refreshing = threading.Thread(target=remote.refresh, args=(GRANT,))
    refreshing.start()
    assert gate.entered.acquire(timeout=20)
    fake.answering = gate.inner
    if ends == "revoke":
        with pytest.raises(ServiceUnavailable):  # the fake answers with a token, which is no revocation
            remote.revoke(GRANT)
    else:
        remote.report_rejected(GRANT, Secret("made-up-token-0"))
    gate.open.set()
    refreshing.join(20)

    assert remote.remembered(GRANT) is None


def test_what_was_asked_before_a_refresh_does_not_replace_it(remote: Remote, fake: Fake) -> None:
    """The older token comes last, and is not kept."""
    gate = Held(fake)
    asking = threading.Thread(target=remote.token, args=(GRANT,))
    asking.start()
    assert gate.entered.acquire(timeout=20)
    fake.answering = gate.inner
    second = remote.refresh(GRANT)
    gate.open.set()
    asking.join(20)

    assert remote.remembered(GRANT) == second


def test_an_ended_grant_is_handed_out_no_more_even_when_the_answer_is_lost(remote: Remote, fake: Fake) -> None:
    """Whether it was ended is not known: the next caller asks."""
    remote.token(GRANT)
    fake.answering = lambda _: Answer(hang_up=True)
    with pytest.raises(ServiceUnavailable):
        remote.revoke(GRANT)

    with pytest.raises(ServiceUnavailable):
        remote.token(GRANT)


# --- forks -----------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_asks_on_its_own(remote: Remote, fake: Fake) -> None:
    """R-67: a thread of the parent asks, another holds the lock: the child neither waits nor shares a socket."""
    first = remote.token(OTHER)
    gate = Held(fake)
    asking = threading.Thread(target=remote.token, args=(GRANT,))
    asking.start()
    assert gate.entered.acquire(timeout=20)
    fake.answering = gate.inner
    with remote._tokens._lock:
        child = os.fork()
        if not child:
            found = remote.token(GRANT), remote.token(OTHER)
            os._exit(0 if value(found[0]).startswith("made-up") and found[1] == first else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    gate.open.set()
    asking.join(20)
    assert remote.remembered(GRANT) is not None
