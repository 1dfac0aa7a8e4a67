"""The end of the audit log as a text that can be kept elsewhere: what is cut off later is missed then."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from ...errors import InvalidInput, SealBroken
from ...model import AuditHead, Mac, Signed

LONGEST: Final = 4096
_ADVICE: Final = "Give it as `grantkeeper audit head` wrote it."


class _Written(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    installation: str
    number: int
    mac: str
    at: str
    key_id: str
    signature: str


def head_text(head: AuditHead, *, installation: str, at: datetime, mac: Mac) -> str:
    """Return the head as JSON in one line, signed."""
    moment = at.isoformat(timespec="seconds")
    key_id, signature = mac(_content(installation, head.number, head.mac, moment))
    written = _Written(
        installation=installation, number=head.number, mac=head.mac, at=moment, key_id=key_id, signature=signature
    )
    return msgspec.json.encode(written).decode()


def read_head(text: str | bytes, *, installation: str, signed: Signed) -> AuditHead:
    """Return the head that such a text holds.

    Raises:
        InvalidInput: it is no such text, or of another database.
        SealBroken: somebody altered it, or its key is not in the key ring.
    """
    try:
        found = msgspec.json.decode(text[:LONGEST], type=_Written)
    except (msgspec.MsgspecError, UnicodeError):
        raise InvalidInput("This is no head of an audit log.", advice=_ADVICE) from None
    content = _content(found.installation, found.number, found.mac, found.at)
    right = signed(content, key_id=found.key_id, mac=found.signature)
    if right is None:
        raise SealBroken(
            f"This head was signed with key {found.key_id[:64]}, which is not in the key ring.",
            advice="Add that key to the key ring, before the newest.",
        )
    if not right:
        raise SealBroken("This head of an audit log was altered.", advice="Take another copy of it.")
    if found.installation != installation:
        raise InvalidInput("This head is of another database's audit log.", advice=_ADVICE)
    return AuditHead(number=found.number, mac=found.mac)


def _content(installation: str, number: int, mac: str, at: str) -> bytes:
    return msgspec.json.encode(["grantkeeper audit head 1", installation, number, mac, at])
