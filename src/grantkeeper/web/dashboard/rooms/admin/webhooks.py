"""Webhooks: who is told of events, how that goes, and what is to be told once more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from grantkeeper.errors import InvalidInput, NotFound
from grantkeeper.model.event import KINDS
from grantkeeper.web.dashboard.rooms.shown import once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from grantkeeper.web.dashboard.visit import Visit

PAGE: Final = 50
STATUSES: Final = ("waiting", "delivered", "dead")
_PREFIX: Final = "kind "
_DIGITS: Final = 18


async def listing(visit: Visit) -> Response:
    """Show every endpoint."""
    return await _page(visit, {})


async def add(visit: Visit) -> Response:
    """Add an endpoint and show its secret; a mistake shows the form again."""
    try:
        endpoint, secret = await visit.run(
            visit.verbs.webhooks.add,
            visit.fields.get("url", ""),
            kinds=_kinds(visit.fields),
            description=visit.fields.get("description", ""),
            by=visit.by,
        )
    except (InvalidInput, NotFound) as error:
        return await _page(visit, visit.fields, status=422, wrong=f"{error.args[0]} {error.advice}".strip())
    return _secret(visit, "The endpoint’s secret", secret.reveal(), back=f"/webhooks/{endpoint.id}")


async def show(visit: Visit) -> Response:
    """Show one endpoint and its deliveries."""
    endpoint = await visit.run(visit.verbs.webhooks.get, visit.part("endpoint"))
    wanted, before = visit.asked("status"), visit.asked("before")
    found = await visit.run(
        visit.verbs.webhooks.deliveries,
        endpoint.id,
        status=wanted if wanted in STATUSES else None,
        before=_number(before),
        limit=PAGE + 1,
    )
    return visit.page(
        "webhook.html",
        endpoint=endpoint,
        rows=found[:PAGE],
        onward=found[PAGE - 1].id if len(found) > PAGE else 0,
        before=before,
        wanted=wanted,
        statuses=STATUSES,
        kinds=_boxes(endpoint.kinds),
    )


async def change(visit: Visit) -> Response:
    """Change what an endpoint is told, and where."""
    fields = visit.fields
    await visit.run(
        visit.verbs.webhooks.change,
        visit.part("endpoint"),
        url=fields.get("url", ""),
        kinds=_kinds(fields),
        description=fields.get("description", ""),
        by=visit.by,
    )
    return visit.go(_path(visit), "endpoint_changed")


async def rotate(visit: Visit) -> Response:
    """Make a new secret and show it; for a while the old one signs beside it."""
    secret = await visit.run(visit.verbs.webhooks.rotate, visit.part("endpoint"), by=visit.by)
    return _secret(visit, "The endpoint’s new secret", secret.reveal(), back=_path(visit))


async def switch(visit: Visit) -> Response:
    """Enable or disable an endpoint."""
    desk = visit.verbs.webhooks
    verb = desk.enable if visit.fields.get("to") == "enabled" else desk.disable
    await visit.run(verb, visit.part("endpoint"), by=visit.by)
    return visit.go(_path(visit), "endpoint_changed")


async def test(visit: Visit) -> Response:
    """Post a test message now, and say how that went."""
    attempt = await visit.desk.keeper.call(visit.verbs.webhooks.test, visit.part("endpoint"))
    return visit.go(_path(visit), f"test_{attempt.error}" if attempt.error else "sent")


async def replay(visit: Visit) -> Response:
    """Let one delivery, or all that are dead, be tried again."""
    number = _number(visit.fields.get("delivery", ""))
    await visit.run(visit.verbs.webhooks.replay, visit.part("endpoint"), delivery_id=number, by=visit.by)
    return visit.go(_path(visit), "replayed")


async def remove(visit: Visit) -> Response:
    """Delete an endpoint with its deliveries."""
    await visit.run(visit.verbs.webhooks.remove, visit.part("endpoint"), by=visit.by)
    return visit.go("/webhooks", "endpoint_removed")


def _path(visit: Visit) -> str:
    return f"/webhooks/{visit.part('endpoint')}"


def _secret(visit: Visit, title: str, value: str, *, back: str) -> Response:
    text = "The receiver checks signatures with it (Standard Webhooks). It is shown once."
    return once(visit, title=title, label="The secret", value=value, text=text, back=back)


def _number(written: str) -> int | None:
    return int(written) if written.isascii() and written.isdigit() and len(written) <= _DIGITS else None


def _kinds(fields: Mapping[str, str]) -> list[str]:
    return [kind for kind in KINDS if fields.get(_PREFIX + kind)]


def _boxes(ticked: Any) -> list[tuple[str, str, bool]]:
    """Return the boxes of the kinds of events: field, kind, whether it is ticked."""
    return [(_PREFIX + kind, kind, kind in ticked) for kind in KINDS]


async def _page(visit: Visit, fields: Mapping[str, str], *, status: int = 200, wrong: str = "") -> Response:
    return visit.page(
        "webhooks.html",
        status=status,
        rows=await visit.run(visit.verbs.webhooks.all),
        unreadable=await visit.run(visit.verbs.webhooks.unreadable),
        fields=fields,
        wrong=wrong,
        kinds=_boxes(_kinds(fields)),
    )
