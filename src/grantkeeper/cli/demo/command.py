"""The command: what it takes, what it prints, how it stops."""

from __future__ import annotations

import errno
import socket
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from grantkeeper.errors import InvalidInput, Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT: Final = 8765
"""The port of the redirect URIs in the emulator's default cast."""


def demo(
    *,
    drive: Annotated[
        bool, typer.Option("--drive", help="Walk the whole path by itself, print what happens, and check every step.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The site's port on this machine; 0 takes a free one.")
    ] = PORT,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep configuration, key and database there (new or empty), not in /tmp."),
    ] = None,
) -> None:
    """Show everything on one machine: a small agency's site, two customers, Google in a box."""
    with ExitStack() as stack:
        listener = stack.enter_context(_listen(port))
        home = stack.enter_context(_home(folder))
        from grantkeeper.cli.demo.stage import set_stage

        stage = stack.enter_context(set_stage(home, port=listener.getsockname()[1]))
        if drive:
            from grantkeeper.cli.demo.drive import walk

            with stage.in_background(listener):
                done = walk(stage)
            raise typer.Exit(0 if done else 1)
        typer.echo(f"A small agency's site is ready: {stage.url}/")
        typer.echo(f"It runs on an emulator; nothing leaves this machine. Its files: {home}")
        typer.echo("Ctrl-C stops it.")
        stage.run(listener)
        typer.echo("Stopped.")


@contextmanager
def _listen(port: int) -> Iterator[socket.socket]:
    """Take the port before anything else is made.

    Raises:
        Misconfigured: it is taken.
    """
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES):
            raise
        raise Misconfigured(
            f"Port {port} of this machine cannot be used: {(error.strerror or 'it is taken').lower()}.",
            advice=f"Stop what listens there (another demo?), or choose one: grantkeeper demo --port {port + 1}",
        ) from None
    with listener:
        yield listener


@contextmanager
def _home(folder: Path | None) -> Iterator[Path]:
    """Give a folder to keep things in; one of our own making is removed at the end.

    Raises:
        InvalidInput: the folder holds something. The emulator forgets what it granted, so an old database is of no use.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="grantkeeper-demo-") as made:
            yield Path(made)
        return
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InvalidInput(f"{folder} is not empty.", advice="Name a folder that is new or empty.")
    yield folder.absolute()
