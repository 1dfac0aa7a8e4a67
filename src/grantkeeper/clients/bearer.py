"""A grant as `auth=` of an HTTP client: httpx2 and httpx, blocking and async, and requests.

auth = bearer.auth(keeper, grant.id)
httpx2.get(url, auth=auth)
requests.get(url, auth=auth)

Header: RFC 6750 2.1. Read in the sources of httpx2 2.16, httpx 0.28 and requests 2.34: each drops `Authorization` when
a redirect leads to another host, and asks no `auth` again there.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress
from datetime import timedelta
from functools import cache
from importlib import import_module
from ipaddress import ip_address
from typing import Any, Final, NoReturn, Protocol, TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from grantkeeper.errors import InvalidInput
from grantkeeper.model import DEFAULT_MIN_TTL, AccessToken, Secret, TokenSource

__all__ = ["AsyncTokenSource", "auth"]

_R = TypeVar("_R")

HTTP_ALLOWED: Final = "http is for this machine only, and not through a proxy: put its name into NO_PROXY."

_SCHEME: Final = "Bearer "


class AsyncTokenSource(Protocol):
    """Whoever can be awaited for access tokens: an AsyncKeeper, an AsyncRemote."""

    async def token(self, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> AccessToken:
        """Return an access token of the grant that lives at least `min_ttl` longer."""

    async def report_rejected(self, grant_id: str, token: Secret) -> None:
        """Say that an API refused `token` (401) although it should be valid."""


def auth(source: TokenSource | AsyncTokenSource, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> BearerAuth:
    """Return what httpx2, httpx and requests take as `auth`, for a request or a whole client. No I/O.

    Each request asks the source for a token. A 401 is reported to the source, and the request is sent once more if
    another token comes of it and its body is in memory; a body that is read from a file or a generator is sent once.
    A token goes over TLS, or to this machine without a proxy, and to no other host that a redirect leads to.

    Safe to share between threads and tasks. What the source raises (ConsentRequired, ProviderUnavailable ...) reaches
    the caller unchanged; a URL that is not safe is InvalidInput.

    Args:
        source: a Keeper or a Remote, which an async client asks in a thread; or, for async clients, an
            AsyncKeeper or an AsyncRemote.
        grant_id: the grant.
        min_ttl: how long each token lives at least.
    """
    return _class()(source, grant_id, min_ttl=min_ttl)


class BearerAuth:
    """A grant's access token on each request. Made by `auth`, which adds the base classes that clients look for."""

    requires_request_body = False
    requires_response_body = False

    def __init__(self, source: TokenSource | AsyncTokenSource, grant_id: str, *, min_ttl: timedelta) -> None:
        self._source: Any = source
        self._grant_id = grant_id
        self._min_ttl = min_ttl
        self._awaits = inspect.iscoroutinefunction(source.token)

    # --- what httpx2 and httpx call ----------------------------------------------------------------------------------

    def sync_auth_flow(self, request: Any) -> Generator[Any, Any, None]:
        """Give the client one request to send, and after a 401 at most one more."""
        repeatable = _in_memory(request)
        _put(request, self._token())
        response = yield request
        rejected = _rejected(response)
        if rejected is None:
            return
        self._report(rejected)
        another = self._token()
        if repeatable and another.value != rejected:
            yield _put(response.request, another)

    async def async_auth_flow(self, request: Any) -> AsyncGenerator[Any, Any]:
        """Do as `sync_auth_flow`, without holding up the event loop."""
        repeatable = _in_memory(request)
        _put(request, await self._soon(self._source.token, min_ttl=self._min_ttl))
        response = yield request
        rejected = _rejected(response)
        if rejected is None:
            return
        await self._soon(self._source.report_rejected, rejected)
        another = await self._soon(self._source.token, min_ttl=self._min_ttl)
        if repeatable and another.value != rejected:
            yield _put(response.request, another)

    # --- what requests calls -----------------------------------------------------------------------------------------

    def __call__(self, request: _R) -> _R:
        """Put a token on a prepared request of requests, and watch for its answer."""
        prepared: Any = request
        _put(prepared, self._token())
        prepared.register_hook("response", self._answered)
        return request

    def _answered(self, response: Any, **options: Any) -> Any:
        """Return the answer, or after a 401 that of the second request; requests asks no hook about that one."""
        rejected = _rejected(response)
        if rejected is None:
            return response
        try:
            self._report(rejected)
            another = self._token()
        except BaseException:
            response.close()
            raise
        if another.value == rejected or not isinstance(response.request.body, bytes | str | None):
            return response
        _ = response.content  # what is read to its end gives its connection back
        response.close()
        # The session makes the request that follows a redirect from this one: the new token has to be on it. The copy
        # is what was sent, for the history.
        request, response.request = response.request, response.request.copy()
        again = response.connection.send(_put(request, another), **options)
        again.history.append(response)
        return again

    # --- the source --------------------------------------------------------------------------------------------------

    def _token(self) -> AccessToken:
        self._must_not_await()
        token: AccessToken = self._source.token(self._grant_id, min_ttl=self._min_ttl)
        return token

    def _report(self, rejected: Secret) -> None:
        self._must_not_await()
        self._source.report_rejected(self._grant_id, rejected)

    async def _soon(self, call: Any, *arguments: Any, **options: Any) -> Any:
        if self._awaits:
            return await call(self._grant_id, *arguments, **options)
        return await asyncio.to_thread(call, self._grant_id, *arguments, **options)

    def _must_not_await(self) -> None:
        if self._awaits:
            raise InvalidInput(
                f"A {type(self._source).__name__} is for async clients only.",
                advice="Pass the one inside to a blocking client (`async_keeper.keeper`, `async_remote.remote`).",
            )

    def __repr__(self) -> str:
        return f"BearerAuth(grant_id={self._grant_id!r})"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = "the auth of a grant cannot be pickled: make it anew where it is needed: bearer.auth(source, grant_id)"
        raise TypeError(msg)


