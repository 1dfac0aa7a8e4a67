"""HTTP clients that take a grant's `auth`, all called alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import requests

from grantkeeper.clients.bearer import BearerAuth

TIMEOUT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What a call came to."""

    status: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A client: `call` sends bytes, `stream` the same bytes piece by piece from something that can be read once."""

    name: str
    call: Callable[..., Answered]
    stream: Callable[[str, BearerAuth, bytes], Answered]


def _httpx2(url: str, auth: BearerAuth, *, method: str = "GET", body: Any = None) -> Answered:
    with httpx2.Client(auth=auth, follow_redirects=True, timeout=TIMEOUT) as client:
        answer = client.request(method, url, content=body)
    return Answered(status=answer.status_code, text=answer.text)


def _httpx2_async(url: str, auth: BearerAuth, *, method: str = "GET", body: Any = None) -> Answered:
    async def send() -> Answered:
        async with httpx2.AsyncClient(auth=auth, follow_redirects=True, timeout=TIMEOUT) as client:
            answer = await client.request(method, url, content=body)
        return Answered(status=answer.status_code, text=answer.text)

    return asyncio.run(send())


def _requests(url: str, auth: BearerAuth, *, method: str = "GET", body: Any = None) -> Answered:
    with requests.Session() as session:
        session.auth = auth
        answer = session.request(method, url, data=body, timeout=TIMEOUT)
    return Answered(status=answer.status_code, text=answer.text)


def _pieces(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), 4):
        yield body[start : start + 4]


async def _async_pieces(body: bytes) -> AsyncIterator[bytes]:
    for piece in _pieces(body):
        yield piece


HTTPX2 = Caller(
    name="httpx2",
    call=_httpx2,
    stream=lambda url, auth, body: _httpx2(url, auth, method="POST", body=_pieces(body)),
)
HTTPX2_ASYNC = Caller(
    name="httpx2-async",
    call=_httpx2_async,
    stream=lambda url, auth, body: _httpx2_async(url, auth, method="POST", body=_async_pieces(body)),
)
REQUESTS = Caller(
    name="requests",
    call=_requests,
    stream=lambda url, auth, body: _requests(url, auth, method="POST", body=_pieces(body)),
)
CALLERS = (HTTPX2, HTTPX2_ASYNC, REQUESTS)
BLOCKING = (HTTPX2, REQUESTS)
