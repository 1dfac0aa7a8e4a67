"""When to renew, and what a refusal means: pure policy. No I/O, no clock, nothing of HTTP or OAuth's wire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol

from ..errors import ProviderWords
from ..model import Death, Reason


class Refusal(Protocol):
    """What a token endpoint answered instead of tokens; `words` is None when it named no OAuth error."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def words(self) -> ProviderWords | None:
        """The error it named."""

    @property
    def retry_after(self) -> timedelta | None:
        """How long it asked to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a refusal means.

    `dead`: the provider says that the grant is over, for `reason`. `transient`: try later, `retry_after` if it said so.
    `ours`: this OAuthClient's registration or secret is wrong; no grant is to blame, and none may be touched for it.
    """

    kind: Literal["dead", "transient", "ours"]
    reason: Reason = Reason.NONE
    retry_after: timedelta | None = None


OURS: Final = frozenset(
    {
        "invalid_client",  # RFC 6749 5.2: unknown client, no or wrong authentication
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_request",
        "invalid_scope",  # no scope is sent on refresh, so the registration must have changed
        "invalid_dpop_proof",  # RFC 9449 5
        "deleted_client",  # Google: 401, restorable for 30 days
        "disabled_client",  # Google
        "restricted_client",  # Google: 403
        "org_internal",  # Google: 403, the consent screen is for one organisation only
        "redirect_uri_mismatch",  # Google
    }
)
"""Errors that speak about the OAuth client, not about the grant (RFC 6749 5.2 and Google's additions)."""


CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""The provider's clock and ours, and the time that an answer takes on its way."""


def due(expires_at: datetime | None, *, now: datetime, min_ttl: timedelta) -> bool:
    """Return True when there is no access token, or it lives no longer than `min_ttl` from `now`."""
    return expires_at is None or expires_at - now <= min_ttl


def meaning(refusal: Refusal, deaths: Callable[[ProviderWords], Death | None]) -> Meaning:
    """Return what a refused refresh means; whatever is not known for certain is transient and kills nothing.

    `deaths` is the provider's table (`Provider.deaths`). 429 and 5xx are transient whatever words come with them: a
    provider in trouble does not know. 401 is about the client (RFC 6749 5.2) unless the words say otherwise.
    """
    transient = Meaning(kind="transient", retry_after=refusal.retry_after)
    words = refusal.words
    if words is None or refusal.status == 429 or refusal.status >= 500:
        return transient
    if (death := deaths(words)) is not None:
        return Meaning(kind="dead", reason=death.reason)
    if words.error in OURS or refusal.status == 401:
        return Meaning(kind="ours", retry_after=refusal.retry_after)
    return transient


def why_it_ended(
    reason: Reason,
    *,
    ends_at: datetime | None,
    consented_at: datetime,
    testing_lifetime: timedelta | None,
    now: datetime,
) -> Reason:
    """Return why a refresh token ended, when the provider only says that it did and its end was known beforehand.

    A token that lived just as long as tokens do while an application is tested (`Provider.testing_lifetime`) ended for
    that; any other known end is a time limit that the person chose.
    """
    if reason is not Reason.REVOKED_OR_EXPIRED or ends_at is None or now < ends_at - CLOCKS_DIFFER:
        return reason
    if testing_lifetime is not None and abs(ends_at - consented_at - testing_lifetime) < CLOCKS_DIFFER:
        return Reason.TESTING_EXPIRED
    return Reason.TIME_LIMIT_REACHED


_AGAIN: Final = "Ask the person to connect the account again."

_ADVICE: Final[Mapping[Reason, str]] = {
    Reason.NONE: "",
    Reason.SCOPES_MISSING: "Ask the person to connect the account again and to tick every box on the consent screen.",
    Reason.REVOKED_OR_EXPIRED: (
        f"{_AGAIN} Access was withdrawn, was not used for six months, or was pushed out by newer connections."
    ),
    Reason.ROTATION_REPLY_LOST: (
        f"{_AGAIN} Nobody withdrew access: the provider's answer to a renewal was lost on its way, and the token "
        "from before no longer works."
    ),
    Reason.TESTING_EXPIRED: (
        "Publish the OAuth consent screen: while it is in Testing, access ends after seven days. "
        "Then ask the person to connect the account again."
    ),
    Reason.TIME_LIMIT_REACHED: f"{_AGAIN} Access was given for a limited time, and the time is over.",
    Reason.REAUTHENTICATION: (
        f"{_AGAIN} The organisation's session length asks for a new sign-in; its administrator can exempt this "
        "application."
    ),
    Reason.ADMIN_POLICY: (
        "Ask the organisation's administrator to allow this application and its access, then connect the account again."
    ),
    Reason.ACCOUNT_GONE: "Connect another account: the person's account was deleted or disabled.",
    Reason.SIBLING_REVOKED: f"{_AGAIN} Access was ended together with another connection of the same account.",
    Reason.OTHER_ACCOUNT: "Choose the account that was connected before, or connect the other one in addition.",
    Reason.NO_REFRESH_TOKEN: (
        "Remove this application's access on the provider's account page, then connect the account again."
    ),
    Reason.DISCONNECTED: "Connect the account again if it is to be used again.",
}


def advice(reason: Reason) -> str:
    """Return what people can do about `reason`, in a sentence or two; "" for Reason.NONE."""
    return _ADVICE[reason]