def carries_tokens(url: str) -> bool:
    """Return whether a token may be sent there: over TLS (RFC 6750 5.3), or without leaving this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "http":
        return _on_this_machine(host) and not _through_a_proxy(host)
    return bool(host) and parts.scheme == "https"


def _on_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _through_a_proxy(host: str) -> bool:
    """Return whether the environment sends http for this host to a proxy, as every client believes it by default.

    What a client was told itself (`trust_env=False`) cannot be seen from here.
    """
    proxies = getproxies()
    return bool(proxies.get("http") or proxies.get("all")) and not proxy_bypass(host)


def _put(request: Any, token: AccessToken) -> Any:
    """Put the token on a request of any of the libraries, and return the request."""
    if not carries_tokens(str(request.url)):
        raise InvalidInput(
            "An access token is not sent over a connection that others can read.",
            advice=f"Call an https URL. {HTTP_ALLOWED}",
        )
    request.headers["Authorization"] = f"{_SCHEME}{token.value.reveal()}"
    return request


def _rejected(response: Any) -> Secret | None:
    """Return the token that a 401 is about; None without a 401, and where no token was sent, as after a redirect."""
    sent = response.request.headers.get("Authorization") or ""
    if response.status_code != 401 or not sent.startswith(_SCHEME):
        return None
    return Secret(sent.removeprefix(_SCHEME))


def _in_memory(request: Any) -> bool:
    """Return whether a request of httpx2 or httpx has a body that can be sent twice."""
    try:
        _ = request.content
    except RuntimeError:  # RequestNotRead of either library: it is a stream
        return False
    return True


@cache
def _class() -> type[BearerAuth]:
    """Return the class with the base classes of what is installed: httpx2 and httpx tell an `auth` by them."""
    found: list[type] = []
    for library in ("httpx2", "httpx"):
        with suppress(ImportError):
            found.append(import_module(library).Auth)
    return type("BearerAuth", (BearerAuth, *dict.fromkeys(found)), {})
