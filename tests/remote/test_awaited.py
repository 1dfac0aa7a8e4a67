"""AsyncRemote: memory is answered on the loop, the rest on its own threads, one question for all tasks."""

from __future__ import annotations

import asyncio
import gc
import inspect
import os
import signal
import threading
from collections.abc import Awaitable, Iterable, Iterator

import pytest

from grantkeeper import AsyncRemote, ConsentRequired, Remote, Secret
from grantkeeper.emulator import Clock
from grantkeeper.remote import awaited as threads
from remote.conftest import GRANT, HOUR
from remote.fake import Answer, Call, Fake, problem_of
from remote.test_tokens import Held


@pytest.fixture
def awaited(remote: Remote) -> Iterator[AsyncRemote]:
    """An AsyncRemote that asks the fake."""
    made = AsyncRemote(remote)
    yield made
    asyncio.run(made.close())


def public(kind: type) -> dict[str, list[str]]:
    """Return the names of a class's public methods, with those of their parameters."""
    found = inspect.getmembers(kind, inspect.isfunction)
    return {name: list(inspect.signature(each).parameters) for name, each in found if not name.startswith("_")}


def test_it_has_the_verbs_of_a_remote() -> None:
    """With the same arguments; what needs no awaiting is there for its own sake."""
    inside = {"remembered", "when_outdated"}

    assert public(AsyncRemote) == {name: given for name, given in public(Remote).items() if name not in inside}


def test_a_token_in_memory_is_answered_on_the_loop(awaited: AsyncRemote, fake: Fake) -> None:
    """No thread is asked, however busy all of them are."""

    async def run() -> None:
        first = await awaited.token(GRANT)
        before = threading.active_count()
        coroutine = awaited.token(GRANT)
        with pytest.raises(StopIteration) as done:
            coroutine.send(None)  # it ends without waiting for anything
        assert done.value.value == first
        assert threading.active_count() == before

    asyncio.run(run())
    assert len(fake.calls) == 1


def test_tasks_that_ask_at_once_cause_one_call(awaited: AsyncRemote, fake: Fake) -> None:
    """And take one thread: the others of the pool are for other grants."""
    gate = Held(fake)
    gate.open_soon()

    async def run() -> set[str]:
        found = await asyncio.gather(*(awaited.token(GRANT) for _ in range(500)))
        return {each.value.reveal() for each in found}

    assert asyncio.run(run()) == {"made-up-token-1"}
    assert len(fake.calls) == 1


def test_an_error_reaches_the_one_who_awaits(awaited: AsyncRemote, fake: Fake) -> None:
    """As itself."""
    over = ConsentRequired("Over.", reason="disconnected", grant_id=GRANT)
    fake.answering = lambda _: problem_of(over)
    with pytest.raises(ConsentRequired):
        asyncio.run(awaited.token(GRANT))


def test_a_cancelled_caller_takes_nothing_from_the_others(awaited: AsyncRemote, fake: Fake) -> None:
    """What was asked for is asked to its end."""
    gate = Held(fake)

    async def run() -> str:
        first, second = (asyncio.create_task(awaited.token(GRANT)) for _ in range(2))
        await asyncio.to_thread(gate.entered.acquire)
        first.cancel()
        gate.open.set()
        found = await second
        assert first.cancelled()
        return found.value.reveal()

    assert asyncio.run(run()) == "made-up-token-1"
    assert len(fake.calls) == 1


@pytest.fixture
def narrow(remote: Remote, monkeypatch: pytest.MonkeyPatch) -> AsyncRemote:
    """An AsyncRemote with one thread for tokens and one for other calls."""
    monkeypatch.setattr(threads, "TOKEN_THREADS", 1)
    monkeypatch.setattr(threads, "CALL_THREADS", 1)
    return AsyncRemote(remote)


async def given_up(gate: Held, begun: Iterable[Awaitable[object]]) -> None:
    """Begin all of these, and cancel them once the first is at the service."""
    tasks = [asyncio.ensure_future(each) for each in begun]
    await asyncio.to_thread(gate.entered.acquire)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert all(task.cancelled() for task in tasks)


@pytest.mark.parametrize("verb", ["token", "looks"])
def test_what_nobody_waits_for_any_more_is_not_asked(narrow: AsyncRemote, fake: Fake, verb: str) -> None:
    """Closing waits for the one question that is at the service, not for those behind it, which change nothing."""
    if verb == "looks":
        fake.answering = lambda _: Answer(body={"items": []})
    gate = Held(fake)

    async def run() -> None:
        await given_up(gate, [getattr(narrow, verb)(f"grant-{number}") for number in range(20)])
        gate.open.set()
        await narrow.close()

    asyncio.run(run())
    assert fake.paths() == [f"GET /v1/grants/grant-0/{verb}"]


