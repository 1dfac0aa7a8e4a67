"""Whom the rules of the configuration let in, as what; and what becomes of them when the rules change.

`standing` decides what role somebody has now; nothing else looks at the role in a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from ...model import OAuthClient, Operator, Role
from ...oauth.identity import Identity, folded
from .people import ROLES, checked_role

if TYPE_CHECKING:
    from ...settings import SignIn

BY_RULE: Final = "sign-in"
"""Who made an operator whom nobody invited: the rule that lets their address in, and says their role."""
ROLE_BY_HAND: Final = "sign-in, role by hand"
"""The same, when somebody gave another role since: the rule lets them in, and no longer says as what."""
RULED: Final = frozenset({BY_RULE, ROLE_BY_HAND})


def role_of(rules: SignIn, client: OAuthClient, identity: Identity) -> Role | None:
    """Return the role that the rules give to this person, None when they let them not in."""
    return _role(rules, client, folded(identity.email), folded(identity.hosted_domain))


def standing(rules: SignIn | None, clients: Mapping[str, OAuthClient], operator: Operator) -> Operator | None:
    """Return the operator whose row this is as they are now; None when they cannot come in.

    Whoever was invited needs no rule. Who came by one has the lower role of the rule's and the row's, until somebody
    gives a role by hand: then that is theirs, higher or lower, as long as a rule lets them in.
    """
    if operator.disabled_at is not None:
        return None
    if operator.created_by not in RULED:
        return operator
    client = None if rules is None else clients.get(rules.client)
    if rules is None or client is None or client.provider.issuer != operator.issuer:
        return None
    role = _role(rules, client, folded(operator.email), operator.hosted_domain)
    if role is None or operator.created_by != BY_RULE:
        return None if role is None else operator
    return replace(operator, role=min(role, operator.role, key=ROLES.index))


def role_from(operator: Operator) -> Literal["rule", "hand"]:
    """Return who says an operator's role: a rule of the configuration, or somebody who invited them or gave it."""
    return "rule" if operator.created_by == BY_RULE else "hand"


def _role(rules: SignIn, client: OAuthClient, email: str, hosted: str) -> Role | None:
    """Return the role of who has this address, and an account of this organisation.

    Where the provider names organisations, one of the domains has to be the person's: a consumer's account may have
    any address, and keep it when its owner has left.
    """
    listed = _emails(rules).get(email)
    if listed is not None:
        return checked_role(listed)
    if (client.provider.hosted_domains or hosted) and hosted not in _domains(rules):
        return None
    name, _, domain = email.rpartition("@")
    return checked_role(rules.role) if name and "@" not in name and domain in _domains(rules) else None


def _emails(rules: SignIn) -> dict[str, str]:
    return {folded(email): role for email, role in rules.emails.items()}


def _domains(rules: SignIn) -> set[str]:
    return {folded(domain) for domain in rules.domains}
