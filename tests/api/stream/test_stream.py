"""Events as they happen: nothing missed, nothing of others, and an end to every stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from api.asking import Site
from api.stream.listening import PATIENCE, Listener
from grantkeeper import Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.errors import DatabaseUnavailable
from grantkeeper.testing import Connect
from grantkeeper.web.api.serving import streaming
from keeper.people import IDA, SAM, TOM
from service.served import served_keeper


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look a hundred times a second, and say so when nothing has happened for a tenth of one."""
    monkeypatch.setattr(streaming, "EVERY", 0.01)
    monkeypatch.setattr(streaming, "SILENCE", 0.1)


@pytest.fixture
def secret(site: Site) -> str:
    """A key that may read events."""
    return site.asker("events:read").secret


def run(site: Site, what: Coroutine[Any, Any, None]) -> None:
    """Run on the application's event loop; afterwards nothing of it may be left there."""

    async def alone() -> None:
        before = asyncio.all_tasks()
        await what
        async with asyncio.timeout(PATIENCE):
            while left := asyncio.all_tasks() - before:
                await asyncio.wait(left)
        assert site.api._ticker._listeners == 0

    site._runner.run(alone())


def test_events_come_as_they_happen(site: Site, secret: str, connect: Connect) -> None:
    """What was there, then what happens; each as the list has it, under its position."""

    async def listen() -> None:
        connect("acme", IDA)
        async with Listener(site, secret) as listener:
            await listener.until(b"acme")
            await asyncio.to_thread(connect, "globex", TOM)
            await listener.until(b"globex")
        headers = dict(listener.started["headers"])
        assert (headers[b"content-type"], headers[b"cache-control"]) == (b"text/event-stream", b"no-store")
        told = [json.loads(line[6:]) for line in listener.heard.splitlines() if line.startswith(b"data: ")]
        assert [each["position"] for each in told] == listener.positions == sorted(set(listener.positions))

    run(site, listen())


def test_who_comes_back_misses_none_and_sees_none_twice(site: Site, secret: str, connect: Connect) -> None:
    """Last-Event-ID goes before `after`: a browser that reconnects repeats the address it began with."""

    async def listen() -> None:
        connect("acme", IDA)
        async with Listener(site, secret) as first:
            await first.until(b"acme")
        connect("globex", TOM)
        connect("initech", SAM)
        last = str(first.positions[-1])
        async with Listener(site, secret, query="after=0", last=last) as second:
            await second.until(b"initech")
        assert b"acme" not in second.heard
        seen = first.positions + second.positions
        assert seen == list(range(1, len(seen) + 1))

    run(site, listen())


