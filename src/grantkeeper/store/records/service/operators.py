"""Operators, their one-time links and sessions.

Each change writes its audit entry first: whoever does that is alone until the transaction ends (`audit.append`), so
that what is looked at afterwards cannot change before what is written.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, get_args

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, delete, insert, or_, select, update

from ....errors import Conflict, InvalidInput, SealBroken, printable
from ....model import Beside, OneTimeLink, Operator, Role, Session
from ... import tables
from ...engine.writing import Landed, holding
from ...rows import checked, instant, moment, or_none, searchable
from ..access import Access
from ..beside import write_beside

_OPERATOR: Final = tables.operator.columns
_INVITE: Final = tables.invite.columns
_SESSION: Final = tables.session.columns
_ENABLED: Final = _OPERATOR.disabled_at.is_(None)
_ROLES: Final = frozenset(get_args(Role))
_MALFORMED: Final = (TypeError, ValueError, OverflowError)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LIMITS: Final = {
    "email": tables.EMAIL_LENGTH,
    "issuer": tables.ISSUER_LENGTH,
    "subject": tables.SUBJECT_LENGTH,
    "hosted_domain": tables.NAME_LENGTH,
}

_BY_ID: Final = select(tables.operator).where(_OPERATOR.id == bindparam("key"))
_ALL: Final = select(tables.operator).order_by(_OPERATOR.created_at, _OPERATOR.id)
_BY_SESSION: Final = (
    select(tables.operator, _SESSION.created_at, _SESSION.seen_at, _SESSION.expires_at)
    .join_from(tables.session, tables.operator, _SESSION.operator_id == _OPERATOR.id)
    .where(_SESSION.token_hash == bindparam("key"), _ENABLED)
)
_BY_LINK: Final = (
    select(tables.operator)
    .join_from(tables.invite, tables.operator, _INVITE.operator_id == _OPERATOR.id)
    .where(_INVITE.token_hash == bindparam("key"), _INVITE.used_at.is_(None), _INVITE.expires_at > bindparam("now"))
    .where(_ENABLED)
)
_IS_ENABLED: Final = select(_OPERATOR.id).where(_OPERATOR.id == bindparam("key"), _ENABLED)
_ADMINS: Final = _ALL.where(_OPERATOR.role == "admin", _ENABLED)
"""Whose role is no higher than in their row: nobody else is an admin."""
_SAVE: Final = update(tables.operator).where(_OPERATOR.id == bindparam("key"))
_USE: Final = (
    update(tables.invite)
    .where(_INVITE.token_hash == bindparam("key"), _INVITE.operator_id == bindparam("whose"))
    .where(_INVITE.used_at.is_(None), _INVITE.expires_at > bindparam("at"))
    .values(used_at=bindparam("at"))
)
_SEEN: Final = update(tables.operator).where(_OPERATOR.id == bindparam("key")).values(seen_at=bindparam("at"))
_TOUCH: Final = update(tables.session).where(_SESSION.token_hash == bindparam("key")).values(seen_at=bindparam("at"))
_CLOSE: Final = delete(tables.session).where(_SESSION.token_hash == bindparam("key"))
_CLOSE_ALL: Final = delete(tables.session).where(_SESSION.operator_id == bindparam("whose"))
_END_LINKS: Final = delete(tables.invite).where(_INVITE.operator_id == bindparam("whose"))
_OVER: Final = (
    delete(tables.session).where(_SESSION.expires_at <= bindparam("now")),
    delete(tables.invite).where(_INVITE.expires_at <= bindparam("now")),
)


class _UnchangedError(Exception):
    """Undoes a transaction that turns out to change nothing."""


class Operators:
    """Implements `OperatorStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, operator: Operator, *, link: OneTimeLink | None = None, beside: Beside) -> None:
        """Keep a new operator; raises Conflict when somebody who is not disabled has this address or identity."""
        values = _values(operator)

        def work(connection: Connection) -> int:
            write_beside(connection, beside)
            same = _is(operator.email, operator.issuer, operator.subject)
            if connection.execute(select(_OPERATOR.id).where(or_(*same), _ENABLED)).first():
                raise Conflict("There is an operator of this address already.", advice="Look again.")
            if link is not None:
                connection.execute(insert(tables.invite), _link_values(link))
            return connection.execute(insert(tables.operator), values).rowcount

        self._access.written(work, holding(tables.operator, values))

    def get(self, operator_id: str) -> Operator | None:
        """Return an operator, or None."""
        return self._one(_BY_ID, {"key": searchable(operator_id)})

    def of(self, *, email: str = "", issuer: str = "", subject: str = "") -> list[Operator]:
        """Return who has this address or is this person, the disabled ones too, oldest first."""
        same = _is(email, issuer, subject)
        return [_operator(columns) for columns in self._access.read(_ALL.where(or_(*same)), {})] if same else []

    def all(self) -> list[Operator]:
        """Return every operator, oldest first."""
        return [_operator(columns) for columns in self._access.read(_ALL, {})]

    def save(
        self,
        operator: Operator,
        *,
        expected: Operator,
        is_admin: Callable[[Operator], bool] | None = None,
        beside: Beside,
    ) -> bool:
        """Replace an operator's row, and end their sessions and links when that disables them.

        `is_admin` tells whether somebody whose row this is can act as an admin now: when the change would end the last
        who can, it is False, and nothing is changed. Raises Conflict when the row is not as expected any more.
        """
        # Its sign-ins are written beside: `seen_at` is theirs.
        values = {name: value for name, value in _values(operator).items() if name != "seen_at"}
        guards = {name: value for name, value in _values(expected).items() if name not in ("id", "seen_at", "name")}

        def work(connection: Connection) -> int:
            write_beside(connection, beside)
            if is_admin is not None and not _leaves_an_admin(connection, operator, is_admin):
                raise _UnchangedError
            same = [
                _OPERATOR[name].is_(None) if value is None else _OPERATOR[name] == value
                for name, value in guards.items()
            ]
            new = {name: value for name, value in values.items() if name != "id"}
            if connection.execute(_SAVE.where(*same), {"key": operator.id, **new}).rowcount != 1:
                raise Conflict("Somebody changed this operator first.", advice="Look again.")
            if operator.disabled_at is not None:
                connection.execute(_CLOSE_ALL, {"whose": operator.id})
                connection.execute(_END_LINKS, {"whose": operator.id})
            return 1

        return self._changed(work, holding(tables.operator, values))

    def invite(self, link: OneTimeLink, *, beside: Beside) -> None:
        """Keep a one-time link; raises Conflict when its operator is disabled."""
        values = _link_values(link)

        def work(connection: Connection) -> int:
            write_beside(connection, beside)
            if connection.execute(_IS_ENABLED, {"key": link.operator_id}).first() is None:
                raise Conflict("This operator was disabled.", advice="Look again.")
            return connection.execute(insert(tables.invite), values).rowcount

        self._access.written(work, holding(tables.invite, values))

    def invited(self, token_hash: str, *, now: datetime) -> Operator | None:
        """Return whose a one-time link is that can still be used, or None."""
        return self._one(_BY_LINK, {"key": searchable(token_hash), "now": instant(now)})

    def redeem(self, token_hash: str, session: Session, *, instead_of: str = "", beside: Beside) -> bool:
        """Use a one-time link of the session's operator up and keep the session; False when it cannot be used."""
        at = instant(session.created_at)
        use = {"key": searchable(token_hash), "whose": session.operator_id, "at": at}
        return self._opened(session, instead_of, beside, lambda connection: connection.execute(_USE, use).rowcount == 1)

    def open_session(self, session: Session, *, instead_of: str = "", beside: Beside) -> bool:
        """Keep a session in place of the one with the hash `instead_of`; False when its operator is disabled."""
        return self._opened(session, instead_of, beside, lambda _connection: True)

    def session(self, token_hash: str) -> tuple[Session, Operator] | None:
        """Return a session and its operator, who is not disabled; or None."""
        found = self._access.read(_BY_SESSION, {"key": searchable(token_hash)})
        if not found:
            return None
        operator, times = _operator(found[0]), found[0][-3:]
        try:
            created_at, seen_at, expires_at = (_EPOCH + timedelta(microseconds=each) for each in times)
        except _MALFORMED:
            return None  # somebody altered it: nobody is signed in by it
        opened = Session(
            token_hash=token_hash,
            operator_id=operator.id,
            created_at=created_at,
            seen_at=seen_at,
            expires_at=expires_at,
        )
        return opened, operator

    def touch_session(self, token_hash: str, *, at: datetime) -> None:
        """Note that a session was used."""
        values = {"key": searchable(token_hash), "at": instant(at)}
        self._access.written(lambda connection: connection.execute(_TOUCH, values).rowcount, None)

    def close_sessions(self, *, operator_id: str, token_hash: str | None = None, beside: Beside) -> None:
        """End one session of an operator, or all."""
        wanted = [] if token_hash is None else [_SESSION.token_hash == searchable(token_hash)]

        def work(connection: Connection) -> int:
            write_beside(connection, beside)
            return connection.execute(_CLOSE_ALL.where(*wanted), {"whose": searchable(operator_id)}).rowcount

        self._access.written(work, None)

    def sweep(self, *, now: datetime) -> int:
        """Delete sessions and one-time links whose time is up."""
        values = {"now": instant(now)}
        return self._access.written(
            lambda connection: sum(connection.execute(each, values).rowcount for each in _OVER), None
        )

    def _opened(self, session: Session, instead_of: str, beside: Beside, may: Any) -> bool:
        values = _session_values(session)

        def work(connection: Connection) -> int:
            write_beside(connection, beside)
            enabled = connection.execute(_IS_ENABLED, {"key": session.operator_id}).first() is not None
            if not enabled or not may(connection):
                raise _UnchangedError
            if instead_of:
                connection.execute(_CLOSE, {"key": searchable(instead_of)})
            connection.execute(_SEEN, {"key": session.operator_id, "at": values["created_at"]})
            return connection.execute(insert(tables.session), values).rowcount

        return self._changed(work, holding(tables.session, values))

    def _changed(self, work: Any, landed: Landed) -> bool:
        try:
            self._access.written(work, landed)
        except _UnchangedError:
            return False
        return True

    def _one(self, statement: Any, values: dict[str, Any]) -> Operator | None:
        found = self._access.read(statement, values)
        return _operator(found[0]) if found else None


def _leaves_an_admin(connection: Connection, operator: Operator, is_admin: Callable[[Operator], bool]) -> bool:
    """Tell whether somebody is an admin once this operator is as given; nobody is before the first."""
    if is_admin(operator):
        return True
    admins = [each.id for each in map(_operator, connection.execute(_ADMINS)) if is_admin(each)]
    return admins != [operator.id]


def _is(email: str, issuer: str, subject: str) -> list[ColumnElement[bool]]:
    """Return what finds an operator by what is given."""
    found: list[ColumnElement[bool]] = [_OPERATOR.email == searchable(email)] if email else []
    if issuer and subject:
        found.append(and_(_OPERATOR.issuer == searchable(issuer), _OPERATOR.subject == searchable(subject)))
    return found


def _values(operator: Operator) -> dict[str, Any]:
    for name, limit in _LIMITS.items():
        if len(getattr(operator, name)) > limit:
            raise InvalidInput(f"{name} is longer than {limit} characters.")
    return checked(
        {
            "id": operator.id,
            "email": operator.email,
            "issuer": operator.issuer,
            "subject": operator.subject,
            "hosted_domain": operator.hosted_domain,
            "name": operator.name,
            "role": operator.role,
            "created_at": instant(operator.created_at),
            "created_by": operator.created_by,
            "disabled_at": or_none(operator.disabled_at),
            "seen_at": or_none(operator.seen_at),
        }
    )


def _link_values(link: OneTimeLink) -> dict[str, Any]:
    return {"token_hash": link.token_hash, "operator_id": link.operator_id, "expires_at": instant(link.expires_at)}


def _session_values(session: Session) -> dict[str, Any]:
    return {
        "token_hash": session.token_hash,
        "operator_id": session.operator_id,
        "created_at": instant(session.created_at),
        "seen_at": instant(session.seen_at),
        "expires_at": instant(session.expires_at),
    }


def _operator(columns: Row[Any]) -> Operator:
    """Return the operator; raises SealBroken when somebody altered the row: an unknown role is never taken for one."""
    try:
        (ident, email, issuer, subject, hosted, name, role, created, created_by, disabled, seen) = tuple(columns)[:11]
        created_at = moment(created)
        if created_at is None or role not in _ROLES:
            raise ValueError
        return Operator(
            id=ident,
            email=email,
            issuer=issuer,
            subject=subject,
            hosted_domain=hosted,
            name=name,
            role=role,
            created_at=created_at,
            created_by=created_by,
            disabled_at=moment(disabled),
            seen_at=moment(seen),
        )
    except _MALFORMED:
        problem = SealBroken(f"The operator {printable(str(columns[0]), 64)} holds a value of a wrong type.")
    raise problem
