"""Refresh tokens that people already have: what they are, and taking them over."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ...errors import AccountMismatch, Conflict, ConsentRequired, InvalidInput, SealBroken
from ...model import (
    UNIDENTIFIED,
    AccessToken,
    Adoption,
    AuditEntry,
    Beside,
    Event,
    Examination,
    Grant,
    GrantRow,
    GrantStatus,
    Imported,
    OAuthClient,
    Picker,
    Reason,
    Secret,
    Sharing,
    Tokens,
)
from ...model.event import GRANT_IMPORTED
from ...oauth.identity import Identity, folded
from ...oauth.token import TokenAnswer, TokenRefusal, scope_difference
from ...renewal import advice, meaning
from ..authority import refused
from ..consent.consents import LIVE, has_refresh_token, new_grant_id
from ..happened import changes
from ..inputs import checked_owner
from ..parts import Parts
from ..refresh.refreshing import CONFIRM_AFTER
from ..refresh.refusals import unusable

SAVE_ATTEMPTS: Final = 5
LONGEST: Final = 4096
"""Characters of a refresh token: Google reserves 512 bytes [developers.google.com/identity/protocols/oauth2#size, read
2026-11-22], others make theirs of whole JWTs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offer:
    """A refresh token that is to become a grant; `subject` stands for its person while nobody knows who it is."""

    owner: str
    client: OAuthClient
    refresh_token: Secret
    subject: str
    sharing: Sharing
    by: str = "program"

    @property
    def fingerprint(self) -> str:
        """What tells this token from others and gives nothing away."""
        return self.subject.removeprefix(UNIDENTIFIED)


