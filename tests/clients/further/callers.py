"""HTTP clients that take a grant's `auth`, all called alike."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import httpx2
import requests

from grantkeeper.clients.bearer import BearerAuth

TIMEOUT = 20
TLS = ssl.create_default_context()
"""One for all: making it is most of what a new client costs."""


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


def _blocking(library: Any) -> Callable[..., Answered]:
    def call(url: str, auth: BearerAuth, *, method: str = "GET", body: Any = None) -> Answered:
        with library.Client(auth=auth, follow_redirects=True, timeout=TIMEOUT, verify=TLS) as client:
            answer = client.request(method, url, content=body)
        return Answered(status=answer.status_code, text=answer.text)

    return call


def _async(library: Any) -> Callable[..., Answered]:
    def call(url: str, auth: BearerAuth, *, method: str = "GET", body: Any = None) -> Answered:
        async def send() -> Answered:
            async with library.AsyncClient(auth=auth, follow_redirects=True, timeout=TIMEOUT, verify=TLS) as client:
                answer = await client.request(method, url, content=body)
            return Answered(status=answer.status_code, text=answer.text)

        return asyncio.run(send())

    return call


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


def _caller(
    name: str,
    call: Callable[..., Answered],
    pieces: Callable[[bytes], Iterator[bytes] | AsyncIterator[bytes]] = _pieces,
) -> Caller:
    return Caller(
        name=name, call=call, stream=lambda url, auth, body: call(url, auth, method="POST", body=pieces(body))
    )


REQUESTS = _caller("requests", _requests)
BLOCKING = (_caller("httpx2", _blocking(httpx2)), _caller("httpx", _blocking(httpx)), REQUESTS)
CALLERS = (
    *BLOCKING,
    _caller("httpx2-async", _async(httpx2), _async_pieces),
    _caller("httpx-async", _async(httpx), _async_pieces),
)
