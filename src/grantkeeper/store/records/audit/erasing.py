"""What is personal about an owner's customers, taken out of every table in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import BindParameter, Connection, and_, bindparam, delete, literal, or_, select, update

from ....model import AuditEntry, Erasure, GrantStatus, LinkStatus, Mac
from ....model.event import NAMING_NOBODY
from ....model.service.links import OPEN
from ... import tables
from ...rows import instant, searchable
from ..access import Access
from .log import append

ERASED: Final = "erased:"
"""Begins what stands in place of a person's `sub`; it ends with the grant's id, so that no two are the same."""

_GRANT: Final = tables.grant.columns
_OF_OWNER: Final[BindParameter[str]] = bindparam("whose")
_ENDED: Final = and_(_GRANT.owner == _OF_OWNER, _GRANT.status == str(GrantStatus.REVOKED), _GRANT.sealed.is_(None))
_IDS: Final = select(_GRANT.id).where(_ENDED)
_GRANTS: Final = (
    update(tables.grant)
    .where(_ENDED, _GRANT.subject != literal(ERASED, _GRANT.subject.type).concat(_GRANT.id))
    .values(
        email="",
        subject=literal(ERASED, _GRANT.subject.type).concat(_GRANT.id),
        imported=None,
        imported_once=None,
        version=_GRANT.version + 1,
    )
)
_ACCOUNTS: Final = delete(tables.account).where(tables.account.c.grant_id.in_(_IDS))
_LOOKS: Final = delete(tables.look).where(tables.look.c.grant_id.in_(_IDS))
_FLOWS: Final = delete(tables.flow).where(tables.flow.c.owner == _OF_OWNER)
_LINK: Final = tables.link.columns
_LINKS: Final = (
    update(tables.link)
    .where(
        _LINK.owner == _OF_OWNER,
        or_(
            _LINK.expect.is_not(None),
            _LINK.sealed.is_not(None),
            *(_LINK[each] != "" for each in ("message", "failure", "return_to")),
        ),
    )
    .values(expect=None, message="", failure="", return_to="", sealed=None, data_key=None, version=_LINK.version + 1)
)
_OPEN_LINKS: Final = (
    update(tables.link)
    .where(_LINK.owner == _OF_OWNER, _LINK.status.in_([str(status) for status in OPEN]))
    .values(status=str(LinkStatus.REVOKED), revoked_at=bindparam("ended_at"), version=_LINK.version + 1)
)
"""Those that can be read were withdrawn before: what is left was altered, and must not come to life once mended."""
_EVENT: Final = tables.event.columns
_EVENTS: Final = select(_EVENT.id, _EVENT.kind, _EVENT.data).where(
    _EVENT.grant_id.in_(select(_GRANT.id).where(_GRANT.owner == _OF_OWNER))
)
_SET_DATA: Final = update(tables.event).where(_EVENT.id == bindparam("key")).values(data=bindparam("new_data"))
_AUDIT: Final = tables.audit.columns
_AUDITED: Final = (
    update(tables.audit).where(_AUDIT.owner == _OF_OWNER, _AUDIT.personal.is_not(None)).values(personal=None, salt=None)
)


class Erasing:
    """Implements `ErasureStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def erase(self, owner: str, *, entry: AuditEntry, mac: Mac) -> Erasure:
        """Erase what is personal about an owner's ended grants, and write that it was done, or nothing of it."""
        whose = {"whose": searchable(owner)}
        found: dict[str, Any] = {}

        def work(connection: Connection) -> int:
            # Whoever appends to the log holds its head last: in another order two would wait for each other.
            connection.execute(_OPEN_LINKS, {**whose, "ended_at": instant(entry.at)})
            counted = {
                "accounts": connection.execute(_ACCOUNTS, whose).rowcount,
                "looks": connection.execute(_LOOKS, whose).rowcount,
                "grants": connection.execute(_GRANTS, whose).rowcount,
                "flows": connection.execute(_FLOWS, whose).rowcount,
                "links": connection.execute(_LINKS, whose).rowcount,
                "events": _forget_names(connection, whose),
            }
            append(connection, (entry,), mac)
            counted["entries"] = connection.execute(_AUDITED, whose).rowcount
            found.update(counted)
            return 1

        self._access.written(work, None)  # a second time there is less to erase
        return Erasure(owner=owner, **found)


def _forget_names(connection: Connection, whose: Mapping[str, str | None]) -> int:
    """Take what may name somebody out of an owner's events; returns out of how many."""
    changed = []
    for row in connection.execute(_EVENTS, whose):
        kept = _without_names(row.kind, row.data)
        if kept is not None:
            changed.append({"key": row.id, "new_data": msgspec.json.encode(kept).decode()})
    if changed:
        connection.execute(_SET_DATA, changed)
    return len(changed)


def _without_names(kind: str, written: str) -> dict[str, Any] | None:
    """Return what stays of an event's data, None when all does; nothing of what somebody altered: it may name one."""
    try:
        data = msgspec.json.decode(written, type=dict[str, Any])
    except (msgspec.MsgspecError, TypeError, UnicodeDecodeError):
        return {}
    kept = {name: value for name, value in data.items() if name in NAMING_NOBODY.get(kind, ())}
    return None if kept == data else kept
