"""A link's values to columns and back, and its replacement in a transaction."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

import msgspec
from sqlalchemy import Connection, Row, bindparam, update

from ....errors import Conflict, SealBroken, printable
from ....model import Confirm, Expectation, Link, LinkRow, LinkSave, LinkStatus, Picker, Sealed
from ... import tables
from ...rows import checked, instant, moment, or_none

_LINK: Final = tables.link.columns
_SAVE: Final = update(tables.link).where(_LINK.id == bindparam("key"), _LINK.version == bindparam("expected_version"))
_MALFORMED: Final = (KeyError, TypeError, ValueError, OverflowError)
_TIMES: Final = ("opened_at", "consented_at", "confirmed_at", "failed_at", "revoked_at")


class _Expected(msgspec.Struct):
    kind: Literal["email", "hosted_domain", "subject"]
    value: str


_decode_picker: Final = msgspec.json.Decoder(Picker).decode
_decode_expected: Final = msgspec.json.Decoder(_Expected).decode


def replace_link(connection: Connection, change: LinkSave) -> None:
    """Replace a link's row in a transaction; raises Conflict when somebody did first."""
    values = link_values(change.row)
    guards = {"key": values.pop("id"), "expected_version": change.expected_version}
    if connection.execute(_SAVE, {**guards, **values}).rowcount != 1:
        raise Conflict("Somebody changed this link first.", advice="Read it again.")


def link_values(row: LinkRow) -> dict[str, Any]:
    """Return the columns of a link."""
    link, expect, sealed = row.link, row.link.expect, row.sealed
    values = {
        "id": link.id,
        "token_hash": row.token_hash,
        "owner": link.owner,
        "client": link.client,
        "status": str(link.status),
        "confirm": link.confirm,
        "expect": None if expect is None else msgspec.json.encode(_Expected(expect.kind, expect.value)).decode(),
        "return_to": link.return_to,
        "picker": None if link.picker is None else msgspec.json.encode(link.picker).decode(),
        "language": link.language,
        "other_account": link.other_account,
        "message": link.message,
        "grant_id": link.grant_id,
        "reason": link.reason,
        "result_grant_id": link.result_grant_id,
        "failure": link.failure,
        "created_by": link.created_by,
        "created_at": instant(link.created_at),
        "expires_at": instant(link.expires_at),
        "data_key": sealed.key if sealed else None,
        "sealed": sealed.data if sealed else None,
        "proof_hash": row.proof_hash,
        "proof_until": or_none(row.proof_until),
        "proof_tries": row.proof_tries,
        "code_tries": row.code_tries,
        "version": link.version,
    }
    return checked(values | {name: or_none(getattr(link, name)) for name in _TIMES})


def link_row(columns: Row[Any]) -> LinkRow:
    """Return the link; raises SealBroken when somebody altered it."""
    try:
        return _read(columns)
    except _MALFORMED:
        problem = SealBroken(f"The link {printable(str(columns.id), 64)} holds a value of a wrong type.")
    raise problem


def _read(columns: Row[Any]) -> LinkRow:
    created_at, expires_at = moment(columns.created_at), moment(columns.expires_at)
    assert created_at is not None and expires_at is not None  # noqa: S101, PT018 - the columns take no NULL
    expected = None if columns.expect is None else _decode_expected(columns.expect)
    link = Link(
        id=columns.id,
        owner=columns.owner,
        client=columns.client,
        status=LinkStatus(columns.status),
        confirm=_confirm(columns.confirm),
        expect=None if expected is None else Expectation(kind=expected.kind, value=expected.value),
        return_to=columns.return_to,
        picker=None if columns.picker is None else _decode_picker(columns.picker),
        language=columns.language,
        other_account="add" if columns.other_account == "add" else "refuse",
        message=columns.message,
        grant_id=columns.grant_id,
        reason=columns.reason,
        result_grant_id=columns.result_grant_id,
        failure=columns.failure,
        asks_code=columns.code_tries is not None,
        created_by=columns.created_by,
        created_at=created_at,
        expires_at=expires_at,
        **{name: moment(getattr(columns, name)) for name in _TIMES},
        version=columns.version,
    )
    data_key, data = columns.data_key, columns.sealed
    return LinkRow(
        link=link,
        token_hash=columns.token_hash,
        sealed=None if data_key is None or data is None else Sealed(key=bytes(data_key), data=bytes(data)),
        proof_hash=columns.proof_hash,
        proof_until=moment(columns.proof_until),
        proof_tries=columns.proof_tries,
        code_tries=columns.code_tries,
    )


def _confirm(word: str) -> Confirm:
    """Return how it is confirmed; raises ValueError for what is none: it is never taken for `auto`."""
    found: dict[str, Confirm] = {each: each for each in get_args(Confirm)}
    if word not in found:
        raise ValueError
    return found[word]
