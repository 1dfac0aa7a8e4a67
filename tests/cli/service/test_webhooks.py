"""`grantkeeper webhooks` and `grantkeeper events`: who is told, and what happened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import update
from standardwebhooks import Webhook

from cli.conftest import Home
from grantkeeper import Keeper, Settings
from grantkeeper.model import Event
from grantkeeper.store import SqlStore, tables
from grantkeeper.worker import Delivering
from webhooks.receiver import Receiver, listening

ALLOWED = '\n[service]\nwebhook_private_hosts = ["127.0.0.1"]\n'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who is told."""
    with listening() as made:
        yield made


@pytest.fixture
def desk(home: Home) -> Home:
    """A folder whose configuration lets events go to this machine."""
    config = home.folder / "grantkeeper.toml"
    config.write_text(config.read_text() + ALLOWED)
    return home


def opened(home: Home) -> Keeper:
    """Return the keeper that the folder's configuration describes."""
    return Keeper.from_settings(Settings.load(home.folder / "grantkeeper.toml", home.environ))


def happen(keeper: Keeper, kind: str = "grant.connected", owner: str = "acme") -> None:
    """Let something happen."""
    now = keeper.webhooks._now()
    keeper._store.events.add(Event(kind=kind, at=now, grant_id="g1", owner=owner, client="google-ads", data={"a": 1}))


@pytest.mark.reveals("webhook secret")
def test_an_endpoint_from_its_first_day_to_its_last(desk: Home, receiver: Receiver) -> None:
    """Added, tried, told, replayed, disabled, enabled, given a new secret, removed."""
    added = desk.call("webhooks", "add", receiver.url, "--kind", "grant.connected", "--description", "books")
    secret, name = added.out.strip(), added.err.split()[0]
    assert secret.startswith("whsec_")
    assert "is told of grant.connected from now on" in added.err
    assert desk.call("webhooks", "test", name).out == "It was taken (HTTP status 204).\n"
    assert Webhook(secret).verify(receiver.messages[0].body, receiver.messages[0].headers)["type"] == "webhook.test"

    receiver.answers.append((500, {}))
    with opened(desk) as keeper:
        happen(keeper)
        happen(keeper, "grant.revoked")
        Delivering(keeper).once()
    (waiting,) = desk.call("webhooks", "deliveries", name, "--json").json
    assert (waiting["status"], waiting["last_status"], waiting["last_error"]) == ("waiting", 500, "refused")
    assert re.search(r"grant.connected +waiting +1 +500 refused", desk.call("webhooks", "deliveries", name).out)
    assert " failing " in desk.call("webhooks", "list").out
    assert desk.call("webhooks", "replay", name, "--delivery", str(waiting["id"])).out == "1 are posted again.\n"
    with opened(desk) as keeper:
        Delivering(keeper).once()
    shown = desk.call("webhooks", "show", name, "--json").json
    assert (shown["waiting"], shown["dead"], shown["failing_since"]) == (0, 0, None)

    assert desk.call("webhooks", "disable", name).code == 0
    assert "reason         Somebody disabled it." in desk.call("webhooks", "show", name).out
    assert desk.call("webhooks", "enable", name, "--json").json["status"] == "enabled"
    rotated = desk.call("webhooks", "rotate", name, "--overlap", "0")
    assert rotated.out.startswith("whsec_")
    assert rotated.err.startswith("The old secret signs no more.")
    assert "is told of everything" in desk.call("webhooks", "change", name, "--all-kinds").out

    assert desk.call("webhooks", "remove", name, "--yes").out == f"{name} is told nothing more.\n"
    with opened(desk) as keeper:
        done = [entry.entry for entry in keeper._store.audit.read(target=f"endpoint:{name}")]
    assert [(each.action.removeprefix("webhook."), each.actor) for each in done] == [
        (action, "cli") for action in ("add", "replay", "disable", "enable", "rotate", "change", "remove")
    ]
    assert "/in" not in json.dumps([dict(each.data) for each in done])


