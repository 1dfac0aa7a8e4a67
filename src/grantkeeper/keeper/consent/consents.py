"""From a successful exchange to a row: whose it is, which refresh token it keeps, what it may do."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from ...errors import AccountMismatch, BadCallback, ConsentRequired, ProviderUnavailable, SealBroken
from ...model import Beside, FlowRow, Grant, GrantRow, GrantStatus, OAuthClient, Reason, Secret, Sharing, Tokens
from ...oauth.identity import Identity
from ...oauth.token import ScopeDifference, TokenAnswer, TokenRefusal
from ...renewal import advice, meaning, next_due
from ..happened import changes
from ..parts import Parts
from .invited import Admission, was_confirmed

LIVE: Final = (GrantStatus.PENDING, GrantStatus.ACTIVE, GrantStatus.CONSENT_REQUIRED)
KNOWN: Final = (GrantStatus.ACTIVE, GrantStatus.CONSENT_REQUIRED)
"""What a grant can be whose person the business knows; whoever waits to be confirmed stands in nobody's way."""

NAMED: Final = 5
"""Connected accounts that a message names, and that a consent is compared with."""

MOST_WAITING: Final = 20
"""People of one owner and client who wait to be confirmed: whoever passes a link on fills no table with strangers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What came back from a successful exchange."""

    client: OAuthClient
    identity: Identity
    answer: TokenAnswer
    scopes: ScopeDifference


