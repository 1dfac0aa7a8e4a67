"""Display & Video 360: partners, and the advertisers below each.

Source: the discovery document displayvideo v4, revision 20261021, of google-api-python-client 2.202.0 (read
2026-11-23): GET v4/partners, then GET v4/advertisers?partnerId= for each, pages of at most 200, scope display-video.
v5, revision 20261019, has neither list yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ...model import FoundAccount, Way
from ..discovery import Discovery, Steps
from ..paging import Listing, Row, identifier, listed, unique, words
from ..refusals import title

_KIND: Final = "display_video"
_ID: Final = r"([0-9]{1,20})"
_PARTNERS: Final = "partners/"
"""Before a partner's id: partners and advertisers are numbered apart, and an id is unique within a kind."""
_PAGE: Final = 200
_OVER: Final = frozenset({"ENTITY_STATUS_ARCHIVED", "ENTITY_STATUS_SCHEDULED_FOR_DELETION"})


def _steps(api_url: str | None) -> Steps:
    base = f"{api_url or 'https://displayvideo.googleapis.com'}/v4"
    (rows,) = yield from listed(
        _KIND, Listing(url=f"{base}/partners", member="partners", parameters={"pageSize": _PAGE})
    )
    partners = {identifier(_KIND, row, "partnerId", _ID): row for row in rows}
    advertisers = yield from listed(_KIND, *(_advertisers(base, partner_id) for partner_id in partners))
    return unique(_tree(partners, advertisers))


def _advertisers(base: str, partner_id: str) -> Listing:
    # Whoever may see a partner and none of its advertisers is refused the list; the other partners' are still there.
    return Listing(
        url=f"{base}/advertisers",
        member="advertisers",
        parameters={"partnerId": partner_id, "pageSize": _PAGE},
        optional=True,
    )


def _tree(partners: dict[str, Row], advertisers: Sequence[Sequence[Row]]) -> Iterator[FoundAccount]:
    for (partner_id, partner), below in zip(partners.items(), advertisers, strict=True):
        root = f"{_PARTNERS}{partner_id}"
        yield _found(partner, root, Way(root=root, length=0))
        for row in below:
            yield _found(row, identifier(_KIND, row, "advertiserId", _ID), Way(root=root, length=1))


def _found(row: Row, account_id: str, way: Way) -> FoundAccount:
    status = words(row, "entityStatus")
    return FoundAccount(
        kind=_KIND,
        id=account_id,
        name=words(row, "displayName"),
        status=status,
        enabled=status not in _OVER,
        manager=not way.length,
        currency=words(row, "generalConfig", "currencyCode"),
        time_zone=words(row, "generalConfig", "timeZone"),
        parents=(way.root,) if way.length else (),
        ways=(way,),
    )


DISCOVERY: Final = Discovery(
    kind=_KIND,
    title=title(_KIND),
    noun="advertiser",
    scopes=frozenset({"https://www.googleapis.com/auth/display-video"}),
    steps=_steps,
    written=lambda account_id: account_id.removeprefix(_PARTNERS),
)
