"""How a flow ended, in words for the person in front of the browser.

Pure: a grant or an error in, an `Ending` out. What a provider said is cut and cleaned (`printable`) and escaped by the
template, never trusted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from grantkeeper.errors import (
    AccountMismatch,
    BadCallback,
    ConsentDenied,
    ConsentRequired,
    DatabaseUnavailable,
    GrantkeeperError,
    Misconfigured,
    NotFound,
    ProviderUnavailable,
    printable,
)
from grantkeeper.keeper.consent.invited import UNINVITED
from grantkeeper.model import Grant, GrantStatus
from grantkeeper.web.languages import Either, Said, text
from grantkeeper.web.outcome import OPEN_THE_PAGE, Ending, missing


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """How to call the four parties on a page."""

    business: str
    provider: str
    client: str
    owner: str


TRY_AGAIN: Final = text("Try again")
START_AGAIN: Final = text("Start again")
NOTHING_CHANGED: Final = text("Nothing was connected, and nothing you had before has changed.")


def ending(result: Grant | GrantkeeperError, names: Names) -> Ending:
    """Return how a flow ended."""
    if isinstance(result, Grant):
        return _of_grant(result, names)
    for kind, words in _ENDINGS:
        if isinstance(result, kind):
            return words(result, names)
    return _our_fault(result, names)


def _of_grant(grant: Grant, names: Names) -> Ending:
    if grant.status is GrantStatus.PENDING:
        return _pending(grant, names)
    return _connected(grant, names) if grant.status is GrantStatus.ACTIVE else _incomplete(grant, names)


def _connected(grant: Grant, names: Names) -> Ending:
    parties = {"business": names.business, "client": names.client, "owner": names.owner}
    said = text("{business} can now work with {client} for {owner}.", **parties)
    if grant.email:
        who = printable(grant.email, 120)
        said = text("{business} can now work with {client} for {owner} as {person}.", person=who, **parties)
    title = text("{client} is connected", client=names.client)
    return Ending(kind="connected", status=200, tone="good", title=title, text=(said,))


def _pending(grant: Grant, names: Names) -> Ending:
    """Return the end of a walk by a link whose person the business has not confirmed yet (V-31)."""
    said = text("{business} confirms that it was you, then the connection works.", business=names.business)
    if grant.email:
        said = text(
            "You gave access as {person}. {business} confirms that it was you, then the connection works.",
            person=printable(grant.email, 120),
            business=names.business,
        )
    return Ending(
        kind="pending",
        status=200,
        tone="good",
        title=text("Thank you"),
        text=(said, text("There is nothing more for you to do.")),
    )


def unshared(connected: Ending, names: Names) -> Ending:
    """Return the end of a flow that went well, but whose person shares no account."""
    said = text(
        "The connection is in place, but no account is shared: {business} can do nothing with it yet.",
        business=names.business,
    )
    return replace(connected, kind="nothing_shared", tone="attention", text=(said,))


def _incomplete(grant: Grant, names: Names) -> Ending:
    if not grant.missing:
        return _consent(ConsentRequired("", reason=grant.reason), names)
    said = text(
        "{provider} told us that you did not allow everything {client} needs. "
        "{business} cannot use the connection until this is allowed:",
        provider=names.provider,
        client=names.client,
        business=names.business,
    )
    return Ending(
        kind="scopes_missing",
        status=409,
        tone="attention",
        title=text("Almost: a permission is missing"),
        text=(said,),
        again=TRY_AGAIN,
    )


def _denied(error: GrantkeeperError, names: Names) -> Ending:
    said = text(
        "On {provider}’s page you chose not to give access. That is fine: {business} received nothing, and nothing "
        "that was connected before has changed.",
        provider=names.provider,
        business=names.business,
    )
    return Ending(
        kind="denied",
        status=403,
        tone="attention",
        title=text("Nothing was connected"),
        text=(said, text("If it was a slip, you can try again.")),
        said=_provider_words(error, silent="access_denied"),
        again=TRY_AGAIN,
    )


def _other_account(error: GrantkeeperError, names: Names) -> Ending:
    assert isinstance(error, AccountMismatch)  # noqa: S101 - the table below says so
    if error.args[0] == UNINVITED:
        return _uninvited(error, names)
    before = Either(tuple(printable(each, 120) for each in error.expected)) if error.expected else ANOTHER_ACCOUNT
    actual = printable(error.actual, 120)
    return Ending(
        kind="other_account",
        status=409,
        tone="attention",
        title=text("That was another account"),
        text=(
            text(
                "{owner} is connected as {before}, and this time {actual} signed in. To be safe, nothing was changed.",
                owner=names.owner,
                before=before,
                actual=actual,
            ),
            text(
                "Try again and choose {before} on {provider}’s page. To move to the other account, disconnect the old "
                "one at {business} first.",
                before=before,
                provider=names.provider,
                business=names.business,
            ),
        ),
        again=TRY_AGAIN,
    )


ANOTHER_ACCOUNT: Final = text("another account")


def _uninvited(error: AccountMismatch, names: Names) -> Ending:
    """Return the end of a walk by a link that is for somebody else."""
    return Ending(
        kind="other_account",
        status=409,
        tone="attention",
        title=text("That was another account"),
        text=(
            text(
                "{business} invited {expected}, and {actual} signed in. To be safe, nothing was connected.",
                business=names.business,
                expected=Either(tuple(printable(each, 120) for each in error.expected)),
                actual=printable(error.actual, 120),
            ),
            text(
                "Try again and choose that account on {provider}’s page, or ask {business} for an invitation of your "
                "own.",
                provider=names.provider,
                business=names.business,
            ),
        ),
        again=TRY_AGAIN,
    )


def _consent(error: GrantkeeperError, names: Names) -> Ending:
    said = text(
        "{provider} gave no lasting access this time, so {client} is not connected. Going through it once more usually "
        "helps.",
        provider=names.provider,
        client=names.client,
    )
    advice = (Said(printable(error.advice), TRY_LATER),) if error.advice else ()
    return Ending(
        kind="consent_required",
        status=409,
        tone="attention",
        title=text("One more time, please"),
        text=(said, *advice),
        said=_provider_words(error),
        again=TRY_AGAIN,
    )


TRY_LATER: Final = text("If it does not help, tell whoever sent you here.")


def _unavailable(error: GrantkeeperError, names: Names) -> Ending:
    said = text(
        "We could not finish with {provider}: it could not be reached, or it is in trouble. Nothing was connected, and "
        "nothing you had before has changed.",
        provider=names.provider,
    )
    return Ending(
        kind="provider_unavailable",
        status=503,
        tone="bad",
        title=text("{provider} did not answer", provider=names.provider),
        text=(said, text("Wait a minute, then try again.")),
        said=_provider_words(error),
        again=TRY_AGAIN,
    )


def _bad_callback(error: GrantkeeperError, _names: Names) -> Ending:
    """Return the end of what does not belong to this browser; the keeper's own words are shown where known."""
    return Ending(
        kind="bad_callback",
        status=400,
        tone="bad",
        title=text("We cannot go on from here"),
        text=(
            Said(printable(error.args[0]), text("The way back to this page was not in order.")),
            NOTHING_CHANGED,
            Said(printable(error.advice) or "Start again in this browser.", text("Start again in this browser.")),
            text("If somebody sent you this address, just close the page."),
        ),
        said=_provider_words(error),
        again=START_AGAIN,
        page_status=400,
    )