class Adopting:
    """The verbs adopt and examine of a keeper. Thread-safe.

    Where the provider never replaces refresh tokens, one is proved first and kept then. Where it may, the proof uses it
    up: it is kept first, and refreshed in the way in which no answer is lost.
    """

    def __init__(
        self,
        parts: Parts,
        *,
        client: Callable[[str], OAuthClient],
        saved: Callable[[Grant, Secret], object],
        refresh: Callable[[str], AccessToken],
    ) -> None:
        self._parts = parts
        self._store = parts.store
        self._vault = parts.vault
        self._authority = parts.authority
        self._now = parts.now
        self._pause = parts.pause
        self._client = client
        self._saved = saved
        self._refresh = refresh

    def examine(self, client: str, refresh_token: Secret) -> Examination:
        """Tell what a refresh token is, by one refresh."""
        oauth_client = self._client(client)
        _check(refresh_token)
        if oauth_client.provider.rotation != "none":
            raise InvalidInput(
                f"{oauth_client.provider.called} may replace a refresh token when it is used, so a look would use it "
                "up.",
                advice="Take it over instead: that proves it, and keeps what replaces it.",
            )
        answer = self._proved(oauth_client, refresh_token)
        if isinstance(answer, TokenRefusal):
            reason = meaning(answer, oauth_client.provider.deaths).reason
            return Examination(alive=False, reason=reason, advice=advice(reason), words=answer.words)
        scopes, who = scope_difference(oauth_client, answer.scopes), self._identity(oauth_client, answer)
        reason = Reason.SCOPES_MISSING if scopes.missing else Reason.NONE
        return Examination(
            alive=True,
            reason=reason,
            advice=advice(reason),
            scopes=scopes.granted,
            missing=scopes.missing,
            ends_at=answer.ends_at,
            subject=who.subject if who else "",
            email=who.email if who else "",
        )

    def adopt(
        self, owner: str, client: str, refresh_token: Secret, *, email: str | None, picker: Picker | None, by: str
    ) -> Adoption:
        """Take a refresh token over, once."""
        if picker is not None and not isinstance(picker, Picker):
            raise InvalidInput("picker is a Picker, or None.")
        offer = replace(self._offer(owner, client, refresh_token, Sharing.of(picker)), by=by)
        _check_email(offer.client, email)
        known = self._imported(offer)
        if known is not None and not self._may_use(known, offer):
            return self._known(known, refresh_token)
        if offer.client.provider.rotation == "none":
            return self._prove_and_keep(offer, email, known)
        return self._keep_and_prove(offer, known)

    def taken_over(self, owner: str, client: str, refresh_token: Secret) -> Grant | None:
        """Return the live grant of this token, if it was taken over and `adopt` would send nothing."""
        offer = self._offer(owner, client, refresh_token, Sharing())
        known = self._imported(offer)
        return known.grant if known is not None and not self._may_use(known, offer) else None

    def _offer(self, owner: str, client: str, refresh_token: Secret, sharing: Sharing) -> _Offer:
        owner, oauth_client = checked_owner(owner), self._client(client)
        _check(refresh_token)
        return _Offer(
            owner=owner,
            client=oauth_client,
            refresh_token=refresh_token,
            subject=unidentified_subject(oauth_client, refresh_token),
            sharing=sharing,
        )

    # --- is it here already? ----------------------------------------------------------------------------------

    def _imported(self, offer: _Offer) -> GrantRow | None:
        """Return the live grant that this token was taken over as, though its person may have consented since."""
        owner, client = offer.owner, offer.client.name
        rows = self._store.grants(owner=owner, client=client, imported=offer.fingerprint, statuses=LIVE, limit=1)
        return rows[0] if rows else None

    def _may_use(self, row: GrantRow, offer: _Offer) -> bool:
        """Tell whether the grant that was made of this token could need it once more, which only its proof tells.

        A dead one does: what ended it may be over. One that lacks scopes does when it has another token by now. Where
        the provider replaces refresh tokens this one was used up, unless it was never proved.
        """
        if offer.client.provider.rotation != "none":
            return row.grant.refreshed_at is None
        if row.grant.status is not GrantStatus.CONSENT_REQUIRED:
            return False
        return not has_refresh_token(row) or not self._holds(row, offer.refresh_token)

    def _holds(self, row: GrantRow, refresh_token: Secret) -> bool:
        try:
            return self._vault.open_tokens(row).refresh_token == refresh_token
        except SealBroken:
            return False

    def _known(self, row: GrantRow, refresh_token: Secret) -> Adoption:
        """Return the grant; raises ConsentRequired when it still has this token, which is known to be dead."""
        dead = row.grant.status is GrantStatus.CONSENT_REQUIRED and not has_refresh_token(row)
        if dead and self._holds(row, refresh_token):
            raise unusable(row.grant)
        return Adoption(grant=row.grant, known=True)

    # --- proving ----------------------------------------------------------------------------------------------

    def _proved(self, client: OAuthClient, refresh_token: Secret) -> TokenAnswer | TokenRefusal:
        """Refresh once; return the answer, or the refusal that says that the token is dead: a vague one, said twice.

        Raises ProviderUnavailable, or Misconfigured when it is the OAuth client that is refused.
        """
        for last in (False, True):
            answer = self._authority.refresh(client, refresh_token)
            if isinstance(answer, TokenAnswer):
                if answer.problem or answer.access_token is None:
                    raise refused(client, TokenRefusal(status=200, words=None, retry_after=None), "transient")
                return answer
            meant = meaning(answer, client.provider.deaths)
            if meant.kind != "dead":
                raise refused(client, answer, meant.kind)
            if meant.certain or last:
                break
            self._pause(CONFIRM_AFTER)
        return answer

    def _identity(self, client: OAuthClient, answer: TokenAnswer) -> Identity | None:
        """Return whose it is, when the answer says so."""
        return None if answer.id_token is None else self._authority.identify(client, answer, nonce=None)

    # --- keeping ----------------------------------------------------------------------------------------------

    def _prove_and_keep(self, offer: _Offer, email: str | None, known: GrantRow | None) -> Adoption:
        answer = self._proved(offer.client, offer.refresh_token)
        if isinstance(answer, TokenRefusal):
            if known is not None:
                return self._known(known, offer.refresh_token)
            raise _dead(offer.client, answer)
        who = self._identity(offer.client, answer)
        _refuse_other_person(who, email)
        for _ in range(SAVE_ATTEMPTS):
            mine = (self._mine(offer, who.subject) if who else None) or self._imported(offer)
            grant = self._grant(offer, answer, who, mine.grant if mine else None)
            if mine is not None and not _is_better(grant, mine):
                return Adoption(grant=mine.grant, known=True)
            try:
                return Adoption(grant=self._keep(offer, grant, answer, mine), known=False)
            except Conflict:  # somebody consented, or imported the same, meanwhile
                continue
        raise Conflict(f"The grants of {offer.owner!r} change faster than they can be saved.")

    def _keep_and_prove(self, offer: _Offer, known: GrantRow | None) -> Adoption:
        """Keep a token that its proof may replace, then refresh it; what is dead is ended again.

        While the outcome is not known the grant stays, and the next try goes on with it.
        """
        if known is None:
            self._refuse_used_elsewhere(offer)
            grant = self._grant(offer, None, None, None)
            try:
                self._keep(offer, grant, None, None)
            except Conflict:  # another process takes the same one over: its row is the one
                self._refuse_used_elsewhere(offer)
                return Adoption(grant=_there(self._imported(offer)).grant, known=True)
        else:
            grant = known.grant
        try:
            self._refresh(grant.id)
        except ConsentRequired as error:
            row = _there(self._store.grant(grant.id))
            if row.grant.reason is not Reason.SCOPES_MISSING:
                self._end(row)
                raise _without_grant(error) from None
        return Adoption(grant=_there(self._store.grant(grant.id)).grant, known=False)

    def _mine(self, offer: _Offer, subject: str) -> GrantRow | None:
        rows = self._store.grants(
            owner=offer.owner,
            client=offer.client.name,
            issuer=offer.client.provider.issuer,
            subject=subject,
            statuses=LIVE,
            limit=1,
        )
        return rows[0] if rows else None

    def _grant(self, offer: _Offer, answer: TokenAnswer | None, who: Identity | None, old: Grant | None) -> Grant:
        """Return the grant as the answer shows it; without one, as it is before it is proved."""
        now, scopes = self._now(), scope_difference(offer.client, answer.scopes if answer else None)
        return Grant(
            id=old.id if old else new_grant_id(),
            owner=offer.owner,
            client=offer.client.name,
            issuer=offer.client.provider.issuer,
            subject=who.subject if who else offer.subject,
            email=(who.email if who else "") or (old.email if old else ""),
            status=GrantStatus.CONSENT_REQUIRED if scopes.missing else GrantStatus.ACTIVE,
            reason=Reason.SCOPES_MISSING if scopes.missing else Reason.NONE,
            scopes=scopes.granted,
            missing=scopes.missing,
            extra=scopes.extra,
            expires_at=answer.expires_at if answer else None,
            ends_at=answer.ends_at if answer else None,
            consented_at=now,
            created_at=old.created_at if old else now,
            updated_at=now,
            refreshed_at=now if answer else None,
            version=old.version + 1 if old else 1,
        )

    def _keep(self, offer: _Offer, grant: Grant, answer: TokenAnswer | None, mine: GrantRow | None) -> Grant:
        """Save the grant in a row of its own, or in its person's whose token is dead; raises Conflict."""
        access_token = answer.access_token if answer else None
        generation = mine.generation + 1 if mine else 1
        sealed = self._vault.seal_tokens(
            Tokens(refresh_token=offer.refresh_token, access_token=access_token),
            grant=grant,
            generation=generation,
            key=mine.sealed.key if mine and mine.sealed else None,
        )
        row, imported = GrantRow(grant=grant, generation=generation, sealed=sealed), _imported(offer, grant)
        beside = self._parts.beside(_entry(offer, grant))
        if mine is None:
            self._store.insert_grant(row, sharing=offer.sharing, imported=imported, beside=beside)
        else:
            events = changes(mine.grant, grant, at=grant.updated_at)
            beside = self._parts.beside(_entry(offer, grant), events=events)
            self._store.take_over(row, expected_version=mine.grant.version, imported=imported, beside=beside)
        if access_token is not None and grant.usable:
            self._saved(grant, access_token)
        return grant

    def _refuse_used_elsewhere(self, offer: _Offer) -> None:
        provider = offer.client.provider
        rows = self._store.grants(issuer=provider.issuer, imported=offer.fingerprint, statuses=LIVE)
        if any((row.grant.owner, row.grant.client) != (offer.owner, offer.client.name) for row in rows):
            raise InvalidInput(
                f"This refresh token is another grant's already, and {provider.called} may replace it.",
                advice="Two grants that share one would end each other: let the person consent for this owner.",
            )

    def _end(self, row: GrantRow) -> None:
        grant = replace(row.grant, status=GrantStatus.REVOKED, version=row.grant.version + 1, updated_at=self._now())
        ended, events = replace(row, grant=grant, sealed=None), changes(row.grant, grant, at=grant.updated_at)
        expected, beside = row.grant.version, Beside(events=events)
        self._store.save_tokens(ended, expected_version=expected, attempt="", beside=beside)


