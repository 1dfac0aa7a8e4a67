"""Ending a grant without ending others by accident."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal, TypeAlias

from ..errors import Conflict, NotFound
from ..model import Grant, GrantRow, GrantStatus, OAuthClient, Reason, Revocation, Store
from .authority import Authority
from .consents import LIVE
from .vault import Vault

Siblings: TypeAlias = Literal["keep", "end"]

SAVE_ATTEMPTS: Final = 5
PAGE: Final = 500


class Revoking:
    """The verb revoke of a keeper."""

    def __init__(
        self,
        *,
        store: Store,
        vault: Vault,
        authority: Authority,
        clients: Mapping[str, OAuthClient],
        now: Callable[[], datetime],
        forget: Callable[[str], None],
    ) -> None:
        self._store = store
        self._vault = vault
        self._authority = authority
        self._clients = clients
        self._now = now
        self._forget = forget

    def siblings(self, grant: Grant) -> list[GrantRow]:
        """Return the other live grants that a revocation at the provider would end (O-51).

        Google ends every grant of that person in the whole Cloud project, so every OAuth client of the project counts.
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
        rows = self._store.grants(clients=names, issuer=grant.issuer, subject=grant.subject, statuses=LIVE, limit=PAGE)
        return [row for row in rows if row.grant.id != grant.id]

    def revoke(self, grant_id: str, siblings: Siblings) -> Revocation:
        """End the grant here at once, then at the provider when nobody else lives from it there (O-50, O-51)."""
        row = self._end_here(grant_id)
        others = self.siblings(row.grant)
        if others and siblings == "keep":
            return Revocation(grant=self._erase(row), at_provider="kept", siblings=len(others))
        client = self._clients.get(row.grant.client)
        tokens = self._vault.open_tokens(row)
        token = tokens.refresh_token or tokens.access_token
        if client is None or token is None or client.provider.revocation_endpoint is None:
            return Revocation(grant=self._erase(row), at_provider="nothing_to_revoke", siblings=len(others))
        if not self._authority.revoke(client, token):
            # The token stays sealed, and unreadable through any verb, until the provider has heard of it.
            return Revocation(grant=row.grant, at_provider="pending", siblings=len(others))
        for other in others:
            self._end_sibling(other)
        return Revocation(grant=self._erase(row), at_provider="revoked", siblings=len(others))

    def _end_here(self, grant_id: str) -> GrantRow:
        return self._change(
            grant_id, lambda grant: replace(grant, status=GrantStatus.REVOKED, reason=Reason.DISCONNECTED), erase=False
        )

    def _erase(self, row: GrantRow) -> Grant:
        """Drop the data key and the ciphertext: without its key a copy in a backup opens no more."""
        return self._change(row.grant.id, lambda grant: replace(grant, expires_at=None), erase=True).grant

    def _end_sibling(self, row: GrantRow) -> None:
        self._change(
            row.grant.id,
            lambda grant: replace(grant, status=GrantStatus.CONSENT_REQUIRED, reason=Reason.SIBLING_REVOKED),
            erase=False,
        )

    def _change(self, grant_id: str, change: Callable[[Grant], Grant], *, erase: bool) -> GrantRow:
        """Save a changed row by compare-and-swap, reading again whenever somebody saved first."""
        for _ in range(SAVE_ATTEMPTS):
            row = self._store.grant(grant_id)
            if row is None:
                raise NotFound(f"There is no grant {grant_id[:64]!r}.")
            self._forget(grant_id)
            changed = change(row.grant)
            if changed == row.grant and not (erase and row.sealed):
                return row
            grant = replace(changed, version=row.grant.version + 1, updated_at=self._now())
            saved = replace(row, grant=grant, sealed=None if erase else row.sealed)
            try:
                self._store.save_grant(saved, expected_version=row.grant.version)
            except Conflict:
                continue
            return saved
        raise Conflict(f"Grant {grant_id} changes faster than it can be saved.")
