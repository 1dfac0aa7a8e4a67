"""Webhook endpoints over the API: the same verbs as on the command line, the same entries in the audit log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from api.asking import Asker, Site
from grantkeeper import Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.testing import Connect
from grantkeeper.worker import Delivering
from keeper.people import IDA, TOM
from webhooks.receiver import Receiver, listening

PATH = "/v1/webhooks"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who is told."""
    with listening() as made:
        yield made


@pytest.fixture
def delivering(keeper: Keeper) -> Iterator[Delivering]:
    """What delivers."""
    made = Delivering(keeper)
    yield made
    assert made.finish()


def test_an_endpoint_is_added_and_its_secret_is_shown_once(asker: Asker, receiver: Receiver) -> None:
    """V-56: what signs its messages is in this answer, and in no later one."""
    made = asker.post(PATH, {"url": receiver.url, "kinds": ["grant.connected"], "description": "books"})
    endpoint, secret = made.json()["endpoint"], made.json()["secret"]
    later = [asker.get(PATH), asker.get(f"{PATH}/{endpoint['id']}"), asker.get("/v1/audit")]
    later.append(asker.ask("PATCH", f"{PATH}/{endpoint['id']}", body={"description": "the books"}))

    assert made.status_code == 201
    assert (endpoint["url"], endpoint["kinds"], endpoint["status"]) == (receiver.url, ["grant.connected"], "enabled")
    assert endpoint["created_by"] == f"key:{asker.secret[3:19]}"
    assert secret.startswith("whsec_")
    assert [each.status_code for each in later] == [200] * 4
    assert not any(secret in each.text or secret[6:30] in each.text for each in later)
    assert later[0].json()["items"] == [endpoint]


def test_a_test_message_is_posted_and_told_of(asker: Asker, receiver: Receiver) -> None:
    """Signed with the secret; how it went is one word of ours, whichever trouble it was (V-52)."""
    made = asker.post(PATH, {"url": receiver.url}).json()
    path = f"{PATH}/{made['endpoint']['id']}/test"

    assert asker.post(path).json() == {"delivered": True, "error": "", "status": 204}
    message = receiver.messages[0]
    assert Webhook(made["secret"]).verify(message.body, message.headers)["type"] == "webhook.test"
    receiver.answers.append((500, {}))
    assert asker.post(path).json() == {"delivered": False, "error": "refused", "status": 500}


def test_deliveries_are_listed_and_posted_again(
    asker: Asker, receiver: Receiver, delivering: Delivering, connect: Connect
) -> None:
    """By status, newest first; one by its number, whatever became of it, or all that are dead."""
    endpoint = asker.post(PATH, {"url": receiver.url, "kinds": ["grant.connected"]}).json()["endpoint"]
    path = f"{PATH}/{endpoint['id']}"
    receiver.answers.append((410, {}))
    connect("acme", IDA)
    delivering.once()
    (dead,) = asker.get(f"{path}/deliveries", status="dead").json()["items"]
    assert (dead["kind"], dead["last_status"], dead["attempts"]) == ("grant.connected", 410, 1)
    assert asker.get(path).json()["status"] == "disabled"

    assert asker.ask("PATCH", path, body={"status": "enabled"}).json()["status"] == "enabled"
    assert asker.post(f"{path}/replay").json() == {"replayed": 1}
    delivering.once()
    connect("globex", TOM)
    delivering.once()
    found = asker.get(f"{path}/deliveries").json()["items"]
    assert [each["status"] for each in found] == ["delivered", "delivered"]
    assert found[0]["id"] > found[1]["id"]
    assert asker.post(f"{path}/replay", {"delivery_id": found[0]["id"]}).json() == {"replayed": 1}
    assert [each["id"] for each in asker.get(f"{path}/deliveries", status="waiting").json()["items"]] == [
        found[0]["id"]
    ]
    assert receiver.messages[0].headers["webhook-id"] == receiver.messages[1].headers["webhook-id"]


def test_a_delivery_that_is_not_there_is_not_found(asker: Asker, receiver: Receiver) -> None:
    """Nor is another endpoint's."""
    path = f"{PATH}/{asker.post(PATH, {'url': receiver.url}).json()['endpoint']['id']}"
    answer = asker.post(f"{path}/replay", {"delivery_id": 4711})

    assert (answer.status_code, answer.json()["error"]) == (404, "NotFound")
    assert "has no delivery 4711" in answer.json()["detail"]
    assert answer.json()["advice"] == f"GET {path}/deliveries lists those that there are."


