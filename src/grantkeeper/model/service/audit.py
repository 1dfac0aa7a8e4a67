"""What was done, by whom: a chain that shows what was taken out of it or altered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from .beside import Beside

Mac: TypeAlias = Callable[[bytes], tuple[str, str]]
"""Signs bytes with a key that is not in the database: returns the key's id and the HMAC-SHA-256, both in hex."""


class Signed(Protocol):
    """Tells whether a `Mac` made this."""

    def __call__(self, content: bytes, *, key_id: str, mac: str) -> bool | None:
        """Return None when the key is not known here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """A privileged action. `data` and `personal` are JSON and hold no secret; `personal` can be erased later.

    `actor` is who did it: `cli`, `program`, `worker`, `person`, `key:ID` or `operator:ID`; `target` what it was done
    to: `grant:ID`, `link:ID`, `key:ID`, `operator:ID`, `endpoint:ID`, `owner:ID`. `owner` is whose data it concerns,
    "" for nobody's. `number`, `key_id`, `mac` and `erased` are known once it is written. One that is `unreadable` was
    altered: it holds what can be read of it, its action is `unreadable`, and `verify` tells more.
    """

    at: datetime
    actor: str
    action: str
    target: str
    owner: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    personal: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0
    erased: bool = False
    unreadable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEntry:
    """An entry as stored, with what ties it to the one before.

    `mac` is over the MAC before it and everything of the entry, of `personal` only the digest, which is
    HMAC(salt, personal): so that the chain holds when a person's data is erased together with its salt.
    """

    entry: AuditEntry
    personal_digest: str
    salt: str
    key_id: str
    mac: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """An entry exactly as its columns hold it, nothing read into it: what was altered shows in what was signed.

    `columns` are what the signature is over, in its order; a value of a wrong type stays what it is.
    """

    number: int
    columns: tuple[Any, ...]
    personal: Any
    salt: Any
    personal_digest: Any
    key_id: Any
    mac: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What was erased about an owner. `pending` are grants that the provider has not heard of yet: erase again.

    `untold` are grants whose provider can never be told, because their OAuth client is not configured here any
    more, their token does not open, or somebody altered a row that has to be read: there only the person can end them.
    """

    owner: str
    revoked: int = 0
    pending: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()
    grants: int = 0
    accounts: int = 0
    looks: int = 0
    links: int = 0
    flows: int = 0
    events: int = 0
    entries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditHead:
    """The end of the chain: how many entries there are, and the MAC of the last ("" for none)."""

    number: int
    mac: str


class AuditStore(Protocol):
    """The audit log; a part of the Store. Entries are written with the change that they tell of (`Beside`)."""

    def head(self) -> AuditHead:
        """Return the end of the chain."""

    def read(
        self,
        *,
        after: int = 0,
        before: int | None = None,
        target: str | None = None,
        actor: str | None = None,
        owner: str | None = None,
        newest_first: bool = False,
        limit: int = 100,
    ) -> list[SealedEntry]:
        """Return entries that match all that is given, by number; what was altered says so (`AuditEntry`)."""

    def newest(self) -> Any:
        """Return the number of the last entry, as it is stored; 0 when there is none."""

    def chain(self, *, after: int, limit: int) -> list[ChainLink]:
        """Return entries as they are stored, by number."""

    def add(self, entry: AuditEntry, *, mac: Mac) -> None:
        """Write an entry that no change goes with."""


class ErasureStore(Protocol):
    """Takes what is personal out of every table; a part of the Store."""

    def grants(self, owner: str, *, after: str, limit: int) -> list[str]:
        """Return the ids of an owner's grants in order, those greater than `after`, also of what cannot be read."""

    def end(self, grant_id: str, *, owner: str, at: datetime, beside: Beside) -> None:
        """End a grant whose row cannot be read, and write what is beside it: of its values only the times stay."""

    def erase(self, owner: str, *, entry: AuditEntry, mac: Mac) -> Erasure:
        """Erase what is personal about an owner's ended grants, links and entries, in one transaction."""
