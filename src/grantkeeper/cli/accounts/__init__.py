"""`accounts GRANT`: what a grant reaches, what of it is shared, and what changed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import exits, output
from ..output import AsJson, GrantId, painted
from ..wiring import open_keeper

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantkeeper.keeper import Keeper
    from grantkeeper.model import Account, AccountChanges

_NAMED = 10
"""Accounts that a change names; the table has all of them."""


def accounts(
    ctx: typer.Context,
    grant: GrantId,
    kind: Annotated[str | None, typer.Option(help="Only these: google_ads, ad_manager, analytics, ...")] = None,
    search: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Only those with this in their name or id.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also those that are not shared, and the lost ones.")
    ] = False,
    look: Annotated[bool, typer.Option("--look", help="Look at the provider first, and say what changed.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the accounts that a grant's person shares with you.

    They are looked up at the provider when that was not done since the consent.
    """
    with open_keeper(ctx) as keeper:
        changes = keeper.discover(grant) if look else None
        found = keeper.accounts(grant, kind=kind, search=search, include="all" if everything else "shared")
        mode = _says_why_nothing(keeper, grant) if not found and not (kind or search) else ""
    if as_json:
        output.result_json(_data(found, changes))
    else:
        _tell(found, changes, mode)
    if changes is not None and changes.problems:
        raise typer.Exit(max(exits.exit_code(problem) for problem in changes.problems.values()))


def account_data(account: Account) -> dict[str, Any]:
    """Return an account for programs."""
    return {
        "kind": account.kind,
        "id": account.id,
        "name": account.name,
        "status": account.status,
        "enabled": account.enabled,
        "manager": account.manager,
        "test": account.test,
        "currency": account.currency,
        "time_zone": account.time_zone,
        "through": _through(account),
        "shared": account.shared,
        "found_at": output.timestamp(account.found_at),
        "lost_at": output.timestamp(account.lost_at),
    }


def _through(account: Account) -> str:
    """Return the account that calls have to name beside it (Google Ads: login-customer-id), "" for none."""
    root = account.ways[0].root if account.ways else ""
    return "" if root == account.id else root


def _tell(found: list[Account], changes: AccountChanges | None, why_nothing: str) -> None:
    if changes is not None:
        _tell_changes(changes)
    if not found:
        output.note(why_nothing or "There is no such account.")
        return
    columns = ("KIND", "ID", "NAME", "STATUS", "CURRENCY", "THROUGH", "SHARED")
    output.table(columns, (_row(account) for account in found))


def _row(account: Account) -> tuple[str, ...]:
    status = f"lost {output.timestamp(account.lost_at)}" if account.lost_at else account.status
    shared = "yes" if account.shared else "no"
    return account.kind, account.id, account.name, status, account.currency, _through(account), shared


def _tell_changes(changes: AccountChanges) -> None:
    """Say what appeared and what was lost; that nothing is left to work with is another matter than one less."""
    for said, those in (("Appeared", changes.appeared), ("Lost", changes.lost)):
        if those:
            output.note(f"{said}: {_named(those)}")
    if changes.last_shared_lost:
        warning = "NO SHARED ACCOUNT IS LEFT: nothing can be done with this grant until its person shares another."
        output.note(painted(warning, "red", sys.stderr))
    elif changes.unshared:
        output.note(f"Of the lost, shared before: {_named(changes.unshared)}; {changes.shared_left} shared are left.")
    for kind, problem in changes.problems.items():
        output.note(f"{kind} could not be looked at, what was known of it stays: {problem}")
    if not (changes.appeared or changes.lost or changes.problems):
        output.note("Nothing changed.")


def _named(those: Iterable[Account]) -> str:
    names = [f"{each.id} ({each.name})" if each.name else each.id for each in those]
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{', '.join(names[:_NAMED])}{more}"


def _says_why_nothing(keeper: Keeper, grant: str) -> str:
    """Return why no account is shared."""
    reached = len(keeper.accounts(grant, include="all"))
    if not reached:
        return "It reaches no account."
    return f"It reaches {reached}, and none of them is shared: --all lists them."


def _data(found: list[Account], changes: AccountChanges | None) -> dict[str, Any]:
    data: dict[str, Any] = {"accounts": [account_data(each) for each in found]}
    if changes is not None:
        data["changes"] = {
            "appeared": [list(each.key) for each in changes.appeared],
            "lost": [list(each.key) for each in changes.lost],
            "shared_left": changes.shared_left,
            "last_shared_lost": changes.last_shared_lost,
            "problems": {
                kind: exits.as_data(problem, exits.exit_code(problem)) for kind, problem in changes.problems.items()
            },
        }
    return data
