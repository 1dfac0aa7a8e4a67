"""`list`, `show`, `token`, `refresh`, `revoke`: what there is, and what can be done with it."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from grantkeeper.errors import SealBroken
from grantkeeper.model import DEFAULT_MIN_TTL, GrantStatus

from . import output
from .exits import Exit
from .output import AsJson, GrantId
from .wiring import load_settings, open_keeper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantkeeper.model import AccessToken, Grant, Revocation


def list_grants(
    ctx: typer.Context,
    owner: Annotated[str | None, typer.Option(help="Only this owner's.")] = None,
    client: Annotated[str | None, typer.Option(help="Only at this OAuth client.")] = None,
    status: Annotated[GrantStatus | None, typer.Option(help="Only those that stand so.")] = None,
    as_json: AsJson = False,
) -> None:
    """List grants.

    In a pipe each grant is one whole line.
    """
    with open_keeper(ctx) as keeper:
        found = list(keeper.grants(owner=owner, client=client, status=status))
    if as_json:
        output.result_json([output.grant_data(grant) for grant in found])
        return
    if not found:
        output.note("There is no such grant. Connect one: grantkeeper connect OWNER CLIENT")
        return
    columns = ("GRANT", "OWNER", "CLIENT", "PERSON", "STATUS", "REASON")
    output.table(columns, (_row(grant) for grant in found))


def show(ctx: typer.Context, grant: GrantId, as_json: AsJson = False) -> None:
    """Show one grant: who consented to what, how it stands, what happened last, what to do."""
    from .accounts.known import happened, reached

    with open_keeper(ctx) as keeper:
        found = keeper.get(grant)
        events = happened(keeper, grant)
    accounts = reached(load_settings(ctx), grant)
    if as_json:
        output.result_json(output.grant_data(found) | {"accounts": accounts, "events": events})
        return
    output.grant_lines(found)
    if accounts["reached"]:
        output.result(f"{'shares':<12} {accounts['shared']} of {accounts['reached']} accounts")
    for event in events:
        output.result(f"{'event':<12} {event['at']} {event['kind']}")


def token(
    ctx: typer.Context,
    grant: GrantId,
    min_ttl: Annotated[
        int, typer.Option(metavar="SECONDS", min=0, max=86_400, help="How long it has to live at least.")
    ] = int(DEFAULT_MIN_TTL.total_seconds()),
    as_json: AsJson = False,
) -> None:
    """Print an access token that is valid now, and nothing else; renews it when it has to.

    The refresh token is never printed.
    """
    with open_keeper(ctx) as keeper:
        access = keeper.token(grant, min_ttl=timedelta(seconds=min_ttl))
    output.result_json(_token_data(access)) if as_json else output.result(access.value.reveal())


def refresh(ctx: typer.Context, grant: GrantId, as_json: AsJson = False) -> None:
    """Ask the provider for a new access token now, whatever is left of the old one."""
    with open_keeper(ctx) as keeper:
        access = keeper.refresh(grant)
    expires_at = output.timestamp(access.expires_at)
    if as_json:
        output.result_json({"grant_id": grant, "expires_at": expires_at, "scopes": sorted(access.scopes)})
    else:
        output.result(f"Refreshed; the access token is valid until {expires_at}.")


def revoke(
    ctx: typer.Context,
    grant: GrantId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    end_siblings: Annotated[
        bool, typer.Option("--end-siblings", help="Revoke at the provider even though other grants end with it.")
    ] = False,
    end_unreadable: Annotated[
        bool, typer.Option("--end-unreadable", help="End it though its token does not open: the provider is not told.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Disconnect: end the grant here, and at the provider when no other grant lives on the same consent.

    Ends with 5 while the provider was not told: run it again later. Ends with 3 when it cannot be told, because the
    sealed token does not open or the grant's OAuth client is not configured any more.
    """
    with open_keeper(ctx) as keeper:
        found = keeper.get(grant)
        if not end_unreadable:
            _refuse_unreadable(ctx, grant)
        siblings = keeper.siblings(grant)
        _tell_what_ends(found, siblings, end_siblings=end_siblings)
        if not yes:
            ask()
        done = keeper.revoke(grant, siblings="end" if end_siblings else "keep")
        gone = found.client not in {each.name for each in keeper.clients}
    _tell_what_ended(done, gone=gone, as_json=as_json)
    if done.at_provider == "unreadable" or (done.at_provider == "pending" and gone):
        raise typer.Exit(Exit.YOURS)
    if done.at_provider == "pending":
        raise typer.Exit(Exit.WAIT)


