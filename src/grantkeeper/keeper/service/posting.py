"""Posting an event to an endpoint, and what becomes of it."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from ...errors import InvalidInput, ProviderUnavailable, SealBroken
from ...model import AuditEntry, Delivery, Due, Endpoint, EndpointRow, Request, Response, Sealed, Secret, Transport
from ...oauth.reading import retry_after
from ...providers.addresses import PublicOnly, checked_target
from ...webhooks import LEASE, LEASES, after_failure, hold, is_over, judged, message_body, message_id, signature
from ...webhooks.retries import Outcome
from ..parts import Parts

log = logging.getLogger("grantkeeper")

DEADLINE: Final = timedelta(seconds=20)
"""For all of a post: name lookup, connecting, TLS, the answer. The specification says 15 to 30 seconds."""

TABLE: Final = "endpoint"
COLUMN: Final = "secrets"

GONE_REASON: Final = "It answered 410: it wants nothing more."
FAILED_REASON: Final = "Every delivery has failed for 5 days."


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """How events are posted: to public addresses, and to these private hosts.

    `proxy` and `ca_file` as for `HttpTransport`. With a proxy it is the proxy that connects, and has to be told not to
    connect to private addresses. `transport`, in place of ours, is for tests.
    """

    private_hosts: frozenset[str] = frozenset()
    proxy: str | None = None
    ca_file: str | None = None
    transport: Transport | None = None


PUBLIC_ONLY: Final = Outlet()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How one post went. `error` is a word of ours, "" when it was delivered: an answer's own words are never kept.

    `unreachable`: no connection, whether because of the name, its address, the port or TLS, which nobody is told apart
    (V-52). `no_answer`: none that could be read, in time. `refused`, `throttled`, `redirected`, `gone`: what the status
    means. `not_allowed`: the settings do not allow the address any more. `no_secret`: its secret does not open.
    """

    error: str
    status: int | None = None
    retry_after: timedelta | None = None


class _Kept(msgspec.Struct, frozen=True, omit_defaults=True):
    secret: str
    until: float | None = None


_decode: Final = msgspec.json.Decoder(list[_Kept]).decode


