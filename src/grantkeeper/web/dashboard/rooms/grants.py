"""The list of grants: filtered, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from grantkeeper.errors import InvalidInput
from grantkeeper.keeper.operators.overview import MOST_COUNTED, PAGE
from grantkeeper.keeper.operators.people import checked_email
from grantkeeper.model import GrantStatus

if TYPE_CHECKING:
    from starlette.responses import Response

    from grantkeeper.web.dashboard.visit import Visit

SIGN_IN_SCOPES: Final = frozenset({"openid", "email", "profile"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What is asked for."""

    status: GrantStatus | None
    client: str
    owner: str
    email: str

    def query(self, **changes: str) -> str:
        """Return it as a query, with some of it changed."""
        named = {"status": self.status or "", "client": self.client, "owner": self.owner, "email": self.email}
        return urlencode({name: value for name, value in (named | changes).items() if value})


async def start(visit: Visit) -> Response:
    """Lead to the grants."""
    return visit.go("/grants")


async def find(visit: Visit) -> Response:
    """Lead to what somebody looks for: a grant by its id, grants by e-mail address or by what the owner begins with."""
    text = visit.asked("q")
    if text.startswith("gr_") and " " not in text:
        return visit.go(f"/grants/{urlencode({'': text})[1:]}")
    try:
        email = checked_email(text)
    except InvalidInput:
        return visit.go(f"/grants?{urlencode({'owner': text})}" if text else "/grants")
    by_address = await visit.run(visit.verbs.overview.page, email=email, limit=1)
    return visit.go(f"/grants?{urlencode({'email': email} if by_address else {'owner': text})}")


async def listing(visit: Visit) -> Response:
    """Show a page of grants."""
    wanted = _filter(visit)
    found = await visit.run(
        visit.verbs.overview.page,
        owner=wanted.owner,
        email=wanted.email,
        client=wanted.client or None,
        statuses=(wanted.status,) if wanted.status else None,
        after=visit.asked("after"),
        limit=PAGE + 1,
    )
    waiting = await visit.run(visit.verbs.overview.waiting)
    shown, more = found[:PAGE], len(found) > PAGE
    return visit.page(
        "grants.html",
        rows=[(each, _plain(visit, each.grant.client, each.grant.scopes)) for each in shown],
        wanted=wanted,
        after=visit.asked("after"),
        onward=wanted.query(after=shown[-1].grant.id) if more else "",
        waiting=waiting,
        most=MOST_COUNTED,
        clients=[each.name for each in visit.desk.keeper.clients],
        statuses=list(GrantStatus),
    )


def _filter(visit: Visit) -> Filter:
    known = {each.value: each for each in GrantStatus}
    return Filter(
        status=known.get(visit.asked("status")),
        client=visit.asked("client"),
        owner=visit.asked("owner"),
        email=visit.asked("email"),
    )


def _plain(visit: Visit, client: str, scopes: frozenset[str]) -> list[str]:
    """Return what a grant allows, without that it says who somebody is."""
    asked = {name for name in scopes if name not in SIGN_IN_SCOPES and ".userinfo." not in name.replace("/", ".")}
    return visit.desk.words(client, asked or scopes)
