"""Pages of grants for people who look: each is a range of an index, however many grants there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, and_, bindparam, func, or_, select

from ...model import GrantStatus, ListedGrant
from .. import tables
from ..rows import GRANT_COLUMNS, grant_row, moment, searchable
from .access import Access

_GRANT: Final = tables.grant.columns
_TIMES: Final = (_GRANT.due_at, _GRANT.used_at, _GRANT.checked_at)
_LISTED: Final = select(*GRANT_COLUMNS, *_TIMES)
_BY_ID: Final = _LISTED.where(_GRANT.id == bindparam("key"))
_BY_OWNER: Final = (_GRANT.owner, _GRANT.client, _GRANT.issuer, _GRANT.subject, _GRANT.ended)
"""The order of the unique index."""
_PLACE: Final = select(*_BY_OWNER).where(_GRANT.id == bindparam("key"))
_NEXT_CLIENT: Final = select(func.min(_GRANT.client)).where(_GRANT.client > bindparam("last"))
_LAST: Final = "\U0010ffff"
"""No owner holds it, and in every database's order of bytes nothing that begins like another text comes after it."""


class Overview:
    """Implements `OverviewStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def page(
        self,
        *,
        owner: str = "",
        email: str = "",
        client: str | None = None,
        statuses: Sequence[GrantStatus] | None = None,
        after: str = "",
        limit: int = 50,
    ) -> list[ListedGrant]:
        """Return grants that match all that is given, those after the grant with the id `after`.

        `owner` is what their owner begins with: then they are ordered by owner, else by id.
        """
        wanted = [] if client is None else [_GRANT.client == searchable(client)]
        if statuses is not None:
            wanted.append(_GRANT.status.in_([str(status) for status in statuses]))
        if email:
            wanted.append(_GRANT.email == searchable(email))
        if owner:
            return self._of_owners(owner, wanted, after, limit)
        if email or (client is None and statuses is None):
            return self._by_id(wanted, after, limit)
        return self._in_ranges(client, statuses, after, limit)

    def get(self, grant_id: str) -> ListedGrant | None:
        """Return one grant, or None."""
        found = self._access.read(_BY_ID, {"key": searchable(grant_id)})
        return _listed(found[0]) if found else None

    def count(self, status: GrantStatus, *, most: int) -> int:
        """Return how many grants stand so, counted up to `most`."""
        counted = 0
        for client in self._clients():
            wanted = _GRANT.client == client, _GRANT.status == str(status)
            counted += len(self._access.read(select(_GRANT.id).where(*wanted).limit(most - counted), {}))
            if counted >= most:
                break
        return counted

    def _by_id(self, wanted: list[ColumnElement[bool]], after: str, limit: int) -> list[ListedGrant]:
        statement = _LISTED.where(_GRANT.id > bindparam("after"), *wanted).order_by(_GRANT.id).limit(limit)
        return [_listed(columns) for columns in self._access.read(statement, {"after": searchable(after)})]

    def _in_ranges(
        self, client: str | None, statuses: Sequence[GrantStatus] | None, after: str, limit: int
    ) -> list[ListedGrant]:
        """Read each OAuth client and status by itself, in the order of an index of both and the id."""
        found: list[ListedGrant] = []
        for name in self._clients() if client is None else [client]:
            for status in GrantStatus if statuses is None else statuses:
                wanted = [_GRANT.client == searchable(name), _GRANT.status == str(status)]
                found += self._by_id(wanted, after, limit)
        return sorted(found, key=lambda each: each.grant.id)[:limit]

    def _of_owners(self, prefix: str, wanted: list[ColumnElement[bool]], after: str, limit: int) -> list[ListedGrant]:
        begin, end = searchable(prefix), searchable(prefix + _LAST)
        wanted = [*wanted, _GRANT.owner >= begin, _GRANT.owner < end]
        if after:
            place = self._access.read(_PLACE, {"key": searchable(after)})
            if not place:
                return []
            wanted += [_GRANT.owner >= place[0][0], _beyond(place[0])]
        statement = _LISTED.where(*wanted).order_by(*_BY_OWNER).limit(limit)
        return [_listed(columns) for columns in self._access.read(statement, {})]

    def _clients(self) -> Iterator[str]:
        """Yield the names of OAuth clients that have grants, each found by one look into an index."""
        name: str | None = ""
        while (name := self._access.read(_NEXT_CLIENT, {"last": name})[0][0]) is not None:
            yield name


def _beyond(place: Row[Any]) -> ColumnElement[bool]:
    """Return what is true of grants after this place in the order of owners."""
    further: ColumnElement[bool] | None = None
    for column, value in reversed(list(zip(_BY_OWNER, place, strict=True))):
        later = column > value
        further = later if further is None else or_(later, and_(column == value, further))
    assert further is not None  # noqa: S101 - the order has columns
    return further


def _listed(columns: Row[Any]) -> ListedGrant:
    due_at, used_at, checked_at = (moment(each) for each in tuple(columns)[-len(_TIMES) :])
    row = grant_row(tuple(columns)[: -len(_TIMES)])
    return ListedGrant(grant=row.grant, due_at=due_at, used_at=used_at, checked_at=checked_at)
