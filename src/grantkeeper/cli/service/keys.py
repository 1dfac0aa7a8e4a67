"""`keys create`, `list`, `revoke`: which programs may ask the service, and for what."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from grantkeeper.cli import output
from grantkeeper.cli.exits import Exit
from grantkeeper.cli.output import AsJson
from grantkeeper.cli.wiring import open_keeper

if TYPE_CHECKING:
    from grantkeeper.model import ApiKey

_BY: Final = "cli"
_DAYS: Final = re.compile(r"([0-9]{1,4})d")


def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")],
    scope: Annotated[
        list[str],
        typer.Option(
            metavar="SCOPE",
            help="grants:read, grants:write, tokens:read, links:write, events:read or admin; repeatable.",
        ),
    ],
    owner: Annotated[
        list[str] | None, typer.Option(metavar="OWNER", help="Only this owner's grants; repeatable.")
    ] = None,
    client: Annotated[
        list[str] | None, typer.Option(metavar="CLIENT", help="Only grants at this OAuth client; repeatable.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(metavar="DAYS", help="How long it is good: 90d; by default until it is revoked.")
    ] = None,
    per_minute: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Different grants' tokens that it may read in a minute.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and print it, this once: only a hash of it is kept."""
    life = None if expires is None else _life(expires)
    with open_keeper(ctx) as keeper:
        made = keeper.keys.create(
            name,
            scope,
            owners=owner or None,
            clients=client or None,
            expires_in=life,
            distinct_per_minute=per_minute,
            by=_BY,
        )
    if as_json:
        output.result_json(_data(made.key) | {"secret": made.secret.reveal()})
        return
    output.note(f"The key {made.key.id} for {made.key.name}. It is shown this once:")
    output.result(made.secret.reveal())


def list_keys(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List API keys, the ended ones too."""
    with open_keeper(ctx) as keeper:
        found = keeper.keys.all()
    if as_json:
        output.result_json([_data(each) for each in found])
        return
    if not found:
        output.note("There is no key. Make one: grantkeeper keys create NAME --scope tokens:read")
        return
    output.table(("KEY", "NAME", "SCOPES", "FOR", "ENDS", "LAST USED"), (_row(each) for each in found))


def revoke(
    ctx: typer.Context,
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="A key's id, as `keys list` shows it.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Every key: when one has leaked and nobody knows which.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """End an API key, or all of them; whoever uses one is refused within a second."""
    if (key is None) is not every:
        raise typer.BadParameter("say which key, or --all", param_hint="KEY")
    with open_keeper(ctx) as keeper:
        found = (
            [keeper.keys.get(key)] if key is not None else [each for each in keeper.keys.all() if not each.revoked_at]
        )
        if found and not yes:
            _ask(found)
        done = [keeper.keys.revoke(each.id, by=_BY) for each in found]
    if as_json:
        output.result_json([_data(each) for each in done] if every else _data(done[0]))
        return
    if not done:
        output.note("There is no key that is not over.")
    for each in done:
        output.result(f"{each.name} ({each.id}) is refused from now on.")


def _life(text: str) -> timedelta:
    found = _DAYS.fullmatch(text)
    if found is None or not int(found[1]):
        raise typer.BadParameter("write a number of days, such as 90d", param_hint="--expires")
    return timedelta(days=int(found[1]))


def _ask(keys: list[ApiKey]) -> None:
    import sys

    if not sys.stdin.isatty():
        output.note("Nothing was changed: there is nobody to ask here; say --yes.")
        raise typer.Exit(Exit.USAGE)
    which = f"the key {keys[0].name} ({keys[0].id})" if len(keys) == 1 else f"{len(keys)} keys"
    if not typer.confirm(f"End {which}?", err=True):
        output.note("Nothing was changed.")
        raise typer.Exit(Exit.DENIED)


def _row(key: ApiKey) -> tuple[str, ...]:
    limits = [*sorted(key.owners or ()), *sorted(key.clients or ())]
    ends = "revoked" if key.revoked_at else output.timestamp(key.expires_at) or "never"
    used = output.timestamp(key.last_used_at) or "never"
    return key.id, key.name, " ".join(sorted(key.scopes)), ", ".join(limits) or "all", ends, used


def _data(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "owners": None if key.owners is None else sorted(key.owners),
        "clients": None if key.clients is None else sorted(key.clients),
        "distinct_per_minute": key.distinct_per_minute,
        "created_at": output.timestamp(key.created_at),
        "created_by": key.created_by,
        "expires_at": output.timestamp(key.expires_at),
        "revoked_at": output.timestamp(key.revoked_at),
        "last_used_at": output.timestamp(key.last_used_at),
    }