def test_more_than_one_look_holds_comes_whole(
    site: Site, secret: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who was away for long gets it all, look after look."""
    monkeypatch.setattr(streaming, "BATCH", 2)

    async def listen() -> None:
        for number in range(7):
            connect(f"owner-{number}", IDA)
        async with Listener(site, secret) as listener:
            await listener.until(b'"owner-6"')
        assert listener.positions == list(range(1, len(listener.positions) + 1))

    run(site, listen())


@pytest.mark.parametrize("last", ["", "-1", "x", "1.5", "9" * 19, "1 or 1=1", "٣"])
def test_a_place_that_is_none_is_refused(site: Site, last: str) -> None:
    """A problem, and no stream."""
    headers = {"accept": "text/event-stream", "last-event-id": last.encode()}
    answer = site.asker("events:read").ask("GET", "/v1/events", headers=headers)  # type: ignore[arg-type]

    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_silence_is_broken(site: Site, secret: str) -> None:
    """A proxy that sees nothing for a minute hangs up: comments come, which a reader of events skips."""

    async def listen() -> None:
        async with Listener(site, secret) as listener:
            await listener.until(b": nothing new\n\n", times=3)
        assert listener.positions == []

    run(site, listen())


def test_the_last_who_leaves_ends_the_looking(site: Site, secret: str, connect: Connect) -> None:
    """One look for all who listen; none when nobody does, and one again for who comes later."""

    async def listen() -> None:
        async with Listener(site, secret) as one, Listener(site, secret) as other:
            await asyncio.gather(one.until(b"events follow"), other.until(b"events follow"))
            looking = site.api._ticker._task
            assert looking is not None
            one.leave()
            await one.end()
            assert site.api._ticker._listeners == 1
            assert not looking.done()
        async with asyncio.timeout(PATIENCE):
            await looking
        connect("acme", IDA)
        async with Listener(site, secret) as later:
            await later.until(b"acme")

    run(site, listen())


def test_a_connection_that_breaks_leaves_nothing_behind(site: Site, secret: str) -> None:
    """Nobody says that it is gone: sending fails, and the stream is over."""

    async def listen() -> None:
        async with Listener(site, secret) as listener:
            await listener.until(b"events follow")
            listener.broken = True
            await listener.end()

    run(site, listen())


def test_a_service_that_stops_ends_its_streams(site: Site, secret: str) -> None:
    """R-57: with a whole answer, so that who listens comes again at once, elsewhere."""

    async def listen() -> None:
        async with Listener(site, secret) as listener:
            await listener.until(b"events follow")
            site.stopping = True
            await listener.end()
            assert listener.whole

    run(site, listen())


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_key_that_ends_ends_a_stream_on_which_nothing_happens(
    site: Site, keeper: Keeper, emulator: Emulator, how: str
) -> None:
    """V-42: not only with the next event."""
    made = keeper.keys.create("a test", ["events:read"], expires_in=timedelta(minutes=5))

    async def listen() -> None:
        async with Listener(site, made.secret.reveal()) as listener:
            await listener.until(b": nothing new")
            if how == "revoked":
                await asyncio.to_thread(keeper.keys.revoke, made.key.id)
            else:
                emulator.clock.advance(timedelta(minutes=5))
            await listener.end()
            assert listener.whole

    run(site, listen())


def test_a_listener_hears_its_own_owners_only(site: Site, connect: Connect) -> None:
    """V-60: also of what happens while it listens, and when it asks for another's grant by its id."""
    restricted = site.asker("events:read", owners=["globex"]).secret

    async def listen() -> None:
        foreign = connect("acme", IDA)
        query = f"grant_id={foreign.id}"
        async with Listener(site, restricted) as all_of_it, Listener(site, restricted, query=query) as of_one:
            await all_of_it.until(b"events follow")
            await asyncio.to_thread(connect, "acme", IDA, "ad-manager")
            await asyncio.to_thread(connect, "globex", SAM)
            await asyncio.gather(all_of_it.until(b"globex"), of_one.until(b": nothing new"))
        assert b"acme" not in all_of_it.heard
        assert of_one.positions == []

    run(site, listen())


def test_a_database_that_is_away_ends_a_stream_and_not_the_service(
    site: Site, keeper: Keeper, secret: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who listens comes again, and goes on from where it was."""

    async def away(*_args: object, **_named: object) -> Any:
        raise DatabaseUnavailable("The database is away.")

    async def listen() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(site.api._keeper, "events", away)
            async with Listener(site, secret) as listener:
                await listener.end()
            assert listener.whole
        connect("acme", IDA)
        async with Listener(site, secret) as again:
            await again.until(b"acme")

    run(site, listen())


def test_a_stream_over_a_real_connection_ends_when_it_is_closed(keeper: Keeper, connect: Connect) -> None:
    """Through a real server: the events come while the answer is open, and the server stops though one listened."""
    connect("acme", IDA)
    with served_keeper(keeper) as at:
        headers = {"authorization": f"Bearer {at.key('events:read').reveal()}", "accept": "text/event-stream"}
        with (
            httpx2.Client(timeout=PATIENCE) as client,
            client.stream("GET", f"{at.url}/v1/events", headers=headers) as answer,
        ):
            lines = answer.iter_lines()
            assert next(line for line in lines if line.startswith("event: ")) == "event: grant.connected"
            connect("globex", TOM)
            assert any("globex" in line for line in lines)
