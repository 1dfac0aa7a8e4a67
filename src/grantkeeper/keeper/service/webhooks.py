"""Webhook endpoints: added, changed, tried, removed; and what becomes of their deliveries."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from ...errors import Conflict, InvalidInput, NotFound, SealBroken, printable
from ...model import AuditEntry, Beside, Delivery, Endpoint, EndpointRow, Event, Secret
from ...webhooks import GIVEN_UP, LET_GO, SECRET_BYTES, TEST, endpoint_secret, event_kinds, message_body
from ..parts import Parts
from .posting import Attempt, Outlet, Posting

OVERLAP: Final = timedelta(hours=24)
"""How long an old secret signs beside the new one: a receiver is given the new one within a working day."""

DELIVERIES_KEPT: Final = timedelta(days=30)
EVENTS_KEPT: Final = timedelta(days=400)
"""A year, and some: whoever looks once a year misses nothing."""

_BATCH: Final = 1000
_DESCRIPTION_LIMIT: Final = 1000
_SAVE_ATTEMPTS: Final = 5
_STATUSES: Final = ("waiting", "delivered", "dead")
DISABLED_REASON: Final = "Somebody disabled it."


class WebhookDesk:
    """The keeper's `webhooks`. Thread-safe.

    `by` is who does it, for the audit log: `cli`, `program`, `key:ID` or `operator:ID`.
    """

    def __init__(self, parts: Parts, outlet: Outlet) -> None:
        self._parts = parts
        self._store = parts.store.webhooks
        self._now = parts.now
        self.posting = Posting(parts, outlet)

    # --- endpoints --------------------------------------------------------------------------------------------

    def add(
        self, url: str, *, kinds: Iterable[str] = (), description: str = "", by: str = "program"
    ) -> tuple[Endpoint, Secret]:
        """Return a new endpoint, which is told of everything that happens from now on, and what signs its messages.

        Args:
            url: https, at a host of the public Internet, or one that the settings list (`webhook_private_hosts`).
            kinds: the kinds of events that it wants; by default all.
            description: your own words about it.
            by: who adds it, for the audit log.

        Raises InvalidInput: a value is not usable; the message says why.
        """
        secret = endpoint_secret(secrets.token_bytes(SECRET_BYTES))
        endpoint = Endpoint(
            id="ep_" + base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower(),
            url=self.posting.checked(url),
            kinds=event_kinds(kinds),
            description=_checked_description(description),
            created_at=self._now(),
            created_by=by,
        )
        row = EndpointRow(endpoint=endpoint, sealed=self.posting.sealed(endpoint.id, [(secret, None)]))
        self._parts.store.events.settle()  # what happened before is not for it
        data = {"url": _origin(endpoint.url), "kinds": sorted(endpoint.kinds)}
        self._store.add(row, beside=self._beside(endpoint.id, "webhook.add", by, data))
        return endpoint, secret

    def all(self) -> list[Endpoint]:
        """Return every endpoint that can be read, oldest first."""
        return [row.endpoint for row in self._store.all()]

    def unreadable(self) -> list[str]:
        """Return the ids of endpoints whose rows somebody altered; they are told nothing, `remove` deletes them."""
        return self._store.unreadable()

    def get(self, endpoint_id: str) -> Endpoint:
        """Return the endpoint; raises NotFound."""
        return self._row(endpoint_id).endpoint

    def change(
        self,
        endpoint_id: str,
        *,
        url: str | None = None,
        kinds: Iterable[str] | None = None,
        description: str | None = None,
        by: str = "program",
    ) -> Endpoint:
        """Change what is given; raises as `add`, and NotFound."""
        new: dict[str, Any] = {}
        if url is not None:
            new["url"] = self.posting.checked(url)
        if kinds is not None:
            new["kinds"] = event_kinds(kinds)
        if description is not None:
            new["description"] = _checked_description(description)
        data = dict(new)
        if url is not None:
            data["url"] = _origin(url)
        if kinds is not None:
            data["kinds"] = sorted(new["kinds"])
        return self._save(endpoint_id, "webhook.change", by, data, **new)

    def enable(self, endpoint_id: str, *, by: str = "program") -> Endpoint:
        """Let it be told again: also of what waits. What happened meanwhile is in `Keeper.events` only."""
        self._parts.store.events.settle()  # what happened while it was disabled is not for it
        mended = {"reason": "", "failing_since": None, "held_until": None}
        return self._save(endpoint_id, "webhook.enable", by, {}, status="enabled", **mended)

    def disable(self, endpoint_id: str, *, by: str = "program") -> Endpoint:
        """Tell it nothing until it is enabled again; raises NotFound."""
        off = {"status": "disabled", "reason": DISABLED_REASON}
        return self._save(endpoint_id, "webhook.disable", by, {"reason": DISABLED_REASON}, **off)

    def rotate(self, endpoint_id: str, *, overlap: timedelta = OVERLAP, by: str = "program") -> Secret:
        """Return a new secret. For `overlap` (0 to 30 days) the old one signs beside it: either is enough (V-57).

        Raises NotFound; InvalidInput.
        """
        if not timedelta() <= overlap <= timedelta(days=30):
            raise InvalidInput("overlap is 0 to 30 days.")
        secret = endpoint_secret(secrets.token_bytes(SECRET_BYTES))
        for _ in range(_SAVE_ATTEMPTS):
            row = self._row(endpoint_id)
            sealed = self.posting.with_newest(row, secret, until=self._now() + overlap)
            data = {"overlap_seconds": int(overlap.total_seconds())}
            if self._saved(row, replace(row, sealed=sealed), "webhook.rotate", by, data):
                return secret
        raise _too_fast()

    def remove(self, endpoint_id: str, *, by: str = "program") -> None:
        """Delete an endpoint and its deliveries; raises NotFound."""
        try:
            data = {"url": _origin(self.get(endpoint_id).url)}
        except SealBroken:  # somebody altered its row: removing it is what is left
            data = {}
        if not self._store.remove(endpoint_id, beside=self._beside(endpoint_id, "webhook.remove", by, data)):
            raise _unknown(endpoint_id)

    def test(self, endpoint_id: str) -> Attempt:
        """Post a message of the kind `webhook.test` now, once; it is no event and is not kept. Raises NotFound."""
        row, at = self._row(endpoint_id), self._now()
        event = Event(kind=TEST, at=at, grant_id="", owner="", client="", data={"endpoint_id": endpoint_id})
        return self.posting.post(row, message=f"evt_test_{secrets.token_hex(8)}", body=message_body(event))

    # --- deliveries -------------------------------------------------------------------------------------------

    def deliveries(
        self,
        endpoint_id: str | None = None,
        *,
        event_id: int | None = None,
        status: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> list[Delivery]:
        """Return deliveries, newest first, those with an id smaller than `before`; at most `limit` (1 to 1,000).

        `status` is `waiting`, `delivered` or `dead`. Raises NotFound, InvalidInput.
        """
        if not 1 <= limit <= 1000 or (status is not None and status not in _STATUSES):
            raise InvalidInput(f"limit is 1 to 1,000, and status one of {', '.join(_STATUSES)}.")
        if endpoint_id is not None:
            self.get(endpoint_id)
        self._parts.store.events.settle()
        return self._store.deliveries(
            endpoint_id=endpoint_id,
            event_id=event_id,
            statuses=None if status is None else (status,),
            before=before,
            limit=limit,
        )

    def replay(self, endpoint_id: str, *, delivery_id: int | None = None, by: str = "program") -> int:
        """Post again, with the whole row of attempts: one delivery, or all that are dead; returns how many.

        The message keeps its id, so that a receiver which has had it knows that. Raises NotFound, also when there is no
        such delivery.
        """
        self.get(endpoint_id)
        data = {} if delivery_id is None else {"delivery_id": delivery_id}
        beside = self._beside(endpoint_id, "webhook.replay", by, data)
        count = self._store.replay(endpoint_id=endpoint_id, now=self._now(), delivery_id=delivery_id, beside=beside)
        if not count and delivery_id is not None:
            raise NotFound(f"The endpoint {endpoint_id} has no delivery {delivery_id}.")
        return count

    def prune(self, *, deliveries_kept: timedelta = DELIVERIES_KEPT, events_kept: timedelta = EVENTS_KEPT) -> int:
        """Delete events, and deliveries that ended, that are older than this; returns how many.

        Deliveries that were due for 5 days and nobody took, those of a disabled endpoint for instance, are dead from
        then on. What was never tried is tried first, unless its endpoint is disabled: no worker may have run. After 10
        days it is dead, too.
        """
        now, done = self._now(), 0
        events = self._parts.store.events
        steps: tuple[Callable[[], int], ...] = (
            lambda: self._store.give_up(before=now - GIVEN_UP, now=now, error="too_old", limit=_BATCH),
            lambda: self._store.let_go(before=now - LET_GO, now=now, error="too_old", limit=_BATCH),
            lambda: self._store.prune(before=now - deliveries_kept, limit=_BATCH),
            lambda: events.prune(before=now - events_kept, limit=_BATCH),
        )
        for step in steps:
            while count := step():
                done += count
        return done

    def mend(self) -> int:
        """Let deliveries be made now that a clock which was ahead put off; returns how many."""
        done = 0
        while count := self._store.mend(now=self._now(), limit=_BATCH):
            done += count
        return done

    def close(self) -> None:
        """Close pooled connections."""
        self.posting.close()

    # ----------------------------------------------------------------------------------------------------------

    def _row(self, endpoint_id: str) -> EndpointRow:
        row = self._store.get(endpoint_id)
        if row is None:
            raise _unknown(endpoint_id)
        return row

    def _save(self, endpoint_id: str, action: str, by: str, data: dict[str, Any], **new: Any) -> Endpoint:
        for _ in range(_SAVE_ATTEMPTS):
            row = self._row(endpoint_id)
            changed = replace(row, endpoint=replace(row.endpoint, **new))
            saved = self._saved(row, changed, action, by, data)
            if saved is not None:
                return saved
        raise _too_fast()

    def _saved(
        self, row: EndpointRow, changed: EndpointRow, action: str, by: str, data: dict[str, Any]
    ) -> Endpoint | None:
        """Return the endpoint as it was saved, None when somebody else saved it first."""
        endpoint = replace(changed.endpoint, version=row.endpoint.version + 1)
        beside = self._beside(endpoint.id, action, by, data)
        try:
            self._store.save(replace(changed, endpoint=endpoint), expected_version=row.endpoint.version, beside=beside)
        except Conflict:
            return None
        return endpoint

    def _beside(self, endpoint_id: str, action: str, by: str, data: dict[str, Any]) -> Beside:
        at = self._now()
        return self._parts.beside(
            AuditEntry(at=at, actor=by, action=action, target=f"endpoint:{endpoint_id}", data=data)
        )


def _origin(url: str) -> str:
    """Return what the audit log names: paths and queries of endpoints often hold a secret."""
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc}"


def _checked_description(text: str) -> str:
    if len(text) > _DESCRIPTION_LIMIT or not text.isprintable():
        raise InvalidInput(f"A description has at most {_DESCRIPTION_LIMIT} printable characters.")
    return text


def _unknown(endpoint_id: str) -> NotFound:
    return NotFound(
        f"There is no endpoint {printable(endpoint_id, 64)!r}.", advice="`grantkeeper webhooks list` shows them."
    )


def _too_fast() -> Conflict:
    return Conflict("The endpoint changes faster than it can be saved.", advice="Try again.")
