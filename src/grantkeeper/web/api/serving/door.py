"""Who asks: the API key of a request, and how often somebody may try."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from grantkeeper.errors import KeyRefused
from grantkeeper.web.api.serving.limits import Buckets
from grantkeeper.web.api.serving.requests import header

if TYPE_CHECKING:
    from starlette.types import Scope

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.model import ApiKey

UNSEEN_AT_ONCE: Final = 4
"""Look-ups at once of keys that were not good here before: half of the database's threads, whoever sends how many. The
others are for who is known."""
TRYING_AT_ONCE: Final = 1
"""The same, for addresses past their failures; others' new keys do not wait behind theirs."""
_FAILURES: Final = 60
"""Requests a minute without a good key, for each address: past that the answer is 429. It is given after the look-up,
never instead: behind a proxy many programs ask from one address, and after a start none of their keys was seen yet, so
that one who fails would close it to all. What is guessed at has 256 bits; what there is to bound is the load."""


class Door:
    """Used on the event loop."""

    def __init__(self, keeper: AsyncKeeper) -> None:
        self._keeper = keeper
        self._nonsense = Buckets(_FAILURES, time.monotonic)
        self._unknown = Buckets(_FAILURES, time.monotonic)
        self._unseen = asyncio.Semaphore(UNSEEN_AT_ONCE)
        self._trying = asyncio.Semaphore(TRYING_AT_ONCE)

    async def key(self, scope: Scope) -> ApiKey:
        """Return the key that asks; raises KeyRefused, or TooManyRequests for an address that keeps trying."""
        peer, keys = (scope.get("client") or ("", 0))[0], self._keeper.keeper.keys
        try:
            text = _bearer(scope)
            keys.well_formed(text)
        except KeyRefused:
            self._nonsense.take(peer)
            raise
        known = keys.known(text)
        if known is not None:
            return known
        try:
            return await self._looked_up(text, peer)
        except KeyRefused:
            self._unknown.take(peer)
            raise

    async def _looked_up(self, text: str, peer: str) -> ApiKey:
        """Return the key as its row is now; one that was not good here before waits for a turn."""
        keys = self._keeper.keeper.keys
        if keys.was_good(text):
            return await self._keeper.run(keys.check, text)
        async with self._trying if self._unknown.spent(peer) else self._unseen:
            known = keys.known(text)  # by now: the one before may have asked for it
            return known if known is not None else await self._keeper.run(keys.check, text)


def _bearer(scope: Scope) -> str:
    """Return what the Authorization header carries (RFC 6750 2.1); cookies are never looked at (V-37)."""
    scheme, _, text = (header(scope, b"authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise KeyRefused(
            "This needs an API key.",
            advice="Send one as `Authorization: Bearer gk_…`; `grantkeeper keys create` makes one.",
        )
    return text
