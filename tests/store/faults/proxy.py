"""A network between a driver and a database server that loses what one wants it to lose."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


class Fault(Enum):
    """What happens to a request."""

    BEFORE = "cut before it reaches the server"
    AFTER = "cut when the server has answered, before the answer reaches the client"
    SILENCE = "it reaches the server; no answer ever comes back, and the connection stays"
    LATE = "cut for the client; it reaches the server only when `released`"
    NONE = "it is passed on, and noticed"


@dataclass(slots=True, kw_only=True)
class Rule:
    """One request to treat so: the next one that holds these bytes. `met` is set when it came."""

    holds: bytes
    fault: Fault
    met: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Listens on a port of this machine and passes on to a server's socket; drivers send one request at a time."""

    def __init__(self, target: Path) -> None:
        self._target = str(target)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._rules: list[Rule] = []
        self._links: list[_Link] = []
        self._start()

    def lose(self, holds: bytes, fault: Fault) -> Rule:
        """Treat the next request that holds these bytes so."""
        rule = Rule(holds=holds, fault=fault)
        self._rules.append(rule)
        return rule

    def taken(self, data: bytes) -> Rule | None:
        """Return the rule for a request, if there is one that was not met yet."""
        for rule in self._rules:
            if rule.holds in data and not rule.met.is_set():
                return rule
        return None

    def leave(self) -> None:
        """End every connection, and refuse new ones until `come_back`."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for rule in self._rules:
            rule.released.set()
        while self._links:
            self._links.pop().close()

    def come_back(self) -> None:
        """Listen again, on the same port."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._start()

    def _start(self) -> None:
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was shut
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                self._links.append(_Link(self, client, server))


class _Link:
    """One connection: a thread for what the client sends, and one for the answers."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._muted = False  # no answer is passed on any more
        self._cut = False  # the next answer ends the connection
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._requests, self._answers)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End the connection."""
        for each in (self._client, self._server):
            _end(each)
        for thread in self._threads:
            thread.join()
        for each in (self._client, self._server):
            each.close()

    def _requests(self) -> None:
        with suppress(OSError):
            while data := self._client.recv(1 << 16):
                rule = self._proxy.taken(data)
                if rule is not None:
                    self._treat(rule)
                if rule is None or rule.fault is not Fault.BEFORE:
                    self._server.sendall(data)
        _end(self._server)

    def _treat(self, rule: Rule) -> None:
        self._muted = rule.fault in {Fault.SILENCE, Fault.LATE}
        self._cut = rule.fault is Fault.AFTER
        if rule.fault in {Fault.BEFORE, Fault.LATE}:
            _end(self._client)
        rule.met.set()
        if rule.fault is Fault.LATE:
            rule.released.wait()

    def _answers(self) -> None:
        with suppress(OSError):
            while (data := self._server.recv(1 << 16)) and not self._cut:
                if not self._muted:
                    self._client.sendall(data)
        _end(self._client)


def _end(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(target: Path) -> Iterator[Proxy]:
    """Yield a proxy in front of a server's socket."""
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.leave()
