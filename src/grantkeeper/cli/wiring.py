"""From a command's context to the settings and the keeper that it works with."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import typer

    from grantkeeper.keeper import Keeper
    from grantkeeper.settings import Settings


def config_file(ctx: typer.Context) -> Path | None:
    """Return what `--config` said."""
    file: Path | None = ctx.find_root().params.get("config")
    return file


def load_settings(ctx: typer.Context) -> Settings:
    """Return the settings.

    Raises:
        Misconfigured: as `Settings.load`.
    """
    from grantkeeper.settings import Settings

    return Settings.load(config_file(ctx))


@contextmanager
def open_keeper(ctx: typer.Context) -> Iterator[Keeper]:
    """Open the keeper that the configuration describes, and close it.

    Raises:
        Misconfigured: as `Keeper.from_settings`.
    """
    from grantkeeper.keeper import Keeper

    with Keeper.from_settings(load_settings(ctx)) as keeper:
        yield keeper
