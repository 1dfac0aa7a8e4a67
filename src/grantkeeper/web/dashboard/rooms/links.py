"""Links: who was invited, how far they got; new ones, their addresses again, and their end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from grantkeeper.errors import InvalidInput, NotFound
from grantkeeper.model import Link, LinkStatus
from grantkeeper.model.service.links import OPEN
from grantkeeper.web.dashboard.rooms.shown import address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from grantkeeper.web.dashboard.visit import Visit

PAGE: Final = 50
DAYS: Final = {"1": "1 day", "7": "7 days", "30": "30 days", "90": "90 days"}
LANGUAGES: Final = {
    "": "what their browser asks for",
    "en": "English",
    "de": "Deutsch",
    "fr": "français",
    "es": "español",
    "ja": "日本語",
}
NEW: Final = {
    "owner": "",
    "client": "",
    "days": "7",
    "expect": "",
    "confirm": "ask",
    "language": "",
    "message": "",
    "return_to": "",
    "code": "",
}
"""The fields of the form for a new link, as they are at first."""


async def listing(visit: Visit) -> Response:
    """Show a page of links, the newest first, and the form for a new one."""
    return await _page(visit, NEW)


async def create(visit: Visit) -> Response:
    """Make a link and show its address; a mistake shows the form again, with what was written."""
    fields = {name: visit.fields.get(name, "") for name in NEW}
    try:
        made = await visit.run(visit.verbs.link, fields["owner"], fields["client"], **_wish(fields), by=visit.by)
    except (InvalidInput, NotFound) as error:
        return await _page(visit, fields, status=422, wrong=f"{error.args[0]} {error.advice}".strip())
    return address(visit, made, back="/links")


async def show_again(visit: Visit) -> Response:
    """Show the address of a link again, while it can be used."""
    return address(visit, await visit.run(visit.verbs.links.invitation, visit.part("link")), back="/links")


async def revoke(visit: Visit) -> Response:
    """Withdraw a link."""
    await visit.run(visit.verbs.links.revoke, visit.part("link"), by=visit.by)
    return visit.go("/links", "link_revoked")


def _wish(fields: Mapping[str, str]) -> dict[str, Any]:
    if fields["days"] not in DAYS:
        raise InvalidInput("Choose how long the link is good.")
    return {
        "expires_in": timedelta(days=int(fields["days"])),
        "expect": fields["expect"] or None,
        "confirm": fields["confirm"],
        "language": fields["language"],
        "message": fields["message"],
        "return_to": fields["return_to"],
        "code": fields["code"] == "yes",
    }


async def _page(visit: Visit, fields: Mapping[str, str], *, status: int = 200, wrong: str = "") -> Response:
    known = {each.value: each for each in LinkStatus}
    wanted = known.get(visit.asked("status"))
    owner = visit.asked("owner")
    found: list[Link] = await visit.run(
        visit.verbs.links.page,
        owner=owner or None,
        statuses=(wanted,) if wanted else None,
        before=_before(visit.asked("before")),
        limit=PAGE + 1,
    )
    more = len(found) > PAGE
    return visit.page(
        "links.html",
        status=status,
        rows=[(each, each.status in OPEN and each.expires_at > visit.now) for each in found[:PAGE]],
        onward=_place(found[PAGE - 1]) if more else "",
        before=visit.asked("before"),
        wanted=wanted,
        owner=owner,
        statuses=list(LinkStatus),
        fields=fields,
        wrong=wrong,
        opened=bool(wrong or visit.asked("new") or not (found or wanted or owner or visit.asked("before"))),
        days=DAYS,
        languages=LANGUAGES,
        origins=visit.desk.settings.return_to,
        clients=[each.name for each in visit.desk.keeper.clients if each.kind == "web"],
    )


def _place(link: Link) -> str:
    """Return what names the place of a link in the list."""
    since = link.created_at - datetime(1970, 1, 1, tzinfo=UTC)
    return f"{since // timedelta(microseconds=1)}.{link.id}"


def _before(written: str) -> tuple[datetime, str] | None:
    microseconds, _, link_id = written.partition(".")
    if not (microseconds.isascii() and microseconds.isdigit() and len(microseconds) < 17 and link_id):
        return None
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(microseconds)), link_id
