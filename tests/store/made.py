"""Rows for the store's tests."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from grantkeeper.model import Endpoint, EndpointRow, Event, FlowRow, Grant, GrantRow, GrantStatus, Reason, Sealed

NOW: Final = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
GOOGLE: Final = "https://accounts.google.com"
GRANT: Final = Grant(
    id="g1",
    owner="acme",
    client="google-ads",
    issuer=GOOGLE,
    subject="1001",
    email="ida@acme.example",
    status=GrantStatus.ACTIVE,
    reason=Reason.NONE,
    scopes=frozenset({"openid", "https://www.googleapis.com/auth/adwords"}),
    missing=frozenset({"https://www.googleapis.com/auth/admanager"}),
    extra=frozenset(),
    expires_at=NOW + timedelta(hours=1),
    ends_at=None,
    consented_at=NOW - timedelta(days=1),
    created_at=NOW,
    updated_at=NOW + timedelta(microseconds=1),
    refreshed_at=None,
    version=1,
)


SEALED: Final = Sealed(key=b"\0wrapped\xff", data=b"\0data\xff")


def grant_row(**changes: Any) -> GrantRow:
    """Return a grant that differs from GRANT in `changes`."""
    return GrantRow(grant=dataclasses.replace(GRANT, **changes), generation=1, sealed=SEALED)


def saved(row: GrantRow, **changes: Any) -> GrantRow:
    """Return the row as it is to be saved next: one version on, changed."""
    grant = dataclasses.replace(row.grant, version=row.grant.version + 1, **changes)
    return dataclasses.replace(row, grant=grant, generation=row.generation + 1)


def flow_row(**changes: Any) -> FlowRow:
    """Return a flow that differs from the usual one in `changes`."""
    usual = FlowRow(
        state_hash="5" * 64,
        browser_hash="b" * 64,
        owner="acme",
        client="google-ads",
        redirect_uri="https://app.example.com/grants/callback/google-ads",
        sealed=Sealed(key=b"\0wrapped\xff", data=b"\0verifier\xff"),
        expires_at=NOW + timedelta(minutes=10),
    )
    return dataclasses.replace(usual, **changes)


def event(**changes: Any) -> Event:
    """Return an event of a grant."""
    values: dict[str, Any] = {"kind": "grant.connected", "at": NOW, "grant_id": "g1", "owner": "acme", "client": "x"}
    return Event(**values | changes)


def endpoint_row(endpoint_id: str, **changes: Any) -> EndpointRow:
    """Return an endpoint that wants everything."""
    values: dict[str, Any] = {"url": "https://hooks.example.com/in", "created_at": NOW, "created_by": "cli"}
    return EndpointRow(
        endpoint=Endpoint(id=endpoint_id, **values | changes), sealed=Sealed(key=b"key", data=b"\0sealed\xff")
    )
