"""Access tokens: from memory, from the row, or by a refresh that one thread does for all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from ..errors import Conflict, ConsentRequired, GrantkeeperError, InvalidInput, NotFound, ProviderUnavailable
from ..model import AccessToken, Grant, GrantRow, GrantStatus, OAuthClient, Reason, Secret, Store, Tokens
from ..oauth.identity import same_identity
from ..oauth.token import TokenAnswer, TokenRefusal, scope_difference
from ..renewal import advice, due, meaning, why_it_ended
from .authority import DEADLINE, Authority, refused
from .vault import Vault

log = logging.getLogger("grantkeeper")

_NO_TIME: Final = timedelta()

_NOTHING: Final = AccessToken(value=Secret(""), expires_at=datetime.min.replace(tzinfo=UTC), scopes=frozenset())
"""Held in place of a token: whatever is in memory of an earlier state of the grant is not handed out."""

MIN_INTERVAL: Final = timedelta(seconds=30)
"""No second refresh of a grant sooner than this because of a short-lived or rejected token (R-39): a caller that asks
for more life than the provider gives, or an API that refuses every token, must not become a hot loop of refreshes."""

MAX_HELD: Final = 100_000
"""Tokens held in memory, about 1 kB each; past that the one looked at longest ago goes (R-54)."""

SAVE_ATTEMPTS: Final = 5
"""Who loses a compare-and-swap reads again and saves again; five losses in a row mean that something is wrong."""

WAIT_FOR_OTHERS: Final = DEADLINE * 3
"""How long a thread waits for the one that refreshes: every client secret may be tried once, each with a deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A token in memory, good to hand out without a look at the row from `looked_at` until `look_again_at`."""

    token: AccessToken
    version: int
    looked_at: datetime
    look_again_at: datetime


class _Flight:
    """One refresh under way: its result or error goes to everybody who waits."""

    __slots__ = ("done", "error", "token")

    def __init__(self) -> None:
        self.done = threading.Event()
        self.token: AccessToken | None = None
        self.error: Exception | None = None


class TokenKeeping:
    """The verbs token, refresh and report_rejected of a keeper. Thread-safe."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        authority: Authority,
        clients: Mapping[str, OAuthClient],
        now: Callable[[], datetime],
        max_stale: timedelta,
    ) -> None:
        self._store = store
        self._vault = vault
        self._authority = authority
        self._clients = clients
        self._now = now
        self._max_stale = max_stale
        self._held: dict[str, _Held] = {}
        self._held_lock = threading.Lock()  # for changes only: a look takes none
        self._flights: dict[str, _Flight] = {}
        self._flights_lock = threading.Lock()

    def remembered(self, grant_id: str, min_ttl: timedelta) -> AccessToken | None:
        """Return the token in memory when it may be handed out as it is; no I/O."""
        held = self._held.get(grant_id)
        if held is None:
            return None
        now = self._now()
        # The lower bound matters: after a clock set back, "look again" would otherwise be an hour away.
        left = held.token.expires_at - now
        if held.looked_at <= now < held.look_again_at and left > min_ttl and left > _NO_TIME:
            return held.token
        return None

    def stored(self, grant_id: str, min_ttl: timedelta) -> AccessToken | None:
        """Return the row's token when it lives longer than `min_ttl`, None when it has to be refreshed."""
        row = self._active_row(grant_id)
        now = self._now()
        if due(row.grant.expires_at, now=now, min_ttl=max(min_ttl, _NO_TIME)):
            return None
        held = self._held.get(grant_id)
        if held is not None and held.version == row.grant.version and held.token is not _NOTHING:
            return self._hold(row.grant, held.token, now)
        access_token = self._vault.open_tokens(row).access_token
        return None if access_token is None else self._hold(row.grant, _handed_out(row.grant, access_token), now)

    def token(self, grant_id: str, *, min_ttl: timedelta) -> AccessToken:
        """Return a token that lives longer than `min_ttl`: from memory, from the row, or refreshed."""
        found = self.remembered(grant_id, min_ttl) or self.stored(grant_id, min_ttl)
        return found or self._single_flight(grant_id, min_ttl)

    def refresh(self, grant_id: str) -> AccessToken:
        """Refresh whatever is left of the present token; threads that ask at the same time share one refresh."""
        return self._single_flight(grant_id, None)

    def report_rejected(self, grant_id: str, token: Secret) -> None:
        """Take the present access token out of use because an API refused it (R-37).

        A token that is no longer the present one, or that was issued only a moment ago, changes nothing: a hundred
        callers with the same complaint cause one refresh.
        """
        for _ in range(SAVE_ATTEMPTS):
            row = self._store.grant(grant_id)
            if row is None:
                raise _unknown(grant_id)
            now = self._now()
            grant = row.grant
            young = grant.refreshed_at is not None and timedelta() <= now - grant.refreshed_at < MIN_INTERVAL
            if due(grant.expires_at, now=now, min_ttl=timedelta()) or young:
                return
            if self._vault.open_tokens(row).access_token != token:
                return
            try:
                saved = self._save(row, replace(grant, expires_at=now), now=now)
            except Conflict:
                continue
            self.forget(saved)
            return

    def remember(self, grant: Grant, access_token: Secret) -> None:
        """Hold a token that was just saved."""
        self._hold(grant, _handed_out(grant, access_token), self._now())

    def forget(self, grant: Grant) -> None:
        """Hand out no token from memory that is older than this state of the grant, which is saved already."""
        self._hold(grant, _NOTHING, self._now())

    def _hold(self, grant: Grant, token: AccessToken, now: datetime) -> AccessToken:
        """Keep a token in memory, unless a later state of the grant is known: a slow thread must not undo it (R-55)."""
        held = _Held(token=token, version=grant.version, looked_at=now, look_again_at=now + self._max_stale)
        with self._held_lock:
            known = self._held.pop(grant.id, None)
            if known is not None and known.version > grant.version:
                held = known
            elif known is None and len(self._held) >= MAX_HELD:
                del self._held[next(iter(self._held))]  # the one that was looked at longest ago
            self._held[grant.id] = held
        return token

    def _active_row(self, grant_id: str) -> GrantRow:
        row = self._store.grant(grant_id)
        if row is None:
            raise _unknown(grant_id)
        if not row.grant.usable:
            self.forget(row.grant)
            raise unusable(row.grant)
        return row

    def _single_flight(self, grant_id: str, min_ttl: timedelta | None) -> AccessToken:
        """Let one thread refresh and the others wait for it; each then checks what it got against its own need."""
        with self._flights_lock:
            flight = self._flights.get(grant_id)
            leads = flight is None
            if flight is None:
                flight = self._flights[grant_id] = _Flight()
        if leads:
            self._lead(flight, grant_id, min_ttl)
        elif not flight.done.wait(WAIT_FOR_OTHERS.total_seconds()):
            raise ProviderUnavailable("Another thread's refresh of this grant does not end.", advice="Ask again later.")
        if flight.error is not None:
            raise flight.error
        return self._enough(flight.token, min_ttl)

    def _lead(self, flight: _Flight, grant_id: str, min_ttl: timedelta | None) -> None:
        flight.error = ProviderUnavailable("The thread that refreshed was interrupted.", advice="Ask again.")
        try:
            flight.token = self._renew_or_take(grant_id, min_ttl)
            flight.error = None
        except Exception as error:  # noqa: BLE001 - it is raised in every thread that waits, this one included
            flight.error = error
        finally:
            with self._flights_lock:
                del self._flights[grant_id]
            flight.done.set()

    def _renew_or_take(self, grant_id: str, min_ttl: timedelta | None) -> AccessToken:
        """Refresh; when somebody else saved new tokens meanwhile, theirs serve as well."""
        for _ in range(SAVE_ATTEMPTS):
            try:
                return self._renew(grant_id, min_ttl)
            except Conflict:
                found = self.stored(grant_id, min_ttl or _NO_TIME)
                if found is not None:
                    return found
        raise Conflict(f"Grant {grant_id} changes faster than it can be refreshed.", advice="Ask again.")

    def _renew(self, grant_id: str, min_ttl: timedelta | None) -> AccessToken:
        """Read the row again, refresh if it is still due, save first, then judge the answer (R-09, R-12)."""
        if min_ttl is not None:
            found = self.stored(grant_id, min_ttl)
            if found is not None:
                return found
        row = self._active_row(grant_id)
        if min_ttl is not None and self._just_renewed(row.grant):
            return self._hold_row(row)
        client = self._client(row.grant)
        tokens = self._vault.open_tokens(row)
        if tokens.refresh_token is None:
            raise unusable(replace(row.grant, reason=Reason.NO_REFRESH_TOKEN))
        asked_at = self._now()
        answer = self._authority.refresh(client, tokens.refresh_token)
        if isinstance(answer, TokenRefusal):
            raise self._refusal(row, client, answer)
        saved = self._save_answer(row, client, tokens.refresh_token, answer, asked_at)
        if answer.warning:
            log.warning("refreshing grant %s: the provider's answer is odd: %s", grant_id, answer.warning)
        if answer.problem or answer.access_token is None:
            raise ProviderUnavailable(
                f"{client.provider.called} answered with a token we cannot use: {answer.problem}."
            )
        if not saved.usable:
            raise unusable(saved)
        return self._hold(saved, _handed_out(saved, answer.access_token), self._now())

    def _just_renewed(self, grant: Grant) -> bool:
        """True when a refresh ended a moment ago and its token is still alive: another would bring no more life."""
        now = self._now()
        return (
            grant.refreshed_at is not None
            and timedelta() <= now - grant.refreshed_at < MIN_INTERVAL
            and not due(grant.expires_at, now=now, min_ttl=timedelta())
        )

    def _hold_row(self, row: GrantRow) -> AccessToken:
        access_token = self._vault.open_tokens(row).access_token
        if access_token is None:
            raise unusable(row.grant)
        return self._hold(row.grant, _handed_out(row.grant, access_token), self._now())

    def _enough(self, token: AccessToken | None, min_ttl: timedelta | None) -> AccessToken:
        if token is None:
            raise ProviderUnavailable("The refresh ended without a token.", advice="Ask again.")
        left = token.expires_at - self._now()
        if min_ttl is not None and left <= min_ttl:
            lives = timedelta(seconds=int(left.total_seconds()))
            raise InvalidInput(
                f"min_ttl is {min_ttl} but the provider's new token lives {lives} only.",
                advice="Ask for a shorter min_ttl.",
            )
        return token

    def _save_answer(
        self, row: GrantRow, client: OAuthClient, sent: Secret, answer: TokenAnswer, asked_at: datetime
    ) -> Grant:
        """Save what an answer holds before anybody judges it: a rotated refresh token above all (R-12)."""
        good = answer.access_token is not None and not answer.problem
        tokens = Tokens(refresh_token=answer.refresh_token or sent, access_token=answer.access_token if good else None)
        for _ in range(SAVE_ATTEMPTS):
            now = self._now()
            grant = replace(
                _judged(row.grant, client, answer),
                expires_at=answer.expires_at if good else now,
                ends_at=answer.ends_at or row.grant.ends_at,
                refreshed_at=asked_at,
            )
            try:
                return self._save(row, grant, now=now, tokens=tokens)
            except Conflict:
                row = self._after_conflict(row)
        raise Conflict(f"Grant {row.grant.id} changes faster than it can be saved.")

    def _after_conflict(self, old: GrantRow) -> GrantRow:
        """Return the row as it is now, if our tokens still follow the ones that it holds.

        A report, or another process that was told that the token we used up is dead: save on top, ours is the newer.
        Other tokens (a new consent, another process) or an end on purpose: they stand.
        """
        row = self._store.grant(old.grant.id)
        if row is None:
            raise _unknown(old.grant.id)
        if row.grant.status is GrantStatus.REVOKED or row.grant.reason is Reason.SIBLING_REVOKED:
            raise unusable(row.grant)
        if row.generation != old.generation:
            raise Conflict(f"Grant {row.grant.id} was given other tokens while it was refreshed.", advice="Ask again.")
        return row

    def _refusal(self, row: GrantRow, client: OAuthClient, refusal: TokenRefusal) -> GrantkeeperError:
        """Return the error for a refused refresh; a grant that is over is marked so, nothing else changes it."""
        meant = meaning(refusal, client.provider.deaths)
        if meant.kind != "dead":
            return refused(client, refusal, meant.kind)
        reason = why_it_ended(
            meant.reason,
            ends_at=row.grant.ends_at,
            consented_at=row.grant.consented_at,
            testing_lifetime=client.provider.testing_lifetime,
            now=self._now(),
        )
        dead = replace(row.grant, status=GrantStatus.CONSENT_REQUIRED, reason=reason)
        try:
            dead = self._save(row, dead, now=self._now())
        except Conflict as conflict:
            # Somebody saved meanwhile, a new consent perhaps: what we were told is about a token that is no more.
            return conflict
        self.forget(dead)
        return unusable(dead, refusal)

    def _save(self, row: GrantRow, grant: Grant, *, now: datetime, tokens: Tokens | None = None) -> Grant:
        """Save by compare-and-swap; new tokens are sealed under the next generation."""
        grant = replace(grant, version=row.grant.version + 1, updated_at=now)
        changed = replace(row, grant=grant)
        if tokens is not None:
            key = row.sealed.key if row.sealed else None
            generation = row.generation + 1
            sealed = self._vault.seal_tokens(tokens, grant=grant, generation=generation, key=key)
            changed = replace(changed, generation=generation, sealed=sealed)
        self._store.save_grant(changed, expected_version=row.grant.version)
        return grant

    def _client(self, grant: Grant) -> OAuthClient:
        client = self._clients.get(grant.client)
        if client is None:
            raise NotFound(
                f"Grant {grant.id} belongs to the OAuth client {grant.client!r}, which is not configured.",
                advice=f"Configured are: {', '.join(self._clients) or 'none'}.",
            )
        return client


