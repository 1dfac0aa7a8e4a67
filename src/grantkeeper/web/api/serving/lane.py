"""The fast lane: a token that is in memory, for a key that was looked at a moment ago, answered on the event loop.

Whatever is unusual goes the long way, which gives the same answers.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from grantkeeper.model import DEFAULT_MIN_TTL, Scope
from grantkeeper.web.api.values import JSON, SAFE, Token

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import Scope as AsgiScope

    from grantkeeper.aio import AsyncKeeper

_BEFORE: Final = "/v1/grants/"
_AFTER: Final = "/token"
_ROUTE: Final = "/v1/grants/{grant_id}/token"
_MIN_TTL: Final = re.compile(rb"min_ttl=([0-9]{1,5})")
_HEADERS: Final = (*SAFE, JSON)
_MOST: Final = 86_400
_BEARER: Final = b"Bearer "
_encode = msgspec.json.Encoder().encode


class Lane:
    """Answers from memory, or not at all; no I/O. `prefix` is what stands before the paths of the API."""

    def __init__(self, keeper: AsyncKeeper, *, prefix: str = "") -> None:
        self._keeper = keeper.keeper
        self._keys, self._reads = keeper.keeper.keys, keeper.keeper.keys.reads
        self._beside = keeper.beside
        self._before = prefix + _BEFORE

    def answer(self, scope: AsgiScope) -> tuple[list[tuple[bytes, bytes]], bytes] | None:
        """Return headers and body of a good answer, or None."""
        path = scope["path"]
        if not path.startswith(self._before) or not path.endswith(_AFTER):
            return None
        # What is no id is in no memory, and goes the long way to its refusal.
        grant_id = path[len(self._before) : -len(_AFTER)]
        text, min_ttl = _bearer(scope["headers"]), _min_ttl(scope["query_string"])
        if text is None or min_ttl is None:
            return None
        key = self._keys.known(text, self._look_again)
        if key is None or not key.allows(Scope.TOKENS_READ):
            return None
        token = self._keeper.remembered(grant_id, min_ttl=min_ttl)
        if token is None:
            return None
        if key.restricted:
            whose = self._keeper.whose(grant_id)
            if whose is None or not key.reaches(owner=whose[0], client=whose[1]):
                return None
        if not self._reads.take(key, grant_id):
            return None
        state = scope["state"]
        state["lane"], state["route"], state["key_id"] = "memory", _ROUTE, key.id
        body = _encode(Token.of(token))
        return [*_HEADERS, (b"content-length", b"%d" % len(body))], body

    def _look_again(self, text: str) -> None:
        self._beside(self._keys.look_again, text)


def _bearer(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return what the one Authorization header carries; None for none, several or another scheme."""
    text: str | None = None
    for name, value in headers:
        if name == b"authorization":
            if text is not None or not value.startswith(_BEARER):
                return None
            text = value[7:].decode("latin-1")
    return text


def _min_ttl(query: bytes) -> timedelta | None:
    if not query:
        return DEFAULT_MIN_TTL
    found = _MIN_TTL.fullmatch(query)
    if found is None or (seconds := int(found[1])) > _MOST:
        return None
    return timedelta(seconds=seconds)
