"""The errors about a grant that cannot be used, in one place so that they read the same everywhere."""

from __future__ import annotations

from ...errors import ConsentRequired, NotFound, ProviderUnavailable
from ...model import Grant, GrantStatus, Reason
from ...oauth.token import TokenRefusal
from ...renewal import advice


def unknown_grant(grant_id: str) -> NotFound:
    """Return the error for a grant that is not there."""
    return NotFound(f"There is no grant {grant_id[:64]!r}.", advice="`grants()` or `grantkeeper list` shows them.")


def unusable(grant: Grant, refusal: TokenRefusal | None = None, *, reason: Reason = Reason.NONE) -> ConsentRequired:
    """Return the error that says why no token is handed out for this grant (`reason`: its own), and what to do."""
    waits = Reason.NOT_CONFIRMED if grant.status is GrantStatus.PENDING else Reason.NONE
    reason = reason or grant.reason or waits or Reason.REVOKED_OR_EXPIRED
    return ConsentRequired(
        f"Grant {grant.id} of {grant.owner!r} at {grant.client!r} is {grant.status.value}: {reason.value}.",
        reason=reason.value,
        grant_id=grant.id,
        advice=advice(reason),
        provider=refusal.words if refusal else None,
    )


class Closed(ProviderUnavailable):
    """The keeper was closed meanwhile: nothing was sent."""

    def __init__(self) -> None:
        super().__init__("The keeper was closed meanwhile.", sent=False)
