"""`webhooks add|list|show|change|enable|disable|rotate|test|deliveries|replay|remove`: who is told of events."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from grantkeeper.cli import output
from grantkeeper.cli.exits import Exit
from grantkeeper.cli.grants import ask
from grantkeeper.cli.output import AsJson
from grantkeeper.cli.wiring import open_keeper
from grantkeeper.errors import SealBroken, printable

if TYPE_CHECKING:
    from grantkeeper.keeper import Keeper
    from grantkeeper.model import Delivery, Endpoint

_BY: Final = "cli"
_OVERLAP_HOURS: Final = 24

EndpointId: TypeAlias = Annotated[
    str, typer.Argument(metavar="ENDPOINT", help="An endpoint's id, as `webhooks list` shows it.")
]
Kinds: TypeAlias = Annotated[
    list[str] | None, typer.Option("--kind", metavar="KIND", help="A kind of event that it wants, can be repeated.")
]


def add(
    ctx: typer.Context,
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are posted to; https.")],
    kind: Kinds = None,
    description: Annotated[str, typer.Option(metavar="TEXT", help="Your own words about it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Let an address be told of events; print the secret that signs what it gets.

    The secret is shown this once.
    """
    with open_keeper(ctx) as keeper:
        endpoint, secret = keeper.webhooks.add(url, kinds=kind or (), description=description, by=_BY)
    if as_json:
        output.result_json(_data(endpoint) | {"secret": secret.reveal()})
        return
    output.note(f"{endpoint.id} is told of {_wanted(endpoint)} from now on. Its secret, shown this once:")
    output.result(secret.reveal())


def list_endpoints(ctx: typer.Context, as_json: AsJson = False) -> None:
    """List endpoints: how they stand, what they want."""
    with open_keeper(ctx) as keeper:
        found, unreadable = keeper.webhooks.all(), keeper.webhooks.unreadable()
    for name in unreadable:
        output.note(f"{name} is told nothing: somebody altered its row. Restore that from a backup, or remove it:")
        output.note(f"  grantkeeper webhooks remove {name}")
    if as_json:
        output.result_json([_data(each) for each in found])
        return
    if not found and not unreadable:
        output.note("Nobody is told. Add an endpoint: grantkeeper webhooks add URL")
    elif found:
        output.table(("ENDPOINT", "URL", "STATUS", "LAST DELIVERY", "KINDS"), (_row(each) for each in found))


def show(ctx: typer.Context, endpoint: EndpointId, as_json: AsJson = False) -> None:
    """Show one endpoint, and how many of its deliveries wait or are dead."""
    with open_keeper(ctx) as keeper:
        found = keeper.webhooks.get(endpoint)
        counts = {name: len(keeper.webhooks.deliveries(endpoint, status=name, limit=1000)) for name in _COUNTED}
    data = _data(found) | counts
    if as_json:
        output.result_json(data)
        return
    for name, value in data.items():
        text = ", ".join(value) if isinstance(value, list) else value
        if text not in (None, ""):
            output.result(f"{name.replace('_', ' '):<14} {text}")


