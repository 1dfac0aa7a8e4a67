"""What commands print: results on stdout (plain in a pipe, JSON when asked), everything else on stderr."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TextIO, TypeAlias

import typer

from grantkeeper.errors import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from grantkeeper.model import Grant

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, also for an error.")]
GrantId: TypeAlias = Annotated[str, typer.Argument(metavar="GRANT", help="A grant's id, as `list` shows it.")]

_WIDE = 10_000
"""A pipe has no width: a table is never cut or wrapped there, so that `grep` and `awk` see whole lines."""


def painted(text: str, colour: str, stream: TextIO) -> str:
    """Return the text coloured if `stream` is a terminal and NO_COLOR (no-color.org) does not forbid it."""
    wanted = stream.isatty() and not os.environ.get("NO_COLOR")
    return typer.style(text, fg=colour) if wanted else text


def note(text: str) -> None:
    """Tell the person at the terminal something that is not the result (stderr)."""
    typer.echo(text, err=True)


def result(text: str) -> None:
    """Print a result (stdout)."""
    typer.echo(text)


def result_json(value: Any) -> None:
    """Print a result for programs."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below column heads; what stands in them is shown as it is, never as markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDE
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for column in columns:
        grid.add_column(column, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(printable(cell)) for cell in row))
    console.print(grid)


def timestamp(moment: datetime | None) -> str | None:
    """Return RFC 3339 in UTC, whole seconds, or None."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def grant_data(grant: Grant) -> dict[str, Any]:
    """Return a grant for programs."""
    from grantkeeper.renewal import advice

    return {
        "id": grant.id,
        "owner": grant.owner,
        "client": grant.client,
        "issuer": grant.issuer,
        "subject": grant.subject,
        "email": grant.email,
        "status": grant.status.value,
        "reason": grant.reason.value,
        "advice": advice(grant.reason) if grant.reason else "",
        "usable": grant.usable,
        "confirmed": grant.confirmed,
        "scopes": sorted(grant.scopes),
        "missing": sorted(grant.missing),
        "extra": sorted(grant.extra),
        "expires_at": timestamp(grant.expires_at),
        "ends_at": timestamp(grant.ends_at),
        "consented_at": timestamp(grant.consented_at),
        "created_at": timestamp(grant.created_at),
        "updated_at": timestamp(grant.updated_at),
        "refreshed_at": timestamp(grant.refreshed_at),
    }


def grant_lines(grant: Grant) -> None:
    """Print everything there is to know about a grant, one line each."""
    for name, value in grant_data(grant).items():
        label = "scope" if name == "scopes" else name.replace("_", " ")
        for word in value if isinstance(value, list) else [_plain(value)]:
            if word:
                result(f"{label:<12} {printable(word)}")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