def unidentified_subject(client: OAuthClient, refresh_token: Secret) -> str:
    """Return what stands for the person while nobody knows whose the token is: the same for the same token.

    A hash of what has 128 random bits at least (RFC 6749 10.10) gives nothing away.
    """
    token = refresh_token.reveal().encode("utf-8", "surrogatepass")
    digest = hashlib.sha256(b"%d %s%s" % (len(client.client_id), client.client_id.encode(), token))
    return UNIDENTIFIED + digest.hexdigest()[:32]


def _there(row: GrantRow | None) -> GrantRow:
    if row is None:
        raise Conflict("A grant was ended while it was taken over.", advice="Try again.")
    return row


def _imported(offer: _Offer, grant: Grant) -> Imported:
    """Return what is kept; by the fingerprint the same token is known though its person consented since."""
    event = Event(
        kind=GRANT_IMPORTED,
        at=grant.updated_at,
        grant_id=grant.id,
        owner=grant.owner,
        client=grant.client,
        data={"token": offer.fingerprint, "identified": grant.identified, "missing": sorted(grant.missing)},
    )
    return Imported(token=offer.fingerprint, alone=offer.client.provider.rotation != "none", event=event)


def _entry(offer: _Offer, grant: Grant) -> AuditEntry:
    """Return the entry of the audit log that is written when a grant is taken over."""
    return AuditEntry(
        at=grant.updated_at,
        actor=offer.by,
        action="grant.import",
        target=f"grant:{grant.id}",
        owner=grant.owner,
        data={"client": grant.client, "identified": grant.identified},
        personal={"person": grant.person},
    )