def change(
    ctx: typer.Context,
    endpoint: EndpointId,
    url: Annotated[str | None, typer.Option(metavar="URL", help="Where events are posted to from now on.")] = None,
    kind: Kinds = None,
    all_kinds: Annotated[bool, typer.Option("--all-kinds", help="It wants all kinds of events.")] = False,
    description: Annotated[str | None, typer.Option(metavar="TEXT", help="Your own words about it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change an endpoint's address, or what it wants."""
    if kind and all_kinds:
        raise typer.BadParameter("--kind and --all-kinds contradict each other")
    kinds = () if all_kinds else kind
    with open_keeper(ctx) as keeper:
        changed = keeper.webhooks.change(endpoint, url=url, kinds=kinds, description=description, by=_BY)
    _tell(changed, f"{changed.id}: {changed.url} is told of {_wanted(changed)}.", as_json=as_json)


def enable(ctx: typer.Context, endpoint: EndpointId, as_json: AsJson = False) -> None:
    """Let an endpoint be told again that was disabled.

    It gets what still waits for it and what happens from now on. What happened meanwhile `grantkeeper events` shows.
    """
    with open_keeper(ctx) as keeper:
        changed = keeper.webhooks.enable(endpoint, by=_BY)
    _tell(changed, f"{changed.id} is enabled.", as_json=as_json)


def disable(ctx: typer.Context, endpoint: EndpointId, as_json: AsJson = False) -> None:
    """Tell an endpoint nothing until it is enabled again."""
    with open_keeper(ctx) as keeper:
        changed = keeper.webhooks.disable(endpoint, by=_BY)
    _tell(changed, f"{changed.id} is disabled.", as_json=as_json)


def rotate(
    ctx: typer.Context,
    endpoint: EndpointId,
    overlap: Annotated[
        int,
        typer.Option(metavar="HOURS", min=0, max=720, help="How long the old one signs as well; 0 if it leaked."),
    ] = _OVERLAP_HOURS,
    as_json: AsJson = False,
) -> None:
    """Print a new secret; the old one signs beside it for a day."""
    with open_keeper(ctx) as keeper:
        secret = keeper.webhooks.rotate(endpoint, overlap=timedelta(hours=overlap), by=_BY)
    if as_json:
        output.result_json({"id": endpoint, "secret": secret.reveal(), "overlap_hours": overlap})
        return
    both = f"Both secrets sign for {overlap} hours." if overlap else "The old secret signs no more."
    output.note(f"{both} The new one, shown this once:")
    output.result(secret.reveal())


def try_out(ctx: typer.Context, endpoint: EndpointId, as_json: AsJson = False) -> None:
    """Post a message `webhook.test` now, and say how that went; 5 when it was not taken."""
    with open_keeper(ctx) as keeper:
        attempt = keeper.webhooks.test(endpoint)
    if as_json:
        output.result_json({"delivered": not attempt.error, "error": attempt.error, "status": attempt.status})
    elif attempt.error:
        output.note(_why(attempt.error, attempt.status))
    else:
        output.result(f"It was taken (HTTP status {attempt.status}).")
    if attempt.error:
        raise typer.Exit(Exit.WAIT)


def deliveries(
    ctx: typer.Context,
    endpoint: EndpointId,
    status: Annotated[str | None, typer.Option(metavar="STATUS", help="waiting, delivered or dead.")] = None,
    before: Annotated[int | None, typer.Option(metavar="N", min=1, help="Older than this delivery.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", min=1, max=1000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List an endpoint's deliveries, the newest first, those of the last 30 days."""
    with open_keeper(ctx) as keeper:
        found = keeper.webhooks.deliveries(endpoint, status=status, before=before, limit=limit)
    if as_json:
        output.result_json([_delivery(each) for each in found])
        return
    if not found:
        output.note("There is no such delivery.")
        return
    columns = ("DELIVERY", "EVENT", "KIND", "STATUS", "ATTEMPTS", "LAST", "NEXT")
    output.table(columns, (_delivery_row(each) for each in found))


def replay(
    ctx: typer.Context,
    endpoint: EndpointId,
    delivery: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="This one, whatever became of it; else all that are dead.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Post again what is dead. A receiver that had it already knows it by its id."""
    with open_keeper(ctx) as keeper:
        count = keeper.webhooks.replay(endpoint, delivery_id=delivery, by=_BY)
    output.result_json({"replayed": count}) if as_json else output.result(f"{count} are posted again.")


def remove(
    ctx: typer.Context,
    endpoint: EndpointId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete an endpoint and its deliveries."""
    with open_keeper(ctx) as keeper:
        found = _readable(keeper, endpoint)
        if not yes:
            where = found.url if found else "somebody altered its row"
            output.note(f"Deletes {printable(endpoint)} ({where}), and whatever waits for it.")
            ask()
        keeper.webhooks.remove(endpoint, by=_BY)
    said = f"{printable(endpoint)} is told nothing more."
    data = _data(found) if found else {"id": endpoint}
    output.result_json(data) if as_json else output.result(said)


def _readable(keeper: Keeper, endpoint_id: str) -> Endpoint | None:
    try:
        return keeper.webhooks.get(endpoint_id)
    except SealBroken:  # what is left is to remove it
        return None


# --------------------------------------------------------------------------------------------------------------

_COUNTED: Final = ("waiting", "dead")
_WHY: Final = {
    "unreachable": "No connection: the name, its address, the port or TLS. The address has to be a public one.",
    "no_answer": "No answer of HTTP within 20 seconds.",
    "refused": "It refused the message",
    "throttled": "It has too much to do",
    "redirected": "It redirects, which is not followed: write the address itself",
    "gone": "It wants nothing more",
    "not_allowed": "The settings do not allow this address (any more).",
    "no_secret": "Its secret does not open: see `grantkeeper doctor`, or rotate it.",
    "too_old": "It was due for five days, and nobody could post it.",
    "unreadable": "The event is gone, or somebody altered it, or the delivery.",
    "unrecorded": "It was taken ten times, and whoever did never wrote down how that went.",
}


def _why(error: str, status: int | None) -> str:
    said = _WHY.get(error, error)
    return said if status is None else f"{said} (HTTP status {status})."


def _wanted(endpoint: Endpoint) -> str:
    return ", ".join(sorted(endpoint.kinds)) or "everything"


def _tell(endpoint: Endpoint, said: str, *, as_json: bool) -> None:
    output.result_json(_data(endpoint)) if as_json else output.result(said)


def _row(endpoint: Endpoint) -> tuple[str, ...]:
    status = "failing" if endpoint.status == "enabled" and endpoint.failing_since else endpoint.status
    last = output.timestamp(endpoint.delivered_at) or "never"
    return endpoint.id, endpoint.url, status, last, ", ".join(sorted(endpoint.kinds)) or "all"


def _data(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "kinds": sorted(endpoint.kinds),
        "description": endpoint.description,
        "status": endpoint.status,
        "reason": endpoint.reason,
        "created_at": output.timestamp(endpoint.created_at),
        "created_by": endpoint.created_by,
        "failing_since": output.timestamp(endpoint.failing_since),
        "delivered_at": output.timestamp(endpoint.delivered_at),
    }


def _delivery_row(delivery: Delivery) -> tuple[str, ...]:
    last = " ".join(str(each) for each in (delivery.last_status, delivery.last_error) if each)
    return (
        str(delivery.id),
        str(delivery.event_id),
        delivery.kind,
        delivery.status,
        str(delivery.attempts),
        last,
        output.timestamp(delivery.due_at) or "",
    )


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "endpoint_id": delivery.endpoint_id,
        "event_id": delivery.event_id,
        "kind": delivery.kind,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "due_at": output.timestamp(delivery.due_at),
        "created_at": output.timestamp(delivery.created_at),
        "delivered_at": output.timestamp(delivery.delivered_at),
        "last_status": delivery.last_status,
        "last_error": delivery.last_error,
    }
