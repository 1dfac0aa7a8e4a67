"""Grants at a provider that rotates as it is told, a clock moved by hand, and keepers over one SQLite file."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from grantkeeper import Grant, GrantStatus, Keeper, OAuthClient, ProviderUnavailable, Reason
from grantkeeper.emulator import Emulator
from grantkeeper.errors import GrantkeeperError
from grantkeeper.journal import Journal
from grantkeeper.keeper.vault import Vault
from grantkeeper.model import GrantRow, Request, Response, Rotation, Secret, Tokens
from grantkeeper.oauth.token import scope_difference
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, oauth_client

IDA = "ida@nordwind-outdoor.example"
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)
RING = KeyRing.parse(new_key())

Done = Callable[[], object]


class Wire(EmulatorTransport):
    """The way to the provider. What waits in `before` and `after` is done at the next refreshes, one each."""

    def __init__(self, emulator: Emulator) -> None:
        super().__init__(emulator)
        self.before: deque[Done] = deque()
        self.after: deque[Done] = deque()

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Send; whatever waits may raise instead."""
        asks = request.url.endswith("/token")
        if asks and self.before:
            self.before.popleft()()
        answer = super().send(request, deadline=deadline)
        if asks and self.after:
            self.after.popleft()()
        return answer


def lost() -> None:
    """Lose what is on its way: nobody can tell whether the provider saw it."""
    raise ProviderUnavailable("The connection broke.", sent=True)


def unsent() -> None:
    """Find nobody to connect to."""
    raise ProviderUnavailable("Nobody listens.", sent=False)


class Database(SqlStore):
    """A database that refuses to be written, or read, as long as it is told to. `saves` counts tries."""

    unwritable: GrantkeeperError | None = None
    unreadable: GrantkeeperError | None = None
    saves = 0
    reads = 0

    def grant(self, grant_id: str, **how: Any) -> GrantRow | None:
        """Read, unless it is away."""
        self.reads += 1
        _check(self.unreadable)
        return super().grant(grant_id, **how)

    def touch_lease(self, grant_id: str, *, lease: str) -> bool:
        """Write, unless it is away."""
        _check(self.unwritable)
        return super().touch_lease(grant_id, lease=lease)

    def begin_refresh(self, grant_id: str, **rest: Any) -> bool:
        """Take a lease, unless it is away."""
        _check(self.unwritable)
        return super().begin_refresh(grant_id, **rest)

    def end_refresh(self, grant_id: str, **rest: Any) -> bool:
        """Give a lease back, unless it is away."""
        _check(self.unwritable)
        return super().end_refresh(grant_id, **rest)

    def save_tokens(self, row: GrantRow, **rest: Any) -> None:
        """Save tokens, unless it is away."""
        self.saves += 1
        _check(self.unwritable)
        super().save_tokens(row, **rest)


def _check(error: GrantkeeperError | None) -> None:
    if error is not None:
        raise error


class Pauses:
    """Waiting moves the clock. The thread that saves what was kept waits until it is told to go on."""

    def __init__(self, advance: Callable[[timedelta], None]) -> None:
        self._advance = advance
        self._go_on = threading.Semaphore(0)
        self._waits = threading.Semaphore(0)
        self._over = False
        self._saving: threading.Thread | None = None

    def __call__(self, duration: timedelta) -> None:
        """Wait."""
        if threading.current_thread().name == "grantkeeper-saving" and not self._over:
            self._saving = threading.current_thread()
            self._waits.release()
            self._go_on.acquire()
        self._advance(duration)

    def turn(self) -> bool:
        """Let the thread that saves try once; returns whether it still has something to do."""
        assert self._waits.acquire(timeout=5)
        self._go_on.release()
        while not self._waits.acquire(timeout=0.02):
            if self._saving is not None and not self._saving.is_alive():
                return False
        self._waits.release()
        return True

    def end(self) -> None:
        """Let it go."""
        self._over = True
        self._go_on.release(100)
        if self._saving is not None:
            self._saving.join(2)


