"""A provider's answer, as a value and as it stands in the journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from ...errors import SealBroken
from ...model import GrantRow, OAuthClient, Sealed, Secret
from ...oauth.token import TokenAnswer
from ..vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A provider's answer to a refresh, and the row as it was when `sent` was sent, under the lease `attempt`."""

    row: GrantRow
    client: OAuthClient
    sent: Secret = field(repr=False)
    answer: TokenAnswer
    asked_at: datetime
    attempt: str


class Left(msgspec.Struct, frozen=True):
    """An entry of the journal, opened as far as anybody may: the answer itself is sealed."""

    installation: str
    grant_id: str
    generation: int
    attempt: str
    key: bytes
    data: bytes


class _Written(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is sealed: holds secrets in clear, and prints; none outlives the function that needs it."""

    expires_at: datetime
    asked_at: datetime
    access_token: str | None = None
    refresh_token: str | None = None
    id_token: str | None = None
    scopes: list[str] | None = None
    ends_at: datetime | None = None
    problem: str = ""


def entry_of(answered: Answered, vault: Vault) -> bytes:
    """Return an answer as the journal keeps it."""
    grant_id, generation = answered.row.grant.id, answered.row.generation
    sealed = vault.seal_answer(_written(answered), grant_id=grant_id, generation=generation)
    return msgspec.json.encode(
        Left(
            installation=vault.installation,
            grant_id=grant_id,
            generation=generation,
            attempt=answered.attempt,
            key=sealed.key,
            data=sealed.data,
        )
    )


def left(payload: bytes) -> Left:
    """Return an entry of the journal; raises SealBroken when it is none."""
    try:
        return msgspec.json.decode(payload, type=Left)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        problem = SealBroken("An entry of the journal is damaged.", advice="Keep the file; nothing else holds it.")
    raise problem


def answered_of(entry: Left, vault: Vault, *, row: GrantRow, client: OAuthClient, sent: Secret) -> Answered:
    """Return the answer that an entry holds; raises SealBroken when it does not open or is of another version."""
    sealed = Sealed(key=entry.key, data=entry.data)
    opened = vault.open_answer(sealed, grant_id=entry.grant_id, generation=entry.generation)
    try:
        answer, asked_at = _read(opened)
    except msgspec.MsgspecError:
        del opened
        raise SealBroken(f"The journal's entry for grant {entry.grant_id} is not what grantkeeper writes.") from None
    return Answered(row=row, client=client, sent=sent, answer=answer, asked_at=asked_at, attempt=entry.attempt)


def _written(answered: Answered) -> bytes:
    answer = answered.answer
    return msgspec.json.encode(
        _Written(
            expires_at=answer.expires_at,
            asked_at=answered.asked_at,
            access_token=_value(answer.access_token),
            refresh_token=_value(answer.refresh_token),
            id_token=_value(answer.id_token),
            scopes=None if answer.scopes is None else sorted(answer.scopes),
            ends_at=answer.ends_at,
            problem=answer.problem,
        )
    )


def _read(opened: bytes) -> tuple[TokenAnswer, datetime]:
    plain = msgspec.json.decode(opened, type=_Written)
    answer = TokenAnswer(
        access_token=_secret(plain.access_token),
        refresh_token=_secret(plain.refresh_token),
        token_type="Bearer",  # noqa: S106 - the only one that is ever used
        expires_at=plain.expires_at,
        scopes=None if plain.scopes is None else frozenset(plain.scopes),
        id_token=_secret(plain.id_token),
        ends_at=plain.ends_at,
        problem=plain.problem,
    )
    return answer, plain.asked_at


def _value(secret: Secret | None) -> str | None:
    return None if secret is None else secret.reveal()


def _secret(value: str | None) -> Secret | None:
    return None if value is None else Secret(value)