def test_what_changes_something_is_done_though_nobody_waits(narrow: AsyncRemote, fake: Fake) -> None:
    """R-02: a revocation that had to queue is no less wanted."""
    gate = Held(fake)

    async def run() -> None:
        await given_up(gate, [narrow.revoke(f"grant-{number}") for number in range(3)])
        gate.open.set()
        await narrow.close()

    asyncio.run(run())
    assert fake.paths() == [f"DELETE /v1/grants/grant-{number}" for number in range(3)]


def test_closing_waits_for_what_somebody_waits_for(narrow: AsyncRemote, fake: Fake) -> None:
    """One of two who asked the same went; the other is answered, and nothing new is taken."""
    gate = Held(fake)

    async def run() -> None:
        kept = [asyncio.create_task(narrow.token(each)) for each in ("first", "second")]
        await given_up(gate, [narrow.token("second")])
        closing = asyncio.create_task(narrow.close())
        gate.open.set()
        assert len(await asyncio.gather(*kept)) == 2
        await closing
        with pytest.raises(RuntimeError):
            await narrow.token("third")

    asyncio.run(run())
    assert not narrow._asked
    assert len(fake.calls) == 2


def test_a_loop_that_ended_leaves_nothing_to_the_next(awaited: AsyncRemote, fake: Fake) -> None:
    """Its question was at the service still, and nobody there could be told of the answer."""
    gate = Held(fake)
    first = asyncio.new_event_loop()
    asking = first.create_task(awaited.token(GRANT))
    first.run_until_complete(asyncio.to_thread(gate.entered.acquire))
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        first.run_until_complete(asking)
    first.close()
    gate.open.set()

    async def run() -> None:
        await awaited.token(GRANT)
        await awaited.close()

    asyncio.run(run())
    assert not awaited._asked


def test_an_error_that_nobody_waits_for_is_no_complaint(
    narrow: AsyncRemote, fake: Fake, caplog: pytest.LogCaptureFixture
) -> None:
    """Asyncio logs what nobody has looked at."""
    fake.answering = lambda _: problem_of(ConsentRequired("Over.", reason="disconnected", grant_id=GRANT))
    gate = Held(fake)

    async def run() -> None:
        await given_up(gate, [narrow.token(GRANT)])
        gate.open.set()
        await narrow.close()

    asyncio.run(run())
    gc.collect()
    assert [each.message for each in caplog.records if each.name == "asyncio"] == []


def test_whoever_asks_after_a_report_joins_no_earlier_question(awaited: AsyncRemote, fake: Fake) -> None:
    """It may bring the very token that was refused."""
    gate = Held(fake)

    async def run() -> tuple[str, str]:
        early = asyncio.create_task(awaited.token(GRANT))
        await asyncio.to_thread(gate.entered.acquire)
        fake.answering = gate.inner
        await awaited.report_rejected(GRANT, Secret("made-up-token-0"))
        late = await awaited.token(GRANT)
        gate.open.set()
        return (await early).value.reveal(), late.value.reveal()

    early, late = asyncio.run(run())
    assert early != late


def test_calls_that_hang_hold_no_token_up(awaited: AsyncRemote, fake: Fake, clock: Clock) -> None:
    """More of them than there are threads; the pools are two."""
    inner, opened = fake.answering, threading.Event()

    def answer(call: Call) -> Answer:
        if call.path.endswith("/token"):
            return inner(call)
        assert opened.wait(20)
        return Answer(body={"items": []})

    fake.answering = answer

    async def run() -> None:
        hanging = [asyncio.create_task(awaited.looks(GRANT)) for _ in range(20)]
        await asyncio.sleep(0)
        assert (await awaited.token(GRANT)).expires_at == clock.now() + HOUR
        opened.set()
        assert await asyncio.gather(*hanging) == [[]] * 20

    asyncio.run(run())


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own(awaited: AsyncRemote, fake: Fake) -> None:
    """R-67: those of the parent are not there, and who waits for them waits for ever."""
    first = asyncio.run(awaited.token(GRANT))
    child = os.fork()
    if not child:
        signal.alarm(20)
        found = asyncio.run(awaited.refresh(GRANT))
        os._exit(0 if found != first else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert fake.paths()[-1] == f"POST /v1/grants/{GRANT}/refresh"