def _database(_error: GrantkeeperError, names: Names) -> Ending:
    said = text("{business} has trouble with its own records, and you did nothing wrong.", business=names.business)
    return Ending(
        kind="database_unavailable",
        status=503,
        tone="bad",
        title=text("We cannot write this down right now"),
        text=(said, text("Reload this page in a moment. If you keep seeing it, start again.")),
        again=START_AGAIN,
        page_status=503,
    )


def unsaved(error: GrantkeeperError, names: Names) -> Ending:
    """Return the end of a choice that could not be saved; its button leads back to the page of the choice."""
    if isinstance(error, DatabaseUnavailable):
        return replace(_database(error, names), again=OPEN_THE_PAGE)
    said = text("The connection was changed at the same moment. Open the page again, and look at the ticks once more.")
    return Ending(
        kind="not_saved",
        status=409,
        tone="attention",
        title=text("Your choice was not saved"),
        text=(said,),
        again=OPEN_THE_PAGE,
        page_status=409,
    )


def _not_found(_error: GrantkeeperError, _names: Names) -> Ending:
    return missing().ending


def _our_fault(_error: GrantkeeperError, names: Names) -> Ending:
    parties = {"provider": names.provider, "business": names.business}
    return Ending(
        kind="misconfigured",
        status=500,
        tone="bad",
        title=text("This is on our side"),
        text=(
            text(
                "The connection to {provider} is not set up correctly at {business}. Nothing was connected, and you "
                "did nothing wrong.",
                **parties,
            ),
            text("Please tell {business}; trying again will not help until it is mended.", business=names.business),
        ),
    )


_ENDINGS: Final = (
    (ConsentDenied, _denied),
    (AccountMismatch, _other_account),
    (ConsentRequired, _consent),
    (ProviderUnavailable, _unavailable),
    (DatabaseUnavailable, _database),
    (BadCallback, _bad_callback),
    (NotFound, _not_found),
    (Misconfigured, _our_fault),
)


def _provider_words(error: GrantkeeperError, *, silent: str = "") -> str:
    """Return what the provider said, unless it is only the word that says what the page says anyway."""
    said = error.provider
    return "" if said is None or (said.error == silent and not said.description) else str(said)
