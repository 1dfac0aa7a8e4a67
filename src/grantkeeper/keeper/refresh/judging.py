"""What a refusal does to a grant, and when it does nothing: breakers, confirmation, frozen statuses."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ...errors import Conflict, DatabaseUnavailable, GrantkeeperError, Misconfigured, ProviderUnavailable
from ...model import Beside, Grant, GrantRow, GrantStatus, OAuthClient, Reason
from ...oauth.token import TokenRefusal
from ...renewal import NOT_SAID, Admission, Breakers, Meaning, Outcome, Why, mending, outcome_of, why_it_ended
from ..happened import changes
from ..parts import Parts
from ..service.health import Health
from .refusals import unusable

log = logging.getLogger("grantkeeper")

FROZEN_FOR: Final = timedelta(seconds=30)
"""When to ask again while statuses are frozen: about when the breaker's next probe may go."""

MOST_OWED: Final = 1000
"""Grants remembered that are still to be taken back: five times what one mass refusal names."""

_SAID: Final[Mapping[Why, str]] = {
    "outage": "is in trouble: its last answers were errors, or none",
    "asked_to_wait": "asked us to wait",
    "not_accepted": "does not accept the OAuth client: its id, secret or registration is wrong",
    "trouble": "is in trouble with this grant: its last answers were errors, or none",
    "mass_refusal": "refuses most grants of this OAuth client at once, so that it is hardly their owners' doing",
}


