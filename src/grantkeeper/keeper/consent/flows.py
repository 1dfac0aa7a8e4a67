"""A browser's attempt to grant: begin, come back, become a row."""

from __future__ import annotations

import base64
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal, TypeAlias

from ...errors import (
    BadCallback,
    Conflict,
    ConsentDenied,
    GrantkeeperError,
    InvalidInput,
    Misconfigured,
    NotFound,
    ProviderUnavailable,
)
from ...model import (
    FlowRow,
    Grant,
    GrantRow,
    GrantStatus,
    OAuthClient,
    Picker,
    Redirect,
    Secret,
)
from ...oauth.authorization import (
    CallbackParams,
    authorization_response,
    authorization_url,
    check_issuer,
    code_challenge,
    query_pairs,
)
from ...oauth.token import scope_difference
from ..parts import Parts
from ..vault import FlowSecrets
from . import outcomes
from .consents import KNOWN, NAMED, Consent, Consents
from .invited import Invited, sha256, was_confirmed

log = logging.getLogger("grantkeeper")

LIFETIME: Final = timedelta(minutes=10)
"""How long a browser may stay at the provider (O-02: at most ten minutes; Google's codes live about as long)."""

READABLE: Final = timedelta(hours=1)
"""How long the pages of a flow that has ended can be read: choosing among thousands of accounts takes its time."""

RANDOM_BYTES: Final = 32
"""256 bits for state, PKCE verifier, nonce and the browser's secret (RFC 6749 10.10 asks for 128 at least)."""

SAVE_ATTEMPTS: Final = 5

OUTCOME_LOOKS: Final = 200
OUTCOME_PAUSE: Final = timedelta(milliseconds=50)
"""Ten seconds in all: longer than a provider takes for a code, shorter than a person stays."""

INTERRUPTED: Final = BadCallback("The handling of this answer was interrupted.", advice="Start again.")

OtherAccount: TypeAlias = Literal["refuse", "add"]