class Posting:
    """Signs, posts, and writes down what became of it. Thread-safe."""

    def __init__(self, parts: Parts, outlet: Outlet) -> None:
        self._parts = parts
        self._outlet = outlet
        self._transport = outlet.transport
        self._lock = threading.Lock()

    def checked(self, url: str) -> str:
        """Return the URL if events may be posted to it; raises InvalidInput."""
        return checked_target(url, self._outlet.private_hosts)

    def close(self) -> None:
        """Close pooled connections."""
        if self._transport is not None:
            self._transport.close()

    def _send(self, request: Request) -> Response:
        with self._lock:
            if self._transport is None:  # most processes post nothing, and certificates take their time to load
                self._transport = _guarded(self._outlet)
        return self._transport.send(request, deadline=DEADLINE)

    def ready(self) -> list[EndpointRow]:
        """Return endpoints that something may be posted to now."""
        self._parts.store.events.settle()
        return self._parts.store.webhooks.ready(now=self._parts.now())

    def claim(self, row: EndpointRow, limit: int) -> list[Due]:
        """Take at most so many deliveries of an endpoint; each has to be given to `deliver` soon."""
        return self._parts.store.webhooks.claim(row, now=self._parts.now(), leases=LEASES, limit=limit)

    def put_back(self, due: Due) -> None:
        """Leave what was claimed, and cannot be begun here, to whoever takes it a little later: that was no attempt."""
        self._parts.store.webhooks.put_back(due.delivery, due_at=self._parts.now() + LEASE)

    def deliver(self, due: Due) -> Delivery:
        """Post what was claimed, and write down how it went; returns the delivery as it is now."""
        attempt = self._attempt(due)
        now = self._parts.now()
        tried = replace(
            due.delivery,
            attempts=due.delivery.attempts + 1,
            last_status=attempt.status,
            last_error=attempt.error,
        )
        if not attempt.error:
            done = replace(tried, status="delivered", due_at=None, delivered_at=now)
            self._parts.store.webhooks.end(due.delivery, done, now=now)
            return done
        return self._failed(due, tried, attempt, now)

    def _failed(self, due: Due, tried: Delivery, attempt: Attempt, now: datetime) -> Delivery:
        # Read again: others have failed, or not, since this one was claimed.
        row = self._parts.store.webhooks.get(due.row.endpoint.id) or due.row
        endpoint, gone = row.endpoint, attempt.error == "gone"
        again = None
        if not gone:
            again = after_failure(
                tried,
                now=now,
                retry_after=attempt.retry_after,
                fraction=random.random(),  # noqa: S311 - jitter
            )
        done = replace(tried, status="waiting" if again else "dead", due_at=again)
        why = GONE_REASON if gone else FAILED_REASON if is_over(endpoint, tried, now=now) else ""
        outcome: Outcome = "throttled" if attempt.error == "throttled" else "refused"
        self._parts.store.webhooks.end(
            due.delivery,
            done,
            now=now,
            held_until=hold(endpoint, now=now, outcome=outcome, retry_after=attempt.retry_after),
            disable=why,
            beside=self._parts.beside(_disabled(endpoint, why, now)),
        )
        if why:
            log.warning("the webhook endpoint %s is disabled: %s", endpoint.id, why)
        return done

    def _attempt(self, due: Due) -> Attempt:
        return self.post(
            due.row, message=message_id(due.event, self._parts.vault.installation), body=message_body(due.event)
        )

    def post(self, row: EndpointRow, *, message: str, body: bytes) -> Attempt:
        """Sign these bytes and post them once; never raises for what the endpoint does."""
        try:
            url = self.checked(row.endpoint.url)
        except InvalidInput:
            return Attempt(error="not_allowed")
        try:
            secrets = self.secrets(row)
        except SealBroken as problem:
            log.error("nothing is posted to %s: %s", row.endpoint.id, problem)  # noqa: TRY400 - a traceback adds nothing
            return Attempt(error="no_secret")
        signed = signature(secrets, message=message, at=self._parts.now(), body=body)
        headers = {"content-type": "application/json", **signed}
        request = Request(method="POST", url=url, headers=headers, body=body, only_head=True)
        try:
            return self._told(self._send(request))
        except ProviderUnavailable as problem:
            log.info("%s was not told: %s", row.endpoint.id, problem)  # for the operator's eyes: it says which trouble
            return Attempt(error="no_answer" if problem.sent else "unreachable")

    def _told(self, answer: Response) -> Attempt:
        outcome = judged(answer.status)
        if outcome == "delivered":
            return Attempt(error="", status=answer.status)
        wait = retry_after(answer.headers.get("retry-after"), now=self._parts.now())
        return Attempt(error=outcome, status=answer.status, retry_after=wait)

    # --- secrets ----------------------------------------------------------------------------------------------

    def secrets(self, row: EndpointRow) -> list[Secret]:
        """Return the secrets that sign now, the newest first; raises SealBroken."""
        now = self._parts.now()
        return [secret for secret, until in self._kept(row) if until is None or until > now]

    def sealed(self, endpoint_id: str, secrets: Sequence[tuple[Secret, datetime | None]]) -> Sealed:
        """Seal an endpoint's secrets, each with its end."""
        return self._parts.vault.seal_secret(_written(secrets), table=TABLE, row=endpoint_id, column=COLUMN)

    def with_newest(self, row: EndpointRow, secret: Secret, *, until: datetime) -> Sealed:
        """Seal a new secret; those that signed until now go on until then."""
        now = self._parts.now()
        old = [(each, min(end or until, until)) for each, end in self._kept(row)]
        return self.sealed(row.endpoint.id, [(secret, None), *((each, end) for each, end in old if end > now)])

    def _kept(self, row: EndpointRow) -> list[tuple[Secret, datetime | None]]:
        name = row.endpoint.id
        opened = self._parts.vault.open_secret(row.sealed, table=TABLE, row=name, column=COLUMN)
        try:
            return _read(opened)
        except msgspec.MsgspecError:
            raise SealBroken(f"The secrets of the endpoint {name} are not what grantkeeper writes.") from None


# What is written as JSON holds secrets in clear: none of it outlives the function that needs it.


def _written(secrets: Sequence[tuple[Secret, datetime | None]]) -> Secret:
    return Secret(
        msgspec.json.encode(
            [_Kept(secret=each.reveal(), until=None if end is None else end.timestamp()) for each, end in secrets]
        ).decode()
    )


def _read(opened: Secret) -> list[tuple[Secret, datetime | None]]:
    return [
        (Secret(each.secret), None if each.until is None else datetime.fromtimestamp(each.until, UTC))
        for each in _decode(opened.reveal())
    ]


def _guarded(outlet: Outlet) -> Transport:
    from ...http import HttpTransport

    return HttpTransport(proxy=outlet.proxy, ca_file=outlet.ca_file, guard=PublicOnly(outlet.private_hosts))


def _disabled(endpoint: Endpoint, why: str, now: datetime) -> AuditEntry:
    return AuditEntry(
        at=now, actor="worker", action="webhook.disable", target=f"endpoint:{endpoint.id}", data={"reason": why}
    )
