"""What was asked before a grant was ended, or a token reported, reaches nobody who asks afterwards."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from grantkeeper import AccessToken, AsyncRemote, ConsentRequired, Remote, Secret
from grantkeeper.emulator import Clock
from remote import conftest as made
from remote.conftest import GRANT, HOUR, MakeRemote
from remote.fake import Answer, Call, Fake, problem_of
from remote.test_tokens import Held

OTHER = "f" * 32
FIRST, SECOND = "made-up-token-first", "made-up-token-second"
OVER = ConsentRequired("Over.", reason="disconnected", grant_id=GRANT)


class Slow:
    """A service that takes its time: what ends a grant's token is done once `end` is set.

    A read is answered as things stood when it came; the first one only when `first` is set.
    """

    def __init__(self, fake: Fake, clock: Clock) -> None:
        self.clock = clock
        self.ended = False
        self.gives = FIRST
        self.ending, self.end, self.asked, self.first = (threading.Event() for _ in range(4))
        fake.answering = self

    def __call__(self, call: Call) -> Answer:
        """Answer."""
        if call.method == "GET":
            return self.read()
        if call.path.endswith("/refresh"):
            self.gives = SECOND
            return self.token()
        self.ending.set()
        assert self.end.wait(20), "nobody let it end"
        self.ended = True
        return Answer(status=204) if call.method == "POST" else Answer(body=revocation(self.clock))

    def read(self) -> Answer:
        """Give the token of now, or say that it is over."""
        answer = problem_of(OVER) if self.ended else self.token()
        if not self.asked.is_set():
            self.asked.set()
            assert self.first.wait(20), "nobody let the first be answered"
        return answer

    def token(self) -> Answer:
        """Give the token of now."""
        return made.token(self.gives, self.clock.now() + HOUR)


def revocation(clock: Clock) -> dict[str, object]:
    """Return what the service says of a grant that it ended."""
    texts = {
        "id": GRANT,
        "owner": "acme",
        "client": "google-ads",
        "issuer": "i",
        "subject": "s",
        "email": "e@x.example",
    }
    times = dict.fromkeys(("consented_at", "created_at", "updated_at"), clock.now())
    never = dict.fromkeys(("expires_at", "ends_at", "refreshed_at"))
    lists: dict[str, list[str]] = {"scopes": [], "missing": [], "extra": []}
    how = {"status": "revoked", "reason": "disconnected", "version": 3, "confirmed": True}
    return {"grant": texts | times | never | lists | how, "at_provider": "revoked", "siblings": 0}


@pytest.fixture
def slow(fake: Fake, clock: Clock) -> Slow:
    """A service that takes its time."""
    return Slow(fake, clock)


ENDS: dict[str, Callable[[AsyncRemote], Awaitable[object]]] = {
    "revoke": lambda awaited: awaited.revoke(GRANT),
    "report_rejected": lambda awaited: awaited.report_rejected(GRANT, Secret(FIRST)),
    "revoke in a thread": lambda awaited: asyncio.to_thread(awaited.remote.revoke, GRANT),
}


@pytest.mark.parametrize("ends", ENDS.values(), ids=ENDS)
def test_whoever_asks_after_the_end_joins_no_question_that_was_asked_during_it(
    remote: Remote, slow: Slow, ends: Callable[[AsyncRemote], Awaitable[object]]
) -> None:
    """It was asked when the service still gave the token, and its answer is on its way."""

    async def run() -> tuple[object, object]:
        async with AsyncRemote(remote) as awaited:
            ending = asyncio.ensure_future(ends(awaited))
            assert await asyncio.to_thread(slow.ending.wait, 20)
            early = asyncio.create_task(awaited.token(GRANT))
            assert await asyncio.to_thread(slow.asked.wait, 20)
            slow.end.set()
            await ending
            late = asyncio.create_task(awaited.token(GRANT))
            await asyncio.sleep(0)  # it has asked, or joined
            slow.first.set()
            first, second = await asyncio.gather(early, late, return_exceptions=True)
            return first, second

    early, late = asyncio.run(run())
    assert isinstance(early, AccessToken)
    assert isinstance(late, ConsentRequired)
    assert remote.remembered(GRANT) is None


def test_a_refresh_leaves_nobody_with_what_was_asked_before(make_remote: MakeRemote, slow: Slow) -> None:
    """Also where nothing in memory is handed out without asking."""
    remote = make_remote(max_stale=timedelta())

    async def run() -> tuple[AccessToken, AccessToken]:
        async with AsyncRemote(remote) as awaited:
            early = asyncio.create_task(awaited.token(GRANT))
            assert await asyncio.to_thread(slow.asked.wait, 20)
            await awaited.refresh(GRANT)
            late = asyncio.create_task(awaited.token(GRANT))
            await asyncio.sleep(0)
            slow.first.set()
            return await early, await late

    early, late = asyncio.run(run())
    assert (early.value.reveal(), late.value.reveal()) == (FIRST, SECOND)


def test_a_token_that_is_read_while_it_is_reported_is_not_handed_out_afterwards(remote: Remote, slow: Slow) -> None:
    """The service did not know of it yet, and gave it once more."""
    slow.first.set()
    first = remote.token(GRANT)
    reporting = threading.Thread(target=remote.report_rejected, args=(GRANT, first.value))
    reporting.start()
    assert slow.ending.wait(20)
    assert remote.token(GRANT) == first
    slow.end.set()
    reporting.join(20)

    with pytest.raises(ConsentRequired):
        remote.token(GRANT)


def test_ended_siblings_are_asked_for_before_they_are_handed_out(remote: Remote, slow: Slow, fake: Fake) -> None:
    """Which grants ended with this one only the service knows. While it is away, what lives is handed out as ever."""
    slow.first.set()
    slow.end.set()
    sibling = remote.token(OTHER)
    remote.revoke(GRANT)
    assert remote.remembered(OTHER) == sibling

    slow.ended = False
    remote.revoke(GRANT, siblings="end")
    assert remote.remembered(OTHER) is None
    with pytest.raises(ConsentRequired):
        remote.token(OTHER)


def test_a_sibling_that_was_asked_for_before_is_not_kept(remote: Remote, slow: Slow) -> None:
    """Its answer comes when it was ended."""
    asking = threading.Thread(target=remote.token, args=(OTHER,))
    asking.start()
    assert slow.asked.wait(20)
    slow.end.set()
    remote.revoke(GRANT, siblings="end")
    slow.first.set()
    asking.join(20)

    assert remote.remembered(OTHER) is None


def test_a_grant_that_a_refresh_finds_over_is_handed_out_no_more(remote: Remote, fake: Fake) -> None:
    """The service has said so: ten seconds of memory are for what nobody has said."""
    remote.token(GRANT)
    fake.answering = lambda _: problem_of(OVER)
    with pytest.raises(ConsentRequired):
        remote.refresh(GRANT)

    assert remote.remembered(GRANT) is None


def test_of_two_refreshes_at_a_time_neither_is_taken_for_the_last(remote: Remote, fake: Fake) -> None:
    """Their answers may come in another order than they were done: the next caller asks."""
    gate = Held(fake)
    early = threading.Thread(target=remote.refresh, args=(GRANT,))
    early.start()
    assert gate.entered.acquire(timeout=20)
    fake.answering = gate.inner
    second = remote.refresh(GRANT)
    assert remote.remembered(GRANT) == second
    gate.open.set()
    early.join(20)

    assert remote.remembered(GRANT) is None


def test_of_two_refreshes_one_after_the_other_the_last_is_kept(remote: Remote) -> None:
    """Nothing is in doubt then."""
    remote.refresh(GRANT)
    second = remote.refresh(GRANT)

    assert remote.remembered(GRANT) == second
