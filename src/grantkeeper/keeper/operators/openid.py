"""Signing in with OpenID Connect, through the same `oauth/` as everything else (OpenID Connect Core 1.0, RFC 9700)."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ...errors import AccessRefused, BadCallback, Conflict, ConsentDenied, GrantkeeperError, InvalidInput, NotFound
from ...model import AuditEntry, FlowRow, OAuthClient, Operator, Redirect, Role, Secret, SignedIn
from ...oauth.authorization import (
    CallbackParams,
    authorization_response,
    authorization_url,
    check_issuer,
    code_challenge,
    query_pairs,
)
from ...oauth.identity import Identity, folded
from ..consent.flows import AUTHORIZATION_ERRORS, browser_secret
from ..consent.invited import sha256
from ..parts import Parts
from ..vault import FlowSecrets
from .people import entry, new_operator
from .rules import BY_RULE, ROLE_BY_HAND, RULED, role_of

if TYPE_CHECKING:
    from ...settings import SignIn
    from .sessions import Sessions

FLOW_CLIENT: Final = "@sign-in"
FLOW_OWNER: Final = "@operator"
LIFETIME: Final = timedelta(minutes=10)
"""How long a browser may stay at the provider (O-02)."""
SCOPES: Final = ("openid", "email")
SAVE_ATTEMPTS: Final = 5


class OpenIdSignIn:
    """Takes an operator's browser to the provider and back. Thread-safe."""

    def __init__(self, parts: Parts, sessions: Sessions) -> None:
        self._parts = parts
        self._flows = parts.store
        self._store = parts.store.operators
        self._now = parts.now
        self._sessions = sessions

    def begin(self, rules: SignIn, *, browser: str | None) -> Redirect:
        """Keep a flow that is bound to this browser (O-01), and return where to send it."""
        client, secret = self._client(rules), browser_secret(browser)
        state, verifier = (Secret(secrets.token_urlsafe(32)) for _ in range(2))
        nonce = secrets.token_urlsafe(32)
        self._flows.sweep_flows(expired_before=self._now(), limit=100)
        name = _flow_name(state.reveal())
        sealed = self._parts.vault.seal_flow(FlowSecrets(code_verifier=verifier, nonce=nonce), state_hash=name)
        flow = FlowRow(
            state_hash=name,
            browser_hash=sha256(secret),
            owner=FLOW_OWNER,
            client=FLOW_CLIENT,
            redirect_uri=client.redirect_uri,
            sealed=sealed,
            expires_at=self._now() + LIFETIME,
        )
        self._flows.add_flow(flow)
        url = authorization_url(
            client,
            redirect_uri=client.redirect_uri,
            state=state.reveal(),
            code_challenge=code_challenge(verifier.reveal()),
            nonce=nonce,
            choose_account=True,
        )
        return Redirect(url=url, flow=secret)

    def complete(self, rules: SignIn, browser: str | None, params: object, *, instead_of: str) -> SignedIn:
        """Check everything, spend the flow, then the code; open a session for who it is."""
        client = self._client(rules)
        callback = authorization_response(query_pairs(params))
        row = self._admitted(browser, callback)
        check_issuer(callback, client.provider)
        if row.consumed_at is not None or not self._flows.consume_flow(row.state_hash, at=self._now()):
            raise BadCallback("This sign-in was used already.", advice="Sign in again.")
        identity = self._identity(client, row, callback)
        for _ in range(SAVE_ATTEMPTS):
            try:
                operator = self._operator(rules, client, identity)
                signed_in = self._sessions.open(operator, "openid", instead_of=instead_of)
            except Conflict:
                continue
            if signed_in is not None:
                return signed_in
        raise Conflict("Operators change faster than one can sign in.")

    def _client(self, rules: SignIn) -> OAuthClient:
        """Return the OAuth client as it is used here: it asks who somebody is, and for nothing that lasts."""
        client = self._parts.clients.get(rules.client)
        if client is None:
            known = ", ".join(self._parts.clients) or "none"
            raise NotFound(f"There is no OAuth client {rules.client!r} to sign in with.", advice=f"There are: {known}.")
        provider = replace(client.provider, identity_scopes=SCOPES, authorization_parameters={})
        return replace(client, provider=provider, scopes=(), optional_scopes=(), redirect_uri=rules.redirect_uri)

    def _admitted(self, browser: str | None, callback: CallbackParams) -> FlowRow:
        """Return the flow of this state, begun by this browser and not over; raises BadCallback, nothing is spent."""
        row = self._flows.flow(_flow_name(callback.state))
        if row is None or (row.client, row.owner) != (FLOW_CLIENT, FLOW_OWNER) or row.expires_at <= self._now():
            raise BadCallback("This sign-in is unknown, or took too long.", advice="Sign in again.")
        if browser is None or not hmac.compare_digest(sha256(browser), row.browser_hash):
            raise BadCallback("This sign-in was begun in another browser.", advice="Sign in again, in this browser.")
        return row

    def _identity(self, client: OAuthClient, row: FlowRow, callback: CallbackParams) -> Identity:
        """Return who it is; the tokens that come along are dropped."""
        if callback.code is None:
            raise _said_no(client, callback)
        kept = self._parts.vault.open_flow(row)
        answer = self._parts.authority.exchange(
            client, code=callback.code, redirect_uri=row.redirect_uri, code_verifier=kept.code_verifier
        )
        return self._parts.authority.identify(client, answer, nonce=kept.nonce)

    def _operator(self, rules: SignIn, client: OAuthClient, identity: Identity) -> Operator:
        """Return who this person is here: by issuer and subject (O-26), else by an invitation, else by a rule.

        Raises AccessRefused when it is nobody; Conflict when somebody changed that meanwhile.
        """
        if not identity.email or not identity.email_verified:
            raise self._refused(identity, "its e-mail address is not verified")
        if not identity.email.isascii():
            raise self._refused(identity, "its e-mail address has letters that look like others")
        email, role = folded(identity.email), role_of(rules, client, identity)
        found = self._store.of(issuer=identity.issuer, subject=identity.subject)
        known = [each for each in found if each.disabled_at is None]
        if known and known[0].created_by not in RULED:
            return known[0]
        if known and role is not None:
            return self._ruled(known[0], email, role, identity)
        same_address = self._store.of(email=email)
        invited = [each for each in same_address if each.disabled_at is None and not each.issuer]
        if invited and not known:
            return self._bound(invited[0], identity)
        if known or same_address or found or role is None:
            raise self._refused(identity, "nobody invited it, and no rule lets it in")
        new = new_operator(
            email,
            role,
            at=self._now(),
            by=BY_RULE,
            name=identity.name,
            issuer=identity.issuer,
            subject=identity.subject,
            hosted_domain=folded(identity.hosted_domain),
        )
        beside = self._parts.beside(entry(new, "operator.add", BY_RULE, self._now(), {"role": role}))
        self._store.add(new, beside=beside)
        return new

    def _ruled(self, operator: Operator, email: str, role: Role, identity: Identity) -> Operator:
        """Return who came by a rule as they are now: with the address of now, and the role that its rule says.

        The last admin too: the rules are obeyed, and who writes them can invite an admin from the command line.
        """
        if email != operator.email and any(each.disabled_at is None for each in self._store.of(email=email)):
            raise self._refused(identity, "its e-mail address is another operator's by now")
        kept = operator.role if operator.created_by == ROLE_BY_HAND else role
        now = replace(operator, email=email, hosted_domain=folded(identity.hosted_domain), role=kept)
        if now == operator:
            return operator
        beside = self._parts.beside(entry(now, "operator.role", BY_RULE, self._now(), {"role": now.role}))
        self._store.save(now, expected=operator, beside=beside)
        return now

    def _bound(self, operator: Operator, identity: Identity) -> Operator:
        """Bind an invited operator to the first person who proves to have the address; it stays that person's."""
        bound = replace(operator, issuer=identity.issuer, subject=identity.subject, name=identity.name)
        beside = self._parts.beside(entry(bound, "operator.bind", f"operator:{operator.id}", self._now(), {}))
        self._store.save(bound, expected=operator, beside=beside)
        return bound

    def _refused(self, identity: Identity, why: str) -> AccessRefused:
        told = AuditEntry(
            at=self._now(),
            actor="person",
            action="operator.refuse",
            target="service:dashboard",
            data={"why": why},
            personal={"email": identity.email, "subject": identity.subject},
        )
        self._parts.store.audit.add(told, mac=self._parts.mac)
        return AccessRefused(
            f"{identity.email or identity.subject} may not sign in here: {why}.",
            who="person",
            code="not_an_operator",
            advice="Ask an admin for an invitation, or choose another account.",
        )


def _flow_name(state: str) -> str:
    """Return the name of a sign-in's flow: no callback of a grant finds it, and no sign-in finds a grant's."""
    return sha256(f"sign-in {state}")


def _said_no(client: OAuthClient, callback: CallbackParams) -> GrantkeeperError:
    kind = AUTHORIZATION_ERRORS.get(callback.words.error if callback.words else "", InvalidInput)
    what = "You did not allow it." if kind is ConsentDenied else f"{client.provider.called} did not sign you in."
    return kind(what, advice="Sign in again.", provider=callback.words)