class Judging:
    """Decides what a provider's refusals mean for grants, in the light of all of them. Thread-safe."""

    def __init__(self, parts: Parts, *, forget: Callable[[Grant], None], breakers: Breakers, health: Health) -> None:
        self._store = parts.store
        self._now = parts.now
        self._forget = forget
        self._breakers = breakers
        self._health = health
        self._owed: dict[
            str, None
        ] = {}  # grants to take back, in order; a dict needs no lock, nor a new one in a child

    def check_may_send(self, client: OAuthClient, grant_id: str = "") -> None:
        """Raise when a breaker is open: tokens that live are handed out all the same.

        Raises ProviderUnavailable, or Misconfigured while the provider does not accept the OAuth client: who would be
        sent would get the same. Without `grant_id` the grant's own breaker is not asked.
        """
        admission = self._breakers.admit(
            client.provider.token_endpoint, client.name, grant_id=grant_id, now=self._now()
        )
        if admission.why is not None:
            raise _not_sent(client, grant_id, admission, admission.why)

    def unsent(self, client: OAuthClient, grant_id: str = "") -> None:
        """Note that what was allowed to be sent was not."""
        self._breakers.unsent(client.provider.token_endpoint, client.name, grant_id=grant_id)

    def note_success(self, client: OAuthClient, grant_id: str) -> None:
        """Count a refresh that brought tokens."""
        self._health.note(client, "refreshed")
        self._record(client, grant_id, "ok", None)

    def note_trouble(
        self, client: OAuthClient, grant_id: str, meant: Meaning | None, retry_after: timedelta | None
    ) -> None:
        """Count a refresh that was not answered (`meant` None), or answered with trouble of the provider's or ours."""
        outcome: Outcome = "trouble" if meant is None else outcome_of(meant, Reason.NONE)
        self._health.note(client, "ours" if outcome == "ours" else "trouble")
        self._record(client, grant_id, outcome, retry_after)

    def refused(
        self,
        row: GrantRow,
        client: OAuthClient,
        refusal: TokenRefusal,
        meant: Meaning,
        attempt: str,
        *,
        unknown: bool,
    ) -> GrantkeeperError:
        """Mark a grant that is over, or keep its status while that cannot be believed; returns what to raise.

        Raises Conflict when somebody saved first.
        """
        now = self._now()
        reason = self._reason(row, client, meant, now, unresolved=unknown or row.sends > 0)
        self._health.note(client, "refused")
        self._record(client, row.grant.id, outcome_of(meant, reason), None)
        doubted = reason in NOT_SAID and not self._breakers.believed(row.refused_at, now=now)
        if doubted and self._breakers.frozen(client.name):
            self._save(row, row.grant, attempt, unknown=unknown)
            return _undecided(client, row.grant.id, refusal)
        if reason is Reason.REVOKED_OR_EXPIRED and client.provider.rotation != "none":
            log.warning(
                "grant %s: the provider refuses a refresh token that was not used before. If nobody withdrew access, "
                "it was used elsewhere: a copy of this database, or a thief (RFC 9700 4.14.2)",
                row.grant.id,
            )
        over = replace(row.grant, status=GrantStatus.CONSENT_REQUIRED, reason=reason)
        dead = self._save(row, over, attempt, unknown=unknown)
        self._forget(dead)
        if doubted and self._breakers.frozen(client.name):
            # Another thread's refusal made it one too many just now, and its look at our row came before our save.
            self._owe(dead.id)
            self._take_back()
            return _undecided(client, row.grant.id, refusal)
        return unusable(dead, refusal)

    def _reason(self, row: GrantRow, client: OAuthClient, meant: Meaning, now: datetime, *, unresolved: bool) -> Reason:
        return why_it_ended(
            meant.reason,
            ends_at=row.grant.ends_at,
            consented_at=row.grant.consented_at,
            testing_lifetime=client.provider.testing_lifetime,
            now=now,
            unresolved=unresolved,
            rotation=client.provider.rotation,
            used_at=row.grant.refreshed_at,
            idle_lifetime=client.provider.idle_lifetime,
        )

    def _save(self, row: GrantRow, grant: Grant, attempt: str, *, unknown: bool) -> Grant:
        """Save a status under the lease, which ends with it; what is open of it stays: it may be taken back."""
        now = self._now()
        grant = replace(grant, version=row.grant.version + 1, updated_at=now)
        changed = replace(row, grant=grant, refused_at=self._breakers.first_refused(row.refused_at, now=now))
        if unknown:
            changed = replace(changed, sent_at=row.sent_at or now, sends=row.sends + 1)
        events = Beside(events=changes(row.grant, grant, at=now))
        self._store.save_tokens(changed, expected_version=row.grant.version, attempt=attempt, beside=events)
        return grant

    def _owe(self, *suspects: str) -> None:
        """Remember grants whose refusals turned out to be part of a mass refusal."""
        self._owed.update(dict.fromkeys(suspects))
        for grant_id in list(self._owed)[:-MOST_OWED]:
            self._owed.pop(grant_id, None)

    def _take_back(self) -> None:
        """Let the grants live that are owed it; the next probe tells. What the database does not take stays owed."""
        for grant_id in list(self._owed):
            try:
                self._let_live(grant_id)
            except (DatabaseUnavailable, Misconfigured) as error:
                log.warning("grants that a mass refusal ended are taken back later: %s", error)
                return
            except Conflict:  # somebody saved: read it again next time
                continue
            except GrantkeeperError as error:
                log.warning("grant %s, which a mass refusal ended, cannot be taken back: %s", grant_id, error)
            self._owed.pop(grant_id, None)

    def _let_live(self, grant_id: str) -> None:
        row = self._store.grant(grant_id)
        if row is None or row.grant.reason not in NOT_SAID or row.refused_at is None:
            return
        alive = replace(
            row.grant,
            status=GrantStatus.ACTIVE,
            reason=Reason.NONE,
            version=row.grant.version + 1,
            updated_at=self._now(),
        )
        events = Beside(events=changes(row.grant, alive, at=alive.updated_at))
        self._store.save_grant(replace(row, grant=alive), expected_version=row.grant.version, beside=events)
        self._forget(alive)

    def _record(
        self,
        client: OAuthClient,
        grant_id: str,
        outcome: Outcome,
        retry_after: timedelta | None,
    ) -> None:
        """Count an outcome, and take back what counts as suspect because of it, or has done so since earlier."""
        change = self._breakers.record(
            client.provider.token_endpoint,
            client.name,
            grant_id=grant_id,
            outcome=outcome,
            retry_after=retry_after,
            now=self._now(),
        )
        for why in change.opened:
            log.error("%s %s; less is sent for %r", client.provider.called, _SAID[why], client.name)
        if change.closed:
            log.warning("%s works again for %r", client.provider.called, client.name)
        self._health.changed(client, change)
        self._owe(*change.refused)
        self._take_back()


def _not_sent(client: OAuthClient, grant_id: str, admission: Admission, why: Why) -> GrantkeeperError:
    """Return what to raise instead of sending."""
    what = f"{client.provider.called} {_SAID[why]}; nothing is sent for"
    if why == "not_accepted":
        seconds = math.ceil(admission.wait.total_seconds())
        return Misconfigured(
            f"{what} {client.name!r} for {seconds} s.", advice=f"{mending(None)} No grant was changed."
        )
    return ProviderUnavailable(
        f"{what} {grant_id if why == 'trouble' else repr(client.name)} just now.",
        retry_after=admission.wait,
        sent=False,
        advice="Ask again later; no grant was changed.",
    )


def _undecided(client: OAuthClient, grant_id: str, refusal: TokenRefusal) -> ProviderUnavailable:
    """Return what to raise while statuses are frozen."""
    return ProviderUnavailable(
        f"{client.provider.called} {_SAID['mass_refusal']}; the status of {grant_id} stays as it is.",
        provider=refusal.words,
        retry_after=FROZEN_FOR,
        advice=f"Look at the OAuth client {client.name!r} at the provider; no grant was changed.",
    )
