"""The audit log: read, verified, exported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from ...errors import InvalidInput, SealBroken
from ...model import AuditEntry, AuditHead, GrantStatus, SealedEntry
from ..parts import Parts
from .heads import head_text, read_head
from .verifying import AuditReport, verify

PAGE: Final = 500
MOST: Final = 1000


class Auditing:
    """The keeper's `audit`. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store

    def note(self, action: str, target: str, *, owner: str = "", by: str, **data: Any) -> None:
        """Write down what is about to be done that changes nothing in the database itself (V-65, V-67)."""
        entry = AuditEntry(at=self._parts.now(), actor=by, action=action, target=target, owner=owner, data=data)
        self._store.audit.add(entry, mac=self._parts.mac)

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
    ) -> list[AuditEntry]:
        """Return entries that match all that is given, by number; at most `limit` (1 to 1,000)."""
        if after < 0 or not 1 <= limit <= MOST:
            raise InvalidInput("after is an entry's number, and limit is 1 to 1,000.")
        found = self._store.audit.read(
            after=after,
            before=before,
            target=target,
            actor=actor,
            owner=owner,
            newest_first=newest_first,
            limit=limit,
        )
        return [each.entry for each in found]

    def head(self) -> str:
        """Return the end of the log as a signed text; keep it where nobody who can write the database can."""
        installation = self._parts.vault.installation
        head = self._store.audit.head()
        return head_text(head, installation=installation, at=self._parts.now(), mac=self._parts.mac)

    def verify(self, head: str | bytes | None = None) -> AuditReport:
        """Walk the whole log and say what is wrong first; `head` is a text that `head` returned some time ago.

        Raises:
            InvalidInput: `head` is no such text. SealBroken: it was altered, or the log's own head is gone.
        """
        kept: AuditHead | None = None
        if head is not None:
            kept = read_head(head, installation=self._parts.vault.installation, signed=self._parts.signed)
        return verify(self._store.audit, self._parts.signed, kept=kept)

    def export(self, *, after: int = 0) -> Iterator[dict[str, Any]]:
        """Yield entries as JSON objects, by number, from the one behind `after` on; reads page by page.

        One that was altered, so that it cannot be read, is there too: `unreadable` is true, and `verify` tells more.
        Personal data is in them as far as it was not erased: whoever keeps the export has to erase it there.
        """
        while page := self._store.audit.read(after=after, limit=PAGE):
            yield from map(_exported, page)
            after = page[-1].entry.number

    def ready(self) -> None:
        """See `Keeper.ready`."""
        self._store.check()
        for newest in self._store.audit.read(newest_first=True, limit=1):
            if self._parts.signed(b"", key_id=newest.key_id, mac="") is None:
                raise SealBroken(
                    f"The database was last written with key {newest.key_id}, which is not in the key ring.",
                    advice="Add that key to the key ring.",
                )
            return
        for row in self._store.grants(statuses=(GrantStatus.ACTIVE,), limit=1):
            self._parts.vault.open_tokens(row)


def _exported(sealed: SealedEntry) -> dict[str, Any]:
    entry = sealed.entry
    return {
        "number": entry.number,
        "at": entry.at.isoformat(),
        "actor": entry.actor,
        "action": entry.action,
        "target": entry.target,
        "owner": entry.owner,
        "data": dict(entry.data),
        "personal": dict(entry.personal),
        "erased": entry.erased,
        "unreadable": entry.unreadable,
        "personal_digest": sealed.personal_digest,
        "key_id": sealed.key_id,
        "mac": sealed.mac,
    }
