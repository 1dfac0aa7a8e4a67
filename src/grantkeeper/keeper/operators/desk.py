"""Operators: invited, given a role, signed in and out, disabled."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from ...errors import Conflict, InvalidInput, NotFound, printable
from ...model import OneTimeLink, Operator, Redirect, Role, Secret, SignedIn
from ..consent.invited import sha256
from ..parts import Parts
from .openid import OpenIdSignIn
from .people import checked_email, checked_role, entry, new_operator
from .rules import ROLE_BY_HAND, RULED, standing
from .sessions import Sessions

if TYPE_CHECKING:
    from ...settings import SignIn

LINK_LIFE: Final = timedelta(hours=1)
"""How long a one-time link can be used: long enough for a mail, too short to lie around."""
SAVE_ATTEMPTS: Final = 5


class OperatorDesk:
    """The keeper's `operators`. Thread-safe.

    There are no passwords: an operator signs in by a one-time link, or by OpenID Connect. `by` is who does it, for the
    audit log: `cli`, `program` or `operator:ID`.

    `rules` are those of now, by which people sign in with OpenID Connect, None for none: whoever came in by one that is
    gone is out, and a lower role counts at once, in whatever is asked here (`standing`).
    """

    def __init__(self, parts: Parts) -> None:
        self.rules: SignIn | None = None
        self._parts = parts
        self._store = parts.store.operators
        self._now = parts.now
        self._sessions = Sessions(parts)
        self._openid = OpenIdSignIn(parts, self._sessions)

    def invite(self, email: str, role: Role | None = None, by: str = "program") -> tuple[Operator, Secret]:
        """Return the operator of this address, new with this role if there is none, and the token of a one-time link.

        The link is `{service.url}/dashboard/sign-in/{token}`, good once and for an hour; only its hash is kept.
        `role` None is the one that an operator who can come in has now, and `viewer` for anybody else. Who came by a
        rule is here by invitation from now on, with that role, whatever becomes of the rule.

        Raises:
            InvalidInput: no e-mail address, no role, or not the role that the operator has.
        """
        address, token = checked_email(email), Secret(secrets.token_urlsafe(32))
        self._store.sweep(now=self._now())
        for _ in range(SAVE_ATTEMPTS):
            known = [each for each in self._store.of(email=address) if each.disabled_at is None]
            try:
                if known:
                    return self._invited_again(known[0], role, token, by), token
                return self._invited(address, checked_role(role or "viewer"), token, by), token
            except Conflict:
                continue
        raise Conflict("Operators change faster than they can be invited.")

    def all(self) -> list[Operator]:
        """Return every operator, the disabled ones too, oldest first."""
        return [self._seen(each) for each in self._store.all()]

    def get(self, operator_id: str) -> Operator:
        """Return the operator with this id; raises NotFound."""
        return self._seen(self._row(operator_id))

    def find(self, email: str) -> Operator:
        """Return the operator of this address who is not disabled; raises NotFound."""
        known = [each for each in self._store.of(email=checked_email(email)) if each.disabled_at is None]
        if not known:
            advice = "`grantkeeper operator list` shows them."
            raise NotFound(f"There is no operator {printable(email, 64)!r}.", advice=advice)
        return self._seen(known[0])

    def set_role(self, operator_id: str, role: Role, *, by: str) -> Operator:
        """Give a role, which from then on is theirs whatever role a rule says.

        Raises:
            NotFound: there is no such operator.
            InvalidInput: nobody would be an admin any more, or no rule lets this one in.
        """
        wanted = checked_role(role)

        def by_hand(known: Operator) -> Operator:
            if self._seen(known).ruled_out:
                raise InvalidInput(
                    f"No rule lets {known.email} in any more.",
                    advice=f"Invite them: grantkeeper operator invite {known.email} --role {wanted}.",
                )
            return replace(
                known, role=wanted, created_by=ROLE_BY_HAND if known.created_by in RULED else known.created_by
            )

        return self._change(operator_id, "operator.role", by, {"role": wanted}, by_hand)

    def disable(self, operator_id: str, *, by: str) -> Operator:
        """End all of an operator's sessions and links for good; raises as `set_role`."""
        now = self._now()
        return self._change(operator_id, "operator.disable", by, {}, lambda known: replace(known, disabled_at=now))

    # --- signing in and out -----------------------------------------------------------------------------------

    def invited(self, token: str) -> Operator | None:
        """Return whose a one-time link is that can still be used; it is not used up."""
        return self._store.invited(sha256(token), now=self._now())

    def redeem(self, token: str, *, instead_of: str = "") -> SignedIn:
        """Use a one-time link up and open a session; `instead_of` is the cookie of one that it replaces.

        Raises NotFound when it is unknown, used, over, or its operator disabled: nobody is told which.
        """
        operator = self.invited(token)
        if operator is not None:
            signed_in = self._sessions.open(operator, "link", instead_of=instead_of, link=sha256(token))
            if signed_in is not None:
                return signed_in
        raise NotFound(
            "This sign-in link cannot be used (any more).",
            advice="Each is good once, for an hour. Ask an admin for another one, or: grantkeeper operator invite.",
        )

    def session(self, cookie: str, *, touch: bool = True) -> Operator | None:
        """Return whose session a cookie is, or None once that is over; looked up each time.

        `touch`: a person did something, and the idle time begins anew.
        """
        return self._sessions.operator(cookie, self.rules, touch=touch)

    def sign_out(self, cookie: str) -> None:
        """End a session."""
        self._sessions.close(cookie)

    def sign_out_everywhere(self, operator_id: str, *, by: str) -> None:
        """End all sessions of an operator; raises NotFound."""
        self._sessions.close_all(self._row(operator_id), by=by)

    def sign_in_redirect(self, *, browser: str | None = None) -> Redirect:
        """Begin an OpenID Connect sign-in: send the browser to `.url`, keep `.flow` in its cookie until it comes back.

        Raises NotFound when there are no `rules`, or the OAuth client that they name is not configured.
        """
        return self._openid.begin(self._given_rules(), browser=browser)

    def sign_in_complete(self, browser: str | None, params: object, *, instead_of: str = "") -> SignedIn:
        """Take the browser's return from the provider and open a session.

        Raises:
            BadCallback: state, browser or issuer do not match, or the id_token is not valid.
            ConsentDenied: the person said no.
            AccessRefused: it is nobody who may sign in here.
            ProviderUnavailable, Misconfigured: as for any exchange. NotFound: as for the redirect.
        """
        return self._openid.complete(self._given_rules(), browser, params, instead_of=instead_of)

    def sweep(self) -> int:
        """Delete sessions and links whose time is up; inviting and signing in do it in passing."""
        return self._store.sweep(now=self._now())

    # --- as they are now --------------------------------------------------------------------------------------

    def _row(self, operator_id: str) -> Operator:
        found = self._store.get(operator_id)
        if found is None:
            raise NotFound(f"There is no operator {printable(operator_id, 64)!r}.")
        return found

    def _standing(self, row: Operator) -> Operator | None:
        return standing(self.rules, self._parts.clients, row)

    def _seen(self, row: Operator) -> Operator:
        """Return what is told of an operator, also of one who cannot come in."""
        return self._standing(row) or (row if row.disabled_at is not None else replace(row, ruled_out=True))

    def _is_admin(self, row: Operator) -> bool:
        stands = self._standing(row)
        return stands is not None and stands.role == "admin"

    def _given_rules(self) -> SignIn:
        if self.rules is None:
            raise NotFound("Nobody signs in here with OpenID Connect.", advice="Configure [service.sign_in].")
        return self.rules

    # --- changes ----------------------------------------------------------------------------------------------

    def _invited(self, email: str, role: Role, token: Secret, by: str) -> Operator:
        operator = new_operator(email, role, at=self._now(), by=by)
        beside = self._parts.beside(entry(operator, "operator.invite", by, self._now(), {"role": role}))
        self._store.add(operator, link=self._link(operator, token), beside=beside)
        return operator

    def _invited_again(self, row: Operator, role: Role | None, token: Secret, by: str) -> Operator:
        stands = self._standing(row)
        if stands is not None and role is not None and checked_role(role) != stands.role:
            raise InvalidInput(
                f"{row.email} is {stands.role} already.",
                advice=f"Give another role first: grantkeeper operator role {row.email} {role}.",
            )
        wanted = checked_role(role or "viewer") if stands is None else stands.role
        invited = replace(row, role=wanted, created_by=by) if row.created_by in RULED else row
        if invited != row:  # from now on they are here by invitation, whatever becomes of the rule
            said = entry(row, "operator.role", by, self._now(), {"role": wanted, "instead_of": "rule"})
            self._store.save(invited, expected=row, beside=self._parts.beside(said))
        beside = self._parts.beside(entry(row, "operator.invite", by, self._now(), {"role": wanted}))
        self._store.invite(self._link(row, token), beside=beside)
        return invited

    def _link(self, operator: Operator, token: Secret) -> OneTimeLink:
        expires_at = self._now() + LINK_LIFE
        return OneTimeLink(token_hash=sha256(token.reveal()), operator_id=operator.id, expires_at=expires_at)

    def _change(
        self, operator_id: str, action: str, by: str, data: dict[str, Any], change: Callable[[Operator], Operator]
    ) -> Operator:
        for _ in range(SAVE_ATTEMPTS):
            known = self._row(operator_id)
            changed = known if known.disabled_at is not None else change(known)
            if changed == known:
                return self._seen(known)
            beside = self._parts.beside(entry(known, action, by, self._now(), data))
            try:
                if self._store.save(changed, expected=known, is_admin=self._is_admin, beside=beside):
                    return self._seen(changed)
            except Conflict:
                continue
            raise InvalidInput(
                f"{known.email} is the last admin: nobody could manage operators and keys any more.",
                advice="Make somebody else an admin first.",
            )
        raise Conflict("This operator changes faster than it can be saved.")
