"""What is personal about an owner's customers, taken out of every table in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    BindParameter,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    literal,
    or_,
    select,
    update,
)

from ....model import AuditEntry, Beside, Erasure, GrantStatus, LinkStatus, Mac, Reason
from ....model.event import NAMING_NOBODY
from ....model.service.links import OPEN
from ... import tables
from ...rows import instant, searchable
from ..access import Access
from ..beside import write_beside
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
_LATER_IDS: Final = (
    select(_GRANT.id).where(_GRANT.owner == _OF_OWNER, _GRANT.id > bindparam("last")).order_by(_GRANT.id)
)
_AT: Final[BindParameter[int]] = bindparam("ended_at", type_=BigInteger)
_TIMES: Final = ("expires_at", "ends_at", "due_at", "used_at", "used_on", "checked_at", "refused_at", "warned_at")
_NOTHING: Final = (*_TIMES, "data_key", "sealed", "lease_owner", "lease_until", "sent_at", "sharing")
_END: Final = (
    update(tables.grant)
    .where(_GRANT.id == bindparam("key"), _GRANT.owner == _OF_OWNER)
    .values(
        status=str(GrantStatus.REVOKED),
        reason=str(Reason.DISCONNECTED),
        ended=_GRANT.id,
        **dict.fromkeys(("email", "scopes", "missing", "extra"), ""),
        **dict.fromkeys(("generation", "sends", "unconfirmed"), 0),
        **dict.fromkeys(_NOTHING),
        **{
            name: case((_GRANT[name].between(0, _AT), _GRANT[name]), else_=_AT)
            for name in ("created_at", "consented_at")
        },
        refreshed_at=case((_GRANT.refreshed_at.between(0, _AT), _GRANT.refreshed_at)),
        updated_at=_AT,
        version=_AT,  # greater than any that was counted: nobody who read the row before saves it
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

    def grants(self, owner: str, *, after: str, limit: int) -> list[str]:
        """Return the ids of an owner's grants in order, those greater than `after`, also of what cannot be read."""
        given = {"whose": searchable(owner), "last": searchable(after)}
        return [row.id for row in self._access.read(_LATER_IDS.limit(limit), given)]

    def end(self, grant_id: str, *, owner: str, at: datetime, beside: Beside) -> None:
        """End a grant whose row cannot be read, and write what is beside it: of its values only the times stay."""
        given = {"key": searchable(grant_id), "whose": searchable(owner), "ended_at": instant(at)}

        def work(connection: Connection) -> int:
            changed = connection.execute(_END, given).rowcount
            if changed:
                write_beside(connection, beside)
            return changed

        self._access.written(work, None)  # a second time nothing else comes of it

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
