"""Test your own code against Google in a box: no Google project, no network, a clock moved by hand.

    # conftest.py
    pytest_plugins = ["grantkeeper.testing"]

    # test_reports.py
    def test_a_report_says_who_has_to_consent_again(keeper, emulator, connect):
        grant = connect("acme", "ida@nordwind-outdoor.example")
        emulator.revoke("ida@nordwind-outdoor.example")
        emulator.clock.advance(timedelta(hours=2))
        ...

Needs pytest. The same parts serve without it: `oauth_client`, `EmulatorTransport`, `emulated_keeper` and `consent`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Literal, Protocol

import pytest

from .emulator import AnswerLost, Clock, Emulator
from .emulator import Request as WireRequest
from .errors import ProviderUnavailable
from .keeper import Keeper
from .model import Grant, OAuthClient, Redirect, Request, Response, Secret, Store
from .providers import google
from .seal import KeyRing, new_key
from .store import SqlStore

__all__ = [
    "Connect",
    "EmulatorTransport",
    "connect",
    "consent",
    "emulated_keeper",
    "emulator",
    "keeper",
    "oauth_client",
]

Allowed = Literal["all"] | Iterable[str]


class EmulatorTransport:
    """A Transport that hands requests to an emulator in this process; no socket."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Let the emulator answer; raises ProviderUnavailable when it was told to lose its answer."""
        wire = WireRequest(method=request.method, url=request.url, headers=dict(request.headers), body=request.body)
        try:
            answer = self._emulator.handle(wire)
        except AnswerLost:
            raise ProviderUnavailable("The provider closed the connection without an answer.", sent=True) from None
        return Response(status=answer.status, headers=dict(answer.headers), body=answer.body)

    def close(self) -> None:
        """Nothing to close."""


def oauth_client(
    emulator: Emulator,
    name: str,
    scopes: Iterable[str],
    *,
    optional_scopes: Iterable[str] = (),
    client_id: str | None = None,
) -> OAuthClient:
    """Return one of the emulator's OAuth clients (default: its first) under a name of ours.

    `scopes` are names of Google's APIs ("adwords", "ad_manager") or whole scopes.
    """
    redirect_uri = f"https://app.example.com/callback/{name}"
    kind, found = next(iter(emulator.client_secret(client_id, [redirect_uri]).items()))
    return OAuthClient(
        name=name,
        provider=google.at(emulator.base_url),
        client_id=found["client_id"],
        client_secrets=(Secret(found["client_secret"]),),
        redirect_uri=redirect_uri,
        scopes=tuple(scope for each in scopes for scope in google.api_scopes(each)),
        optional_scopes=tuple(scope for each in optional_scopes for scope in google.api_scopes(each)),
        kind="installed" if kind == "installed" else "web",
    )


def emulated_keeper(
    emulator: Emulator,
    store: Store,
    *,
    clients: Iterable[OAuthClient] | None = None,
    max_stale: timedelta = timedelta(seconds=1),
    pages_url: str = "https://app.example.com",
    return_to: Iterable[str] = ("https://app.example.com",),
) -> Keeper:
    """Return a keeper over `store` whose provider and clock are the emulator's: where it waits, the clock moves.

    By default with the clients `google-ads` and `ad-manager` of one Cloud project, its links at the site of their
    redirect URIs.
    """
    if clients is None:
        clients = (
            oauth_client(emulator, "google-ads", ["adwords"]),
            oauth_client(emulator, "ad-manager", ["ad_manager"]),
        )
    return Keeper(
        store=store,
        sealer=KeyRing.parse(new_key()),
        clients=clients,
        transport=EmulatorTransport(emulator),
        now=emulator.clock.now,
        max_stale=max_stale,
        pause=emulator.clock.advance,
        pages_url=pages_url,
        return_to=return_to,
    )


def consent(
    keeper: Keeper,
    emulator: Emulator,
    owner: str,
    person: str,
    client: str = "google-ads",
    *,
    allow: Allowed = "all",
    deny: bool = False,
    other_account: Literal["refuse", "add"] = "refuse",
) -> Grant:
    """Walk a person through the whole flow, second pass included, and return the grant; raises as `Keeper.complete`."""
    redirect = keeper.begin(owner, client, other_account=other_account)
    for _ in range(2):
        back = emulator.consent(redirect.url, person, allow=allow, deny=deny)
        done = keeper.complete(redirect.flow, back, client=client, owner=owner)
        if not isinstance(done, Redirect):
            return done
        redirect = done
    msg = "the provider gave no refresh token twice and the keeper asked a third time"
    raise AssertionError(msg)


class Connect(Protocol):
    """The `connect` fixture."""

    def __call__(self, owner: str, person: str, client: str = "google-ads", *, allow: Allowed = "all") -> Grant:
        """Let a person of the emulator's cast consent for an owner; returns the grant."""


@pytest.fixture
def emulator() -> Emulator:
    """Google in a box, with a clock that stands until you move it."""
    return Emulator(base_url="https://emulator.test", clock=Clock.fixed())


@pytest.fixture
def keeper(emulator: Emulator, tmp_path: Path) -> Iterator[Keeper]:
    """A keeper on the emulator, over a SQLite database of this test."""
    store = SqlStore(f"sqlite:///{tmp_path / 'grantkeeper.sqlite3'}")
    store.migrate()
    with emulated_keeper(emulator, store) as made:
        yield made


@pytest.fixture
def connect(keeper: Keeper, emulator: Emulator) -> Connect:
    """A function that walks a person through the consent."""

    def walk(owner: str, person: str, client: str = "google-ads", *, allow: Allowed = "all") -> Grant:
        return consent(keeper, emulator, owner, person, client, allow=allow)

    return walk