def test_an_endpoint_is_removed_by_who_says_yes(desk: Home, receiver: Receiver) -> None:
    """What it was still to be told goes with it: nobody removes one by a slip."""
    name = desk.call("webhooks", "add", receiver.url).err.split()[0]
    refused = desk.call("webhooks", "remove", name)

    assert (refused.code, refused.out) == (2, "")
    assert len(desk.call("webhooks", "list", "--json").json) == 1
    assert desk.call("webhooks", "remove", name, "--yes").code == 0
    assert desk.call("webhooks", "list", "--json").json == []
    assert desk.call("webhooks", "show", name).code == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("http://hooks.example.com",), "is not an https URL"),
        (("https://10.0.0.1/in",), "webhook_private_hosts"),
        (("https://hooks.example.com:22/in",), "Use 443 or 8443"),
        (("https://hooks.example.com", "--kind", "grant.conected"), "Kinds are client.failing"),
        (("https://user:geheim@hooks.example.com",), "no user name and no password"),
    ],
)
def test_what_cannot_be_an_endpoint_is_said(desk: Home, words: tuple[str, ...], said: str) -> None:
    """V-50: before anything is kept, with what to do."""
    refused = desk.call("webhooks", "add", *words)

    assert (refused.code, refused.out) == (3, "")
    assert said in refused.err
    assert "geheim" not in refused.err
    assert desk.call("webhooks", "list", "--json").json == []


@pytest.mark.reveals("webhook secret")
def test_an_endpoint_that_does_not_take_the_test_is_said(desk: Home, receiver: Receiver) -> None:
    """With 5, and what it may be."""
    name = desk.call("webhooks", "add", receiver.url, "--json").json["id"]
    receiver.answers.extend([(302, {"location": "/"}), (503, {})])

    moved = desk.call("webhooks", "test", name)
    assert (moved.code, moved.out) == (5, "")
    assert "It redirects, which is not followed" in moved.err
    assert desk.call("webhooks", "test", name, "--json").json == {
        "delivered": False,
        "error": "throttled",
        "status": 503,
    }


def test_events_are_shown_newest_or_after_a_position(home: Home) -> None:
    """One line each; --json is one object a line; filters count."""
    with opened(home) as keeper:
        for number in range(5):
            happen(keeper, owner=f"owner-{number % 2}")

    lines = home.call("events", "--limit", "2").out.splitlines()
    assert [line.split()[0] for line in lines] == ["4", "5"]
    assert re.fullmatch(r" +5 \S+Z grant.connected +g1 owner-0 google-ads", lines[1])
    found = [
        json.loads(line) for line in home.call("events", "--after", "1", "--limit", "2", "--json").out.splitlines()
    ]
    assert [(each["position"], each["kind"], each["data"]) for each in found] == [
        (2, "grant.connected", {"a": 1}),
        (3, "grant.connected", {"a": 1}),
    ]
    assert len(home.call("events", "--owner", "owner-1").out.splitlines()) == 2
    assert "There is no such event." in home.call("events", "--kind", "grant.revoked").err


def test_events_are_followed_as_they_happen(home: Home) -> None:
    """Until Ctrl-C: what came before the command, and after it began, each once."""
    with opened(home) as keeper:
        happen(keeper)
        with home.start("events", "--follow", "--json") as process:
            assert process.stdout is not None
            first = json.loads(process.stdout.readline())
            happen(keeper)
            second = json.loads(process.stdout.readline())
            process.send_signal(2)
            assert process.wait(timedelta(seconds=20).total_seconds()) == 130

    assert [first["position"], second["position"]] == [1, 2]


def test_an_endpoint_that_cannot_be_read_is_named_and_can_be_removed(desk: Home, receiver: Receiver) -> None:
    """R-52: on the side, so that a program which reads the list is not disturbed."""
    with opened(desk) as keeper:
        good, bad = (keeper.webhooks.add(receiver.url)[0].id for _ in range(2))
        assert isinstance(keeper._store, SqlStore)
        with keeper._store._writing.begin() as connection:
            connection.execute(update(tables.endpoint).where(tables.endpoint.c.id == bad).values(created_at="x"))

    for options in ((), ("--json",)):
        listed = desk.call("webhooks", "list", *options)
        assert (listed.code, bad in listed.out, good in listed.out) == (0, False, True)
        assert f"grantkeeper webhooks remove {bad}" in listed.err
    removed = desk.call("webhooks", "remove", bad, "--yes")
    assert (removed.code, removed.out) == (0, f"{bad} is told nothing more.\n")
    assert bad not in desk.call("webhooks", "list").err
