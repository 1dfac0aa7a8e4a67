"""`audit verify|export|head` and `erase`: what was done by whom, and the end of a customer's data."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from grantkeeper.errors import SealBroken, printable

from .. import output
from ..exits import Exit
from ..output import AsJson
from ..wiring import open_keeper

if TYPE_CHECKING:
    from grantkeeper.keeper import Keeper
    from grantkeeper.model import Erasure


def verify(
    ctx: typer.Context,
    head: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What `audit head` wrote some time ago: shows a cut end.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Walk the audit log from its first entry: whatever was altered, taken out or moved is found.

    Ends with 0 when each entry is as it was signed, else with 8.
    """
    kept = None if head is None else head.read_bytes()
    with open_keeper(ctx) as keeper:
        report = keeper.audit.verify(kept)
    if as_json:
        found = {"ok": report.ok, "checked": report.checked, "problem": report.problem, "number": report.number}
        output.result_json(found | {"head": {"number": report.head.number, "mac": report.head.mac}})
    else:
        output.result(str(report))
    if not report.ok:
        raise typer.Exit(Exit.REFUSED)


def export(
    ctx: typer.Context,
    after: Annotated[int, typer.Option(metavar="NUMBER", min=0, help="Only what follows this entry.")] = 0,
) -> None:
    """Print the audit log as JSON, an entry on each line, oldest first.

    Personal data is in it as far as it was not erased.
    """
    with open_keeper(ctx) as keeper:
        for entry in keeper.audit.export(after=after):
            output.result(json.dumps(entry, ensure_ascii=False))


def head(ctx: typer.Context) -> None:
    """Print the end of the audit log, signed: keep it where nobody who can write the database can."""
    with open_keeper(ctx) as keeper:
        output.result(keeper.audit.head())


def erase(
    ctx: typer.Context,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="Whose personal data is to end.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """End an owner's grants, here and at the provider, and erase what is personal about them.

    E-mail addresses, subjects and names go; that there was a grant, and who did what, stays. It cannot be undone.
    """
    with open_keeper(ctx) as keeper:
        if not yes:
            _ask(owner, keeper)
        done = keeper.erase(owner, by="cli")
    if as_json:
        lists = {"pending": list(done.pending), "untold": list(done.untold)}
        output.result_json({name: getattr(done, name) for name in _NAMES} | lists)
    else:
        _tell(done)
    if done.pending:
        raise typer.Exit(Exit.WAIT)
    if done.untold:
        raise typer.Exit(Exit.YOURS)


_NAMES = ("owner", "revoked", "grants", "accounts", "looks", "links", "flows", "events", "entries")


def _ask(owner: str, keeper: Keeper) -> None:
    try:
        has = f"{sum(1 for _ in keeper.grants(owner))} grant(s)"
    except SealBroken as problem:
        has = f"grants, of which one at least cannot be read: {problem}"
    output.note(f"{printable(owner)} has {has.rstrip('.')}. They end, and nothing personal about them is kept.")
    if not sys.stdin.isatty():
        output.note("Nothing was changed: there is nobody to ask here; say --yes.")
        raise typer.Exit(Exit.USAGE)
    if not typer.confirm("Go on?", err=True):
        output.note("Nothing was changed.")
        raise typer.Exit(Exit.DENIED)


def _tell(done: Erasure) -> None:
    output.result(f"Ended {done.revoked} grant(s), and erased {done.grants} grant(s), {done.links} link(s),")
    output.result(f"{done.accounts} account(s) and {done.entries} entries of the audit log.")
    for grant_id in done.pending:
        output.note(f"The provider has not heard of the end of {grant_id} yet: run this again later.")
    for grant_id in done.untold:
        output.note(f"The provider cannot be told of the end of {grant_id}: only its person can end it there, because")
        output.note("  its OAuth client is not configured any more, its token does not open, or its row was altered.")
