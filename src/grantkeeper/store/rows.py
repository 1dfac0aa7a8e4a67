"""Values to columns and back. A database's row is a plain tuple in the order of the columns named here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from ..errors import InvalidInput, SealBroken, printable
from ..model import FlowRow, Grant, GrantRow, GrantStatus, Imported, Picker, Reason, Sealed
from . import tables

# `ended` follows from the status, the lease's end is for the database to judge; the rest is for a worker, for the
# accounts, for imports.
_BESIDE: Final = frozenset(
    {"ended", "due_at", "used_at", "used_on", "checked_at", "warned_at"}
    | {"lease_until", "sharing", "imported", "imported_once"}
)
GRANT_COLUMNS: Final = tuple(column for column in tables.grant.columns if column.name not in _BESIDE)
FLOW_COLUMNS: Final = tuple(tables.flow.columns)

# What reading a row raises when a column holds another type than it was made for, or a time beyond the calendar.
_MALFORMED: Final = (KeyError, TypeError, ValueError, OverflowError)
_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_decode_picker: Final = msgspec.json.Decoder(Picker).decode
_STATUSES: Final = {str(status): status for status in GrantStatus}
_REASONS: Final = {str(reason): reason for reason in Reason}


_TEXT_LIMITS: Final[Mapping[str, int]] = {
    "id": tables.ID_LENGTH,
    "state_hash": tables.ID_LENGTH,
    "browser_hash": tables.ID_LENGTH,
    "grant_id": tables.ID_LENGTH,
    "result_grant_id": tables.ID_LENGTH,
    "owner": tables.OWNER_LENGTH,
    "client": tables.CLIENT_LENGTH,
    "issuer": tables.ISSUER_LENGTH,
    "subject": tables.SUBJECT_LENGTH,
    "email": tables.EMAIL_LENGTH,
    "kind": tables.KIND_LENGTH,
    "link_id": tables.ID_LENGTH,
    "endpoint_id": tables.ID_LENGTH,
    "operator_id": tables.ID_LENGTH,
    "key_id": tables.ID_LENGTH,
    "token_hash": tables.ID_LENGTH,
    "action": tables.KIND_LENGTH,
    "actor": tables.NAME_LENGTH,
    "target": tables.TARGET_LENGTH,
    "created_by": tables.NAME_LENGTH,
    "key_name": tables.NAME_LENGTH,
    "language": tables.WORD_LENGTH,
    "reason": tables.WORD_LENGTH,
    "account_id": tables.ACCOUNT_LENGTH,
    "status": tables.WORD_LENGTH,
    "currency": tables.WORD_LENGTH,
    "time_zone": tables.WORD_LENGTH,
}


def checked(values: dict[str, Any]) -> dict[str, Any]:
    """Return `values` when every text fits every database; by themselves they differ (SQLite checks no length).

    Raises:
        InvalidInput: a text is too long, or holds a NUL or half a surrogate pair, which PostgreSQL cannot keep.
    """
    for name, value in values.items():
        if not isinstance(value, str):
            continue
        limit = _TEXT_LIMITS.get(name)
        if limit is not None and len(value) > limit:
            raise InvalidInput(f"{name} is longer than {limit} characters.")
        if not _storable(value):
            raise InvalidInput(f"{name} holds a character that cannot be stored.")
    return values


def searchable(text: str) -> str | None:
    """Return `text`; or NULL, which equals nothing, when it is none that can be stored."""
    return text if _storable(text) else None


def _storable(text: str) -> bool:
    return _UNSTORABLE.search(text) is None


def instant(at: datetime) -> int:
    """Return microseconds since 1970 UTC, exactly; `at` is aware."""
    return (at - _EPOCH) // _MICROSECOND


def grant_values(row: GrantRow) -> dict[str, Any]:
    """Return the columns of a grant.

    Raises:
        InvalidInput: a text is longer than its column or cannot be stored.
    """
    grant, sealed = row.grant, row.sealed
    values = {
        "id": grant.id,
        "owner": grant.owner,
        "client": grant.client,
        "issuer": grant.issuer,
        "subject": grant.subject,
        "email": grant.email,
        "status": str(grant.status),
        "reason": str(grant.reason),
        "scopes": _scope_text(grant.scopes),
        "missing": _scope_text(grant.missing),
        "extra": _scope_text(grant.extra),
        "expires_at": or_none(grant.expires_at),
        "ends_at": or_none(grant.ends_at),
        "consented_at": instant(grant.consented_at),
        "created_at": instant(grant.created_at),
        "updated_at": instant(grant.updated_at),
        "refreshed_at": or_none(grant.refreshed_at),
        "version": grant.version,
        "generation": row.generation,
        "data_key": sealed.key if sealed else None,
        "sealed": sealed.data if sealed else None,
        "ended": grant.id if grant.status is GrantStatus.REVOKED else "",
        "refused_at": or_none(row.refused_at),
        "unconfirmed": 0 if grant.confirmed else 1,
    }
    return checked(values)


def due_values(row: GrantRow) -> dict[str, Any]:
    """Return the column that says when the grant is due next, when the row says it; a worker may have moved it."""
    return {} if row.due_at is None else {"due_at": instant(row.due_at)}


def imported_values(imported: Imported | None) -> dict[str, Any]:
    """Return the columns that keep what a grant was taken over with."""
    if imported is None:
        return {"imported": None, "imported_once": None}
    return checked({"imported": imported.token, "imported_once": imported.token if imported.alone else None})


def without_lease(row: GrantRow) -> dict[str, Any]:
    """Return the columns that end a refresh: no lease, and what stays open of it."""
    return {
        "lease_owner": None,
        "lease_until": None,
        "sent_at": or_none(row.sent_at),
        "sends": min(row.sends, tables.MOST_SENDS),
    }


def grant_row(columns: Sequence[Any]) -> GrantRow:
    """Return the row whose GRANT_COLUMNS these are.

    Raises:
        SealBroken: somebody altered the row, or a newer version wrote it: it holds what is no grant.
    """
    try:
        return _grant_row(columns)
    except _MALFORMED as error:
        problem = _not_ours(f"Grant {columns[0]!r}", error)
    raise problem


def _grant_row(columns: Sequence[Any]) -> GrantRow:
    _check_types(columns[:11], str)
    (ident, owner, client, issuer, subject, email, status, reason, scopes, missing, extra) = columns[:11]
    (expires, ends, consented, created, updated, refreshed, version, generation, key, data) = columns[11:21]
    (lease, sent, sends, refused, unconfirmed) = columns[21:]
    _check_types((version, generation, sends, unconfirmed), int)
    grant = Grant(
        id=ident,
        owner=owner,
        client=client,
        issuer=issuer,
        subject=subject,
        email=email,
        status=_STATUSES[status],
        reason=_reason(reason, _STATUSES[status]),
        scopes=frozenset(scopes.split()),
        missing=frozenset(missing.split()),
        extra=frozenset(extra.split()),
        expires_at=moment(expires),
        ends_at=moment(ends),
        consented_at=_EPOCH + timedelta(microseconds=consented),
        created_at=_EPOCH + timedelta(microseconds=created),
        updated_at=_EPOCH + timedelta(microseconds=updated),
        refreshed_at=moment(refreshed),
        version=version,
        confirmed=not unconfirmed,
    )
    return GrantRow(
        grant=grant,
        generation=generation,
        sealed=_sealed(key, data),
        lease=lease or "",
        sent_at=moment(sent),
        sends=sends,
        refused_at=moment(refused),
    )


def flow_values(flow: FlowRow) -> dict[str, Any]:
    """Return the columns of a flow.

    Raises:
        InvalidInput: a text is longer than its column or cannot be stored.
    """
    values = {
        "state_hash": flow.state_hash,
        "browser_hash": flow.browser_hash,
        "owner": flow.owner,
        "client": flow.client,
        "redirect_uri": flow.redirect_uri,
        "data_key": flow.sealed.key if flow.sealed else None,
        "sealed": flow.sealed.data if flow.sealed else None,
        "expires_at": instant(flow.expires_at),
        "grant_id": flow.grant_id,
        "other_account": flow.other_account,
        "forced_consent": flow.forced_consent,
        "consumed_at": or_none(flow.consumed_at),
        "outcome": flow.outcome,
        "result_grant_id": flow.result_grant_id,
        "picker": None if flow.picker is None else msgspec.json.encode(flow.picker).decode(),
        "link_id": flow.link_id,
    }
    return checked(values)


def flow_row(columns: Sequence[Any]) -> FlowRow:
    """Return the flow whose FLOW_COLUMNS these are.

    Raises:
        SealBroken: somebody altered the row: it holds what is no flow.
    """
    try:
        return _flow_row(columns)
    except _MALFORMED as error:
        problem = _not_ours(f"The flow with the state's hash {columns[0]!r}", error)
    raise problem


def _flow_row(columns: Sequence[Any]) -> FlowRow:
    (state, browser, owner, client, redirect_uri, key, data, expires) = columns[:8]
    (grant_id, other_account, forced, consumed, outcome, result_grant_id, picker, link_id) = columns[8:]
    texts = (state, browser, owner, client, redirect_uri, grant_id, other_account, outcome, result_grant_id, link_id)
    _check_types(texts, str)
    return FlowRow(
        state_hash=state,
        browser_hash=browser,
        owner=owner,
        client=client,
        redirect_uri=redirect_uri,
        sealed=_sealed(key, data),
        expires_at=_EPOCH + timedelta(microseconds=expires),
        grant_id=grant_id,
        other_account=other_account,
        forced_consent=bool(forced),
        consumed_at=moment(consumed),
        outcome=outcome,
        result_grant_id=result_grant_id,
        picker=None if picker is None else _decode_picker(picker),
        link_id=link_id,
    )


def _scope_text(scopes: frozenset[str]) -> str:
    """Return scopes as RFC 6749 3.3 writes them, in a stable order; none of them holds a space."""
    return " ".join(sorted(scopes))


def or_none(at: datetime | None) -> int | None:
    """Return what `instant` does; None for none."""
    return None if at is None else instant(at)


def moment(microseconds: int | None) -> datetime | None:
    """Return the time that `instant` was given; None for none."""
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


def _sealed(key: bytes | None, data: bytes | None) -> Sealed | None:
    if key is None or data is None:
        return None
    _check_types((key, data), bytes)
    return Sealed(key=key, data=data)


def _reason(word: str, status: GrantStatus) -> Reason:
    """Return the reason; of one that a newer version wrote, the most general that fits the status.

    The status decides what may be done with a grant, the reason only explains it: while old and new processes share a
    database, as in every upgrade, an explanation that is not known here must stop nobody.
    """
    lives = status in (GrantStatus.ACTIVE, GrantStatus.PENDING)
    return _REASONS.get(word, Reason.NONE if lives else Reason.REVOKED_OR_EXPIRED)


def _check_types(values: Sequence[Any], kind: type) -> None:
    """Raise TypeError for a value of another type: SQLite keeps any type in any column."""
    for value in values:
        if not isinstance(value, kind):
            raise TypeError


def _not_ours(row: str, error: Exception) -> SealBroken:
    """Return the error that names the row; nothing in it is repeated, for it may be a token in clear."""
    advice = "Restore the row from a backup, or upgrade grantkeeper if a newer version wrote it."
    what = "a status that is not known here" if isinstance(error, KeyError) else "a value of a wrong type"
    return SealBroken(f"{printable(row)} holds {what}.", advice=advice)
