"""Ending a grant without ending others by accident."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal, TypeAlias, get_args

from ..errors import Conflict, NotFound, SealBroken, check_word
from ..model import AuditEntry, Grant, GrantRow, GrantStatus, Reason, Revocation, Secret
from .consent.consents import LIVE, has_refresh_token
from .happened import changes
from .parts import Parts

Siblings: TypeAlias = Literal["keep", "end"]

SAVE_ATTEMPTS: Final = 5
PAGE: Final = 500
PERHAPS: Final = 1000
"""Grants that only may be the same person's are counted up to about here: that there are some is what matters."""


class Revoking:
    """The verb revoke of a keeper."""

    def __init__(self, parts: Parts, *, forget: Callable[[Grant], None]) -> None:
        self._parts = parts
        self._store = parts.store
        self._vault = parts.vault
        self._authority = parts.authority
        self._clients = parts.clients
        self._now = parts.now
        self._forget = forget

    def siblings(self, grant: Grant) -> list[GrantRow]:
        """Return the other grants that live and that a revocation at the provider would end, or may end (O-51).

        Google ends every grant of that person in the whole Cloud project, so every OAuth client of the project counts.
        Grants whose person is not known count too: it may be the same one. When it is this one's person who is not
        known, it may be anybody's.
        """
        client = self._clients.get(grant.client)
        if client is None:
            return []
        group = client.provider.revocation_group(client.client_id)
        names = tuple(
            other.name
            for other in self._clients.values()
            if other.provider.issuer == client.provider.issuer
            and other.provider.revocation_group(other.client_id) == group
        )
        if not grant.identified:
            return self._living(grant, names, subject=None, unidentified=False)
        same = self._living(grant, names, subject=grant.subject, unidentified=False)
        return same + self._living(grant, names, subject=None, unidentified=True)

    def _living(
        self, grant: Grant, clients: tuple[str, ...], *, subject: str | None, unidentified: bool
    ) -> list[GrantRow]:
        """Return the other grants at these clients that have a refresh token: a person's, or nobody's known, or all."""
        found: list[GrantRow] = []
        after = ""
        while True:
            rows = self._store.grants(
                clients=clients,
                issuer=grant.issuer,
                subject=subject,
                unidentified=unidentified,
                statuses=LIVE,
                after=after,
                limit=PAGE,
            )
            found += (row for row in rows if row.grant.id != grant.id and has_refresh_token(row))
            if len(rows) < PAGE or (subject is None and len(found) >= PERHAPS):
                return found
            after = rows[-1].grant.id

    def revoke(self, grant_id: str, siblings: Siblings, *, version: int | None = None, by: str) -> Revocation:
        """End the grant here at once, then at the provider when nobody else lives from it there (O-50, O-51).

        Where it is not known whether another grant is the same person's, the provider is told only on `end`; that
        other grant is left as it is then, and its next refresh tells whether it ended.
        """
        check_word("siblings", siblings, get_args(Siblings))
        row = self._end_here(grant_id, by=by, siblings=siblings, version=version)
        others = self.siblings(row.grant)
        if others and siblings != "end":
            return Revocation(grant=self._erased(row), at_provider="kept", siblings=len(others))
        client = self._clients.get(row.grant.client)
        if client is None:
            # With its token it waits until the client is configured again; without, nobody will ever be told.
            if row.sealed is None:
                return Revocation(grant=self._erased(row), at_provider="nothing_to_revoke", siblings=0)
            return Revocation(grant=row.grant, at_provider="pending", siblings=0)
        if client.provider.revocation_endpoint is None:
            return Revocation(grant=self._erased(row), at_provider="nothing_to_revoke", siblings=len(others))
        same = [other for other in others if other.grant.subject == row.grant.subject]
        token = next(filter(None, map(self._token, (row, *same))), None)
        if token is None:
            said: Literal["unreadable", "nothing_to_revoke"] = "unreadable" if row.sealed else "nothing_to_revoke"
            return Revocation(grant=self._erased(row), at_provider=said, siblings=len(others))
        if not self._authority.revoke(client, token):
            # The token stays sealed, and unreadable through any verb, until the provider has heard of it.
            return Revocation(grant=row.grant, at_provider="pending", siblings=len(others))
        erased = self._erased(row)
        for other in same:
            self._end_sibling(other)
        return Revocation(grant=erased, at_provider="revoked", siblings=len(others))

    def give_up(self, grant_id: str) -> None:
        """Drop the tokens of a grant that is revoked here, though its provider was not told."""
        row = self._store.grant(grant_id)
        if row is not None and row.grant.status is GrantStatus.REVOKED:
            self._erased(row)

    def _token(self, row: GrantRow) -> Secret | None:
        """Return a token of the row to revoke with; None when there is none, or it does not open."""
        try:
            tokens = self._vault.open_tokens(row)
        except SealBroken:
            return None
        return tokens.refresh_token or tokens.access_token

    def _end_here(self, grant_id: str, *, by: str, siblings: Siblings, version: int | None) -> GrantRow:
        def ended(row: GrantRow) -> GrantRow:
            # One that is ended stays so: asking again, after an answer that was lost, is no mistake.
            if version not in (None, row.grant.version) and row.grant.status is not GrantStatus.REVOKED:
                raise Conflict(f"Grant {grant_id} was changed meanwhile.", advice="Read it again, then decide.")
            grant = replace(row.grant, status=GrantStatus.REVOKED, reason=Reason.DISCONNECTED)
            return replace(row, grant=grant)

        def told(grant: Grant) -> AuditEntry:
            return AuditEntry(
                at=grant.updated_at,
                actor=by,
                action="grant.revoke",
                target=f"grant:{grant.id}",
                owner=grant.owner,
                data={"client": grant.client, "siblings": siblings},
                personal={"person": grant.person},
            )

        return self._change(grant_id, ended, told)

    def _erased(self, row: GrantRow) -> Grant:
        """Drop the data key and the ciphertext: without its key a copy in a backup opens no more."""
        self._store.accounts.forget(row.grant.id)
        return self._change(
            row.grant.id, lambda now: replace(now, grant=replace(now.grant, expires_at=None), sealed=None)
        ).grant

    def _end_sibling(self, listed: GrantRow) -> None:
        """Mark a grant whose token died with another's, unless it was ended or consented to again meanwhile."""

        def ended(row: GrantRow) -> GrantRow:
            if row.generation != listed.generation or not has_refresh_token(row):
                return row
            return replace(
                row, grant=replace(row.grant, status=GrantStatus.CONSENT_REQUIRED, reason=Reason.SIBLING_REVOKED)
            )

        self._change(listed.grant.id, ended)

    def _change(
        self, grant_id: str, change: Callable[[GrantRow], GrantRow], told: Callable[[Grant], AuditEntry] | None = None
    ) -> GrantRow:
        """Save a changed row by compare-and-swap, reading again whenever somebody saved first."""
        for _ in range(SAVE_ATTEMPTS):
            row = self._store.grant(grant_id)
            if row is None:
                raise NotFound(f"There is no grant {grant_id[:64]!r}.")
            changed = change(row)
            if changed == row:
                return row
            grant = replace(changed.grant, version=row.grant.version + 1, updated_at=self._now())
            saved = replace(changed, grant=grant)
            audit = () if told is None else (told(grant),)
            beside = self._parts.beside(*audit, events=changes(row.grant, grant, at=grant.updated_at))
            try:
                self._store.save_grant(saved, expected_version=row.grant.version, beside=beside)
            except Conflict:
                continue
            self._forget(grant)
            return saved
        raise Conflict(f"Grant {grant_id} changes faster than it can be saved.")
