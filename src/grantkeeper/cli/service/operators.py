"""`operator invite`, `list`, `role`, `remove`: who may sign in to the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from grantkeeper.cli import output
from grantkeeper.cli.exits import Exit
from grantkeeper.cli.output import AsJson
from grantkeeper.cli.wiring import load_settings, open_keeper

if TYPE_CHECKING:
    from grantkeeper.keeper import Keeper
    from grantkeeper.model import Operator

_BY: Final = "cli"
Email: TypeAlias = Annotated[str, typer.Argument(metavar="EMAIL", help="The person's e-mail address.")]


def invite(
    ctx: typer.Context,
    email: Email,
    role: Annotated[
        str | None, typer.Option(metavar="ROLE", help="viewer, operator or admin; viewer for somebody new.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Let somebody in: print an address that signs them in once, within an hour.

    There is no first password: the first admin comes in this way.
    """
    from grantkeeper.errors import Misconfigured

    url = load_settings(ctx).service.url
    if not url:
        raise Misconfigured(
            "It is not known where people reach the service.",
            advice='Write it into the configuration: [service] url = "https://grants.example.com".',
        )
    with open_keeper(ctx) as keeper:
        operator, token = keeper.operators.invite(email, role, by=_BY)  # type: ignore[arg-type] # checked there
    address = f"{url}/dashboard/sign-in/{token.reveal()}"
    if as_json:
        output.result_json(_data(operator) | {"url": address})
        return
    output.note(f"{operator.email} is {operator.role}. Good once, for an hour, for whoever has it:")
    output.result(address)


def list_operators(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List operators, those who were removed too."""
    with open_keeper(ctx) as keeper:
        found = keeper.operators.all()
    if as_json:
        output.result_json([_data(each) for each in found])
        return
    if not found:
        output.note("There is nobody. Invite the first: grantkeeper operator invite EMAIL --role admin")
        return
    columns = ("OPERATOR", "EMAIL", "ROLE", "BY", "STATUS", "LAST SIGN-IN")
    output.table(columns, (_row(each) for each in found))


def role(
    ctx: typer.Context,
    email: Email,
    new_role: Annotated[str, typer.Argument(metavar="ROLE", help="viewer, operator or admin.")],
    as_json: AsJson = False,
) -> None:
    """Give somebody another role, from their next click on, whatever a rule says."""
    with open_keeper(ctx) as keeper:
        changed = keeper.operators.set_role(_find(keeper, email).id, new_role, by=_BY)  # type: ignore[arg-type]
    _tell(changed, _said(changed), as_json=as_json)


def remove(
    ctx: typer.Context,
    email: Email,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Shut somebody out: all their sessions and links end at once."""
    with open_keeper(ctx) as keeper:
        found = _find(keeper, email)
        if not yes:
            _ask(found)
        changed = keeper.operators.disable(found.id, by=_BY)
    _tell(changed, f"{changed.email} is signed out everywhere and cannot come in any more.", as_json=as_json)


def _find(keeper: Keeper, email: str) -> Operator:
    return keeper.operators.find(email)


def _ask(operator: Operator) -> None:
    import sys

    if not sys.stdin.isatty():
        output.note("Nothing was changed: there is nobody to ask here; say --yes.")
        raise typer.Exit(Exit.USAGE)
    if not typer.confirm(f"Shut out {operator.email} ({operator.role})?", err=True):
        output.note("Nothing was changed.")
        raise typer.Exit(Exit.DENIED)


def _tell(operator: Operator, said: str, *, as_json: bool) -> None:
    output.result_json(_data(operator)) if as_json else output.result(said)


def _said(operator: Operator) -> str:
    from grantkeeper.keeper.operators.rules import ROLE_BY_HAND

    rule = ", whatever role the rule says that lets them in" if operator.created_by == ROLE_BY_HAND else ""
    return f"{operator.email} is {operator.role}{rule}."


def _row(operator: Operator) -> tuple[str, ...]:
    from grantkeeper.keeper.operators.rules import role_from

    status = "removed" if operator.disabled_at else "no rule" if operator.ruled_out else "active"
    last = output.timestamp(operator.seen_at) or "never"
    return operator.id, operator.email, operator.role, role_from(operator), status, last


def _data(operator: Operator) -> dict[str, Any]:
    from grantkeeper.keeper.operators.rules import role_from

    return {
        "id": operator.id,
        "email": operator.email,
        "role": operator.role,
        "role_from": role_from(operator),
        "ruled_out": operator.ruled_out,
        "created_at": output.timestamp(operator.created_at),
        "created_by": operator.created_by,
        "disabled_at": output.timestamp(operator.disabled_at),
        "seen_at": output.timestamp(operator.seen_at),
    }
