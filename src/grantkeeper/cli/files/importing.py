"""`import FILE`: refresh tokens that people already have become grants."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from grantkeeper.errors import InvalidInput, printable

from .. import exits, output
from ..exits import Exit
from ..output import AsJson
from ..wiring import open_keeper

if TYPE_CHECKING:
    from .items import Found
    from .taking import Line, Outcome

_YAML: Final = frozenset({".yaml", ".yml"})


def import_file(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="google-ads.yaml, googleads.yaml, or a CSV list.")],
    owner: Annotated[
        str | None, typer.Option(metavar="OWNER", help="Whose it is: for YAML, and for a list without owners.")
    ] = None,
    client: Annotated[
        str | None, typer.Option(metavar="NAME", help="The OAuth client that the tokens were given to.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Look at each token; keep nothing.")] = False,
    rate: Annotated[int, typer.Option(metavar="N", min=1, max=50, help="At most so many tokens a second.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Take over refresh tokens that you already have. Each is proved by one refresh.

    Running it again is harmless: what is there already is left alone. No token is ever printed.
    """
    from .matching import matched
    from .taking import Taking

    with open_keeper(ctx) as keeper:
        found = _read(file, owner or "")
        tasks = matched(found, keeper.clients, client)
        progress = _Progress(len(tasks))
        outcome = Taking(keeper, dry_run=dry_run, rate=rate, tell=progress).run(tasks)
        progress.end()
    code = _exit_code(outcome)
    if as_json:
        output.result_json(_data(file, outcome, dry_run=dry_run))
    else:
        _tell(file, outcome, dry_run=dry_run)
    if outcome.stopped is not None:
        exits.report(outcome.stopped, as_json=False, debug=False)
    if code:
        raise typer.Exit(code)


def _read(file: Path, owner: str) -> list[Found]:
    """Return what stands in a file; the error that says why not has no frame that holds a line of it."""
    from grantkeeper.settings.document import forgetful

    if _is_yaml(file) and not owner:
        raise typer.BadParameter("a YAML file names no owner: say whose it is.", param_hint="--owner")
    try:
        return _found(file, owner)
    except InvalidInput as error:
        problem = forgetful(error)
    raise problem


def _is_yaml(file: Path) -> bool:
    return file.suffix.casefold() in _YAML


def _found(file: Path, owner: str) -> list[Found]:
    from .csv_files import LARGEST, read_csv
    from .yaml_files import read_yaml

    with file.open("rb") as opened:
        content = opened.read(LARGEST + 1)
    return (read_yaml if _is_yaml(file) else read_csv)(file, content, owner=owner)


class _Progress:
    """How far it is, on a terminal."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._wanted = sys.stderr.isatty()

    def __call__(self, done: int) -> None:
        """Show it."""
        if self._wanted:
            typer.echo(f"\r{done} of {self._total}", err=True, nl=False)

    def end(self) -> None:
        """Leave the line to what follows."""
        if self._wanted:
            typer.echo("\r\033[K", err=True, nl=False)


def _exit_code(outcome: Outcome) -> Exit:
    """Return who must act: whoever stopped it, else you for what is unusable, else the owners of what is dead."""
    if outcome.interrupted:
        return Exit.INTERRUPTED
    if outcome.stopped is not None:
        return exits.exit_code(outcome.stopped)
    if any(line.result == "unusable" for line in outcome.lines):
        return Exit.YOURS
    if any(line.result == "dead" or (line.reason and line.result != "not checked") for line in outcome.lines):
        return Exit.OWNER
    return Exit.OK


def _tell(file: Path, outcome: Outcome, *, dry_run: bool) -> None:
    columns = ("WHERE", "OWNER", "CLIENT", "RESULT", "GRANT", "PERSON", "WHY", "WHAT TO DO")
    output.table(columns, (_row(line) for line in outcome.lines))
    notes: dict[str, list[str]] = {}
    for line in outcome.lines:
        for each in line.notes:
            notes.setdefault(each, []).append(line.place)
    for each, places in notes.items():
        output.note(f"{_several(places)}: {each}")
    if outcome.left:
        done = "looked at" if dry_run else "done"
        output.note(f"Not {done}: {_several(outcome.left)}. Run it again: what is there already is left alone.")
    if any(line.result == "imported" for line in outcome.lines):
        output.note(f"{file} still holds the refresh tokens{_who_can_read(file)}: delete it when nothing needs it.")


def _row(line: Line) -> tuple[str, ...]:
    return (
        line.place,
        line.owner,
        line.client,
        line.result,
        line.grant_id,
        line.person,
        printable(line.reason),
        line.advice,
    )


def _several(places: list[str] | tuple[str, ...], most: int = 5) -> str:
    more = f" and {len(places) - most} more" if len(places) > most else ""
    return f"{', '.join(places[:most])}{more}"


def _who_can_read(file: Path) -> str:
    open_to_others = os.name == "posix" and file.stat().st_mode & 0o077
    return ", and other users can read it" if open_to_others else ""


def _data(file: Path, outcome: Outcome, *, dry_run: bool) -> dict[str, Any]:
    stopped = outcome.stopped
    return {
        "file": str(file),
        "dry_run": dry_run,
        "lines": [dataclasses.asdict(line) for line in outcome.lines],
        "left": list(outcome.left),
        "stopped": None if stopped is None else exits.as_data(stopped, exits.exit_code(stopped)),
    }