def _is_better(offered: Grant, row: GrantRow) -> bool:
    """Tell whether a grant gains by a token that was proved: it is the same person's, and it is dead or lacks more."""
    if row.grant.identified and offered.subject != row.grant.subject:
        return False
    return not has_refresh_token(row) or offered.missing < row.grant.missing


def _check_email(client: OAuthClient, email: str | None) -> None:
    """Return when an e-mail address can be compared with what the provider says; raises InvalidInput."""
    if email is not None and not isinstance(email, str):
        raise InvalidInput("email is a text, or None.")
    if email and client.provider.rotation != "none":
        raise InvalidInput(
            f"{client.provider.called} may replace a refresh token when it is used, so whose it is cannot be compared "
            "with an e-mail address before it is kept.",
            advice="Leave the e-mail address out: the next consent says whose the grant is.",
        )


def _check(refresh_token: Secret) -> None:
    if not isinstance(refresh_token, Secret):
        raise InvalidInput("A refresh token is a Secret: write Secret(text).")
    value = refresh_token.reveal()
    usable = 0 < len(value) <= LONGEST and value.isascii() and value.isprintable() and " " not in value
    del value
    if not usable:  # RFC 6749 A.17: visible ASCII characters
        raise InvalidInput(f"A refresh token has 1 to {LONGEST} ASCII characters and no space.")


def _dead(client: OAuthClient, refusal: TokenRefusal) -> ConsentRequired:
    reason = meaning(refusal, client.provider.deaths).reason
    return ConsentRequired(
        f"{client.provider.called} does not take this refresh token: {reason.value}. Nothing was kept.",
        reason=reason.value,
        advice=advice(reason),
        provider=refusal.words,
    )


def _without_grant(error: ConsentRequired) -> ConsentRequired:
    return ConsentRequired(
        f"The provider does not take this refresh token: {error.reason}. Nothing was kept.",
        reason=error.reason,
        advice=error.advice,
        provider=error.provider,
    )


def _refuse_other_person(who: Identity | None, email: str | None) -> None:
    if who is not None and email and who.email and folded(email) != folded(who.email):
        raise AccountMismatch(
            f"This refresh token is {who.email}'s, not {email}'s. Nothing was kept.",
            grant_id=None,
            expected=(email,),
            actual=who.email,
            advice="Look for the right one, or leave the e-mail address out.",
        )
