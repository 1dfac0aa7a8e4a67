"""What the emulator remembers: consents, codes, tokens. Every method expects the emulator's lock to be held."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grantkeeper.emulator.oauth.authorize import Attempt

ACCESS_LIFE = timedelta(seconds=3599)
CODE_LIFE = timedelta(minutes=10)
TESTING_LIFE = timedelta(seconds=604799)
UNUSED_LIFE = timedelta(days=183)
"""A refresh token dies when it was not used for six months. Source: identity/protocols/oauth2, 2026-11-22."""
MOST_REFRESH_TOKENS = 100
"""Live refresh tokens of one account at one client; one more ends the oldest, silently. Source: as above."""
_FORGET = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person allowed one client, and whether that was for offline use."""

    scopes: frozenset[str]
    offline: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """An authorization code, good for one exchange within ten minutes."""

    value: str = field(repr=False)
    client_id: str
    sub: str
    redirect_uri: str = field(repr=False)
    scopes: frozenset[str]
    nonce: str = field(default="", repr=False)
    challenge: str = field(default="", repr=False)
    challenge_method: str = "plain"
    refreshable: bool
    issued_at: datetime
    redeemed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An access token."""

    value: str = field(repr=False)
    client_id: str
    sub: str
    scopes: frozenset[str]
    expires_at: datetime
    family: str
    offline: bool = False
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh:
    """A refresh token. `used_up_at` is when rotation replaced it; `died_at` when it ended for good."""

    value: str = field(repr=False)
    client_id: str
    sub: str
    scopes: frozenset[str]
    family: str
    issued_at: datetime
    used_at: datetime
    expires_at: datetime | None = None
    used_up_at: datetime | None = None
    died_at: datetime | None = None

    def death(self, now: datetime) -> datetime | None:
        """Return when the token ended, or None while it lives."""
        ends = [self.died_at, self.expires_at, self.used_at + UNUSED_LIFE]
        past = [end for end in ends if end is not None and end <= now]
        return min(past, default=None)


Matches = Callable[[Access | Refresh], bool]


class State:
    """The tables."""

    def __init__(self) -> None:
        self.consents: dict[tuple[str, str], Consent] = {}
        self.codes: dict[str, Code] = {}
        self.access: dict[str, Access] = {}
        self.refresh: dict[str, Refresh] = {}
        self.sessions: dict[str, tuple[str, ...]] = {}
        self.attempts: dict[str, Attempt] = {}
        self._refresh_of: dict[tuple[str, str], list[str]] = {}

    def new_code(self, code: Code) -> None:
        """Keep a code, and forget those that are long dead."""
        self.codes[code.value] = code
        for old in list(self.codes.values()):
            if old.issued_at >= code.issued_at - _FORGET:
                break
            del self.codes[old.value]

    def new_access(
        self, client_id: str, sub: str, scopes: frozenset[str], family: str, now: datetime, *, offline: bool
    ) -> Access:
        """Issue an access token."""
        token = Access(
            value="ya29.a0" + secrets.token_urlsafe(120),
            client_id=client_id,
            sub=sub,
            scopes=scopes,
            expires_at=now + ACCESS_LIFE,
            family=family,
            offline=offline,
        )
        self.access[token.value] = token
        for old in list(self.access.values())[:2]:
            if old.expires_at < now - _FORGET:
                del self.access[old.value]
        return token

    def new_refresh(
        self,
        client_id: str,
        sub: str,
        scopes: frozenset[str],
        family: str,
        now: datetime,
        expires_at: datetime | None = None,
    ) -> Refresh:
        """Issue a refresh token; beyond the cap the oldest live one ends."""
        token = Refresh(
            value="1//0" + secrets.token_urlsafe(72),
            client_id=client_id,
            sub=sub,
            scopes=scopes,
            family=family,
            issued_at=now,
            used_at=now,
            expires_at=expires_at,
        )
        self.refresh[token.value] = token
        live = [*self.live(sub, client_id, now), token]
        self._refresh_of[(sub, client_id)] = [each.value for each in live]
        for old in live[: max(0, len(live) - MOST_REFRESH_TOKENS)]:
            self.refresh[old.value] = replace(old, died_at=now)
        return token

    def live(self, sub: str, client_id: str, now: datetime) -> list[Refresh]:
        """Return the refresh tokens that would be accepted, oldest first."""
        tokens = (self.refresh[value] for value in self._refresh_of.get((sub, client_id), ()))
        return [each for each in tokens if each.death(now) is None and each.used_up_at is None]

    def end_family(self, family: str, now: datetime) -> None:
        """End every token that stems from one consent."""
        self._end(lambda token: token.family == family, now)

    def end_grants(self, sub: str, client_ids: frozenset[str], now: datetime) -> None:
        """End every token, code and consent of the person at these clients."""
        self._end(lambda token: token.sub == sub and token.client_id in client_ids, now)
        for code in list(self.codes.values()):
            if code.sub == sub and code.client_id in client_ids:
                del self.codes[code.value]
        for client_id in client_ids:
            self.consents.pop((sub, client_id), None)

    def _end(self, matches: Matches, now: datetime) -> None:
        for refresh in self.refresh.values():
            if matches(refresh) and refresh.died_at is None:
                self.refresh[refresh.value] = replace(refresh, died_at=now)
        for access in self.access.values():
            if matches(access):
                self.access[access.value] = replace(access, revoked=True)

    def expire_access(self, now: datetime) -> None:
        """Let every access token expire now."""
        for value, token in self.access.items():
            self.access[value] = replace(token, expires_at=min(token.expires_at, now))
