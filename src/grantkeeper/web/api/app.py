"""The API as an ASGI application: who asks, what for, may they, and what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec

from grantkeeper.errors import Conflict, GrantkeeperError, InvalidInput, NotAllowed, TooManyRequests
from grantkeeper.model import Secret
from grantkeeper.web.api.openapi import Document
from grantkeeper.web.api.operations import Answer, Call, Operation
from grantkeeper.web.api.problems import Problem, Refused, headers_of, problem_of
from grantkeeper.web.api.serving.door import Door
from grantkeeper.web.api.serving.limits import Buckets
from grantkeeper.web.api.serving.requests import asked, body_of, header, parsed, query_of
from grantkeeper.web.api.serving.streaming import Ticker
from grantkeeper.web.api.table import OPERATIONS
from grantkeeper.web.api.values import JSON, SAFE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable

    from starlette.types import Receive, Scope, Send

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.model import ApiKey
    from grantkeeper.settings import ServiceSettings

log = logging.getLogger("grantkeeper.web")
_IDEMPOTENCY: Final = re.compile(r"[\x21-\x7e]{1,255}")
_ONCE: Final = (b"if-match", b"last-event-id")
"""Headers of which a second one would contradict the first."""
_encode = msgspec.json.Encoder(order="deterministic").encode


class Api:
    """`/v1`, `/openapi.json` and `/docs`. `stopping` tells whether the service ends, and with it every stream."""

    def __init__(
        self, keeper: AsyncKeeper, settings: ServiceSettings, *, stopping: Callable[[], bool] = lambda: False
    ) -> None:
        keeper.keeper.keys.reads.distinct_per_minute = settings.distinct_grants_per_minute
        self._keeper = keeper
        self._ticker = Ticker(keeper, stopping)
        self._document = Document(OPERATIONS, url=settings.url, name=settings.business_name)
        self._by_key = Buckets(settings.requests_per_minute, time.monotonic)
        self._door = Door(keeper)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        path: str = scope["path"][len(scope.get("root_path", "")) :]
        page = self._document.answer(path)
        if page is not None:
            if scope["method"] != "GET":
                await _problem(send, _method("GET").problem, _method("GET").headers)
            else:
                await _send(send, 200, page.body, page.headers, safe=page.safe)
            return
        try:
            answer = await self._answered(scope, receive, path)
        except Refused as refused:
            await _problem(send, refused.problem, refused.headers)
        except GrantkeeperError as error:
            problem = problem_of(error)
            if problem.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                log.warning("a request of the API could not be answered: %s", error)
            await _problem(send, problem)
        except Exception:
            log.exception("a request of the API failed")
            await _problem(send, Refused(500, "internal_error", "Something went wrong here. It was noted.").problem)
        else:
            await _sent(receive, send, answer)

    async def _answered(self, scope: Scope, receive: Receive, path: str) -> Answer | tuple[int, bytes]:
        """Return the answer, or, to a request that came before, its status and body as they were."""
        key = await self._door.key(scope)
        operation, places = _operation(scope["method"], path)
        state = scope.setdefault("state", {})
        state["route"], state["key_id"] = operation.path, key.id
        if operation.name == "readToken":
            state["lane"] = "database"
        self._by_key.take(key.id)
        _check_may(key, operation)
        for name in _ONCE:
            header(scope, name)
        query = asked(operation.query, query_of(scope))
        body = await body_of(scope, receive) if scope["method"] in ("POST", "PUT", "PATCH") else b""
        call = Call(
            keeper=self._keeper,
            key=key,
            path=places,
            query=query,
            body=parsed(operation.body, scope, body),
            headers=dict(scope["headers"]),
            check=lambda: self._door.key(scope),
            ticker=self._ticker,
        )
        again = header(scope, b"idempotency-key") if operation.method == "POST" else None
        if again is None:
            return await operation.handler(call)
        asked_for = (path.encode(), scope.get("query_string", b""), call.headers.get(b"if-match", b""), body)
        return await self._once(call, operation, again, b" ".join(asked_for))

    async def _once(self, call: Call, operation: Operation, again: str, request: bytes) -> Answer | tuple[int, bytes]:
        """Do what a POST asks once, however often it is sent (draft-ietf-httpapi-idempotency-key-header-07)."""
        if not _IDEMPOTENCY.fullmatch(again):
            raise InvalidInput("Idempotency-Key is 1 to 255 printable characters.")
        answers = self._keeper.keeper.answers
        known = await self._keeper.run(answers.begin, call.key.id, again, request)
        if known is not None:
            afresh = None if known[0] >= HTTPStatus.BAD_REQUEST else operation.again
            return known if afresh is None else await afresh(call)
        try:
            answer = await operation.handler(call)
        except GrantkeeperError as error:
            problem = problem_of(error)
            passes = isinstance(error, Conflict | TooManyRequests) or problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR
            if not passes:
                await self._kept(call, again, problem.status, _encode(problem))
            else:
                await self._keeper.run(answers.give_up, call.key.id, again)
            raise
        except Exception:  # not when it is cancelled: what was begun goes on in its thread, and must not begin again
            await self._keeper.run(answers.give_up, call.key.id, again)
            raise
        kept = b"" if answer.body is None or operation.again is not None else _encode(answer.body)
        await self._kept(call, again, answer.status, kept)
        return answer

    async def _kept(self, call: Call, again: str, status: int, body: bytes) -> None:
        """Keep an answer; who cannot be told again is told once."""
        try:
            answers, kept = self._keeper.keeper.answers, Secret(body.decode())
            await self._keeper.run(answers.finish, call.key.id, again, status=status, body=kept)
        except GrantkeeperError as error:
            log.warning("an answer could not be kept: %s", error)


def api_app(keeper: AsyncKeeper, settings: ServiceSettings, *, stopping: Callable[[], bool] = lambda: False) -> Api:
    """Return the API over this keeper."""
    return Api(keeper, settings, stopping=stopping)


def _operation(method: str, path: str) -> tuple[Operation, dict[str, str]]:
    """Return the operation and what stands in the path; raises Refused."""
    allowed = []
    for each in OPERATIONS:
        found = each.pattern.fullmatch(path)
        if found is not None:
            if each.method == method:
                return each, found.groupdict()
            allowed.append(each.method)
    if allowed:
        raise _method(*sorted(allowed))
    raise Refused(404, "not_found", "There is no such operation. GET /docs describes those that there are.")


def _method(*allowed: str) -> Refused:
    names = ", ".join(allowed)
    return Refused(405, "method_not_allowed", f"This takes {names}.", headers=((b"allow", names.encode()),))


def _check_may(key: ApiKey, operation: Operation) -> None:
    if not key.allows(operation.scope):
        said = f"This API key has no scope {operation.scope}, which {operation.method} {operation.path} needs."
        raise NotAllowed(said, advice="Use or make a key that has it.")
    if operation.whole and key.restricted:
        raise NotAllowed("This API key is for some owners or OAuth clients only, and this concerns all.")


async def _sent(receive: Receive, send: Send, answer: Answer | tuple[int, bytes]) -> None:
    if isinstance(answer, tuple):
        status, body = answer
        kind = JSON if status < HTTPStatus.BAD_REQUEST else (b"content-type", b"application/problem+json")
        await _send(send, status, body, [kind, (b"idempotent-replayed", b"true")])
    elif answer.stream is not None:
        await _send_stream(receive, send, answer.stream)
    else:
        more = [(name.encode(), value.encode()) for name, value in answer.headers]
        if answer.body is None:
            await _send(send, answer.status, b"", more)
        else:
            await _send(send, answer.status, _encode(answer.body), [JSON, *more])


async def _send_stream(receive: Receive, send: Send, stream: AsyncGenerator[bytes, None]) -> None:
    """Send chunks until the stream ends, or nobody listens any more: a server does not say so when it is sent to."""
    start = [*SAFE, (b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": start})
    sending = asyncio.create_task(_chunks(send, stream))
    leaving = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, leaving):
            task.cancel()
        await asyncio.gather(sending, leaving, return_exceptions=True)


async def _chunks(send: Send, stream: AsyncGenerator[bytes, None]) -> None:
    try:
        async with contextlib.aclosing(stream) as chunks:  # at once, not when its memory is freed
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
    except GrantkeeperError as error:  # the database is away: whoever listens comes again, and misses nothing
        log.warning("a stream of events ends: %s", error)
    await send({"type": "http.response.body", "body": b""})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


async def _problem(send: Send, problem: Problem, more: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    await _send(send, problem.status, _encode(problem), [*headers_of(problem), *more])


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]], *, safe: Any = SAFE) -> None:
    length = [] if status == HTTPStatus.NO_CONTENT else [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*safe, *headers, *length]})
    await send({"type": "http.response.body", "body": body})
