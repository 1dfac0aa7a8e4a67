"""A few TLS channels per endpoint that every client of the process uses, each call with its own grant's token.

The official library opens a channel, and with the first call a TLS connection, for each `get_service`: about 115 kB and
a file descriptor for every grant. On a shared channel a call carries its credentials with it, which is what gRPC has
call credentials for (grpc.github.io/grpc/python, "Client-Side Authentication", 2026-11-22); the channel knows none.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias
from weakref import WeakValueDictionary

import grpc
from google.auth.credentials import Credentials
from google.auth.transport.grpc import AuthMetadataPlugin

from grantkeeper.forks import in_child

Options: TypeAlias = Sequence[tuple[str, Any]]

CONNECTIONS: Final = 8
"""Per endpoint. Google's front ends answer a hundred calls at once on one connection, so that 800 calls of this process
are under way together before one waits; each costs one TLS connection at most."""

_OWN_CONNECTION: Final = ("grpc.use_local_subchannel_pool", 1)
"""Or gRPC would merge the connections of equal channels into one."""


class Channels:
    """The channels that are open now, by endpoint. Thread-safe; a forked child begins with none of its parent's.

    Kept alive by those who use them: the last service or answer that is dropped closes its channel.
    """

    def __init__(self) -> None:
        self._forget()
        in_child(self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._lent = 0
        self._open: WeakValueDictionary[tuple[Any, ...], grpc.Channel] = WeakValueDictionary()

    def lend(self, target: str, options: Options, credentials: Credentials, above: Sequence[Any]) -> grpc.Channel:
        """Return a channel to `target` ("host:port") whose calls carry the token of `credentials`.

        `above` are interceptors, the outermost first; none of them sees the token.
        """
        channel = self._channel(target, options)
        return grpc.intercept_channel(_Lent(channel), *above, _Authorizing(credentials, channel))

    def _channel(self, target: str, options: Options) -> grpc.Channel:
        with self._lock:
            key = (target, tuple(options), self._lent % CONNECTIONS)
            self._lent += 1
            found = self._open.get(key)
            if found is None:
                found = grpc.secure_channel(target, grpc.ssl_channel_credentials(), options=[*options, _OWN_CONNECTION])
                self._open[key] = found
            return found


class _Lent(grpc.Channel):  # type: ignore[misc]
    """A channel of others: closing it closes nothing, or one client's `transport.close()` would end all calls."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel

    def subscribe(self, callback: Any, try_to_connect: bool | None = False) -> None:
        self._channel.subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Any) -> None:
        self._channel.unsubscribe(callback)

    def unary_unary(self, *args: Any, **options: Any) -> Any:
        return self._channel.unary_unary(*args, **options)

    def unary_stream(self, *args: Any, **options: Any) -> Any:
        return self._channel.unary_stream(*args, **options)

    def stream_unary(self, *args: Any, **options: Any) -> Any:
        return self._channel.stream_unary(*args, **options)

    def stream_stream(self, *args: Any, **options: Any) -> Any:
        return self._channel.stream_stream(*args, **options)

    def close(self) -> None:
        """Leave it open for the others."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class _Details(grpc.ClientCallDetails):  # type: ignore[misc]
    """A call's details, with other credentials."""

    method: Any
    timeout: Any
    metadata: Any
    credentials: Any
    wait_for_ready: Any
    compression: Any


class _Authorizing(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):  # type: ignore[misc]
    """Gives each call the credentials of one grant; gRPC asks them for the token as it does in a channel of its own.

    A call keeps its channel: a stream is often all that is left of `client(...).get_service(...).search_stream(...)`,
    and gRPC ends the calls of a channel that nobody holds.
    """

    def __init__(self, credentials: Credentials, channel: grpc.Channel) -> None:
        self._channel = channel
        # The second argument is what google-auth refreshes with; a grant's credentials ask their source instead.
        self._credentials = grpc.metadata_call_credentials(AuthMetadataPlugin(credentials, None))  # type: ignore[no-untyped-call]

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return self._keeping(continuation(self._authorized(client_call_details), request))

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return self._keeping(continuation(self._authorized(client_call_details), request))

    def _keeping(self, call: Any) -> Any:
        call.grantkeeper_channel = self._channel
        return call

    def _authorized(self, details: Any) -> _Details:
        return _Details(
            method=details.method,
            timeout=details.timeout,
            metadata=details.metadata,
            credentials=self._credentials,
            wait_for_ready=getattr(details, "wait_for_ready", None),
            compression=getattr(details, "compression", None),
        )
