"""Merchant Center: the accounts that the person was added to, and the sub-accounts of those that have some.

Source: the discovery document merchantapi accounts_v1, revision 20261103, of google-api-python-client 2.202.0 (read
2026-11-23): GET accounts/v1/accounts and accounts/v1/accounts/{id}:listSubaccounts, pages of at most 500, scope
content. The second asks for relationship(providerId={id} AND service(type="ACCOUNT_AGGREGATION")): an account that is
no advanced one has none. What it answers to somebody who may not manage sub-accounts is not documented; a refusal by
Google that lies in the account counts as none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ...model import FoundAccount, Way
from ..discovery import Discovery, Steps
from ..paging import Listing, Row, identifier, listed, unique, words
from ..refusals import title

_KIND: Final = "merchant_center"
_ID: Final = r"([0-9]{1,20})"
_PAGE: Final = 500


def _steps(api_url: str | None) -> Steps:
    url = f"{api_url or 'https://merchantapi.googleapis.com'}/accounts/v1/accounts"
    (direct,) = yield from listed(_KIND, _listing(url))
    ids = list(dict.fromkeys(_id(row) for row in direct))
    below = yield from listed(_KIND, *(_listing(f"{url}/{each}:listSubaccounts", optional=True) for each in ids))
    return unique(_tree(direct, dict(zip(ids, below, strict=True))))


def _listing(url: str, *, optional: bool = False) -> Listing:
    return Listing(url=url, member="accounts", parameters={"pageSize": _PAGE}, optional=optional)


def _tree(direct: Sequence[Row], below: dict[str, list[Row]]) -> Iterator[FoundAccount]:
    parents: dict[str, list[str]] = {}
    for parent, rows in below.items():
        for row in rows:
            parents.setdefault(_id(row), []).append(parent)
    for row in direct:
        yield _found(row, parents, manager=bool(below[_id(row)]), direct=True)
    for row in (row for rows in below.values() for row in rows):
        yield _found(row, parents)


def _found(row: Row, parents: dict[str, list[str]], *, manager: bool = False, direct: bool = False) -> FoundAccount:
    account_id = _id(row)
    above = tuple(dict.fromkeys(each for each in parents.get(account_id, ()) if each != account_id))
    ways = [Way(root=account_id, length=0)] if direct else []
    return FoundAccount(
        kind=_KIND,
        id=account_id,
        name=words(row, "accountName"),
        manager=manager,
        test=row.get("testAccount") is True,
        time_zone=words(row, "timeZone", "id"),
        parents=above,
        ways=(*ways, *(Way(root=each, length=1) for each in above)),
    )


def _id(row: Row) -> str:
    return identifier(_KIND, row, "accountId", _ID)


DISCOVERY: Final = Discovery(
    kind=_KIND,
    title=title(_KIND),
    noun="account",
    scopes=frozenset({"https://www.googleapis.com/auth/content"}),
    steps=_steps,
)
