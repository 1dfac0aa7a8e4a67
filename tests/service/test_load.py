"""Overload: reads of tokens go first, the rest is told to come again; nobody can hold the service up (R-56, V-48)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from grantkeeper.web.service import load as bounds
from grantkeeper.web.service.load import Body, Lane, Load, Running, TooMuchError


class Slow:
    """An application that answers once it is let."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self._entered = asyncio.Semaphore(0)

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Wait, then answer."""
        if not scope["path"].endswith("/token"):
            self._entered.release()
            await self.let.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    async def full(self, count: int) -> None:
        """Wait until so many are inside."""
        for _ in range(count):
            await asyncio.wait_for(self._entered.acquire(), 5)


async def ask(app: Load, path: str, *, method: str = "GET", headers: Any = ()) -> tuple[int, dict[bytes, bytes]]:
    """Send one request; returns the answer's status and headers."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app({"type": "http", "method": method, "path": path, "headers": list(headers)}, receive, send)
    return (sent[0]["status"], dict(sent[0]["headers"])) if sent else (0, {})


def test_reads_of_tokens_are_answered_while_everything_else_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """R-56: with every turn taken, a token is read at once; what has no turn gets 503 and when to come."""
    monkeypatch.setattr(bounds, "Lane", lambda: Lane(at_once=2, waiting=1, patience=0.05))

    async def play() -> None:
        slow = Slow()
        app = Load(slow, Running())
        paths = [f"{begin}/x" for begin in ("/v1", "/dashboard", "/connect") for _ in range(2)]
        held = [asyncio.create_task(ask(app, path)) for path in paths]
        await slow.full(len(paths))
        assert (await ask(app, "/v1/grants/g/token"))[0] == 200
        status, headers = await ask(app, "/dashboard/x")
        assert (status, headers[b"retry-after"]) == (503, b"2")
        waiting = asyncio.create_task(ask(app, "/v1/x"))
        await asyncio.sleep(0)
        assert (await ask(app, "/v1/x"))[0] == 503  # nobody else may even wait
        slow.let.set()
        assert {status for status, _ in await asyncio.gather(*held)} == {200}
        assert (await waiting)[0] == 200
        assert (await ask(app, "/v1/x"))[0] == 200

    asyncio.run(play())


def test_a_turn_is_given_back_whatever_happens() -> None:
    """An error, or a caller who leaves while waiting, holds no turn."""

    async def play() -> None:
        lane = Lane(at_once=1, waiting=1, patience=5)
        with contextlib.suppress(RuntimeError):
            async with lane.turn():
                raise RuntimeError
        async with lane.turn():
            waiting = asyncio.create_task(_turn(lane))
            await asyncio.sleep(0)
            with pytest.raises(TooMuchError):
                await _turn(lane)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await _turn(lane)

    asyncio.run(play())


async def _turn(lane: Lane) -> None:
    async with lane.turn():
        pass


def test_what_takes_for_ever_is_ended() -> None:
    """A request that hangs gives its turn back, and its sender an answer."""

    async def play() -> None:
        app = Load(Slow(), Running(), longest=0.05)
        assert (await ask(app, "/dashboard/x"))[0] == 503

    asyncio.run(play())


def test_a_body_that_trickles_is_given_up() -> None:
    """V-48: slow loris in a body: each part has to come in time."""

    async def play() -> None:
        async def never() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        body = Body(never, pause=0.05)
        assert (await body())["type"] == "http.disconnect"
        assert body.spent == 408

    asyncio.run(play())


def test_who_sends_or_reads_slowly_holds_no_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """V-48: strangers who send a byte now and then, or never read what they asked for, close no page to others."""
    monkeypatch.setattr(bounds, "Lane", lambda: Lane(at_once=1, waiting=0, patience=0.05))

    async def page(_scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": message["body"]})

    async def play() -> None:
        app, stuck, rest = Load(page, Running()), asyncio.Event(), asyncio.Event()
        parts = [{"type": "http.request", "body": b"b", "more_body": False}]
        parts += [{"type": "http.request", "body": b"a", "more_body": True}]
        sent: list[Message] = []

        async def trickle() -> Message:
            if len(parts) == 1:
                await rest.wait()
            return parts.pop()

        async def keep(message: Message) -> None:
            sent.append(message)

        async def never(_message: Message) -> None:
            stuck.set()
            await asyncio.Event().wait()

        scope = {"type": "http", "method": "POST", "path": "/dashboard/x", "headers": [(b"content-length", b"2")]}
        sending = asyncio.create_task(app(dict(scope), trickle, keep))
        reading = asyncio.create_task(app({**scope, "method": "GET"}, never_whole, never))
        await asyncio.wait_for(stuck.wait(), 5)
        assert (await ask(app, "/dashboard/x"))[0] == 200
        rest.set()
        await asyncio.wait_for(sending, 5)
        assert sent[-1]["body"] == b"ab"
        reading.cancel()

    asyncio.run(play())


def test_large_forms_wait_for_each_other_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """V-48: whoever sends megabytes slowly holds up others who do, for a minute at most."""
    monkeypatch.setattr(bounds, "Lane", lambda: Lane(at_once=1, waiting=0, patience=0.05))
    large = [(b"content-length", b"2000000")]

    async def play() -> None:
        slow = Slow()
        app = Load(slow, Running())
        held = asyncio.create_task(ask(app, "/dashboard/x", method="POST", headers=large))
        await slow.full(1)
        assert (await ask(app, "/dashboard/y", method="POST", headers=large))[0] == 503
        other = asyncio.create_task(ask(app, "/dashboard/y", method="POST"))
        await slow.full(1)
        slow.let.set()
        assert [(await each)[0] for each in (held, other)] == [200, 200]
        body = Body(never_whole, pause=5, whole=0.05)
        assert not await asyncio.wait_for(body.gathered(), 5)
        assert body.spent == 408

    asyncio.run(play())


async def never_whole() -> Message:
    """Send one byte more, for ever."""
    await asyncio.sleep(0.001)
    return {"type": "http.request", "body": b"x", "more_body": True}


def test_streams_end_whole_when_the_service_stops() -> None:
    """R-57: whoever listens is told that it is over, and comes again elsewhere; a new one is not begun."""

    async def stream(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await asyncio.Event().wait()

    async def play() -> None:
        running, begun = Running(), asyncio.Event()
        sent: list[Message] = []
        app = Load(stream, running)
        scope = {"type": "http", "method": "GET", "path": "/v1/events", "headers": [(b"accept", b"text/event-stream")]}

        async def send(message: Message) -> None:
            sent.append(message)
            if message["type"] == "http.response.body":
                begun.set()

        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        work = asyncio.create_task(app(scope, receive, send))
        await asyncio.wait_for(begun.wait(), 5)
        running.stop()
        await asyncio.wait_for(work, 5)
        assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
        status, _ = await ask(app, "/v1/events", headers=scope["headers"])
        assert status == 503

    asyncio.run(play())


def test_a_large_range_is_nothing_special() -> None:
    """V-48, CVE-2025-62727: no page reads Range, so it cannot cost much."""

    async def page(request: Request) -> Response:
        return JSONResponse({"range": request.headers.get("range", "")[:10]})

    async def play() -> None:
        app = Load(Router([Route("/page", page)]), Running())
        ranges = b"bytes=" + b",".join(b"%d-" % each for each in range(5000))
        assert (await asyncio.wait_for(ask(app, "/page", headers=[(b"range", ranges)]), 5))[0] == 200

    asyncio.run(play())
