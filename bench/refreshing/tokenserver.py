"""A token endpoint in a process of its own, that costs little and counts: `/ROTATION/LATENCY/token`.

ROTATION is `none` (a refresh token works for ever) or `strict` (it works once; a second use ends the whole family:
RFC 9700 4.14.2). LATENCY is in milliseconds, or `hang`: no answer before somebody asks for `/release`. What a refresh
does is done when it arrives, and its answer is on the way for that long, as at a provider far away.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast
from urllib.parse import parse_qs
from urllib.request import ProxyHandler, build_opener

import uvloop

Rotation = Literal["none", "strict"]
LIFETIME = 3599
SCOPE = "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/adwords"
_ROOT = Path(__file__).resolve().parents[2]


def refresh_token(family: str, generation: int = 0) -> str:
    """Return a refresh token as long as Google's; a family that was never heard of is taken as alive."""
    return f"1//0{family}~{generation}~".ljust(103, "x")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What the server saw since it started, and how many requests it lets hang now."""

    refreshes: int
    refused: int
    hanging: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenServer:
    """The running server, from outside."""

    url: str

    def endpoint(self, rotation: Rotation, latency: int | Literal["hang"]) -> str:
        """Return a token endpoint; `latency` in milliseconds."""
        return f"{self.url}/{rotation}/{latency}/token"

    def resource(self) -> str:
        """Return an API that answers whoever brings a token."""
        return f"{self.url}/resource"

    def counts(self) -> Counts:
        """Return the counters."""
        return Counts(**json.loads(self._get("/counts")))

    def hold(self) -> None:
        """Let requests to `hang` hang from now on."""
        self._get("/hold")

    def release(self) -> None:
        """Answer what hangs; from now on `hang` answers at once."""
        self._get("/release")

    def _get(self, path: str) -> bytes:
        answer: bytes = build_opener(ProxyHandler({})).open(self.url + path, timeout=10).read()
        return answer


@contextmanager
def running_token_server() -> Iterator[TokenServer]:
    """Start the server, yield it, end it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.refreshing.tokenserver"], cwd=_ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield TokenServer(url=f"http://127.0.0.1:{int(process.stdout.readline())}")
    finally:
        process.terminate()
        process.wait(10)


@dataclass(slots=True)
class _Authority:
    """The server's state. A family is its present generation; None once it was ended."""

    families: dict[str, int | None] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)
    refreshes: int = 0
    refused: int = 0
    holds: bool = True
    hanging: list[Callable[[], None]] = field(default_factory=list)

    def refresh(self, rotation: str, token: str) -> bytes:
        self.refreshes += 1
        family, generation, _ = token.split("~")
        present = self.families.setdefault(family, int(generation))
        if rotation == "strict" and present != int(generation):
            self.families[family] = None
            self.refused += 1
            return _answer("400 Bad Request", {"error": "invalid_grant"})
        values = {
            "access_token": f"ya29.{next(self.numbers):x<214}",
            "expires_in": LIFETIME,
            "token_type": "Bearer",
            "scope": SCOPE,
        }
        if rotation == "strict":
            self.families[family] = int(generation) + 1
            values["refresh_token"] = refresh_token(family.removeprefix("1//0"), int(generation) + 1)
        return _answer("200 OK", values)

    def release(self) -> None:
        waiting, self.hanging, self.holds = self.hanging, [], False
        for send in waiting:
            send()

    def counts(self) -> bytes:
        return _answer("200 OK", {"refreshes": self.refreshes, "refused": self.refused, "hanging": len(self.hanging)})


def _answer(status: str, values: object) -> bytes:
    body = json.dumps(values).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


class _Connection(asyncio.Protocol):
    """HTTP/1.1 as far as token requests need it: one after the other, with a content-length."""

    def __init__(self, authority: _Authority) -> None:
        self._authority = authority
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        length = _content_length(head)
        if end and len(rest) >= length:
            self._buffer = rest[length:]
            self._respond(head.split(b" ", 2)[1].decode(), rest[:length].decode())

    def _respond(self, path: str, body: str) -> None:
        authority = self._authority
        match path.split("/")[1:]:
            case ["counts"]:
                self._send(authority.counts())
            case ["hold"]:
                authority.holds = True
                self._send(_answer("200 OK", {}))
            case ["release"]:
                authority.release()
                self._send(_answer("200 OK", {}))
            case [rotation, latency, "token"]:
                answer = authority.refresh(rotation, parse_qs(body)["refresh_token"][0])
                self._later(latency, answer)
            case _:
                self._send(_answer("200 OK", {}))

    def _later(self, latency: str, answer: bytes) -> None:
        if latency != "hang":
            asyncio.get_running_loop().call_later(int(latency) / 1000, self._send, answer)
        elif self._authority.holds:
            self._authority.hanging.append(lambda: self._send(answer))
        else:
            self._send(answer)

    def _send(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _content_length(head: bytes) -> int:
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


async def _serve() -> None:
    authority = _Authority()
    server = await asyncio.get_running_loop().create_server(
        lambda: _Connection(authority), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
