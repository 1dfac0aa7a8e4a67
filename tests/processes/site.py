"""One grant, connected at an emulator on a port and kept in a real database, for worker processes to ask for."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from grantkeeper import Grant, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.emulator.oauth.faults import RotationKind
from grantkeeper.model import OAuthClient
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, consent, oauth_client
from processes.fleet import PATIENCE, Order

PERSON = "ida@nordwind-outdoor.example"
HOUR = timedelta(hours=1)
GRACE = timedelta(minutes=30)
"""Xero's: a replaced refresh token works for so long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One refresh that reached the provider: which refresh token it carried, of those that were issued before it."""

    generation: int
    newest: int
    status: int


class Site:
    """The grant's provider, seen from inside, and what workers are told to reach it.

    The provider's clock runs, and is an hour further after each `tick`, when the access token is over. Workers' clocks
    are told to be as far ahead. What the provider saw before is not looked at.
    """

    def __init__(self, emulator: Emulator, database: str, folder: Path, rotation: RotationKind) -> None:
        self.emulator = emulator
        self._before = len(emulator.requests("/token"))
        emulator.revoke(PERSON)  # whoever consents for the first time does it in one pass
        self._keys = new_key()
        self._rotation = rotation
        emulator.rotate(rotation, GRACE if rotation == "grace" else timedelta())
        client = self._client()
        store = SqlStore(database)
        store.migrate()
        ring, transport, now = KeyRing.parse(self._keys), EmulatorTransport(emulator), emulator.clock.now
        with Keeper(store=store, sealer=ring, clients=[client], transport=transport, now=now) as keeper:
            self.grant: Grant = consent(keeper, emulator, "acme", PERSON, client.name)
        self._open = self._opening(client, database, folder)
        self.tick()

    def tick(self) -> float:
        """Let the access token run out; returns how many seconds the provider's clock is ahead of the wall clock."""
        self.emulator.clock.advance(HOUR)
        return self.ahead

    @property
    def ahead(self) -> float:
        """How many seconds the provider's clock is ahead of the wall clock."""
        return (self.emulator.clock.now() - datetime.now(UTC)).total_seconds()

    def opening(self, *, state: str = "state", **changes: Any) -> Order:
        """Return the order to open a keeper here; by default with leases and pauses in moved time."""
        return {**self._open, "state": f"{self._open['state']}/{state}", "ahead": self.ahead, **changes}

    def asking(self, *, threads: int = 1, **more: Any) -> Order:
        """Return the order to ask for the grant's token."""
        return {"do": "ask", "grant": self.grant.id, "threads": threads, **more}

    @property
    def looking(self) -> Order:
        """The order to look at the grant's row."""
        return {"do": "look", "grant": self.grant.id}

    def sends(self) -> list[Send]:
        """Return every refresh that reached the provider."""
        issued: list[str] = []
        found: list[Send] = []
        for each in self.emulator.requests("/token")[self._before :]:
            if each.form.get("grant_type") == "refresh_token":
                generation = issued.index(each.form.get("refresh_token"))
                found.append(Send(generation=generation, newest=len(issued) - 1, status=each.status))
            token = _answered(each.answer).get("refresh_token")
            issued += [token] if token else []
        return found

    def most_sends_of_one_token(self) -> int:
        """Return how often the token that was sent most often was sent."""
        return max(Counter(send.generation for send in self.sends()).values(), default=0)

    def works(self, name: str) -> bool:
        """Tell whether the provider takes the access token that a worker calls `name`."""
        with self.emulator.lock:
            values = [value for value in self.emulator.state.access if named(value) == name]
        return any(self.emulator.introspect(value) is not None for value in values)

    def _client(self) -> OAuthClient:
        client = oauth_client(self.emulator, "google-ads", ["adwords"])
        rotating = self._rotation != "none"
        provider = replace(
            client.provider,
            rotation=self._rotation,
            rotation_grace=GRACE if self._rotation == "grace" else None,
            sibling_refresh_tokens=not rotating,
        )
        return replace(client, provider=provider)

    def _opening(self, client: OAuthClient, database: str, folder: Path) -> Order:
        return {
            "do": "open",
            "database": database,
            "keys": self._keys,
            "state": str(folder),
            "emulator": self.emulator.base_url,
            "client": client.name,
            "client_id": client.client_id,
            "client_secret": client.client_secrets[0].reveal(),
            "redirect_uri": client.redirect_uri,
            "rotation": self._rotation,
            "grace": GRACE.total_seconds() if self._rotation == "grace" else None,
            "lease": None,
            "lease_clock": "moved",
            "pauses_take_time": False,
            "tells_of_refused_saves": False,
        }


class Held:
    """The answer to the next refresh, which the provider has ready and does not send."""

    def __init__(self, emulator: Emulator) -> None:
        self._arrived = threading.Event()
        self._let_go = threading.Event()
        emulator.wait = self._hold
        emulator.slow(HOUR)

    def arrived(self) -> None:
        """Return when there is such an answer."""
        assert self._arrived.wait(PATIENCE)

    def let_go(self) -> None:
        """Send the answer."""
        self._let_go.set()

    def _hold(self, _duration: timedelta) -> None:
        self._arrived.set()
        self._let_go.wait(PATIENCE)


def named(token: str) -> str:
    """Return what a token is called in what workers say."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def _answered(answer: bytes) -> dict[str, Any]:
    content = json.loads(answer) if answer.startswith(b"{") else {}
    return content if isinstance(content, dict) else {}
