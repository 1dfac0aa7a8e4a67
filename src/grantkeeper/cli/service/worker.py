"""`worker` and `maintain`: what is done without being asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from grantkeeper.cli import output
from grantkeeper.cli.output import AsJson
from grantkeeper.cli.wiring import load_settings, open_keeper

if TYPE_CHECKING:
    from grantkeeper.worker import Round


def worker(
    ctx: typer.Context,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
    log_format: Annotated[str, typer.Option(help="json, console, or auto: console on a terminal.")] = "auto",
) -> None:
    """Do what is due until it is stopped: renewals, daily checks, deliveries, clean-up.

    Any number may run over one database, beside `serve`, which has one of its own.
    """
    from grantkeeper.cli.running import hardening, logs
    from grantkeeper.cli.serving import until_stopped
    from grantkeeper.worker import Worker

    hardening.keep_memory_private()
    logs.configure(level=log_level, form=log_format)
    with open_keeper(ctx) as keeper:
        at_work = Worker.configured(keeper, load_settings(ctx).service)
        at_work.start()
        try:
            output.result(f"At work for {len(keeper.clients)} OAuth clients   (Ctrl-C stops it)")
            until_stopped()
        finally:
            ended = at_work.stop()
        if not ended:
            output.note("What was under way has not ended; others take it up once its claim has ended.")


def maintain(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Do what is due now, once, and say what that was: for cron, where nothing runs all the time."""
    from grantkeeper.worker import Worker

    with open_keeper(ctx) as keeper:
        done = Worker.configured(keeper, load_settings(ctx).service).sweep()
    if as_json:
        output.result_json(_data(done))
        return
    for what, count in _data(done).items():
        output.result(f"{what:<10} {count}")


def _data(done: Round) -> dict[str, int]:
    """Return what a round did; the keys are those of `--json`."""
    grants = {name: done.grants.get(name, 0) for name in ("renewed", "checked", "scheduled", "over", "failed", "waits")}
    chores = {name: done.chores.get(name, 0) for name in ("recovered", "expired", "deleted")}
    return grants | {"delivered": done.delivered} | chores