class Scene:
    """Everything; leaving it closes all keepers."""

    def __init__(self, emulator: Emulator, database: Path, *, rotation: Rotation = "strict", **how: Any) -> None:
        self.emulator, self.clock, self.folder = emulator, emulator.clock, database.parent
        self.url = f"sqlite:///{database}"
        self.store = self.database()
        self.wire = Wire(emulator)
        self.pauses = Pauses(self.clock.advance)
        self.client = self.with_rotation(oauth_client(emulator, "google-ads", ["adwords"]), rotation, **how)
        self.vault = Vault(RING, self.store.installation())
        self._stack = ExitStack()

    def with_rotation(
        self,
        client: OAuthClient,
        rotation: Rotation,
        *,
        grace: timedelta | None = None,
        reuse_ends_family: bool = True,
    ) -> OAuthClient:
        """Let the provider rotate so, and return the client that knows it; `unknown` rotates strictly."""
        kind = "strict" if rotation == "unknown" else rotation
        self.emulator.rotate(kind, grace or timedelta(), reuse_ends_family=reuse_ends_family)
        provider = replace(
            client.provider, rotation=rotation, rotation_grace=grace, sibling_refresh_tokens=rotation == "none"
        )
        return replace(client, provider=provider)

    def database(self) -> Database:
        """Open the database once more, as another process would."""
        return Database(self.url, now=self.clock.now)

    def keeper(self, **changes: Any) -> Keeper:
        """Open a keeper; without changes over the scene's own parts and without a journal."""
        usual: dict[str, Any] = {
            "clients": [self.client],
            "transport": self.wire,
            "now": self.clock.now,
            "pause": self.pauses,
        }
        return self._stack.enter_context(Keeper(sealer=RING, **({"store": self.store} | usual | changes)))

    def journal(self) -> Journal:
        """Return one more journal in the one state folder."""
        return Journal(self.folder / "state")

    def grant(self, owner: str = "acme", *, client: OAuthClient | None = None) -> str:
        """Let a grant be there whose access token is over; returns its id."""
        client = client or self.client
        now = self.clock.now()
        person = self.emulator.world.person(IDA)
        assert person is not None
        granted = scope_difference(client, None).granted
        with self.emulator.lock:
            token = self.emulator.state.new_refresh(client.client_id, person.sub, granted, f"of {owner}", now)
        grant = Grant(
            id=f"gr_{owner}",
            owner=owner,
            client=client.name,
            issuer=client.provider.issuer,
            subject=person.sub,
            email=IDA,
            status=GrantStatus.ACTIVE,
            reason=Reason.NONE,
            scopes=granted,
            missing=frozenset(),
            extra=frozenset(),
            expires_at=now,
            ends_at=None,
            consented_at=now - HOUR,
            created_at=now - HOUR,
            updated_at=now - HOUR,
            refreshed_at=now - HOUR,
            version=1,
        )
        tokens = Tokens(refresh_token=Secret(token.value), access_token=Secret("over"))
        sealed = self.vault.seal_tokens(tokens, grant=grant, generation=1, key=None)
        self.store.insert_grant(GrantRow(grant=grant, generation=1, sealed=sealed))
        return grant.id

    def row(self, grant_id: str) -> GrantRow:
        """Return the row as it is, whatever the scene's own database refuses."""
        row = SqlStore.grant(self.store, grant_id)
        assert row is not None
        return row

    def refresh_token(self, grant_id: str) -> str:
        """Return the refresh token in the row."""
        token = self.vault.open_tokens(self.row(grant_id)).refresh_token
        assert token is not None
        return token.reveal()

    def sent(self, owner: str = "acme") -> list[int]:
        """Return which of an owner's refresh tokens reached the provider, numbered from 1 as they were issued."""
        with self.emulator.lock:
            issued = [token.value for token in self.emulator.state.refresh.values() if token.family == f"of {owner}"]
        came = (each.form.get("refresh_token") for each in self.emulator.requests("/token"))
        return [issued.index(token) + 1 for token in came if token in issued]

    def open_ends(self, grant_id: str) -> tuple[str, bool, int]:
        """Return what the row says of a refresh: the lease, whether something is open, and how many sends are."""
        row = self.row(grant_id)
        return row.lease, row.sent_at is not None, row.sends

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.store.unwritable = self.store.unreadable = None
        self._stack.close()
        self.pauses.end()
        self.store.close()
