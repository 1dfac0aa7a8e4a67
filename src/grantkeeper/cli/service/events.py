"""`events`: what happened, and what happens."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from grantkeeper.cli import output
from grantkeeper.cli.output import AsJson
from grantkeeper.cli.wiring import open_keeper
from grantkeeper.errors import printable

if TYPE_CHECKING:
    from grantkeeper.keeper import Keeper
    from grantkeeper.model import Event

_PAGE: Final = 1000
_PAUSE: Final = 1.0
"""Seconds: whoever watches does not see sooner, and a look is one look-up in an index."""


def events(
    ctx: typer.Context,
    after: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="Those after this position, oldest first; else the newest.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Only this owner's.")] = None,
    client: Annotated[str | None, typer.Option(help="Only at this OAuth client.")] = None,
    grant: Annotated[str | None, typer.Option(metavar="GRANT", help="Only this grant's.")] = None,
    kind: Annotated[str | None, typer.Option(metavar="KIND", help="Only of this kind.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="At most so many.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens, until Ctrl-C.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what happened, a line each: position, time, kind, and whose grant it is.

    Whoever goes on from the last position that they saw misses nothing.
    """
    wanted: dict[str, Any] = {"grant_id": grant, "kind": kind}
    wanted |= {"owners": None if owner is None else [owner], "clients": None if client is None else [client]}
    with open_keeper(ctx) as keeper:
        found = _newest(keeper, wanted, limit) if after is None else keeper.events(**wanted, after=after, limit=limit)
        if not found and not follow and not as_json:
            output.note("There is no such event.")
        _show(found, as_json=as_json)
        if follow:
            _follow(keeper, wanted, found[-1].position if found else after or keeper.newest_event(), as_json=as_json)


def _newest(keeper: Keeper, wanted: dict[str, Any], limit: int) -> list[Event]:
    """Return the newest: those of a window at the end, which grows until they are enough."""
    last, window = keeper.newest_event(), _PAGE
    while True:
        start = max(last - window, 0)
        found: list[Event] = []
        after = start
        while page := keeper.events(**wanted, after=after, limit=_PAGE):
            found = [*found, *page][-limit:]
            after = page[-1].position
        if len(found) >= limit or start == 0:
            return found
        window *= 10


def _follow(keeper: Keeper, wanted: dict[str, Any], after: int, *, as_json: bool) -> None:
    while True:
        found = keeper.events(**wanted, after=after, limit=_PAGE)
        _show(found, as_json=as_json)
        if found:
            after = found[-1].position
        else:
            time.sleep(_PAUSE)


def _show(found: list[Event], *, as_json: bool) -> None:
    for event in found:
        if as_json:
            output.result(json.dumps(_data(event), ensure_ascii=False))
            continue
        about = " ".join(printable(each, 80) for each in (event.grant_id, event.owner, event.client) if each)
        output.result(f"{event.position:>8} {output.timestamp(event.at)} {event.kind:<24} {about}")


def _data(event: Event) -> dict[str, Any]:
    return {
        "position": event.position,
        "id": event.id,
        "kind": event.kind,
        "at": output.timestamp(event.at),
        "grant_id": event.grant_id,
        "owner": event.owner,
        "client": event.client,
        "data": dict(event.data),
    }
