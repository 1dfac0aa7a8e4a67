"""Who asks: the API key of a request, and how often somebody may try."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from grantkeeper.errors import KeyRefused
from grantkeeper.web.api.serving.limits import Buckets
from grantkeeper.web.api.serving.requests import header

if TYPE_CHECKING:
    from starlette.types import Scope

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.model import ApiKey

_FAILURES: Final = 60
"""Requests a minute without a good key, for each address: a mistyped key is noticed sooner, and guessing is hopeless in
any case. What is no key at all counts apart from what might be one, and neither holds up a key that was good before:
behind a proxy many programs ask from one address, and one of them must not close it to the others."""


class Door:
    """Used on the event loop."""

    def __init__(self, keeper: AsyncKeeper) -> None:
        self._keeper = keeper
        self._nonsense = Buckets(_FAILURES, time.monotonic)
        self._unknown = Buckets(_FAILURES, time.monotonic)

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
        if not keys.was_good(text):
            self._unknown.check(peer)
        try:
            return await self._keeper.run(keys.check, text)
        except KeyRefused:
            self._unknown.take(peer)
            raise


def _bearer(scope: Scope) -> str:
    """Return what the Authorization header carries (RFC 6750 2.1); cookies are never looked at (V-37)."""
    scheme, _, text = (header(scope, b"authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not text:
        raise KeyRefused(
            "This needs an API key.",
            advice="Send one as `Authorization: Bearer gk_…`; `grantkeeper keys create` makes one.",
        )
    return text