class Flows:
    """The verbs begin, complete and result of a keeper. Thread-safe."""

    def __init__(self, parts: Parts, *, client: Callable[[str], OAuthClient], consents: Consents) -> None:
        self._store = parts.store
        self._vault = parts.vault
        self._authority = parts.authority
        self._now = parts.now
        self._client = client
        self._consents = consents
        self._invited = Invited(parts)

    def begin(
        self,
        owner: str,
        client: OAuthClient,
        *,
        flow: str | None,
        grant_id: str | None,
        login_hint: str | None,
        other_account: OtherAccount,
        redirect_uri: str,
        picker: Picker | None,
        link_id: str = "",
    ) -> Redirect:
        """Keep a new flow and return where to send the browser."""
        self._store.sweep_flows(expired_before=self._now(), limit=100)
        known = self._known(owner, client, grant_id) if grant_id or other_account == "refuse" else []
        people = [each.grant for each in known if each.grant.identified and was_confirmed(each.grant)]
        # Whoever has a link that names no grant is not told whose account is connected.
        hint = login_hint or (None if link_id and not grant_id else _hint(people, len(known)))
        browser = browser_secret(flow)
        row = FlowRow(
            state_hash="",
            browser_hash=sha256(browser),
            owner=owner,
            client=client.name,
            redirect_uri=redirect_uri,
            sealed=None,
            expires_at=self._now() + LIFETIME,
            grant_id=grant_id or "",
            other_account=other_account,
            picker=picker,
            link_id=link_id,
            # Only a person whose refresh token we know to be dead is asked again; whoever is unknown gives a refresh
            # token with the first consent, and if not, the second pass of `complete` asks (facts: Google D).
            forced_consent=bool(known) and not any(self._consents.refresh_token_lives(client, each) for each in known),
        )
        choose = other_account == "add" or (hint is None and (not people or bool(link_id)))
        return self._redirect(row, client, browser=browser, login_hint=hint, choose_account=choose)

    def complete(self, flow: str | None, params: object, *, client: str | None, owner: str | None) -> Grant | Redirect:
        """Take the browser's return: check everything, then spend the flow, then the code."""
        callback = authorization_response(query_pairs(params))
        row = self._admitted(flow, sha256(callback.state), client=client, owner=owner)
        oauth_client = self._client(row.client)
        check_issuer(callback, oauth_client.provider)
        if row.consumed_at is not None or not self._store.consume_flow(row.state_hash, at=self._now()):
            return self._ended(self._when_finished(row.state_hash), browser=flow or "")
        outcome, grant_id = outcomes.encode(INTERRUPTED), ""
        try:
            done = self._consented(row, oauth_client, callback, browser=flow or "")
            if isinstance(done, Grant):
                outcome, grant_id = outcomes.GRANTED, done.id
                return done
            hint = done.identity.email or done.identity.subject
            outcome = outcomes.again(hint)
            return self._again(row, oauth_client, browser=flow or "", hint=hint)
        except GrantkeeperError as error:
            outcome = outcomes.encode(error)
            self._invited.failed(row.link_id, error)
            raise
        finally:
            self._finish(row, outcome, grant_id)

    def result(self, flow: str | None, ref: str, *, owner: str | None) -> Grant:
        """Return, or raise again, how the flow with this hash of its state ended."""
        row = self._admitted(flow, ref, client=None, owner=owner)
        if row.consumed_at is None:
            raise BadCallback("This attempt has not come back from the provider yet.")
        if row.outcome and outcomes.decode(row.outcome).kind == "again":
            raise BadCallback("This attempt went on with a second question to the provider.", advice="Start again.")
        done = self._ended(row, browser="")
        assert isinstance(done, Grant)  # noqa: S101 - the other kind was refused above
        return done

    def of(self, flow: str | None, ref: str) -> FlowRow | None:
        """Return the flow with this hash of its state if this browser began it, else None; changes nothing."""
        try:
            return self._admitted(flow, ref, client=None, owner=None)
        except BadCallback:
            return None

    def picker(self, ref: str) -> Picker | None:
        """Return how the person of the flow with this hash of its state chooses accounts; None: nobody is asked."""
        row = self._store.flow(ref)
        return row.picker if row else None

    def _finish(self, row: FlowRow, outcome: str, grant_id: str) -> None:
        """Record the outcome. That this fails must hide neither a grant, which is saved, nor the error before it."""
        try:
            until = self._now() + READABLE
            self._store.finish_flow(row.state_hash, outcome=outcome, grant_id=grant_id, until=until)
        except GrantkeeperError as error:
            log.warning("how a flow of client %s ended could not be recorded: %s", row.client, error)

    # --- begin ------------------------------------------------------------------------------------------------

    def _known(self, owner: str, client: OAuthClient, grant_id: str | None) -> list[GrantRow]:
        """Return the live grants that this consent may renew."""
        if grant_id is None:
            return self._store.grants(owner=owner, client=client.name, statuses=KNOWN, only_confirmed=True, limit=NAMED)
        row = self._store.grant(grant_id)
        if row is None or row.grant.owner != owner or row.grant.client != client.name:
            raise NotFound(f"{owner!r} has no grant {grant_id[:64]!r} at {client.name!r}.")
        if row.grant.status is GrantStatus.REVOKED:
            raise InvalidInput(f"Grant {grant_id} is revoked for good.", advice="Begin without grant_id for a new one.")
        return [row]

    def _redirect(
        self, row: FlowRow, client: OAuthClient, *, browser: str, login_hint: str | None, choose_account: bool = False
    ) -> Redirect:
        """Give the flow its secrets, keep it, and return where to send the browser."""
        state, verifier = (Secret(secrets.token_urlsafe(RANDOM_BYTES)) for _ in range(2))
        nonce = secrets.token_urlsafe(RANDOM_BYTES)
        state_hash = sha256(state.reveal())
        sealed = self._vault.seal_flow(FlowSecrets(code_verifier=verifier, nonce=nonce), state_hash=state_hash)
        self._store.add_flow(replace(row, state_hash=state_hash, sealed=sealed))
        url = authorization_url(
            client,
            redirect_uri=row.redirect_uri,
            state=state.reveal(),
            code_challenge=code_challenge(verifier.reveal()),
            nonce=nonce,
            login_hint=login_hint,
            force_consent=row.forced_consent,
            choose_account=choose_account,
        )
        return Redirect(url=url, flow=browser)

    # --- complete: before anything is spent -------------------------------------------------------------------

    def _admitted(self, flow: str | None, state_hash: str, *, client: str | None, owner: str | None) -> FlowRow:
        """Return the flow's row if this browser began it, here, for this client and owner; else BadCallback."""
        row = self._store.flow(state_hash)
        if row is None or row.expires_at <= self._now():
            raise BadCallback("There is no such attempt, or it took longer than ten minutes.", advice="Start again.")
        if flow is None or not hmac.compare_digest(sha256(flow), row.browser_hash):
            raise BadCallback(
                "This attempt was begun in another browser.",
                advice="Start again in this browser, with cookies allowed.",
            )
        if client is not None and client != row.client:
            raise BadCallback("This attempt was begun for another OAuth client.", advice="Start again.")
        if owner is not None and owner != row.owner:
            raise BadCallback("This attempt was begun for another owner.", advice="Sign in as before and start again.")
        return row

    def _when_finished(self, state_hash: str) -> FlowRow | None:
        """Return a spent flow once it has an outcome: a double click drops the first answer and shows this one (R-59).

        Another process may be at it, so there is no event to wait for; given up after a while, in case it was killed.
        """
        for _ in range(OUTCOME_LOOKS):
            row = self._store.flow(state_hash)
            if row is None or row.outcome:
                return row
            time.sleep(OUTCOME_PAUSE.total_seconds())
        return self._store.flow(state_hash)

    def _ended(self, row: FlowRow | None, *, browser: str) -> Grant | Redirect:
        """Return or raise what a spent flow ended in."""
        if row is None or not row.outcome:
            raise BadCallback(
                "This answer is being handled already, or its handling was interrupted.",
                advice="Reload in a moment; if it stays, start again.",
            )
        outcome = outcomes.decode(row.outcome)
        if outcome.kind == "again":
            return self._again(row, self._client(row.client), browser=browser, hint=outcome.hint)
        if outcome.kind != "granted":
            raise outcomes.error_of(outcome)
        stored = self._store.grant(row.result_grant_id)
        if stored is None or stored.grant.status is GrantStatus.REVOKED:
            raise BadCallback("What this attempt connected was disconnected since.", advice="Start again.")
        return stored.grant

    # --- complete: the flow is spent --------------------------------------------------------------------------

    def _consented(
        self, row: FlowRow, client: OAuthClient, callback: CallbackParams, *, browser: str
    ) -> Grant | Consent:
        """Return the grant, or the consent that brought no refresh token while none is stored."""
        if callback.code is None:
            raise _authorization_error(client, callback)
        kept = self._vault.open_flow(row)
        answer = self._authority.exchange(
            client, code=callback.code, redirect_uri=row.redirect_uri, code_verifier=kept.code_verifier
        )
        # Whose tokens these are is not known until the id_token is valid, so nothing can be stored before. They are
        # not revoked on failure either: at Google that would end the person's other grants (facts: Google D).
        identity = self._authority.identify(client, answer, nonce=kept.nonce)
        consent = Consent(
            client=client, identity=identity, answer=answer, scopes=scope_difference(client, answer.scopes)
        )
        for _ in range(SAVE_ATTEMPTS):
            invited = self._invited.admitted(row, identity, browser=browser)
            try:
                return self._consents.keep(row, consent, invited) or consent
            except Conflict:
                continue
        raise Conflict(f"The grants of {row.owner!r} change faster than they can be saved.")

    def _again(self, flow: FlowRow, client: OAuthClient, *, browser: str, hint: str) -> Redirect:
        """Send the browser to the consent screen once more, as the person it just was: the second pass (O-29)."""
        again = replace(
            flow, forced_consent=True, consumed_at=None, outcome="", expires_at=self._now() + LIFETIME, sealed=None
        )
        return self._redirect(again, client, browser=browser, login_hint=hint)