def _judged(grant: Grant, client: OAuthClient, answer: TokenAnswer) -> Grant:
    """Return the grant as a refresh's answer leaves it: alive, of the same person, with the scopes that it names."""
    if answer.scopes is not None:
        difference = scope_difference(client, answer.scopes)
        grant = replace(grant, scopes=difference.granted, missing=difference.missing, extra=difference.extra)
    if answer.id_token is not None and not same_identity(
        answer.id_token, issuer=grant.issuer, subject=grant.subject, client=client
    ):
        log.error("grant %s: the provider refreshed it for another person; it is not used any more", grant.id)
        return replace(grant, status=GrantStatus.CONSENT_REQUIRED, reason=Reason.OTHER_ACCOUNT)
    if grant.missing:
        return replace(grant, status=GrantStatus.CONSENT_REQUIRED, reason=Reason.SCOPES_MISSING)
    return replace(grant, status=GrantStatus.ACTIVE, reason=Reason.NONE)


def _handed_out(grant: Grant, access_token: Secret) -> AccessToken:
    # A row without expires_at has no access token that counts; `due` says so before anybody comes here.
    return AccessToken(value=access_token, expires_at=grant.expires_at or grant.updated_at, scopes=grant.scopes)


def _unknown(grant_id: str) -> NotFound:
    return NotFound(f"There is no grant {grant_id[:64]!r}.", advice="`grants()` or `grantkeeper list` shows them.")


def unusable(grant: Grant, refusal: TokenRefusal | None = None) -> ConsentRequired:
    """Return the error that says why no token is handed out for this grant, and what to do."""
    reason = grant.reason or Reason.REVOKED_OR_EXPIRED
    return ConsentRequired(
        f"Grant {grant.id} of {grant.owner!r} at {grant.client!r} is {grant.status.value}: {reason.value}.",
        reason=reason.value,
        grant_id=grant.id,
        advice=advice(reason),
        provider=refusal.words if refusal else None,
    )