def test_a_new_secret_signs_beside_the_old_one(asker: Asker, receiver: Receiver, emulator: Emulator) -> None:
    """V-57: for as long as was said; with 0 the old one signs no more."""
    made = asker.post(PATH, {"url": receiver.url}).json()
    path, old = f"{PATH}/{made['endpoint']['id']}", made["secret"]
    rotated = asker.post(f"{path}/rotate", {"overlap": 3600}).json()
    asker.post(f"{path}/test")
    emulator.clock.advance(timedelta(hours=1))
    asker.post(f"{path}/test")
    leaked = asker.post(f"{path}/rotate", {"overlap": 0}).json()
    asker.post(f"{path}/test")

    assert (rotated["overlap"], leaked["overlap"]) == (3600, 0)
    checked = [
        [verifies(each, message) for each in (old, rotated["secret"], leaked["secret"])]
        for message in receiver.messages
    ]
    assert checked == [[True, True, False], [False, True, False], [False, False, True]]


def verifies(secret: str, message: object) -> bool:
    """Tell whether a receiver with this secret takes the message, however old it is."""
    from base64 import b64decode
    from hashlib import sha256
    from hmac import new

    headers, body = message.headers, message.body  # type: ignore[attr-defined]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = new(b64decode(secret.removeprefix("whsec_")), signed, sha256).digest()
    sent = [each.removeprefix("v1,") for each in headers["webhook-signature"].split(" ")]
    return expected in [b64decode(each) for each in sent]


def test_an_endpoint_is_changed_and_removed(asker: Asker, receiver: Receiver) -> None:
    """Only what is given; several at once; and then it is not there."""
    path = f"{PATH}/{asker.post(PATH, {'url': receiver.url, 'kinds': ['grant.revoked']}).json()['endpoint']['id']}"
    changed = asker.ask("PATCH", path, body={"kinds": [], "status": "disabled"}).json()
    assert (changed["kinds"], changed["status"], changed["url"]) == ([], "disabled", receiver.url)
    assert asker.ask("PATCH", path, body={}).status_code == 422
    assert asker.ask("DELETE", path).status_code == 204
    assert [asker.get(path).status_code, asker.ask("DELETE", path).status_code] == [404, 404]
    assert asker.get(PATH).json()["items"] == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"url": ""}, 422),
        ({"url": "http://books.example.com/hooks"}, 422),
        ({"url": "https://169.254.169.254/latest"}, 422),
        ({"url": "https://localhost/x"}, 422),
        ({"url": "https://user:word@books.example.com/"}, 422),
        ({"url": "https://books.example.com/", "kinds": ["no.such"]}, 422),
        ({"url": "https://books.example.com/", "kinds": "grant.revoked"}, 422),
        ({"url": "https://books.example.com/", "description": "a\nb"}, 422),
        ({"url": "https://books.example.com/", "status": "disabled"}, 422),
        ({"url": "https://books.example.com/", "created_by": "cli"}, 422),
    ],
)
def test_an_endpoint_that_may_not_be_is_not_made(asker: Asker, body: dict[str, object], status: int) -> None:
    """V-46, V-50: addresses inside the house, unknown kinds, members that are not theirs to set."""
    assert asker.post(PATH, body).status_code == status
    assert asker.get(PATH).json()["items"] == []


def test_each_change_is_in_the_audit_log_without_the_address(asker: Asker, keeper: Keeper, receiver: Receiver) -> None:
    """V-65: who, what, which; paths of endpoints often hold a secret, and what signs is nowhere."""
    made = asker.post(PATH, {"url": receiver.url}).json()
    path = f"{PATH}/{made['endpoint']['id']}"
    asker.ask("PATCH", path, body={"url": f"{receiver.url}/more", "status": "disabled"})
    asker.ask("PATCH", path, body={"status": "enabled"})
    secret = asker.post(f"{path}/rotate").json()["secret"]
    asker.ask("DELETE", path)
    entries = [each.entry for each in keeper._store.audit.read(target=f"endpoint:{made['endpoint']['id']}")]

    assert [each.action for each in entries] == [
        f"webhook.{action}" for action in ("add", "change", "disable", "enable", "rotate", "remove")
    ]
    assert {each.actor for each in entries} == {f"key:{asker.secret[3:19]}"}
    written = json.dumps([dict(each.data) for each in entries])
    assert "/in" not in written
    assert secret not in written
    assert made["secret"] not in written


def test_who_reads_events_reads_deliveries_and_no_addresses(site: Site, asker: Asker, receiver: Receiver) -> None:
    """The path of an endpoint may hold a secret of its receiver: it is for admins."""
    path = f"{PATH}/{asker.post(PATH, {'url': receiver.url}).json()['endpoint']['id']}"
    reader = site.asker("events:read")

    assert reader.get(f"{path}/deliveries").status_code == 200
    assert [reader.get(each).status_code for each in (PATH, path)] == [403, 403]


def test_a_receiver_refuses_what_is_not_signed_by_us(asker: Asker, receiver: Receiver) -> None:
    """The secret of the answer is the one that a library of the specification takes."""
    made = asker.post(PATH, {"url": receiver.url}).json()
    asker.post(f"{PATH}/{made['endpoint']['id']}/test")
    message = receiver.messages[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(message.body + b" ", message.headers)
