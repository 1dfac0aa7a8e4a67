"""The audit log: what was done by whom, and whether the chain of it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

if TYPE_CHECKING:
    from starlette.responses import Response

    from grantkeeper.web.dashboard.visit import Visit

PAGE: Final = 100
_LONGEST: Final = 18
"""Digits of an entry's number: what a database counts to."""


async def listing(visit: Visit) -> Response:
    """Show a page of entries, the newest first."""
    return await _page(visit)


async def verify(visit: Visit) -> Response:
    """Walk the whole chain and say whether it holds; a form, because it takes its time."""
    report = await visit.run(visit.verbs.audit.verify)
    return await _page(visit, good=report.ok, report=str(report))


async def _page(visit: Visit, *, report: str = "", good: bool = True) -> Response:
    wanted = {name: visit.asked(name) for name in ("actor", "target", "owner")}
    written = visit.asked("before")
    before = int(written) if written.isascii() and written.isdigit() and len(written) <= _LONGEST else None
    people = {f"operator:{each.id}": each.email for each in await visit.run(visit.verbs.operators.all)}
    by_email = {email: name for name, email in people.items()}
    given = {name: value for name, value in wanted.items() if value}
    if "actor" in given:
        given["actor"] = by_email.get(given["actor"], given["actor"])
    found = await visit.run(visit.verbs.audit.read, **given, before=before, newest_first=True, limit=PAGE + 1)
    more = len(found) > PAGE
    return visit.page(
        "audit.html",
        rows=found[:PAGE],
        people=people,
        wanted=wanted,
        before=written,
        onward=urlencode({**{k: v for k, v in wanted.items() if v}, "before": found[PAGE - 1].number}) if more else "",
        report=report,
        good=good,
    )
