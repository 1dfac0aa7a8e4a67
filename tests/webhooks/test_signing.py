"""Signatures and messages by the Standard Webhooks specification."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from grantkeeper.errors import InvalidInput
from grantkeeper.model import Event, Secret
from grantkeeper.model.event import KINDS
from grantkeeper.webhooks import endpoint_secret, event_kinds, message_body, message_id, signature
from grantkeeper.webhooks.message import _TOLD
from house.source import ROOT

AT = datetime(2026, 11, 28, 12, 0, 0, 5, tzinfo=UTC)
EVENT = Event(
    id=12,
    position=9,
    kind="grant.consent_required",
    at=AT,
    grant_id="g1",
    owner="acmé",
    client="google-ads",
    data={"reason": "revoked", "grant_id": "another", "person": "ida@example.com"},
)


def test_the_signature_is_that_of_the_specification() -> None:
    """V-56: its own vector (key, id, time and body of facts V-56)."""
    headers = signature(
        [Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        message="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=datetime.fromtimestamp(1614265330, UTC),
        body=b'{"test": 2432232314}',
    )

    assert headers == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_has_256_bits_and_the_form_of_the_specification() -> None:
    """V-56: `whsec_` and base64; within the 24 to 64 bytes that it asks for."""
    secret = endpoint_secret(bytes(range(32))).reveal()

    assert secret.startswith("whsec_")
    assert base64.b64decode(secret.removeprefix("whsec_"), validate=True) == bytes(range(32))


def test_either_of_two_secrets_verifies() -> None:
    """V-57: one signature for each, space between; another secret verifies none."""
    old, new, other = (endpoint_secret(bytes([number]) * 32) for number in (1, 2, 3))
    now = datetime.now(UTC)
    headers = signature([new, old], message="evt_a_1", at=now, body=b"{}")

    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (old, new):
        assert Webhook(secret.reveal()).verify(b"{}", headers) == {}
    with pytest.raises(WebhookVerificationError):
        Webhook(other.reveal()).verify(b"{}", headers)


@pytest.mark.parametrize(
    ("body", "at", "message"),
    [(b'{"a": 1}', timedelta(), "evt_a_1"), (b"{}", timedelta(minutes=6), "evt_a_1"), (b"{}", timedelta(), "evt_a_2")],
    ids=["body", "time", "id"],
)
def test_what_is_not_what_was_signed_does_not_verify(body: bytes, at: timedelta, message: str) -> None:
    """V-56: neither another body, nor an old message, nor one under another id."""
    secret = endpoint_secret(b"\x07" * 32)
    headers = signature([secret], message="evt_a_1", at=datetime.now(UTC) - at, body=b"{}")

    with pytest.raises(WebhookVerificationError):
        Webhook(secret.reveal()).verify(body, {**headers, "webhook-id": message})


def test_a_message_is_thin() -> None:
    """V-59: which event of whom, and what is listed of its data; what an event says of itself cannot pass for that."""
    assert json.loads(message_body(EVENT)) == {
        "type": "grant.consent_required",
        "timestamp": "2026-11-28T12:00:00.000005Z",
        "data": {
            "reason": "revoked",
            "event_id": 12,
            "position": 9,
            "grant_id": "g1",
            "owner": "acmé",
            "client": "google-ads",
        },
    }


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_of_message_names_a_person_an_account_or_a_token(kind: str) -> None:
    """V-59: what is not listed for its kind does not leave, whatever an event may hold one day."""
    loud = {
        "token": "fingerprint",
        "email": "ida@example.com",
        "who": "ida",
        "lost": [{"name": "Nordwind"}],
        "said": "x",
    }
    told = json.loads(message_body(replace(EVENT, kind=kind, data=loud)))

    assert set(told["data"]) == {"event_id", "position", "grant_id", "owner", "client"}
    assert kind in _TOLD


def test_an_id_has_no_dot_and_names_the_installation() -> None:
    """V-59: a dot would move the end of the id in what is signed; two installations do not share ids."""
    ids = {message_id(EVENT, "0123456789abcdef"), message_id(EVENT, "fedcba9876543210")}

    assert ids == {"evt_01234567_12", "evt_fedcba98_12"}


def test_kinds_are_known_ones() -> None:
    """A typing mistake would be an endpoint that is never told."""
    assert event_kinds("grant.revoked") == {"grant.revoked"}
    assert event_kinds(()) == frozenset()
    with pytest.raises(InvalidInput, match=r"'grant.conected' is no kind of event. Kinds are client.failing, "):
        event_kinds(["grant.conected", "grant.revoked"])


def test_the_page_lists_every_kind() -> None:
    """Whoever receives messages has to know what there is."""
    text = (ROOT / "docs" / "events.md").read_text()

    assert [kind for kind in KINDS if f"| `{kind}` |" not in text] == []
    for kind, names in _TOLD.items():
        row = next((line for line in text.splitlines() if line.startswith(f"| `{kind}` |")), "")
        if kind != "grant.accounts_changed" and kind in KINDS:
            assert all(f"`{name}`" in row for name in names if name != "link_id"), kind
