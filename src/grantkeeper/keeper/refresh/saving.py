"""Gets what a provider answered into the row, whatever the database does meanwhile (R-12, R-14)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from ...errors import (
    Conflict,
    ConsentRequired,
    DatabaseUnavailable,
    GrantkeeperError,
    Misconfigured,
    NotFound,
    ProviderUnavailable,
)
from ...journal import Journal
from ...model import Beside, Grant, GrantRow, GrantStatus, OAuthClient, Reason, Store, Tokens
from ...oauth.identity import same_identity
from ...oauth.token import TokenAnswer, scope_difference
from ...renewal import next_due
from ..happened import changes
from ..vault import Vault
from . import holders
from .entries import Answered, entry_of
from .refusals import unknown_grant, unusable

log = logging.getLogger("grantkeeper")

SAVE_ATTEMPTS: Final = 5
"""Who loses a compare-and-swap reads again and saves again; five losses in a row mean that something is wrong."""

WAIT_FOR_SUCCESSOR: Final = timedelta(seconds=90)
"""How long a holder that came too late waits for who took its lease: more than two leases."""

_LOOK: Final = timedelta(milliseconds=100)
_FIRST_RETRY: Final = timedelta(milliseconds=100)
_LAST_RETRY: Final = timedelta(seconds=2)
"""Less than half of what others watch a lease that is over before they take it (leases.STEAL_AFTER)."""

_AWAY: Final = (DatabaseUnavailable, Misconfigured, ProviderUnavailable)
"""The database cannot be reached, or not be written, or the keeper is closed while it waits for a successor: the answer
is kept."""


class Saving:
    """Saves answers. Thread-safe.

    What the database does not take is written to the journal and saved by a thread of its own as soon as it can be.
    """

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        now: Callable[[], datetime],
        pause: Callable[[timedelta], None],
        journal: Journal | None,
        rotated: Callable[[], object],
    ) -> None:
        self._store = store
        self._vault = vault
        self._now = now
        self._pause = pause
        self._journal = journal
        self._rotated = rotated
        self._kept: dict[str, tuple[Answered, int | None]] = {}
        self._kept_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._warned = False

    def start_afresh(self) -> None:
        """In a forked child: what the parent keeps is the parent's to save."""
        self._kept, self._kept_lock, self._thread = {}, threading.Lock(), None

    def prepare(self) -> None:
        """Make ready to keep an answer, before a refresh token is sent. That this fails stops no refresh."""
        if self._journal is None:
            return
        try:
            self._journal.prepare()
        except OSError as error:
            if not self._warned:
                log.warning("no journal can be kept (%s): a database that fails now may cost a token", error)
            self._warned = True

    def save(self, answered: Answered) -> Grant:
        """Save an answer and return the grant as it is now; or keep it, and return the grant as it would be.

        The version is the database's in any case: another's next state must not be taken for what is kept.
        Raises Conflict when the row was given other tokens meanwhile, ConsentRequired when it was ended, NotFound.
        """
        try:
            saved = self._saved(answered, answered.attempt)
        except (Conflict, ConsentRequired, NotFound):
            holders.end(answered.attempt)
            raise
        except BaseException as error:  # Ctrl-C, too: the answer exists nowhere else
            log.error(  # noqa: TRY400 - a traceback adds nothing
                "grant %s was refreshed, but the database does not take it yet: %s", answered.row.grant.id, error
            )
            self._keep(answered)
            if not isinstance(error, _AWAY):
                raise
            return replace(self._changed(answered.row, answered).grant, version=answered.row.grant.version)
        holders.end(answered.attempt)
        return saved

    def flush(self, grant_id: str) -> None:
        """Save what is kept for this grant, if anything is; raises DatabaseUnavailable or Misconfigured."""
        kept = self._kept.get(grant_id)
        if kept is not None:
            self._settle(*kept)

    def flush_all(self) -> bool:
        """Save whatever is kept; False when some of it still is."""
        for kept in list(self._kept.values()):
            try:
                self._settle(*kept)
            except _AWAY:
                return False
            except GrantkeeperError:
                continue  # this row is in trouble, not the others'
        return not self._kept

    def settle_left(self, answered: Answered, *, over: str) -> Grant:
        """Save an answer that another process left in its journal; raises as `save`, and when the database is away.

        A row of an earlier generation takes it, too: the database was restored from a backup, this is newer. So does
        one under the lease named `over`, which has ended.
        """
        row = self._as_it_is(answered)
        if row.lease not in ("", answered.attempt, over) and not holders.is_gone(row.lease):
            raise ProviderUnavailable(f"Grant {row.grant.id} is refreshed by another process; its answer comes later.")
        newer = replace(answered, row=replace(row, generation=answered.row.generation))
        return self._saved(newer, None if row.lease not in ("", answered.attempt) else row.lease)

    def close(self) -> None:
        """Try to save what is kept once more; what then is left stays in the journal."""
        self._closing = True
        if not self.flush_all():
            kept = list(self._kept.values())
            for answered, _ in kept:
                holders.end(answered.attempt)
            lost = [answered.row.grant.id for answered, slot in kept if slot is None]
            log.critical("answers for %d grants are in the journal, not in the database", len(kept) - len(lost))
            if lost:
                log.critical("answers for these grants are nowhere any more: %s", ", ".join(lost))
        if self._journal is not None:
            self._journal.close()

    def _saved(self, answered: Answered, attempt: str | None) -> Grant:
        """Save under the lease; when it was lost, on top of whatever still has the tokens that this came from.

        `attempt` is who must hold the lease, "" when nobody may, None when that does not matter.
        """
        row, waited = answered.row, timedelta()
        for _ in range(SAVE_ATTEMPTS):
            changed = self._changed(row, answered)
            late = attempt != answered.attempt
            if late:
                # Others may have sent the old token after us: what becomes of this one is not certain.
                changed = replace(changed, sent_at=answered.asked_at, sends=1)
            events = Beside(events=changes(row.grant, changed.grant, at=changed.grant.updated_at))
            try:
                self._store.save_tokens(changed, expected_version=row.grant.version, attempt=attempt, beside=events)
            except Conflict:
                row = self._as_it_is(answered)
            else:
                if answered.answer.refresh_token is not None:
                    self._rotated()
                return changed.grant
            while row.lease not in ("", answered.attempt) and waited < WAIT_FOR_SUCCESSOR:
                self._pause(_LOOK)
                waited += _LOOK
                row = self._as_it_is(answered)
            # A successor that never ends was killed: nobody holds the lease, whatever the row says.
            attempt = None if row.lease not in ("", answered.attempt) else row.lease
        # No Conflict: the answer is still the newest, so that it is kept and saved later.
        raise DatabaseUnavailable(f"Grant {row.grant.id} changes faster than it can be saved.")

    def _changed(self, row: GrantRow, answered: Answered) -> GrantRow:
        """Return the row with the answer in it, sealed under the next generation."""
        answer, now = answered.answer, self._now()
        good = answer.access_token is not None and not answer.problem
        tokens = Tokens(
            refresh_token=answer.refresh_token or answered.sent, access_token=answer.access_token if good else None
        )
        grant = replace(
            judged(row.grant, answered.client, answer),
            expires_at=answer.expires_at if good else now,
            ends_at=answer.ends_at or row.grant.ends_at,
            refreshed_at=answered.asked_at,
            version=row.grant.version + 1,
            updated_at=now,
        )
        generation = answered.row.generation + 1
        sealed = self._vault.seal_tokens(
            tokens, grant=grant, generation=generation, key=row.sealed.key if row.sealed else None
        )
        due_at = next_due(grant, now=now) if grant.usable else None
        return GrantRow(grant=grant, generation=generation, sealed=sealed, due_at=due_at)

    def _as_it_is(self, answered: Answered) -> GrantRow:
        """Return the row as it is now, if the answer still follows the tokens that it holds.

        A report, or another process that was told that the token we used up is dead: save on top, ours is the newer.
        Other tokens (a new consent, another process) or an end on purpose: they stand.
        """
        old = answered.row
        row = self._store.grant(old.grant.id)
        if row is None:
            raise unknown_grant(old.grant.id)
        if row.grant.status is GrantStatus.REVOKED or row.grant.reason is Reason.SIBLING_REVOKED:
            raise unusable(row.grant)
        if row.generation > old.generation:
            raise Conflict(f"Grant {row.grant.id} was given other tokens while it was refreshed.", advice="Ask again.")
        return row

    # --- while the database is away ---------------------------------------------------------------------------

    def _keep(self, answered: Answered) -> None:
        """Hold an answer in memory and in the journal, and see to it that it is saved."""
        grant_id = answered.row.grant.id
        with self._kept_lock:
            self._kept[grant_id] = (answered, None)
        if self._journal is not None:
            try:
                slot = self._journal.put(entry_of(answered, self._vault))
            except (OSError, GrantkeeperError) as error:
                log.error("the answer for grant %s is in memory only: %s", grant_id, error)  # noqa: TRY400
            else:
                with self._kept_lock:
                    self._kept[grant_id] = (answered, slot)
        with self._kept_lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._retry, name="grantkeeper-saving", daemon=True)
                self._thread.start()

    def _retry(self) -> None:
        with suppress(ProviderUnavailable):  # the keeper is closed, and `close` tries once more
            self._retry_until_saved()

    def _retry_until_saved(self) -> None:
        wait = _FIRST_RETRY
        while not self._closing:
            self._pause(wait)
            wait = min(wait * 2, _LAST_RETRY)
            if self.flush_all():
                with self._kept_lock:
                    if not self._kept:
                        self._thread = None
                        return

    def _settle(self, answered: Answered, slot: int | None) -> None:
        """Save a kept answer, or let it go when the row needs it no more."""
        grant_id = answered.row.grant.id
        error: GrantkeeperError | None = None
        try:
            self._saved(answered, answered.attempt)
        except (Conflict, ConsentRequired, NotFound) as found:
            error = found
        with self._kept_lock:
            # Another thread may have done the same meanwhile: the slot is then free, or somebody else's already.
            kept = self._kept.get(grant_id)
            ours = kept is not None and kept[0] is answered
            if ours:
                self._free(slot)
                del self._kept[grant_id]
        holders.end(answered.attempt)
        if ours and error is not None:
            log.warning("the kept answer for grant %s is of no use any more: %s", grant_id, error)

    def _free(self, slot: int | None) -> None:
        """Free a slot of the journal; what cannot be erased is of no use to whoever reads it later."""
        try:
            if slot is not None and self._journal is not None:
                self._journal.drop(slot)
        except OSError as error:
            log.warning("an answer that is saved could not be erased from the journal: %s", error)


def judged(grant: Grant, client: OAuthClient, answer: TokenAnswer) -> Grant:
    """Return the grant as a refresh's answer leaves it: alive, of the same person, with the scopes that it names."""
    if answer.scopes is not None:
        difference = scope_difference(client, answer.scopes)
        grant = replace(grant, scopes=difference.granted, missing=difference.missing, extra=difference.extra)
    # Whose a taken-over token is nobody knows before its person consents: it has nobody to be another than.
    if (
        answer.id_token is not None
        and grant.identified
        and not same_identity(answer.id_token, issuer=grant.issuer, subject=grant.subject, client=client)
    ):
        log.error("grant %s: the provider refreshed it for another person; it is not used any more", grant.id)
        return replace(grant, status=GrantStatus.CONSENT_REQUIRED, reason=Reason.OTHER_ACCOUNT)
    if grant.missing:
        return replace(grant, status=GrantStatus.CONSENT_REQUIRED, reason=Reason.SCOPES_MISSING)
    return replace(grant, status=GrantStatus.ACTIVE, reason=Reason.NONE)
