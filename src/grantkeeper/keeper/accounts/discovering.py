"""A look at what a grant reaches, from the provider to the rows, with the event of what changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from ...accounts import discoveries, discovery
from ...accounts.discovery import Discovery
from ...accounts.drift import Drift, merged, told
from ...errors import Conflict, GrantkeeperError, ProviderUnavailable, printable
from ...model import Account, AccountChanges, Event, FoundAccount, Grant, GrantStatus, Look, Sharing
from ...model.account import ID_LENGTH
from ...model.event import ACCOUNTS_CHANGED
from ..parts import Parts
from .looking import Looking, RefusedError

SAVE_ATTEMPTS: Final = 5
WORD_LENGTH: Final = 64
"""What a row holds of a word of the provider's (`store.tables`)."""


class Discovering:
    """Looks, compares, saves. Thread-safe."""

    def __init__(self, parts: Parts, *, looking: Looking) -> None:
        self._store = parts.store
        self._now = parts.now
        self._looking = looking

    def sharing(self, grant_id: str) -> Sharing:
        """Return what the grant shares."""
        return self._store.accounts.sharing(grant_id) or Sharing()

    def discover(self, grant: Grant, only: set[str] | None) -> AccountChanges:
        """Look at every kind of account that the grant was given for, or at these, and keep what is found."""
        appeared: list[Account] = []
        lost: list[Account] = []
        problems: dict[str, GrantkeeperError] = {}
        for kind, found in self._found(grant, only, problems):
            drift = self._saved(grant, kind, found)
            appeared += drift.appeared
            lost += drift.lost
        for kind, problem in problems.items():
            self._note(grant, kind, problem)
        left = sum(each.shared and each.lost_at is None for each in self._store.accounts.of(grant.id))
        return AccountChanges(
            grant_id=grant.id, appeared=tuple(appeared), lost=tuple(lost), shared_left=left, problems=problems
        )

    def _found(
        self, grant: Grant, only: set[str] | None, problems: dict[str, GrantkeeperError]
    ) -> Iterable[tuple[str, list[FoundAccount]]]:
        """Yield what each kind's look finds; a kind whose scope was taken back reaches nothing."""
        kinds = {each.kind: each for each in reached(grant)}
        for kind, each in kinds.items():
            if only is not None and kind not in only:
                continue
            try:
                yield kind, _checked(self._looking.look(grant.id, grant.client, each))
            except RefusedError as refused:
                problems[kind] = refused.reason
            except ProviderUnavailable as error:
                problems[kind] = error
        if only is None:
            yield from ((look.kind, []) for look in self._store.accounts.looks(grant.id) if look.kind not in kinds)

    def _saved(self, grant: Grant, kind: str, found: Sequence[FoundAccount]) -> Drift:
        """Merge what was found with what is known now, and save both with the event; again when somebody was faster."""
        for _ in range(SAVE_ATTEMPTS):
            before = self._last_look(grant.id, kind)
            everything = self._store.accounts.of(grant.id)
            known = [each for each in everything if each.kind == kind]
            now, first = self._now(), before is None or before.looked_at is None
            seen = self.sharing(grant.id)
            drift = merged(known, found, grant_id=grant.id, sharing=seen, first=first, now=now)
            look = Look(grant_id=grant.id, kind=kind, tried_at=now, looked_at=now, version=_next(before))
            event = None if first else self._changed(grant, kind, drift, everything)
            try:
                self._store.accounts.save_look(look, drift.changed, person=grant.subject, seen=seen, event=event)
            except Conflict:
                if self._is_void(grant):
                    return Drift(changed=(), appeared=(), lost=())
                continue
            return drift
        raise Conflict(f"What grant {grant.id} reaches changes faster than it can be saved.")

    def _changed(self, grant: Grant, kind: str, drift: Drift, everything: Sequence[Account]) -> Event | None:
        if not drift.appeared and not drift.lost:
            return None
        after = {each.key: each for each in (*everything, *drift.changed)}
        left = sum(each.shared and each.lost_at is None for each in after.values())
        return event_of(ACCOUNTS_CHANGED, grant, told(kind, drift, shared_left=left), at=self._now())

    def _note(self, grant: Grant, kind: str, problem: GrantkeeperError) -> None:
        """Write down why a kind could not be looked at; somebody who looked meanwhile knows better."""
        before = self._last_look(grant.id, kind)
        look = Look(
            grant_id=grant.id,
            kind=kind,
            tried_at=self._now(),
            looked_at=before.looked_at if before else None,
            problem=printable(f"{problem.args[0]} {problem.provider or ''}".strip()),
            advice=problem.advice,
            version=_next(before),
        )
        try:
            self._store.accounts.save_look(look, (), person=grant.subject, seen=self.sharing(grant.id))
        except Conflict:
            return

    def _last_look(self, grant_id: str, kind: str) -> Look | None:
        return next((look for look in self._store.accounts.looks(grant_id) if look.kind == kind), None)

    def _is_void(self, grant: Grant) -> bool:
        """Tell whether the grant was revoked meanwhile (O-54r), or became somebody else's: who it was is known now."""
        row = self._store.grant(grant.id)
        return row is None or row.grant.status is GrantStatus.REVOKED or row.grant.subject != grant.subject


def event_of(kind: str, grant: Grant, data: Mapping[str, Any], *, at: datetime) -> Event:
    """Return an event about this grant."""
    return Event(kind=kind, at=at, grant_id=grant.id, owner=grant.owner, client=grant.client, data=data)


def reached(grant: Grant) -> tuple[Discovery, ...]:
    """Return what the grant was given for: not what its person allowed us at other times for other things."""
    return discoveries(grant.scopes - grant.extra)


def _checked(found: Sequence[FoundAccount]) -> list[FoundAccount]:
    """Return what was found when it fits into rows: ids and words come from outside."""
    for each in found:
        words = (each.status, each.currency, each.time_zone)
        if not 0 < len(each.id) <= ID_LENGTH or not each.id.isprintable() or max(map(len, words)) > WORD_LENGTH:
            raise ProviderUnavailable(f"The API names a {noun(each.kind)} in a way that no account is named.")
    return list(found)


def _next(before: Look | None) -> int:
    return before.version + 1 if before else 1


def noun(kind: str) -> str:
    """Return what one account of this kind is called."""
    found = discovery(kind)
    return f"{found.title} {found.noun}" if found else printable(kind, 40)
