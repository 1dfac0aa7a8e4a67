"""Walking the audit log from its first entry to its last: whatever was taken out of it or altered is found (V-66)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from ...model import AuditHead, AuditStore, ChainLink, Signed
from ...store.records.audit.log import digest, signed_text

PAGE: Final = 500
ERASE: Final = "owner.erase"
"""The action of the entry that says that an owner's personal data was erased."""
_TOLD: Final = 10

How: TypeAlias = Literal["altered", "missing", "cut", "added", "personal", "erased", "key", "other"]
"""What is wrong: `altered`, the entry or the one before it is not what was signed; `missing`, entries before it are not
there; `cut`, entries at the end are not there; `added`, there are more than the head says; `personal`, the personal
part is not what was signed; `erased`, it was erased and no entry says so; `key`, signed by a key that is not in the key
ring; `other`, the head that was kept elsewhere is another log's."""

SAID: Final[dict[How, str]] = {
    "altered": "Entry {number} is not what was signed: it, or its place in the order, was altered.",
    "missing": "Entry {number} is missing: it was deleted, or moved.",
    "cut": "Entry {number} and what followed it are missing: the end was cut off.",
    "added": "Entry {number} was added behind the end of the log.",
    "personal": "The personal part of entry {number} was altered.",
    "erased": "The personal part of entry {number} was taken out, and no entry says that its owner was erased.",
    "key": "Entry {number} was signed with key {key}, which is not in the key ring: it cannot be checked.",
    "other": "The head that was kept elsewhere does not belong to this log, from entry {number} on or before.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What a walk found. `problem` is "" when all is as it was signed; else `number` is the first entry that is wrong.

    `checked` is how many entries were. `unknown_keys` are those that signed entries and are not in the key ring.
    """

    checked: int
    head: AuditHead
    problem: How | Literal[""] = ""
    number: int = 0
    unknown_keys: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return not self.problem

    def __str__(self) -> str:
        """Say what was found, in one sentence."""
        if not self.problem:
            return f"{self.checked} entries, each as it was signed."
        key = self.unknown_keys[0] if self.unknown_keys else ""
        return SAID[self.problem].format(number=self.number, key=key)


class _Wrong(Exception):
    def __init__(self, how: How, number: int) -> None:
        super().__init__()
        self.how: How = how
        self.number = number


@dataclass(slots=True, kw_only=True)
class _Walk:
    """Where a walk is: the last entry that was right, and what has to be said yet by those that follow.

    While it is `closing`, nothing more has to be: it would have to be said by what follows, and so on.
    """

    number: int = 0
    mac: str = ""
    closing: bool = False
    erased: dict[str, int] = field(default_factory=dict)
    unknown: dict[str, int] = field(default_factory=dict)


def verify(store: AuditStore, signed: Signed, *, kept: AuditHead | None) -> AuditReport:
    """Walk the log; `kept` is a head that was kept where whoever can write the database cannot.

    Without one, entries that were cut off at the end together with the head's row are not missed: nothing in a database
    can tell of what followed. Memory does not grow with the log.
    """
    walk = _Walk()
    try:
        head = _walked(walk, store, signed, kept)
        _end(walk, kept)
    except _Wrong as wrong:
        return AuditReport(
            checked=walk.number,
            head=AuditHead(number=walk.number, mac=walk.mac),
            problem=wrong.how,
            number=wrong.number,
            unknown_keys=tuple(walk.unknown),
        )
    return AuditReport(checked=head.number, head=head)


def _walked(walk: _Walk, store: AuditStore, signed: Signed, kept: AuditHead | None) -> AuditHead:
    """Check every entry that there is when it begins, and return their head; entries may be appended meanwhile.

    Those that were, up to where the log ends when the first walk does, are walked too, for what was erased while we
    looked is said there. That is all: a log that always grows is walked in a finite time.
    """
    head = store.head()
    _walk_to(head, walk, store, signed, kept)
    walk.closing = True
    _walk_to(store.head(), walk, store, signed, kept)
    newest = store.newest()  # before the head, which is moved in the transaction of each entry
    last = store.head().number
    if not isinstance(newest, int) or newest > last:
        raise _Wrong("added", last + 1)
    return head


def _walk_to(head: AuditHead, walk: _Walk, store: AuditStore, signed: Signed, kept: AuditHead | None) -> None:
    while walk.number < head.number:
        page = store.chain(after=walk.number, limit=min(PAGE, head.number - walk.number))
        if not page:
            raise _Wrong("cut", walk.number + 1)
        for link in page:
            _check(walk, link, signed)
            if kept is not None and walk.number == kept.number and not _same(walk.mac, kept.mac):
                raise _Wrong("other", walk.number)
    if walk.number > head.number:
        raise _Wrong("added", head.number + 1)
    if not _same(walk.mac, head.mac):
        raise _Wrong("altered", walk.number)


def _check(walk: _Walk, link: ChainLink, signed: Signed) -> None:
    number = walk.number + 1
    if link.number != number:
        raise _Wrong("missing", number)
    if not all(isinstance(each, str) for each in (link.key_id, link.mac, link.personal_digest)):
        raise _Wrong("altered", number)
    try:
        right = signed(signed_text(walk.mac, link.columns), key_id=link.key_id, mac=link.mac)
    except (TypeError, ValueError):  # a value that no entry of ours has
        raise _Wrong("altered", number) from None
    if right is False:
        raise _Wrong("altered", number)
    if right is None:
        walk.unknown.setdefault(link.key_id[:_LONGEST_ID], number)
    _check_personal(walk, link, number)
    walk.number, walk.mac = number, link.mac


_LONGEST_ID: Final = 64


def _check_personal(walk: _Walk, link: ChainLink, number: int) -> None:
    """Compare the personal part with its digest; where it was erased, wait for the entry that says so."""
    action, owner = link.columns[3], link.columns[5]
    if link.personal is None and link.salt is None:
        if link.personal_digest and not walk.closing:
            walk.erased.setdefault(owner, number)
    elif not _is_digest(link.personal, link.salt, link.personal_digest):
        raise _Wrong("personal", number)
    if action == ERASE:
        walk.erased.pop(owner, None)


def _is_digest(personal: Any, salt: Any, written: str) -> bool:
    if not isinstance(personal, str) or not isinstance(salt, str):
        return False
    return _same(digest(personal, salt), written)


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def _end(walk: _Walk, kept: AuditHead | None) -> None:
    """Say what shows only at the end."""
    if kept is not None and kept.number > walk.number:
        raise _Wrong("cut", walk.number + 1)
    if walk.erased:
        raise _Wrong("erased", min(walk.erased.values()))
    if walk.unknown:
        raise _Wrong("key", min(walk.unknown.values()))
