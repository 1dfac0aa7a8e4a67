"""The commands by name. Importing this stays cheap: what a command needs, it imports when it runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from . import doctor, grants, serving, setup
from .accounts import accounts
from .connect import connect
from .demo import demo
from .doctor.resuming import resume
from .exits import EXITS, Command
from .files.exporting import export
from .files.importing import import_file
from .service import audit, events, keys, links, operators, webhooks, worker

_SECTIONS: Final = {
    "Start": ("init", "doctor", "resume"),
    "Grants": ("connect", "list", "show", "accounts", "token", "refresh", "revoke"),
    "Links": ("link", "links", "confirm"),
    "Files": ("import", "export"),
    "Service": ("keys", "events", "webhooks", "operator", "audit", "erase"),
    "Run": ("demo", "serve", "worker", "maintain", "emulator"),
}


class Commands(TyperGroup):
    """The commands by section, and the exit codes below them.

    Plain text: the boxes that rich draws take longer to import than everything else that `--help` does together.
    """

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands, a section each."""
        for section, names in _SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(200)) for name in names])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the exit codes."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), meaning) for code, meaning in EXITS.items()])


app = typer.Typer(
    name="grantkeeper",
    cls=Commands,
    help="Get and keep API access on behalf of your clients.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
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


_FUNCTIONS: Final[dict[str, Callable[..., None]]] = {
    "init": setup.init,
    "doctor": doctor.doctor,
    "resume": resume,
    "connect": connect,
    "list": grants.list_grants,
    "show": grants.show,
    "accounts": accounts,
    "token": grants.token,
    "refresh": grants.refresh,
    "revoke": grants.revoke,
    "link": links.link,
    "confirm": links.confirm,
    "import": import_file,
    "export": export,
    "events": events.events,
    "erase": audit.erase,
    "demo": demo,
    "serve": serving.serve,
    "worker": worker.worker,
    "maintain": worker.maintain,
    "emulator": serving.emulator,
}
_GROUPS: Final[dict[str, tuple[str, dict[str, Callable[..., None]]]]] = {
    "audit": (
        "What was done, by whom; that nothing of it is missing.",
        {"verify": audit.verify, "export": audit.export, "head": audit.head},
    ),
    "links": (
        "Links that were sent, and what came of them.",
        {"list": links.list_links, "show": links.show, "revoke": links.revoke},
    ),
    "keys": (
        "Which programs may ask the service, and for what.",
        {"create": keys.create, "list": keys.list_keys, "revoke": keys.revoke},
    ),
    "operator": (
        "Who may sign in to the dashboard.",
        {
            "invite": operators.invite,
            "list": operators.list_operators,
            "role": operators.role,
            "remove": operators.remove,
        },
    ),
    "webhooks": (
        "Who is told of events.",
        {
            "add": webhooks.add,
            "list": webhooks.list_endpoints,
            "show": webhooks.show,
            "change": webhooks.change,
            "enable": webhooks.enable,
            "disable": webhooks.disable,
            "rotate": webhooks.rotate,
            "test": webhooks.try_out,
            "deliveries": webhooks.deliveries,
            "replay": webhooks.replay,
            "remove": webhooks.remove,
        },
    ),
}
"""Name of a group -> what it is about, and its commands."""


def _group(about: str, functions: dict[str, Callable[..., None]]) -> typer.Typer:
    made = typer.Typer(help=about, no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    for name, function in functions.items():
        made.command(name, cls=Command)(function)
    return made


for name, function in _FUNCTIONS.items():
    app.command(name, cls=Command)(function)
for name, (about, functions) in _GROUPS.items():
    app.add_typer(_group(about, functions), name=name)


def main() -> None:
    """Run the command line."""
    app(prog_name="grantkeeper")
