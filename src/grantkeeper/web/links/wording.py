"""What is said to a person who was invited. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantkeeper.errors import printable
from grantkeeper.model import Reason
from grantkeeper.web.languages import Text, text
from grantkeeper.web.outcome import Ending, Stop

if TYPE_CHECKING:
    from grantkeeper.model import Link
    from grantkeeper.web.endings import Names

_REASONS: Final = {
    Reason.NONE: text("You are connected already. Going on renews the connection."),
    Reason.SCOPES_MISSING: text(
        "The connection needs your consent again: last time, a permission that is needed was not given. Please tick "
        "every box."
    ),
    Reason.REVOKED_OR_EXPIRED: text(
        "The connection needs your consent again: access was withdrawn, was not used for a long time, or was replaced "
        "by newer connections."
    ),
    Reason.ROTATION_REPLY_LOST: text(
        "The connection needs your consent again: a technical fault interrupted it. Nobody withdrew access."
    ),
    Reason.UNUSED: text("The connection needs your consent again: it was not used for a long time."),
    Reason.TESTING_EXPIRED: text(
        "The connection needs your consent again: it was still being tested, and such access ends after some days."
    ),
    Reason.TIME_LIMIT_REACHED: text(
        "The connection needs your consent again: access was given for a limited time, and the time is over."
    ),
    Reason.REAUTHENTICATION: text(
        "The connection needs your consent again: your organisation asks for a new sign-in from time to time."
    ),
    Reason.ADMIN_POLICY: text(
        "The connection needs your consent again: your organisation did not allow it. Please ask your administrator "
        "to allow it first."
    ),
    Reason.ACCOUNT_GONE: text(
        "The connection needs your consent again: the account that was connected was deleted or disabled. Please "
        "choose another one."
    ),
    Reason.SIBLING_REVOKED: text(
        "The connection needs your consent again: it ended together with another connection of the same account."
    ),
    Reason.OTHER_ACCOUNT: text("The connection needs your consent again: last time, another account was chosen."),
    Reason.NO_REFRESH_TOKEN: text("The connection needs your consent again: last time, no lasting access was given."),
    Reason.DISCONNECTED: text("The connection needs your consent again: it was disconnected."),
    Reason.NOT_CONFIRMED: text("Somebody gave access already, but it is not confirmed yet that it was you."),
}


def reason(link: Link) -> Text | None:
    """Return why the person is asked again, None for a new connection."""
    return _REASONS[Reason(link.reason)] if link.grant_id else None


def expected(link: Link, names: Names) -> Text | None:
    """Return who is invited, None when anybody may be."""
    if link.expect is None:
        return None
    who = printable(link.expect.value, 120)
    if link.expect.kind == "email":
        return text(
            "This invitation is for <b>{person}</b>. Please sign in to {provider} with that address.",
            person=who,
            provider=names.provider,
        )
    if link.expect.kind == "hosted_domain":
        return text(
            "This invitation is for <b>{domain}</b>. Please sign in to {provider} with an address of that domain.",
            domain=who,
            provider=names.provider,
        )
    return text(
        "This invitation is for one particular {provider} account, the one that {business} knows.",
        provider=names.provider,
        business=names.business,
    )


def invalid() -> Stop:
    """Return the stop for an invitation of no use, in the same words whatever is the matter with it (V-33)."""
    return Stop(
        Ending(
            kind="invitation_not_valid",
            status=404,
            tone="attention",
            title=text("This invitation cannot be used"),
            text=(
                text("It was used already, has expired or was withdrawn, or its address is not complete."),
                text(
                    "If you went through it yourself, there is nothing more for you to do. Otherwise ask whoever sent "
                    "it for a new one."
                ),
            ),
            page_status=404,
        )
    )


def stranger(_business: str) -> Stop:
    """Return the stop for a page of a walk that this browser did not begin, or too long ago (V-31)."""
    return Stop(
        Ending(
            kind="bad_callback",
            status=400,
            tone="bad",
            title=text("We cannot go on from here"),
            text=(
                text("This page belongs to an invitation that was opened in another browser, or too long ago."),
                text("Open the link of your invitation again, in this browser and with cookies allowed."),
                text("If somebody sent you this address, just close the page."),
            ),
            page_status=400,
        )
    )
