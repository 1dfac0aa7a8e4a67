"""Which events a change of a grant is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from grantkeeper import Grant, GrantStatus, Reason
from grantkeeper.keeper.happened import changes
from store.made import GRANT, NOW

ACTIVE = replace(GRANT, missing=frozenset())
LATER = NOW + timedelta(hours=1)
DEAD = replace(ACTIVE, status=GrantStatus.CONSENT_REQUIRED, reason=Reason.REVOKED_OR_EXPIRED)
PENDING = replace(ACTIVE, status=GrantStatus.PENDING, confirmed=False)
LACKING = replace(
    ACTIVE,
    status=GrantStatus.CONSENT_REQUIRED,
    reason=Reason.SCOPES_MISSING,
    missing=frozenset({"https://www.googleapis.com/auth/adwords"}),
)
REVOKED = replace(ACTIVE, status=GrantStatus.REVOKED, reason=Reason.DISCONNECTED)


def again(grant: Grant, **changed: object) -> Grant:
    """Return the grant as a new consent leaves it."""
    return replace(grant, consented_at=LATER, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (None, ACTIVE, ["grant.connected"]),
        (None, PENDING, ["grant.pending"]),
        (None, LACKING, ["grant.consent_required"]),
        (PENDING, replace(PENDING, status=GrantStatus.ACTIVE, confirmed=True), ["grant.connected"]),
        (PENDING, again(PENDING), ["grant.pending"]),
        (PENDING, REVOKED, ["grant.revoked"]),
        (ACTIVE, DEAD, ["grant.consent_required"]),
        (ACTIVE, REVOKED, ["grant.revoked"]),
        (ACTIVE, again(ACTIVE), ["grant.reconnected"]),
        (ACTIVE, replace(ACTIVE, version=9, updated_at=LATER, expires_at=LATER), []),
        (DEAD, replace(DEAD, version=9), []),
        (DEAD, replace(DEAD, reason=Reason.ADMIN_POLICY), ["grant.consent_required"]),
        (DEAD, again(ACTIVE), ["grant.reconnected"]),
        (DEAD, ACTIVE, ["grant.reconnected"]),
        (REVOKED, replace(REVOKED, expires_at=None), []),
        (replace(LACKING, confirmed=False), again(PENDING), ["grant.pending", "grant.scopes_changed"]),
        (ACTIVE, LACKING, ["grant.consent_required", "grant.scopes_changed"]),
        (ACTIVE, replace(ACTIVE, scopes=ACTIVE.scopes | {"new"}), ["grant.scopes_changed"]),
    ],
)
def test_each_change_is_told_once_and_nothing_else_is(before: Grant | None, after: Grant, kinds: list[str]) -> None:
    """A refresh that changes no status tells nobody anything."""
    assert [event.kind for event in changes(before, after, at=NOW)] == kinds


def test_an_event_names_its_grant_and_no_person() -> None:
    """V-59: who may know who it is looks the grant up."""
    (event,) = changes(ACTIVE, DEAD, at=NOW, link_id="lk_1")

    assert (event.grant_id, event.owner, event.client, event.at) == ("g1", "acme", "google-ads", NOW)
    assert event.data["reason"] == "revoked_or_expired"
    assert "connect the account again" in event.data["advice"]
    assert event.data["link_id"] == "lk_1"
    assert GRANT.email not in str(event)
    assert GRANT.subject not in str(event)


def test_what_became_of_scopes_is_told() -> None:
    """Which came, which went, and which are missing now."""
    lost = replace(ACTIVE, scopes=frozenset({"openid"}), extra=frozenset())
    (event,) = changes(ACTIVE, lost, at=NOW)

    assert event.data == {"added": [], "removed": ["https://www.googleapis.com/auth/adwords"], "missing": []}
