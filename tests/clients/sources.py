"""A TokenSource by hand, for what no real one can be made to do on command."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

from grantkeeper.clients.google_auth import GrantCredentials
from grantkeeper.emulator import Clock
from grantkeeper.errors import ConsentRequired, ProviderUnavailable
from grantkeeper.model import DEFAULT_MIN_TTL, AccessToken, Secret

GRANT = "grant-nordwind"
CALLERS = 32
"""As many threads as one client is shared by; more than any of the libraries keeps connections for."""


def dead() -> ConsentRequired:
    """Return the error of a grant that was taken back."""
    return ConsentRequired("The grant is over.", reason="revoked_or_expired", grant_id=GRANT, advice="Ask again.")


def down() -> ProviderUnavailable:
    """Return the error of a provider that does not answer."""
    return ProviderUnavailable("The provider does not answer.", retry_after=timedelta(seconds=30))


class ScriptedSource:
    """Hands out `token-1`, `token-2` ...: a new one when the last was rejected or lives too short, unless in trouble.

    `open` holds answers back while it is cleared; `entered` is set once somebody waits for one.
    """

    def __init__(self, clock: Clock, life: timedelta = timedelta(hours=1)) -> None:
        self.clock = clock
        self.life = life
        self.trouble: Exception | None = None
        self.asked: list[timedelta] = []
        self.rejected: list[str] = []
        self.issued: list[AccessToken] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    def token(self, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> AccessToken:
        """Return a token, or raise the trouble."""
        assert grant_id == GRANT
        self.asked.append(min_ttl)
        self.entered.set()
        assert self.open.wait(20), "nobody opened"
        if self.trouble:
            raise self.trouble
        if not self.issued or self._used_up(self.issued[-1], min_ttl):
            self.issued.append(self._new())
        return self.issued[-1]

    def report_rejected(self, grant_id: str, token: Secret) -> None:
        """Note the token."""
        assert grant_id == GRANT
        self.rejected.append(token.reveal())

    def _used_up(self, token: AccessToken, min_ttl: timedelta) -> bool:
        return token.value.reveal() in self.rejected or token.expires_at < self.clock.now() + min_ttl

    def _new(self) -> AccessToken:
        value = Secret(f"token-{len(self.issued) + 1}")
        return AccessToken(value=value, expires_at=self.clock.now() + self.life, scopes=frozenset({"adwords"}))


def send(credentials: GrantCredentials) -> str:
    """Do what google-auth does before each request; return the token that is sent."""
    headers: dict[str, str] = {}
    credentials.before_request(object(), "GET", "https://googleads.googleapis.com/", headers)  # type: ignore[no-untyped-call]
    return headers["authorization"].removeprefix("Bearer ")


def at_once(work: Callable[[], object], callers: int = CALLERS) -> list[object]:
    """Do the work in many threads that start together; return what each returned or raised."""
    start = threading.Barrier(callers)
    outcomes: list[object] = []

    def run() -> None:
        start.wait(20)
        try:
            outcomes.append(work())
        except Exception as error:  # noqa: BLE001 - the outcome is what the test looks at
            outcomes.append(error)

    threads = [threading.Thread(target=run) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return outcomes