def browser_secret(flow: str | None) -> str:
    """Return the value to keep in the browser: the one that is there, so that two tabs both work, or a new one."""
    if flow is None:
        return secrets.token_urlsafe(RANDOM_BYTES)
    try:
        raw = base64.urlsafe_b64decode(flow + "=")
    except (ValueError, TypeError):
        raw = b""
    if len(raw) != RANDOM_BYTES:
        raise InvalidInput(
            "flow is not a value that begin() returned.",
            advice="Pass the Redirect.flow kept in this browser's session, or None.",
        )
    return flow


def _hint(people: Sequence[Grant], connected: int) -> str | None:
    """Return whom to ask for, when all that are connected are one person's."""
    names = {grant.person for grant in people}
    return names.pop() if len(names) == 1 and len(people) == connected else None


AUTHORIZATION_ERRORS: Final[Mapping[str, type[GrantkeeperError]]] = {
    "access_denied": ConsentDenied,
    "temporarily_unavailable": ProviderUnavailable,
    "server_error": ProviderUnavailable,
    "interaction_required": BadCallback,
    "login_required": BadCallback,
    "consent_required": BadCallback,
    "account_selection_required": BadCallback,
}
"""RFC 6749 4.1.2.1 and OpenID Connect Core 3.1.2.6; everything else is about how we asked."""


def _authorization_error(client: OAuthClient, callback: CallbackParams) -> GrantkeeperError:
    kind = AUTHORIZATION_ERRORS.get(callback.words.error if callback.words else "", Misconfigured)
    if kind is ConsentDenied:
        return ConsentDenied(
            "Access was not granted.",
            advice="Nothing was changed; it can be started again at any time.",
            provider=callback.words,
        )
    return kind(
        f"{client.provider.called} did not ask for consent.",
        advice="Start again." if kind is not Misconfigured else "Check the OAuth client's scopes and registration.",
        provider=callback.words,
    )
