"""The business says that the right person consented: pending becomes active."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import datetime
from typing import Final

from ...errors import BadCallback, Conflict, InvalidInput
from ...model import AuditEntry, Beside, Grant, GrantRow, GrantStatus, LinkRow, LinkSave, LinkStatus, Reason
from ...renewal import next_due
from ..consent.consents import KNOWN, NAMED
from ..consent.invited import sha256
from ..happened import changes
from ..parts import Parts
from ..refresh.refusals import unknown_grant, unusable
from .rows import SAVE_ATTEMPTS, LinkRows

PROOF_TRIES: Final = 5
"""Wrong proofs after which there is none any more: the one that is right has 256 bits, so somebody is trying."""


class Confirming:
    """The verb confirm of a keeper. Thread-safe."""

    def __init__(self, parts: Parts, rows: LinkRows) -> None:
        self._parts = parts
        self._store = parts.store
        self._rows = rows

    def confirm(self, grant_id: str, *, proof: str | None, version: int | None, by: str) -> Grant:
        """Make a pending grant active; one that is active already is returned as it is."""
        for _ in range(SAVE_ATTEMPTS):
            row = self._store.grant(grant_id)
            if row is None:
                raise unknown_grant(grant_id)
            if version is not None and row.grant.version != version:
                raise Conflict(f"Grant {grant_id} was changed meanwhile.", advice="Read it again, then decide.")
            if row.grant.usable:
                return row.grant
            _refuse_others(row.grant)
            links = self._store.links.by_result(grant_id)
            newest = links[0] if links else None
            try:
                self._check_proof(row.grant, newest, proof)
                self._refuse_second(row.grant, newest)
                return self._save(row, links, by=by)
            except Conflict:
                continue
        raise Conflict(f"Grant {grant_id} changes faster than it can be saved.")

    def _check_proof(self, grant: Grant, newest: LinkRow | None, proof: str | None) -> None:
        """Return when the proof is right, or none was given where none is needed."""
        if proof is None:
            if newest is not None and newest.link.confirm == "proof":
                raise InvalidInput(
                    f"Grant {grant.id} is confirmed with the proof that the person's browser brings to return_to.",
                    advice="Pass it as proof, from the request of whom you know to be this customer.",
                )
            return
        now = self._parts.now()
        if newest is None or not newest.proof_hash or newest.proof_until is None or newest.proof_until <= now:
            raise BadCallback(
                f"Grant {grant.id} has no proof (any more): it is good once, for ten minutes.",
                advice="Let the person follow a new link.",
            )
        if not hmac.compare_digest(sha256(proof), newest.proof_hash):
            self._count(newest)
            raise BadCallback(
                f"Another browser consented to grant {grant.id} than the one that brought this proof.",
                advice="Nothing was confirmed. If it was not your customer who consented, revoke the grant.",
            )

    def _refuse_second(self, grant: Grant, newest: LinkRow | None) -> None:
        """Return when nobody else is connected, or the link was for an account in addition (O-27)."""
        if newest is not None and newest.link.other_account == "add":
            return
        found = self._store.grants(
            owner=grant.owner, client=grant.client, statuses=KNOWN, only_confirmed=True, limit=NAMED
        )
        if found:
            names = " and ".join(each.grant.person for each in found)
            raise InvalidInput(
                f"{grant.owner!r} is connected as {names} already.",
                advice=f"Revoke the one of the two who is wrong, {found[0].grant.id} or {grant.id}; to connect both, "
                'send a link with other_account="add".',
            )

    def _count(self, row: LinkRow) -> None:
        tries = row.proof_tries + 1
        kept = row.proof_hash if tries < PROOF_TRIES else ""
        self._rows.save(replace(row, proof_tries=tries, proof_hash=kept))

    def _save(self, row: GrantRow, links: list[LinkRow], *, by: str) -> Grant:
        now = self._parts.now()
        grant = replace(
            row.grant,
            status=GrantStatus.ACTIVE,
            reason=Reason.NONE,
            confirmed=True,
            updated_at=now,
            version=row.grant.version + 1,
        )
        used = [each for each in links if each.link.status is LinkStatus.CONSENTED]
        link_id = used[0].link.id if used else ""
        beside = Beside(
            events=changes(row.grant, grant, at=now, link_id=link_id),
            audit=(_entry(grant, link_id, by=by),),
            links=tuple(_confirmed(each, now) for each in used),
            mac=self._parts.mac,
        )
        saved = replace(row, grant=grant, due_at=next_due(grant, now=now))
        self._store.save_grant(saved, expected_version=row.grant.version, beside=beside)
        return grant


def _refuse_others(grant: Grant) -> None:
    """Return when the grant waits for this word."""
    if grant.status is GrantStatus.REVOKED:
        raise InvalidInput(f"Grant {grant.id} is revoked for good.", advice="Send a new link.")
    if grant.status is not GrantStatus.PENDING:
        raise unusable(grant)


def _confirmed(row: LinkRow, now: datetime) -> LinkSave:
    """Return the link as it is from now on; its proof is spent."""
    version = row.link.version
    link = replace(row.link, status=LinkStatus.CONFIRMED, confirmed_at=now, version=version + 1)
    return LinkSave(row=replace(row, link=link, proof_hash="", proof_until=None), expected_version=version)


def _entry(grant: Grant, link_id: str, *, by: str) -> AuditEntry:
    return AuditEntry(
        at=grant.updated_at,
        actor=by,
        action="grant.confirm",
        target=f"grant:{grant.id}",
        owner=grant.owner,
        data={"client": grant.client, "link_id": link_id},
        personal={"person": grant.person},
    )
