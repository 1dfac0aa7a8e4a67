"""The account that a client is made for: shared, enabled, and reached on one way."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from grantkeeper.errors import AccessRefused, InvalidInput, NotFound
from grantkeeper.model import Account, AccountSource, TokenSource, Way

Ambiguous: TypeAlias = Literal["refuse", "first"]


def account_of(source: TokenSource, grant_id: str, *, kind: str, account_id: str) -> Account:
    """Return the account when the grant's person shares it and calls for it can succeed.

    Raises:
        InvalidInput: `source` knows of no accounts.
        AccessRefused: it is not shared, lost, or not enabled; `.code` says which.
        NotFound, ConsentRequired, ProviderUnavailable ...: whatever the source raises.
    """
    if not isinstance(source, AccountSource):
        raise InvalidInput(
            f"{type(source).__name__} does not know which accounts grant {grant_id} reaches.",
            advice="Pass a Keeper or a Remote, or leave the account out and pass what the calls need yourself.",
        )
    found = source.account(grant_id, kind=kind, account_id=account_id)
    if not found.enabled:
        raise _not_enabled(found)
    return found


def only_account(source: TokenSource, grant_id: str, *, kind: str) -> Account | None:
    """Return the one account that the grant shares and that is enabled, managers aside; None when it is not one.

    Raises:
        ConsentRequired, ProviderUnavailable ...: whatever the source raises.
    """
    if not isinstance(source, AccountSource):
        return None
    try:
        shared = source.accounts(grant_id, kind=kind)
    except AccessRefused:
        return None  # nothing of this kind is reached, so there is nothing to choose
    usable = [each for each in shared if each.enabled and not each.manager]
    return usable[0] if len(usable) == 1 else None


def check_login(source: TokenSource, grant_id: str, *, kind: str, login: str) -> None:
    """Check that calls in the name of the account `login` are for what is shared, where the source knows of it.

    Raises:
        AccessRefused: the grant reaches it, and neither it nor an account that it leads to is shared.
        ConsentRequired, ProviderUnavailable ...: whatever the source raises.
    """
    if not isinstance(source, AccountSource):
        return
    try:
        source.account(grant_id, kind=kind, account_id=login)
    except NotFound:
        return  # nothing is known of it: what it may is for the API to say
    except AccessRefused as refused:
        if refused.code != "not_shared" or _leads_to_shared(source, grant_id, kind, login):
            return
        raise


def _leads_to_shared(source: AccountSource, grant_id: str, kind: str, login: str) -> bool:
    return any(way.root == login for each in source.accounts(grant_id, kind=kind) for way in each.ways)


def check_ambiguous(ambiguous: Ambiguous) -> None:
    """Check what a caller without type checks may have passed.

    Raises:
        InvalidInput: it is none of the words.
    """
    if ambiguous not in get_args(Ambiguous):
        raise InvalidInput(f"ambiguous={ambiguous!r:.40} is not known.", advice='Allowed are "refuse" and "first".')


def login_of(account: Account, ambiguous: Ambiguous) -> str | None:
    """Return the login customer id for calls to a Google Ads account; None where the person reaches it directly.

    Google takes the account itself for a header that is left out. Source: developers.google.com/google-ads/api/docs/
    oauth/access-model, 2026-11-22.

    Raises:
        AccessRefused: no way leads there.
        InvalidInput: several ways of the same shortest length do, and `ambiguous` is "refuse".
    """
    ways = _shortest(account)
    if ways[0].length == 0:
        return None
    if len(ways) > 1 and ambiguous != "first":
        managers = ", ".join(way.root for way in ways)
        raise InvalidInput(
            f"Several managers lead to {_named(account)} equally directly: {managers}.",
            advice=f'Pass the one to use, login_customer_id="{ways[0].root}" say, or ambiguous="first" for the lowest.',
        )
    return ways[0].root


def _shortest(account: Account) -> list[Way]:
    """Return the shortest ways to an account, by root; there is at least one."""
    if not account.ways:
        raise AccessRefused(
            f"No account that the person of grant {account.grant_id} reaches directly leads to {_named(account)}.",
            who="account",
            code="no_way",
            grant_id=account.grant_id,
            account_id=account.id,
            advice="Look again with keeper.discover(grant_id), or pass login_customer_id.",
        )
    least = min(way.length for way in account.ways)
    return sorted((way for way in account.ways if way.length == least), key=lambda way: way.root)


def _not_enabled(account: Account) -> AccessRefused:
    return AccessRefused(
        f"{_named(account)} of grant {account.grant_id} is not enabled: {account.status or 'NOT_ENABLED'}.",
        who="account",
        code="not_enabled",
        grant_id=account.grant_id,
        account_id=account.id,
        advice="Its owner can reactivate it, or share another one.",
    )


def _named(account: Account) -> str:
    return f"{account.id} ({account.name})" if account.name else account.id
