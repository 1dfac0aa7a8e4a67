"""The commands by name. Importing this stays cheap: what a command needs, it imports when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import doctor, grants, serving, setup
from .connect import connect
from .demo import demo
from .exits import EXITS, Command

app = typer.Typer(
    name="grantkeeper",
    help="Get and keep API access on behalf of your clients.",
    epilog="\n\n".join(("Exit codes:", *(f"{int(code)}  {meaning}" for code, meaning in EXITS.items()))),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"grantkeeper {version('grantkeeper')}")
        raise typer.Exit


@app.callback()
def root(
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", metavar="FILE", help="The configuration; else GRANTKEEPER_CONFIG, else ./grantkeeper.toml."
        ),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error, still no secrets.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Get and keep API access on behalf of your clients."""


_START = "Start"
_GRANTS = "Grants"
_RUN = "Run"
for name, function, panel in (
    ("init", setup.init, _START),
    ("doctor", doctor.doctor, _START),
    ("connect", connect, _GRANTS),
    ("list", grants.list_grants, _GRANTS),
    ("show", grants.show, _GRANTS),
    ("token", grants.token, _GRANTS),
    ("refresh", grants.refresh, _GRANTS),
    ("revoke", grants.revoke, _GRANTS),
    ("demo", demo, _RUN),
    ("serve", serving.serve, _RUN),
    ("emulator", serving.emulator, _RUN),
):
    app.command(name, cls=Command, rich_help_panel=panel)(function)


def main() -> None:
    """Run the command line."""
    app(prog_name="grantkeeper")
