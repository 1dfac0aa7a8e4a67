"""From a successful exchange to a row: whose it is, which refresh token it keeps, what it may do."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ..errors import AccountMismatch, ConsentRequired
from ..model import FlowRow, Grant, GrantRow, GrantStatus, OAuthClient, Reason, Secret, Store, Tokens
from ..oauth.identity import Identity
from ..oauth.token import ScopeDifference, TokenAnswer
from ..renewal import advice
from .vault import Vault

LIVE: Final = (GrantStatus.PENDING, GrantStatus.ACTIVE, GrantStatus.CONSENT_REQUIRED)

MOST_GRANTS: Final = 1000
"""Live grants of one owner at one OAuth client that are looked at; a person has a handful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What came back from a successful exchange."""

    client: OAuthClient
    identity: Identity
    answer: TokenAnswer
    scopes: ScopeDifference


class Consents:
    """Saves what people granted. Thread-safe."""

    def __init__(
        self, *, store: Store, vault: Vault, now: Callable[[], datetime], saved: Callable[[Grant, Secret], None]
    ) -> None:
        self._store = store
        self._vault = vault
        self._now = now
        self._saved = saved

    def keep(self, flow: FlowRow, consent: Consent) -> Grant | None:
        """Save the consent in its person's row; None when the browser has to ask once more for a refresh token.

        Raises AccountMismatch, ConsentRequired when a forced consent brought none either, Conflict.
        """
        rows = self._store.grants(owner=flow.owner, client=flow.client, statuses=LIVE, limit=MOST_GRANTS)
        mine = next((row for row in rows if _same_person(row.grant, consent.identity)), None)
        self._refuse_other_account(flow, consent, rows, mine)
        if consent.answer.refresh_token is not None:
            return self._save(flow, consent, mine, consent.answer.refresh_token, None)
        source = self._refresh_token_we_have(mine, consent)
        refresh_token = self._vault.open_tokens(source).refresh_token if source else None
        if refresh_token is not None:
            return self._save(flow, consent, mine, refresh_token, source)
        if not flow.forced_consent:
            return None
        raise ConsentRequired(
            f"{consent.client.provider.called} gave no refresh token, not even when asked for consent.",
            reason=Reason.NO_REFRESH_TOKEN.value,
            grant_id=mine.grant.id if mine else None,
            advice=advice(Reason.NO_REFRESH_TOKEN),
        )

    def _refuse_other_account(
        self, flow: FlowRow, consent: Consent, rows: list[GrantRow], mine: GrantRow | None
    ) -> None:
        """Raise AccountMismatch when another person consented than the one who is connected (O-27)."""
        expected = [row for row in rows if not flow.grant_id or row.grant.id == flow.grant_id]
        if flow.other_account == "add" or not expected or mine in expected:
            return
        names = tuple(row.grant.email or row.grant.subject for row in expected)
        actual = consent.identity.email or consent.identity.subject
        raise AccountMismatch(
            f"{actual} consented, but {flow.owner!r} is connected as {' and '.join(names)}. Nothing was changed.",
            grant_id=expected[0].grant.id if len(expected) == 1 else None,
            expected=names,
            actual=actual,
            advice=f"Sign in as {names[0]}, or connect the other account in addition.",
        )

    def _refresh_token_we_have(self, mine: GrantRow | None, consent: Consent) -> GrantRow | None:
        """Return the row with a live refresh token of this very person here that reaches what was granted now.

        A provider gives none when the person consented before (facts: Google D, "silent re-auth"). A sibling's may be
        shared only where the provider says so and does not rotate: two rows that rotate one token would lose it.
        """
        rows = [mine] if mine else []
        provider = consent.client.provider
        if provider.sibling_refresh_tokens and provider.rotation == "none":
            rows += self._store.grants(
                client=consent.client.name,
                issuer=consent.identity.issuer,
                subject=consent.identity.subject,
                statuses=LIVE,
            )
        for row in rows:
            if has_refresh_token(row) and consent.scopes.granted <= row.grant.scopes:
                return row
        return None

    def _save(
        self, flow: FlowRow, consent: Consent, mine: GrantRow | None, refresh_token: Secret, source: GrantRow | None
    ) -> Grant:
        """Save the person's row; `source` is the row whose refresh token it keeps, None when a new one came."""
        answer, now = consent.answer, self._now()
        grant = self._grant(flow, consent, mine.grant if mine else None, now)
        if source is not None:
            grant = replace(grant, ends_at=source.grant.ends_at, consented_at=source.grant.consented_at)
        generation = mine.generation + 1 if mine else 1
        sealed = self._vault.seal_tokens(
            Tokens(refresh_token=refresh_token, access_token=answer.access_token),
            grant_id=grant.id,
            generation=generation,
            key=mine.sealed.key if mine and mine.sealed else None,
        )
        row = GrantRow(grant=grant, generation=generation, sealed=sealed)
        if mine is None:
            self._store.insert_grant(row)
        else:
            self._store.save_grant(row, expected_version=mine.grant.version)
        if answer.access_token is not None and grant.usable:
            self._saved(grant, answer.access_token)
        return grant

    def _grant(self, flow: FlowRow, consent: Consent, old: Grant | None, now: datetime) -> Grant:
        missing = consent.scopes.missing
        return Grant(
            id=old.id if old else new_grant_id(),
            owner=flow.owner,
            client=flow.client,
            issuer=consent.identity.issuer,
            subject=consent.identity.subject,
            email=consent.identity.email,
            status=GrantStatus.CONSENT_REQUIRED if missing else GrantStatus.ACTIVE,
            reason=Reason.SCOPES_MISSING if missing else Reason.NONE,
            scopes=consent.scopes.granted,
            missing=missing,
            extra=consent.scopes.extra,
            expires_at=consent.answer.expires_at,
            ends_at=consent.answer.ends_at,
            consented_at=now,
            created_at=old.created_at if old else now,
            updated_at=now,
            used_at=now,
            version=old.version + 1 if old else 1,
        )


def has_refresh_token(row: GrantRow) -> bool:
    """Tell whether a row holds a refresh token that is not known to be dead."""
    alive = row.grant.status in (GrantStatus.ACTIVE, GrantStatus.PENDING) or row.grant.reason is Reason.SCOPES_MISSING
    return alive and row.sealed is not None


def new_grant_id() -> str:
    """Return a random id of 128 bits in lower-case letters and digits."""
    return "gr_" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def _same_person(grant: Grant, identity: Identity) -> bool:
    return grant.issuer == identity.issuer and grant.subject == identity.subject
