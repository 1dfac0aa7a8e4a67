"""Who an operator is: an address, a role, a random id, and what the audit log says of them."""

from __future__ import annotations

import base64
import re
import secrets
from datetime import datetime
from typing import Any, Final, get_args

from ...errors import InvalidInput, printable
from ...model import AuditEntry, Operator, Role
from ...oauth.identity import folded

ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""From the least to the most."""
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s.]+")
"""One @ and a dot behind it: `a@evil@corp.com` is no address of corp.com (oauth2-proxy CVE-2026-40574)."""
_EMAIL_LIMIT: Final = 254  # RFC 5321 4.5.3.1.3


def checked_email(email: str) -> str:
    """Return the address as it is kept, in lower case; raises InvalidInput when it is none.

    ASCII only: among all letters there are too many that look like another one, or become it in lower case.
    """
    address = folded(email.strip())
    if (
        not _EMAIL.fullmatch(address)
        or len(address) > _EMAIL_LIMIT
        or not (address.isascii() and address.isprintable())
    ):
        raise InvalidInput(f"{printable(email, 64)!r} is no e-mail address.", advice="Write it as name@example.com.")
    return address


def checked_role(role: str) -> Role:
    """Return the role; raises InvalidInput when it is none."""
    for known in ROLES:
        if role == known:
            return known
    raise InvalidInput(f"{printable(role, 32)!r} is no role.", advice=f"Roles are {', '.join(ROLES)}.")


def new_operator(
    email: str,
    role: Role,
    *,
    at: datetime,
    by: str,
    name: str = "",
    issuer: str = "",
    subject: str = "",
    hosted_domain: str = "",
) -> Operator:
    """Return an operator with a random id of 128 bits."""
    return Operator(
        id="op_" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower(),
        email=email,
        role=role,
        created_at=at,
        created_by=by,
        name=name,
        issuer=issuer,
        subject=subject,
        hosted_domain=hosted_domain,
    )


def entry(operator: Operator, action: str, by: str, at: datetime, data: dict[str, Any]) -> AuditEntry:
    """Return the audit entry of what was done to an operator."""
    personal = {"email": operator.email}
    return AuditEntry(at=at, actor=by, action=action, target=f"operator:{operator.id}", data=data, personal=personal)
