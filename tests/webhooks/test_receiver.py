"""An independent receiver, which verifies by the PyPI package standardwebhooks."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from standardwebhooks import Webhook, WebhookVerificationError

from grantkeeper import Keeper
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.model import Secret
from grantkeeper.store import tables
from grantkeeper.testing import consent
from grantkeeper.webhooks import signature
from grantkeeper.worker import Delivering
from webhooks.conftest import Opens
from webhooks.receiver import NOTED, Answer, Message, Receiver

IDA = "ida@nordwind-outdoor.example"


@pytest.fixture
def emulator() -> Emulator:
    """Google in a box, in real time: receivers look at their own clock."""
    return Emulator(base_url="https://emulator.test", clock=Clock.running())


class Verifying:
    """Takes what is signed with its secret, and each id once."""

    def __init__(self, secret: Secret) -> None:
        self.webhook = Webhook(secret.reveal())
        self.taken: dict[str, dict[str, object]] = {}
        self.refused = 0

    def __call__(self, message: Message) -> Answer:
        """Verify, and note what is new."""
        try:
            content = self.webhook.verify(message.body, message.headers)
        except WebhookVerificationError:
            self.refused += 1
            return 400, {}
        self.taken.setdefault(message.headers["webhook-id"], content)
        return NOTED


def test_an_independent_receiver_takes_what_happens(opens: Opens, emulator: Emulator, receiver: Receiver) -> None:
    """V-56, V-59: a consent, its end and a disconnection, each as an event of its grant; no token, no address."""
    keeper = opens()
    endpoint, secret = keeper.webhooks.add(receiver.url, by="cli")
    receiver.judge = desk = Verifying(secret)
    grant = consent(keeper, emulator, "acme", IDA)
    keeper.revoke(grant.id)
    assert Delivering(keeper).once() == 2

    assert sorted((str(each["type"]), each["data"]["grant_id"]) for each in desk.taken.values()) == [  # type: ignore[index]
        ("grant.connected", grant.id),
        ("grant.revoked", grant.id),
    ]
    assert desk.refused == 0
    ids = {f"evt_{keeper.webhooks.posting._parts.vault.installation[:8]}_{event.id}" for event in keeper.events()}
    assert set(desk.taken) == ids
    for message in receiver.messages:
        assert message.headers["content-type"] == "application/json"
        assert not re.search(r"@|token|ya29|1//", message.body.decode())
        assert set(json.loads(message.body)["data"]) <= {
            "event_id",
            "position",
            "grant_id",
            "owner",
            "client",
            "reason",
        }
    assert {each.status for each in keeper.webhooks.deliveries(endpoint.id)} == {"delivered"}


def test_forgeries_and_replays_are_refused(keeper: Keeper, emulator: Emulator, receiver: Receiver) -> None:
    """V-56: another's signature, a changed body, the same message after five minutes; one sent again is known by id."""
    endpoint, secret = keeper.webhooks.add(receiver.url)
    receiver.judge = desk = Verifying(secret)
    consent(keeper, emulator, "acme", IDA)
    Delivering(keeper).once()
    (sent,) = receiver.messages

    name = sent.headers["webhook-id"]
    old = signature([secret], message=name, at=datetime.now(UTC) - timedelta(minutes=6), body=sent.body)
    assert desk(Message({**sent.headers, **old}, sent.body)) == (400, {})
    assert desk(Message(sent.headers, sent.body.replace(b"acme", b"evil"))) == (400, {})
    assert desk(Message({**sent.headers, "webhook-id": name + "9"}, sent.body)) == (400, {})

    (delivery,) = keeper.webhooks.deliveries(endpoint.id)
    assert keeper.webhooks.replay(endpoint.id, delivery_id=delivery.id) == 1
    Delivering(keeper).once()
    assert len(receiver.messages) == 2
    assert list(desk.taken) == [name]


def test_both_secrets_verify_for_a_day_after_a_rotation(keeper: Keeper, emulator: Emulator, receiver: Receiver) -> None:
    """V-57: a receiver may be given the new secret at any time of the overlap; then the old one signs no more."""
    endpoint, old = keeper.webhooks.add(receiver.url)
    new = keeper.webhooks.rotate(endpoint.id, by="cli")

    assert keeper.webhooks.test(endpoint.id).error == ""
    (message,) = receiver.messages
    for secret in (old, new):
        assert Webhook(secret.reveal()).verify(message.body, message.headers)["type"] == "webhook.test"

    emulator.clock.advance(timedelta(hours=24))
    keeper.webhooks.test(endpoint.id)
    signed = receiver.messages[-1].headers["webhook-signature"].split(" ")
    late = emulator.clock.now()
    assert signed == signature(
        [new], message=receiver.messages[-1].headers["webhook-id"], at=late, body=receiver.messages[-1].body
    )["webhook-signature"].split(" ")


def test_a_secret_that_leaked_ends_at_once(keeper: Keeper, receiver: Receiver) -> None:
    """V-57: without an overlap there is one signature, of the newest secret."""
    endpoint, old = keeper.webhooks.add(receiver.url)
    keeper.webhooks.rotate(endpoint.id)
    newest = keeper.webhooks.rotate(endpoint.id, overlap=timedelta())
    keeper.webhooks.test(endpoint.id)
    (message,) = receiver.messages

    assert Webhook(newest.reveal()).verify(message.body, message.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(old.reveal()).verify(message.body, message.headers)


def test_secrets_are_sealed_for_their_row(keeper: Keeper, receiver: Receiver) -> None:
    """V-02: one that somebody copied into another endpoint's row opens no more, and nothing is posted."""
    ours, _ = keeper.webhooks.add(receiver.url)
    other, _ = keeper.webhooks.add(receiver.url)
    with keeper._store._writing.begin() as connection:  # type: ignore[attr-defined]
        table = tables.endpoint
        key, data = connection.execute(select(table.c.data_key, table.c.sealed).where(table.c.id == other.id)).one()
        connection.execute(update(table).where(table.c.id == ours.id).values(data_key=key, sealed=data))

    assert keeper.webhooks.test(ours.id).error == "no_secret"
    assert keeper.webhooks.test(other.id).error == ""
    assert len(receiver.messages) == 1
