"""Why a grant ended, as far as it can be told, and what people can do about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from ..model import Reason, Rotation

CLOCKS_DIFFER: Final = timedelta(minutes=5)
"""The provider's clock and ours, and the time that an answer takes on its way."""


def why_it_ended(
    reason: Reason,
    *,
    ends_at: datetime | None,
    consented_at: datetime,
    testing_lifetime: timedelta | None,
    now: datetime,
    unresolved: bool = False,
    rotation: Rotation = "unknown",
    used_at: datetime | None = None,
    idle_lifetime: timedelta | None = None,
) -> Reason:
    """Return why a refresh token ended, when the provider only says that it did (Reason.REVOKED_OR_EXPIRED).

    In this order: a known end that has come, a lost answer, a time without use; else `reason` stays as it is.

    A token that lived just as long as tokens do while an application is tested (`Provider.testing_lifetime`) ended for
    that; any other known end is a time limit that the person chose. `unresolved` says that an earlier refresh with the
    same token has an unknown outcome: unless the provider never replaces tokens (`rotation` is `none`), its lost
    answer held the token that counts now, and nobody revoked anything. `used_at` is when a refresh last succeeded
    (None: never since the consent), `idle_lifetime` how long the provider keeps a token that is not used.
    """
    if reason is not Reason.REVOKED_OR_EXPIRED:
        return reason
    if ends_at is not None and now >= ends_at - CLOCKS_DIFFER:
        return _known_end(ends_at - consented_at, testing_lifetime)
    if unresolved and rotation != "none":
        return Reason.ROTATION_REPLY_LOST
    # the later one: a new consent brings a new token and leaves the last refresh of the one before as it was
    idle = now - max(used_at or consented_at, consented_at)
    if idle_lifetime is not None and idle >= idle_lifetime:
        return Reason.UNUSED
    return reason


def _known_end(lived: timedelta, testing_lifetime: timedelta | None) -> Reason:
    if testing_lifetime is not None and abs(lived - testing_lifetime) < CLOCKS_DIFFER:
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
    Reason.UNUSED: (
        f"{_AGAIN} The provider ended the access because nobody used it for a long time; refreshing it now and then "
        "keeps it."
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
    Reason.NOT_CONFIRMED: (
        "Look at who consented, and confirm that it is the right person: on the dashboard, with `grantkeeper confirm` "
        "or by the API."
    ),
}


def advice(reason: Reason) -> str:
    """Return what people can do about `reason`, in a sentence or two; "" for Reason.NONE."""
    return _ADVICE[reason]