class Consents:
    """Saves what people granted. Thread-safe."""

    def __init__(self, parts: Parts, *, saved: Callable[[Grant, Secret], object]) -> None:
        self._store = parts.store
        self._vault = parts.vault
        self._authority = parts.authority
        self._now = parts.now
        self._saved = saved

    def keep(self, flow: FlowRow, consent: Consent, invited: Admission | None = None) -> Grant | None:
        """Save the consent in its person's row; None when the browser has to ask once more for a refresh token.

        `invited` is the invitation that is used up with it.

        Raises AccountMismatch, ConsentRequired when a forced consent brought none either, BadCallback, Conflict.
        """
        mine = self._mine(flow, consent.identity) or self._taken_over(flow)
        self._refuse_other_account(flow, consent, mine)
        if mine is None and invited is not None and not invited.confirmed(None):
            self._refuse_crowd(flow)
        if consent.answer.refresh_token is not None:
            return self._save(flow, consent, mine, consent.answer.refresh_token, None, invited)
        for source in self._sources(consent, mine):
            refresh_token = self._living(consent.client, source)
            if refresh_token is not None:
                return self._save(flow, consent, mine, refresh_token, source, invited)
        if not flow.forced_consent:
            return None
        raise ConsentRequired(
            f"{consent.client.provider.called} gave no refresh token, not even when asked for consent.",
            reason=Reason.NO_REFRESH_TOKEN.value,
            grant_id=mine.grant.id if mine else None,
            advice=advice(Reason.NO_REFRESH_TOKEN),
        )

    def refresh_token_lives(self, client: OAuthClient, row: GrantRow) -> bool:
        """Tell whether this person has a refresh token at this OAuthClient that is not known to be dead.

        One that was taken over may be anybody's: who is asked now has to give one of their own.
        """
        if not row.grant.identified:
            return False
        return has_refresh_token(row) or bool(self._shared(client, row.grant.issuer, row.grant.subject))

    def _mine(self, flow: FlowRow, identity: Identity) -> GrantRow | None:
        """Return the live grant of this owner, client and person: issuer and subject, never the e-mail (O-26)."""
        rows = self._store.grants(
            owner=flow.owner,
            client=flow.client,
            issuer=identity.issuer,
            subject=identity.subject,
            statuses=LIVE,
            limit=1,
        )
        return rows[0] if rows else None

    def _taken_over(self, flow: FlowRow) -> GrantRow | None:
        """Return the grant whose person is not known yet and who this is now: the one that is named, or the only one.

        Nothing proves that it is the person whose refresh token was in the file: it is whom the business lets consent
        for this owner. That token is not used for them.
        """
        if flow.grant_id:
            named = self._store.grant(flow.grant_id)
            takes = named is not None and not named.grant.identified and named.grant.status is not GrantStatus.REVOKED
            return named if takes else None
        if flow.other_account == "add":
            return None
        connected = self._connected(flow)
        return connected[0] if len(connected) == 1 and not connected[0].grant.identified else None

    def _refuse_other_account(self, flow: FlowRow, consent: Consent, mine: GrantRow | None) -> None:
        """Raise AccountMismatch when another person consented than the one who is connected (O-27)."""
        expected = [] if flow.other_account == "add" else self._expected(flow, consent, mine)
        if expected:
            raise _mismatch(flow, consent.identity, [row.grant for row in expected])

    def _expected(self, flow: FlowRow, consent: Consent, mine: GrantRow | None) -> list[GrantRow]:
        """Return whose consent it would have to be, none when this person's will do."""
        if flow.grant_id and (mine is None or mine.grant.id != flow.grant_id):
            named = self._store.grant(flow.grant_id)
            if named is None or named.grant.status is GrantStatus.REVOKED:
                raise BadCallback("The grant to consent to again was ended meanwhile.", advice="Start again.")
            if mine is not None and not named.grant.identified:
                raise _already(consent.identity, mine.grant, named.grant)
            if was_confirmed(named.grant):
                return [named]
        return [] if mine is not None and was_confirmed(mine.grant) else self._connected(flow)

    def _connected(self, flow: FlowRow) -> list[GrantRow]:
        """Return the grants of people whom the business knows: a stranger's that waits is no connection yet."""
        return self._store.grants(
            owner=flow.owner, client=flow.client, statuses=KNOWN, only_confirmed=True, limit=NAMED
        )

    def _refuse_crowd(self, flow: FlowRow) -> None:
        """Raise BadCallback when too many people wait to be confirmed for this owner."""
        found = self._store.grants(owner=flow.owner, client=flow.client, statuses=LIVE, limit=2 * MOST_WAITING)
        if sum(not was_confirmed(row.grant) for row in found) >= MOST_WAITING:
            raise BadCallback(
                "Too many people gave access by invitations and were not confirmed.",
                advice="Ask whoever sent the invitation to confirm or to disconnect them first.",
            )

    def _sources(self, consent: Consent, mine: GrantRow | None) -> Iterator[GrantRow]:
        """Yield the rows whose refresh token is this person's and reaches what was granted now; their own row first.

        A provider gives none when the person consented before (facts: Google D, "silent re-auth").
        """
        identity = consent.identity
        rows = [mine] if mine and mine.grant.identified else []
        rows += self._shared(consent.client, identity.issuer, identity.subject)
        yield from (row for row in rows if has_refresh_token(row) and consent.scopes.granted <= row.grant.scopes)

    def _shared(self, client: OAuthClient, issuer: str, subject: str) -> list[GrantRow]:
        """Return the person's grants, of any owner, whose refresh token may be used for another one.

        Only where the provider says so and does not rotate: two rows that rotate one token would lose it.
        """
        if not client.provider.sibling_refresh_tokens or client.provider.rotation != "none":
            return []
        rows = self._store.grants(client=client.name, issuer=issuer, subject=subject, statuses=LIVE)
        return [row for row in rows if has_refresh_token(row)]

    def _living(self, client: OAuthClient, source: GrantRow) -> Secret | None:
        """Return the row's refresh token if it opens and the provider does not say that it is dead.

        Who connects again often does so because something is wrong; a token that was pushed out by the provider's cap
        looks alive here. One refresh tells; a provider that rotates is not asked, that would use the token up.
        """
        try:
            token = self._vault.open_tokens(source).refresh_token
        except SealBroken:
            return None
        if token is None or client.provider.rotation != "none":
            return token
        try:
            answer = self._authority.refresh(client, token)
        except ProviderUnavailable:
            return token
        dead = isinstance(answer, TokenRefusal) and meaning(answer, client.provider.deaths).kind == "dead"
        return None if dead else token

    def _save(
        self,
        flow: FlowRow,
        consent: Consent,
        mine: GrantRow | None,
        refresh_token: Secret,
        source: GrantRow | None,
        invited: Admission | None,
    ) -> Grant:
        """Save the person's row; `source` is the row whose refresh token it keeps, None when a new one came."""
        old = mine.grant if mine else None
        grant = self._grant(flow, consent, old, self._now(), confirmed=_confirmed(old, invited))
        beside = self._beside(grant, old, invited)
        if source is not None:
            grant = replace(grant, ends_at=source.grant.ends_at, consented_at=source.grant.consented_at)
        row = self._sealed(grant, consent, mine, refresh_token, source)
        self._put(flow, consent, row, mine, source, beside, invited)
        if consent.answer.access_token is not None and grant.usable:
            self._saved(grant, consent.answer.access_token)
        return grant

    def _beside(self, grant: Grant, old: Grant | None, invited: Admission | None) -> Beside:
        """Return what is written with a consent: its events, and the invitation that it uses up."""
        link_id = invited.row.link.id if invited else ""
        events = changes(old, grant, at=grant.updated_at, link_id=link_id)
        return Beside(events=events, links=(invited.used(grant),) if invited else ())

    def _sealed(
        self, grant: Grant, consent: Consent, mine: GrantRow | None, refresh_token: Secret, source: GrantRow | None
    ) -> GrantRow:
        # Who keeps their own refresh token stays in its generation, and leaves a refresh of it that is under way alone:
        # what that brings is newer.
        keeps = mine is not None and source is mine
        generation = 1 if mine is None else mine.generation + (0 if keeps else 1)
        sealed = self._vault.seal_tokens(
            Tokens(refresh_token=refresh_token, access_token=consent.answer.access_token),
            grant=grant,
            generation=generation,
            key=mine.sealed.key if mine and mine.sealed else None,
        )
        due_at = next_due(grant, now=grant.updated_at) if grant.usable else None
        return GrantRow(grant=grant, generation=generation, sealed=sealed, due_at=due_at)

    def _put(
        self,
        flow: FlowRow,
        consent: Consent,
        row: GrantRow,
        mine: GrantRow | None,
        source: GrantRow | None,
        beside: Beside,
        invited: Admission | None,
    ) -> None:
        if mine is None:
            self._store.insert_grant(row, sharing=Sharing.of(flow.picker), beside=beside)
            self._withdraw_if_second(flow, consent, row, invited)
            return
        version = mine.grant.version
        if source is mine:
            self._store.save_grant(row, expected_version=version, beside=beside)
        elif mine.grant.identified:
            self._store.save_tokens(row, expected_version=version, attempt=None, beside=beside)
        else:
            sharing = self._sharing_after(flow, mine.grant)
            self._store.take_over(row, expected_version=version, sharing=sharing, beside=beside)

    def _sharing_after(self, flow: FlowRow, taken_over: Grant) -> Sharing:
        """Return what a taken-over grant shares from its person's first consent on: they were never asked before.

        Without a picker, what the import said goes on. What was chosen by hand is named by its ids: what this person
        reaches is not known yet.
        """
        if flow.picker is not None:
            return Sharing.of(flow.picker)
        sharing = self._store.accounts.sharing(taken_over.id) or Sharing()
        if sharing.mode != "chosen":
            return sharing
        known = self._store.accounts.of(taken_over.id)
        return Sharing(mode="preselect", preselect=tuple(account.id for account in known if account.shared))

    def _withdraw_if_second(self, flow: FlowRow, consent: Consent, row: GrantRow, invited: Admission | None) -> None:
        """Take a new grant back if another person's came first while both looked (O-27): two browsers at once.

        The invitation can be used again then.
        """
        if flow.other_account == "add":
            return
        mine = (row.grant.created_at, row.grant.id)
        first = [other.grant for other in self._connected(flow) if (other.grant.created_at, other.grant.id) < mine]
        if first:
            ended = replace(row.grant, status=GrantStatus.REVOKED, reason=Reason.OTHER_ACCOUNT, version=2)
            error = _mismatch(flow, consent.identity, first)
            links = (invited.given_back(invited.used(row.grant), error),) if invited else ()
            beside = Beside(events=changes(row.grant, ended, at=self._now()), links=links)
            self._store.save_grant(replace(row, grant=ended, sealed=None), expected_version=1, beside=beside)
            raise error

    def _grant(self, flow: FlowRow, consent: Consent, old: Grant | None, now: datetime, *, confirmed: bool) -> Grant:
        missing = consent.scopes.missing
        return Grant(
            id=old.id if old else new_grant_id(),
            owner=flow.owner,
            client=flow.client,
            issuer=consent.identity.issuer,
            subject=consent.identity.subject,
            email=consent.identity.email or (old.email if old else ""),
            status=_status_after(missing=bool(missing), confirmed=confirmed),
            reason=Reason.SCOPES_MISSING if missing else Reason.NONE,
            scopes=consent.scopes.granted,
            missing=missing,
            extra=consent.scopes.extra,
            expires_at=consent.answer.expires_at,
            ends_at=consent.answer.ends_at,
            consented_at=now,
            created_at=old.created_at if old else now,
            updated_at=now,
            refreshed_at=now,
            version=old.version + 1 if old else 1,
            confirmed=confirmed,
        )


