"""Links: invitations to grant."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, insert, or_, select

from ....model import Beside, Link, LinkRow, LinkSave, LinkStatus
from ....model.service.links import OPEN
from ... import tables
from ...rows import instant, searchable
from ..access import Access
from ..beside import write_beside
from .link_rows import link_row, link_values, replace_link

_LINK: Final = tables.link.columns
_INSERT: Final = insert(tables.link)
_BY_ID: Final = select(tables.link).where(_LINK.id == bindparam("key"))
_BY_TOKEN: Final = select(tables.link).where(_LINK.token_hash == bindparam("key"))
_USED_AT: Final = func.coalesce(_LINK.consented_at, _LINK.failed_at, _LINK.created_at)
_BY_RESULT: Final = (
    select(tables.link)
    .where(_LINK.result_grant_id == bindparam("key"))
    .order_by(_USED_AT.desc(), _LINK.created_at.desc(), _LINK.id)
)
_MOST_OF_RESULT: Final = 20


class Links:
    """Implements `LinkStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, row: LinkRow, *, beside: Beside) -> None:
        """Keep a new link."""

        def insert_link(connection: Connection) -> int:
            inserted = connection.execute(_INSERT, link_values(row)).rowcount
            write_beside(connection, beside)
            return inserted

        self._access.written(insert_link, lambda connection: _holds(connection, row.link))

    def get(self, link_id: str) -> LinkRow | None:
        """Return the link, or None."""
        return self._one(_BY_ID, link_id)

    def by_token(self, token_hash: str) -> LinkRow | None:
        """Return the link whose address this is, or None."""
        return self._one(_BY_TOKEN, token_hash)

    def by_result(self, grant_id: str) -> list[LinkRow]:
        """Return the links that led to this grant, the one that was used last first; at most 20."""
        return self._access.readable(_BY_RESULT, {"key": searchable(grant_id)}, link_row, _MOST_OF_RESULT)

    def page(
        self,
        *,
        owner: str | None = None,
        client: str | None = None,
        statuses: tuple[LinkStatus, ...] | None = None,
        owners: Sequence[str] | None = None,
        clients: Sequence[str] | None = None,
        before: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[LinkRow]:
        """Return links that match all that is given, newest first, those created before (time, id)."""
        wanted: list[ColumnElement[bool]] = []
        if owner is not None:
            wanted.append(_LINK.owner == searchable(owner))
        if client is not None:
            wanted.append(_LINK.client == searchable(client))
        if statuses is not None:
            wanted.append(_LINK.status.in_([str(status) for status in statuses]))
        if owners is not None:
            wanted.append(_LINK.owner.in_([searchable(each) for each in owners]))
        if clients is not None:
            wanted.append(_LINK.client.in_([searchable(each) for each in clients]))
        if before is not None:
            at, link_id = instant(before[0]), searchable(before[1])
            wanted.append(or_(_LINK.created_at < at, and_(_LINK.created_at == at, _LINK.id < link_id)))
        statement = select(tables.link).where(*wanted).order_by(_LINK.created_at.desc(), _LINK.id.desc())
        return self._access.readable(statement, {}, link_row, limit)

    def over(self, *, now: datetime, after: tuple[datetime, str] | None = None, limit: int) -> list[LinkRow]:
        """Return links that are open and whose time is up, by when that was, those after (time, id)."""
        wanted = [_LINK.status.in_([str(status) for status in OPEN]), _LINK.expires_at <= instant(now)]
        if after is not None:
            at, link_id = instant(after[0]), searchable(after[1])
            wanted.append(or_(_LINK.expires_at > at, and_(_LINK.expires_at == at, _LINK.id > link_id)))
        statement = select(tables.link).where(*wanted).order_by(_LINK.expires_at, _LINK.id)
        return self._access.readable(statement, {}, link_row, limit)

    def save(self, change: LinkSave, *, beside: Beside) -> None:
        """Replace the row if its version is still the expected one; raises Conflict if not."""

        def save(connection: Connection) -> int:
            replace_link(connection, change)
            write_beside(connection, beside)
            return 1

        self._access.written(save, lambda connection: _holds(connection, change.row.link))

    def _one(self, statement: Any, key: str) -> LinkRow | None:
        found = self._access.read(statement, {"key": searchable(key)})
        return link_row(found[0]) if found else None


def _holds(connection: Connection, link: Link) -> bool:
    """Tell whether the database holds this state of the link."""
    found = connection.execute(select(tables.link).where(_LINK.id == link.id)).first()
    return found is not None and link_row(found).link == link
