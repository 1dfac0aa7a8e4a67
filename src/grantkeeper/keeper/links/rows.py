"""Links as rows: read, changed by compare-and-swap, and what a reader of them may be told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, TypeVar

from ...errors import Conflict, NotFound, printable
from ...model import AuditEntry, Event, Link, LinkRow, LinkSave, Secret
from ..parts import Parts

SAVE_ATTEMPTS: Final = 5
TABLE: Final = "link"

T = TypeVar("T")


class LinkRows:
    """The links of a keeper. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._links = parts.store.links
        self._vault = parts.vault

    def get(self, link_id: str) -> LinkRow:
        """Return the row; raises NotFound."""
        row = self._links.get(link_id)
        if row is None:
            raise NotFound(
                f"There is no link {printable(link_id, 64)!r}.", advice="`grantkeeper links list` shows them."
            )
        return row

    def save(self, row: LinkRow, *audit: AuditEntry, events: tuple[Event, ...] = (), **values: Any) -> LinkRow:
        """Save the row with these values of its link; raises Conflict when somebody changed it since it was read."""
        link = replace(row.link, **values, version=row.link.version + 1)
        saved = replace(row, link=link)
        beside = self._parts.beside(*audit, events=events)
        self._links.save(LinkSave(row=saved, expected_version=row.link.version), beside=beside)
        return saved

    def token(self, row: LinkRow) -> tuple[Secret, Secret | None] | None:
        """Return what stands in its address, and its code if it asks for one; None once it is used up."""
        if row.sealed is None:
            return None
        opened = self._vault.open_secret(row.sealed, table=TABLE, row=row.link.id, column="token").reveal()
        token, _, code = opened.partition(" ")
        return Secret(token), Secret(code) if code else None

    def entry(self, link: Link, action: str, *, by: str, **data: Any) -> AuditEntry:
        """Return what the audit log says of an action on a link."""
        return AuditEntry(
            at=self._parts.now(),
            actor=by,
            action=action,
            target=f"link:{link.id}",
            owner=link.owner,
            data={"client": link.client, **data},
            personal={} if link.expect is None else {"expect": link.expect.value},
        )

    def event(self, link: Link, kind: str) -> Event:
        """Return an event about a link."""
        return Event(
            kind=kind,
            at=self._parts.now(),
            grant_id=link.grant_id,
            owner=link.owner,
            client=link.client,
            data={"link_id": link.id},
        )


def retried(work: Callable[[], T]) -> T:
    """Do it again, from reading on, whenever somebody saved first."""
    for _ in range(SAVE_ATTEMPTS):
        try:
            return work()
        except Conflict:
            continue
    raise Conflict("The link changes faster than it can be saved.", advice="Try again.")