def _row(grant: Grant) -> tuple[str, ...]:
    return grant.id, grant.owner, grant.client, grant.person, grant.status.value, grant.reason.value


def _token_data(access: AccessToken) -> dict[str, object]:
    """Return what `token --json` prints (V-44: an access token, never a refresh token)."""
    return {
        "access_token": access.value.reveal(),
        "token_type": "Bearer",
        "expires_at": output.timestamp(access.expires_at),
        "scopes": sorted(access.scopes),
    }


def _refuse_unreadable(ctx: typer.Context, grant: str) -> None:
    """Return when the grant's token opens.

    Raises:
        SealBroken: it does not. It is kept: with its key back in the ring it can still be revoked at the provider.
    """
    from .seals import broken_seal

    broken = broken_seal(load_settings(ctx), grant)
    if broken is not None:
        raise SealBroken(
            f"Nothing was changed: the sealed token does not open, so the provider cannot be told. {broken.args[0]}",
            advice=f"{broken.advice} To end it here all the same: --end-unreadable; at the provider it then lives on "
            "until the person ends it there.",
        )


def _tell_what_ends(grant: Grant, siblings: tuple[Grant, ...], *, end_siblings: bool) -> None:
    output.note(f"Disconnects {grant.owner} from {grant.client} ({grant.person}).")
    if not grant.identified and (end_siblings or not siblings):
        output.note("Whose it is nobody knows: if they connected elsewhere too, the provider ends that with it.")
    if not siblings:
        output.note("The provider is told as well.")
        return
    same = [each for each in siblings if grant.identified and each.identified]
    perhaps = [each for each in siblings if each not in same]
    _name(f"The same person's consent carries {len(same)} more:", same)
    _name(f"Perhaps the same person's, which nobody can tell of {len(perhaps)} more:", perhaps)
    if not end_siblings:
        output.note("They keep working: the provider is not told until the last of them goes.")
        return
    if same:
        output.note("The provider is told, and THEY END TOO (--end-siblings).")
    if perhaps:
        output.note("The provider is told (--end-siblings): those that are perhaps the same person's MAY END TOO.")
        output.note("Here they stay as they are; the next refresh of each tells.")


def _name(said: str, grants: Sequence[Grant]) -> None:
    if grants:
        output.note(said)
    for each in grants:
        output.note(f"  {each.id}  {each.owner}  {each.client}")


def ask() -> None:
    """Return when the person at the terminal says yes; else end the command."""
    if not sys.stdin.isatty():
        output.note("Nothing was changed: there is nobody to ask here; say --yes.")
        raise typer.Exit(Exit.USAGE)
    if not typer.confirm("Go on?", err=True):
        output.note("Nothing was changed.")
        raise typer.Exit(Exit.DENIED)


def _tell_what_ended(done: Revocation, *, gone: bool, as_json: bool) -> None:
    if as_json:
        data = {"grant": output.grant_data(done.grant), "at_provider": done.at_provider, "siblings": done.siblings}
        output.result_json(data)
        return
    later = f"its OAuth client {done.grant.client} is not configured: put it back, then run the same command again"
    said = {
        "revoked": "and revoked at the provider",
        "kept": f"the consent stays at the provider for {done.siblings} more",
        "pending": f"but the provider could not be told: {later if gone else 'run the same command again later'}",
        "unreadable": "but its sealed token does not open: only the person can end it at the provider",
        "nothing_to_revoke": "there was nothing left to revoke at the provider",
    }
    output.result(f"Disconnected here, {said[done.at_provider]}.")
