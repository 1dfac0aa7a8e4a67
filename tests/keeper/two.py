"""Two keepers over one database, as two processes have them, and a hook into the moment of a provider's answer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Self

from grantkeeper import Grant, Keeper, OAuthClient
from grantkeeper.emulator import Emulator
from grantkeeper.model import Request, Response
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, consent, oauth_client


class Hooked(EmulatorTransport):
    """A transport that does something, once, between a provider's answer and its arrival here."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.path = ""
        self.then: Callable[[], object] | None = None

    def after(self, path: str, then: Callable[[], object]) -> None:
        """Do `then` when the next request to `path` was answered."""
        self.path, self.then = path, then

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Send, then do what was asked for."""
        answer = super().send(request, deadline=deadline)
        if self.then is not None and request.url.endswith(self.path):
            then, self.then = self.then, None
            then()
        return answer


class Two:
    """`one` and `two` are keepers of their own; `hook` is in the way of `one`."""

    def __init__(self, emulator: Emulator, folder: Path, *, rotation: bool = False) -> None:
        self.emulator = emulator
        self.store = SqlStore(f"sqlite:///{folder / 'two.sqlite3'}")
        self.store.migrate()
        self.hook = Hooked(emulator)
        self._ring = KeyRing.parse(new_key())
        client = oauth_client(emulator, "google-ads", ["adwords"])
        other = oauth_client(emulator, "ad-manager", ["ad_manager"])
        if rotation:
            emulator.rotate("strict")
            client = replace(client, provider=replace(client.provider, rotation="strict", sibling_refresh_tokens=False))
        self.clients = (client, other)
        self.one = self.keeper(self.clients, self.hook)
        self.two = self.keeper(self.clients, EmulatorTransport(emulator))

    def keeper(self, clients: tuple[OAuthClient, ...], transport: EmulatorTransport) -> Keeper:
        """Another keeper over the same database."""
        return Keeper(
            store=self.store, sealer=self._ring, clients=clients, transport=transport, now=self.emulator.clock.now
        )

    def connect(self, owner: str, person: str, keeper: Keeper | None = None) -> Grant:
        """Walk a person through the consent."""
        return consent(keeper or self.two, self.emulator, owner, person)

    def __enter__(self) -> Self:
        self._stack = ExitStack()
        self._stack.enter_context(self.one)
        self._stack.enter_context(self.two)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()