def has_refresh_token(row: GrantRow) -> bool:
    """Tell whether a row holds a refresh token that is not known to be dead."""
    alive = row.grant.status in (GrantStatus.ACTIVE, GrantStatus.PENDING) or row.grant.reason is Reason.SCOPES_MISSING
    return alive and row.sealed is not None


def new_grant_id() -> str:
    """Return a random id of 128 bits in lower-case letters and digits."""
    return "gr_" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()


def _confirmed(old: Grant | None, invited: Admission | None) -> bool:
    """Tell whether nobody has to say that it is the right person: its own consent is not that word."""
    if invited is not None:
        return invited.confirmed(old)
    return old is None or was_confirmed(old)


def _status_after(*, missing: bool, confirmed: bool) -> GrantStatus:
    if missing:
        return GrantStatus.CONSENT_REQUIRED
    return GrantStatus.ACTIVE if confirmed else GrantStatus.PENDING


def _mismatch(flow: FlowRow, identity: Identity, expected: list[Grant]) -> AccountMismatch:
    names = tuple(grant.person for grant in expected)
    actual = identity.email or identity.subject
    if not all(grant.identified for grant in expected):
        return _unclear(flow, actual, expected)
    if actual in names:  # an e-mail address that changed hands
        names = tuple(f"{grant.email} (subject {grant.subject})" for grant in expected)
        actual = f"{actual} (subject {identity.subject})"
    return AccountMismatch(
        f"{actual} consented, but {flow.owner!r} is connected as {' and '.join(names)}. Nothing was changed.",
        grant_id=expected[0].id if len(expected) == 1 else None,
        expected=names,
        actual=actual,
        advice=f"Sign in as {names[0]}, or connect the other account in addition.",
    )


def _unclear(flow: FlowRow, actual: str, expected: list[Grant]) -> AccountMismatch:
    """Return the error when it is not clear which taken-over grant the consent is for."""
    ids = ", ".join(grant.id for grant in expected if not grant.identified)
    return AccountMismatch(
        f"{actual} consented, and {flow.owner!r} has imported grants whose person is not known yet: {ids}. "
        "Nothing was changed.",
        grant_id=expected[0].id if len(expected) == 1 else None,
        expected=tuple(grant.person for grant in expected if grant.identified),
        actual=actual,
        advice="Begin with the id of the grant that is theirs, or connect the account in addition.",
    )


def _already(identity: Identity, mine: Grant, named: Grant) -> AccountMismatch:
    """Return the error when a person's consent is to be of an imported grant, and they have one already."""
    return AccountMismatch(
        f"{identity.email or identity.subject} is connected already, as grant {mine.id}; whose grant {named.id} is "
        "stays unknown. Nothing was changed.",
        grant_id=named.id,
        expected=(),
        actual=identity.email or identity.subject,
        advice=f"If {named.id} is theirs too, revoke it; else let the other person consent.",
    )
