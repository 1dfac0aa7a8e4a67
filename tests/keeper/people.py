"""Who consents in these tests, what they look at, and two keepers over one database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from grantkeeper import Event, Grant, Keeper, OAuthClient, Redirect
from grantkeeper.emulator import Emulator
from grantkeeper.model import Request, Response
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, consent, oauth_client

IDA = "ida@nordwind-outdoor.example"
TOM = "tom.becker@nordwind-outdoor.example"
SAM = "sam@fjord-media.example"
ADWORDS = "https://www.googleapis.com/auth/adwords"
DFP = "https://www.googleapis.com/auth/dfp"


def asked(redirect: Redirect) -> dict[str, str]:
    """The parameters of an authorization request."""
    return {name: values[0] for name, values in parse_qs(urlsplit(redirect.url).query).items()}


def renamed(subject: str, claims: dict[str, Any], header: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The id_token of a person with another subject."""
    return claims | {"sub": subject}, header


def exchanges(emulator: Emulator) -> int:
    """How many authorization codes were sent to the token endpoint."""
    return len(emulator.requests("/token", grant_type="authorization_code"))


def account_events(keeper: Keeper, grant_id: str | None = None) -> list[Event]:
    """What was told of accounts; consents and refusals are told of, too."""
    return [event for event in keeper.events(grant_id=grant_id) if event.kind.startswith("grant.accounts_")]


def refreshes(emulator: Emulator) -> int:
    """How many refreshes reached the provider."""
    return len(emulator.requests("/token", grant_type="refresh_token"))


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
        self.store = SqlStore(f"sqlite:///{folder / 'two.sqlite3'}", now=emulator.clock.now)
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
            store=self.store,
            sealer=self._ring,
            clients=clients,
            transport=transport,
            now=self.emulator.clock.now,
            pause=self.emulator.clock.advance,
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
