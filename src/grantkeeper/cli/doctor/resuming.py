"""`resume`: go on with a database that was restored, moved or copied, after looking at what is at risk."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from .. import output
from ..exits import Exit
from ..wiring import load_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantkeeper.model import OAuthClient


def resume(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    restored: Annotated[bool, typer.Option("--restored", help="It is a backup, though nothing shows it.")] = False,
) -> None:
    """Go on with a database that was restored, moved or copied; tells first what is at risk.

    A keeper does not start on such a database: two copies that refresh the same grants end each other's.
    """
    from grantkeeper import installation
    from grantkeeper.model import AuditEntry
    from grantkeeper.store import SqlStore

    settings = load_settings(ctx)
    store = SqlStore(settings.database)
    try:
        store.check()
        look = installation.look(store, settings.state_folder)
        if look.found == "known" and restored:
            look = replace(look, found="restored")
        if look.found == "known":
            output.result("This database is the one that was used here before: there is nothing to resume.")
            return
        output.note(installation.said(look))
        at_risk = _tell(settings.clients, store.counts())
        if not yes:
            _ask()
        told = AuditEntry(
            at=datetime.now(UTC),
            actor="cli",
            action="installation.resume",
            target="installation",
            data={"found": look.found},
        )
        store.audit.add(told, mac=settings.keys.sign)
        now = datetime.now(UTC)
        doubted = installation.resume(store, settings.state_folder, at_risk=at_risk, now=now, restored=restored)
    finally:
        store.close()
    output.result(f"Resumed. {doubted} grant(s) are proved when grantkeeper starts next.")


def _tell(clients: tuple[OAuthClient, ...], counts: Mapping[str, int]) -> tuple[str, ...]:
    """Say of each OAuth client what may be lost; returns those at risk."""
    at_risk = []
    for client in clients:
        grants = f"{counts.get(client.name, 0)} active grant(s)"
        if client.provider.rotation == "none":
            output.note(f"  {client.name}: {grants}, safe: {client.provider.called} does not replace refresh tokens.")
        else:
            output.note(f"  {client.name}: {grants}, at risk: a refresh token that was replaced since is lost.")
            at_risk.append(client.name)
    return tuple(at_risk)


def _ask() -> None:
    output.note("Go on only if no other copy of this database is in use, now or later.")
    if not sys.stdin.isatty():
        output.note("Nothing was changed: there is nobody to ask here; say --yes.")
        raise typer.Exit(Exit.USAGE)
    if not typer.confirm("Go on?", err=True):
        output.note("Nothing was changed.")
        raise typer.Exit(Exit.DENIED)
