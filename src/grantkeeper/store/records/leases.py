"""The lease of a refresh, in its grant's row."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, ColumnElement, Update, bindparam, case, func, or_, update

from .. import tables

_GRANT: Final = tables.grant.columns
END_REFRESH: Final = update(tables.grant).where(
    _GRANT.id == bindparam("key"), _GRANT.lease_owner == bindparam("attempt")
)
TOUCH_LEASE: Final = END_REFRESH.values(lease_until=_GRANT.lease_until)


def begin_refresh(clock: ColumnElement[int]) -> Update:
    """Return the one statement that decides who refreshes; `clock` is the database's time in microseconds."""
    over = (_GRANT.lease_owner == bindparam("expired")) & (_GRANT.lease_until <= clock)
    free = or_(_GRANT.lease_owner.is_(None), _GRANT.lease_owner.in_([bindparam("attempt"), bindparam("gone")]), over)
    as_read = or_(_GRANT.sends == bindparam("expected_sends"), _GRANT.lease_owner == bindparam("attempt"))
    return (
        update(tables.grant)
        .where(_GRANT.id == bindparam("key"), _GRANT.version == bindparam("expected_version"), free, as_read)
        .values(
            lease_owner=bindparam("attempt"),
            lease_until=clock + bindparam("lease", type_=BigInteger),
            sent_at=func.coalesce(_GRANT.sent_at, bindparam("at", type_=BigInteger)),
            sends=case((_GRANT.sends < tables.MOST_SENDS, _GRANT.sends + 1), else_=_GRANT.sends),
        )
    )
