"""Who consents by an invitation: may this person use it up, and does the business have to confirm them?"""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from ...errors import AccountMismatch, BadCallback, Conflict, GrantkeeperError
from ...model import NOTHING, Expectation, FlowRow, Grant, GrantStatus, LinkRow, LinkSave, LinkStatus
from ...model.service.links import OPEN
from ...oauth.identity import Identity, folded
from ..parts import Parts

log = logging.getLogger("grantkeeper")

PROOF_LIFE: Final = timedelta(minutes=10)
"""How long the business has to show what its customer's browser brought back: it goes there at once."""


LATE: Final = timedelta(minutes=10)
"""How late somebody may come back by an invitation that they followed in time: as long as a flow lives."""

UNINVITED: Final = "Somebody else was invited than the person who consented. Nothing was changed."
"""By these words an outcome that was written down is told from that of a connected account."""


def sha256(value: str) -> str:
    """Return the hash under which a 256-bit random value is kept: enough entropy that no salt is needed (O-02)."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def proof_of(browser: str, link_id: str) -> str:
    """Return what a browser brings back to the business: only the one that consented can, as often as it likes (V-31).

    `browser` is the secret in that browser's cookie.
    """
    key, content = browser.encode("utf-8", "surrogatepass"), f"grantkeeper proof {link_id}".encode()
    return hmac.digest(key, content, "sha256").hex()


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """An invitation that this person may use up. `pinned`: they are who was invited."""

    row: LinkRow
    pinned: bool
    browser: str

    def confirmed(self, old: Grant | None) -> bool:
        """Tell whether nobody has to say that it is the right person; whoever was confirmed before stays so.

        An imported grant whose person was not known may be taken over by anybody who has the address.
        """
        known = old is not None and old.identified and was_confirmed(old)
        return self.pinned or self.row.link.confirm == "auto" or known

    def used(self, grant: Grant) -> LinkSave:
        """Return the invitation as the consent leaves it: used up, unless a permission is missing."""
        link, now = self.row.link, grant.updated_at
        changed = replace(link, result_grant_id=grant.id, version=link.version + 1)
        if grant.status is GrantStatus.CONSENT_REQUIRED:
            said = "A permission that is needed was not given."
            failed = replace(changed, status=LinkStatus.FAILED, failure=said, failed_at=now)
            return LinkSave(row=replace(self.row, link=failed), expected_version=link.version)
        status = LinkStatus.CONSENTED if grant.status is GrantStatus.PENDING else LinkStatus.CONFIRMED
        done = replace(changed, status=status, failure="", consented_at=now)
        if status is LinkStatus.CONFIRMED:
            done = replace(done, confirmed_at=now)
        row = replace(self.row, link=done, sealed=None)
        if link.return_to:
            row = replace(row, proof_hash=sha256(proof_of(self.browser, link.id)), proof_until=now + PROOF_LIFE)
        return LinkSave(row=row, expected_version=link.version)

    def given_back(self, used: LinkSave, error: GrantkeeperError) -> LinkSave:
        """Return the invitation as it is when what `used` it up was taken back: only a success does that."""
        link, version = self.row.link, used.row.link.version
        changed = replace(
            link,
            status=LinkStatus.FAILED,
            failure=str(error.args[0]),
            failed_at=used.row.link.consented_at or used.row.link.failed_at,
            version=version + 1,
        )
        return LinkSave(row=replace(self.row, link=changed), expected_version=version)


def was_confirmed(old: Grant | None) -> bool:
    """Tell whether the business knows this grant's person already."""
    return old is not None and old.confirmed and old.status is not GrantStatus.PENDING


class Invited:
    """Judges who comes back by an invitation. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._store = parts.store
        self._now = parts.now

    def admitted(self, flow: FlowRow, identity: Identity, *, browser: str) -> Admission | None:
        """Return the invitation that this person may use up, None when the flow began without one.

        Raises:
            BadCallback: it was used, withdrawn or has expired meanwhile.
            AccountMismatch: somebody else was invited.
        """
        if not flow.link_id:
            return None
        row = self._store.links.get(flow.link_id)
        if row is None or row.link.status not in OPEN or row.link.expires_at + LATE <= self._now():
            raise BadCallback(
                "The invitation was used, withdrawn or has expired meanwhile.",
                advice="Ask whoever sent it for a new one.",
            )
        expect = row.link.expect
        if expect is not None and not fits(expect, identity):
            raise AccountMismatch(
                UNINVITED,
                grant_id=row.link.grant_id or None,
                expected=(expect.value,),
                actual=identity.email or identity.subject,
                advice=f"Sign in as {expect.value}, or ask whoever sent the invitation for one of your own.",
            )
        return Admission(row=row, pinned=expect is not None, browser=browser)

    def failed(self, link_id: str, error: GrantkeeperError) -> None:
        """Note that an attempt failed; that this cannot be noted hides nothing else."""
        if not link_id:
            return
        try:
            self._note(link_id, error)
        except GrantkeeperError as trouble:
            log.warning("that an attempt by link %s failed could not be recorded: %s", link_id, trouble)

    def _note(self, link_id: str, error: GrantkeeperError) -> None:
        row = self._store.links.get(link_id)
        if row is None or row.link.status not in OPEN:
            return
        failed = replace(
            row.link,
            status=LinkStatus.FAILED,
            failure=str(error.args[0]),
            failed_at=self._now(),
            version=row.link.version + 1,
        )
        change = LinkSave(row=replace(row, link=failed), expected_version=row.link.version)
        try:
            self._store.links.save(change, beside=NOTHING)
        except Conflict:
            return  # somebody got further with it


def fits(expect: Expectation, identity: Identity) -> bool:
    """Tell whether this is who was invited. An e-mail address counts only when the provider has verified it."""
    if expect.kind == "subject":
        return identity.subject == expect.value
    if expect.kind == "hosted_domain":
        return folded(identity.hosted_domain) == folded(expect.value) != ""
    return identity.email_verified and folded(identity.email) == folded(expect.value) != ""
