"""AsyncKeeper: the same verbs, awaited."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import threading
from datetime import timedelta

import pytest

from grantkeeper import AccessToken, AsyncKeeper, ConsentRequired, Grant, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.testing import Connect

IDA = "ida@nordwind-outdoor.example"


def test_the_whole_flow_awaited(keeper: Keeper, emulator: Emulator) -> None:
    """begin, complete, find, token, refresh, revoke."""

    async def walk() -> None:
        async with AsyncKeeper(keeper) as aio:
            redirect = await aio.begin("acme", "google-ads")
            grant = await aio.complete(redirect.flow, emulator.consent(redirect.url, IDA))
            assert isinstance(grant, Grant)
            assert await aio.find("acme", "google-ads") == grant
            assert [each.id for each in await aio.grants("acme")] == [grant.id]
            emulator.clock.advance(timedelta(hours=2))
            first = await aio.token(grant.id)
            assert await aio.token(grant.id) == first
            assert await aio.refresh(grant.id) != first
            assert (await aio.revoke(grant.id)).at_provider == "revoked"

    asyncio.run(walk())


def test_50_tasks_asking_for_an_expired_token_cause_one_refresh_though_49_are_cancelled(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """R-02: cancelling who waits does not cancel the refresh."""
    grant = connect("acme", IDA)
    emulator.clock.advance(timedelta(hours=2))
    started, release = threading.Event(), threading.Event()
    emulator.wait = lambda _: (started.set(), release.wait(10), None)[2]  # type: ignore[func-returns-value]
    emulator.slow(timedelta(seconds=5))

    async def walk() -> None:
        aio = AsyncKeeper(keeper)
        tasks = [asyncio.create_task(aio.token(grant.id)) for _ in range(50)]
        assert await asyncio.to_thread(started.wait, 10)
        for task in tasks[1:]:
            task.cancel()
        release.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(each, asyncio.CancelledError) for each in done) == 49
        assert (await tasks[0]).value == keeper.token(grant.id).value
        await aio.close()

    asyncio.run(walk())
    assert len(emulator.requests("/token", grant_type="refresh_token")) == 1


def test_one_slow_grant_does_not_stall_the_others(keeper: Keeper, connect: Connect, emulator: Emulator) -> None:
    """A hundred tasks that wait for one grant take one thread, not all of them."""
    slow, other = connect("acme", IDA), connect("globex", "sam@fjord-media.example")
    emulator.clock.advance(timedelta(hours=2))
    started, release = threading.Event(), threading.Event()
    emulator.wait = lambda _: (started.set(), release.wait(10), None)[2]  # type: ignore[func-returns-value]
    emulator.slow(timedelta(seconds=5))

    async def walk() -> None:
        aio = AsyncKeeper(keeper)
        waiting = [asyncio.create_task(aio.token(slow.id)) for _ in range(100)]
        assert await asyncio.to_thread(started.wait, 10)
        assert (await asyncio.wait_for(aio.token(other.id), 8)).value
        assert not any(task.done() for task in waiting)
        release.set()
        assert len({token.value for token in await asyncio.gather(*waiting)}) == 1
        await aio.close()

    asyncio.run(walk())


@pytest.mark.parametrize("ends", ["revoke", "report_rejected"])
def test_whoever_asks_after_the_end_gets_nothing_of_a_refresh_that_was_under_way(
    connect: Connect, keeper: Keeper, emulator: Emulator, ends: str
) -> None:
    """R-37, R-55: they may share its wait, and get what the row says once it is over."""
    grant = connect("acme", IDA)
    first = keeper.token(grant.id)
    emulator.clock.advance(timedelta(minutes=58))
    started, release = threading.Event(), threading.Event()
    emulator.wait = lambda _: (started.set(), release.wait(10), None)[2]  # type: ignore[func-returns-value]
    emulator.slow(timedelta(seconds=5))

    async def walk() -> list[AccessToken | BaseException]:
        async with AsyncKeeper(keeper) as aio:
            early = asyncio.create_task(aio.token(grant.id))
            assert await asyncio.to_thread(started.wait, 10)
            await (aio.revoke(grant.id) if ends == "revoke" else aio.report_rejected(grant.id, first.value))
            late = asyncio.create_task(aio.token(grant.id))
            await asyncio.sleep(0)
            release.set()
            return list(await asyncio.gather(early, late, return_exceptions=True))

    for found in asyncio.run(walk()):
        if ends == "revoke":
            assert isinstance(found, ConsentRequired)
        else:
            assert isinstance(found, AccessToken)
            assert found.value != first.value


def test_a_cancelled_call_is_done_to_its_end_even_if_it_had_to_queue(connect: Connect, keeper: Keeper) -> None:
    """Giving up waiting for a revocation does not drop it."""
    grant = connect("acme", IDA)
    release = threading.Event()

    async def walk() -> None:
        aio = AsyncKeeper(keeper)
        loop = asyncio.get_running_loop()
        taken = [loop.run_in_executor(aio._calls, release.wait, 10) for _ in range(16)]
        call = asyncio.create_task(aio.revoke(grant.id))
        await asyncio.sleep(0)
        call.cancel()
        release.set()
        await asyncio.gather(*taken, call, return_exceptions=True)
        await aio.close()

    asyncio.run(walk())
    assert keeper.get(grant.id).status == "revoked"


def test_a_token_in_memory_is_answered_without_a_thread(connect: Connect, keeper: Keeper) -> None:
    """The event loop answers although every thread of the pools is taken."""
    grant = connect("acme", IDA)
    keeper.token(grant.id)
    release = threading.Event()

    async def walk() -> None:
        aio = AsyncKeeper(keeper)
        loop = asyncio.get_running_loop()
        taken = [
            loop.run_in_executor(pool, release.wait, 10)
            for pool in (aio._database, aio._refreshes, aio._calls)
            for _ in range(64)
        ]
        assert (await asyncio.wait_for(aio.token(grant.id), 5)).value
        release.set()
        await asyncio.gather(*taken)
        await aio.close()

    asyncio.run(walk())


def test_every_verb_of_the_keeper_is_there_with_the_same_arguments() -> None:
    """One vocabulary; `remembered` and `stored` are how token() avoids a thread."""
    own = {"from_env", "from_settings", "remembered", "stored", "whose"}
    verbs = {name for name in vars(Keeper) if not name.startswith("_")} - own

    for name in verbs:
        ours, theirs = inspect.getattr_static(AsyncKeeper, name), inspect.getattr_static(Keeper, name)
        if not isinstance(theirs, property):
            assert inspect.signature(ours).parameters.keys() == inspect.signature(theirs).parameters.keys(), name


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_has_threads_of_its_own(connect: Connect, keeper: Keeper) -> None:
    """R-67: those of the parent are not there, and who waits for them waits for ever."""
    grant = connect("acme", IDA)
    aio = AsyncKeeper(keeper)
    asyncio.run(aio.get(grant.id))
    child = os.fork()
    if not child:
        signal.alarm(20)
        os._exit(0 if asyncio.run(aio.get(grant.id)) == grant else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    asyncio.run(aio.close())
