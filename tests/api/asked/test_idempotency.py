"""A POST that is sent again: done once, answered alike, for who sent it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from api.asking import Asker, Site
from api.test_keys import BODIES, path_of
from grantkeeper import Grant, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.testing import Connect
from grantkeeper.web.api.operations import Operation
from grantkeeper.web.api.table import OPERATIONS
from keeper.people import IDA, TOM, refreshes
from webhooks.receiver import Receiver, listening

POSTS = [each for each in OPERATIONS if each.method == "POST"]
LINK = {"owner": "acme", "client": "google-ads"}
DAY = timedelta(hours=24)
pytestmark = pytest.mark.reveals("access token", "webhook secret", "link token")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who is told."""
    with listening() as made:
        yield made


def entries(keeper: Keeper) -> int:
    """Return how many entries the audit log has."""
    return len(keeper._store.audit.read(limit=1000))


@pytest.mark.parametrize("operation", POSTS, ids=lambda each: each.name)
def test_a_post_that_is_sent_again_is_done_once(
    asker: Asker, keeper: Keeper, grant: Grant, emulator: Emulator, receiver: Receiver, operation: Operation
) -> None:
    """Every POST of the table: the second time the same answer comes, and nothing is done."""
    endpoint, _ = keeper.webhooks.add(receiver.url)
    path = path_of(operation, grant.id, endpoint_id=endpoint.id)

    def ask() -> httpx2.Response:
        return asker.post(path, BODIES.get(operation.name), idempotency_key="once")

    def done() -> tuple[int, int, int, int]:
        return entries(keeper), len(keeper.events()), refreshes(emulator), len(receiver.messages)

    before, first, after, again = done(), ask(), done(), ask()

    assert first.status_code == operation.status
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert done() == after
    assert after != before or operation.name in ("confirmGrant", "reportRejected", "replayDeliveries")
    assert again.headers["cache-control"] == "no-store"


def test_who_sends_it_again_is_told_that_it_was_done_before(asker: Asker) -> None:
    """By a header; the answer itself is the same."""
    first, again = (asker.post("/v1/links", LINK, idempotency_key="once") for _ in range(2))

    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["content-type"] == first.headers["content-type"]


def test_a_refusal_is_kept_too(asker: Asker, keeper: Keeper) -> None:
    """What was refused for good is refused again, as the same problem, even if it would be possible by now."""
    body = {**LINK, "client": "nobody's"}
    first, again = (asker.post("/v1/links", body, idempotency_key="once") for _ in range(2))

    assert (first.status_code, again.status_code) == (404, 404)
    assert (again.text, again.headers["content-type"]) == (first.text, "application/problem+json")


def test_of_many_at_once_one_is_done(site: Site, asker: Asker, keeper: Keeper) -> None:
    """The others hear the answer, or that it is under way; whichever it is, there is one link."""

    async def at_once() -> list[httpx2.Response]:
        headers = {
            "authorization": f"Bearer {asker.secret}",
            "idempotency-key": "once",
            "content-type": "application/json",
        }
        return await asyncio.gather(
            *(asker.http.post("/v1/links", content=json.dumps(LINK), headers=headers) for _ in range(12))
        )

    answers = site._runner.run(at_once())

    assert len(keeper.links.page()) == 1
    made = {each.text for each in answers if each.status_code == 201}
    assert len(made) == 1
    assert {each.json()["error"] for each in answers if each.status_code != 201} <= {"Conflict"}


def test_a_second_that_comes_while_the_first_is_under_way_waits_its_turn(
    site: Site, asker: Asker, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """409, and a moment later the answer; the first is done once."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    link = site.api._keeper.link
    calls: list[str] = []

    async def slow(*args: Any, **named: Any) -> Any:
        calls.append("link")
        begun.set()
        await go_on.wait()
        return await link(*args, **named)

    async def two() -> tuple[httpx2.Response, httpx2.Response]:
        headers = {
            "authorization": f"Bearer {asker.secret}",
            "idempotency-key": "once",
            "content-type": "application/json",
        }
        first = asyncio.create_task(asker.http.post("/v1/links", content=json.dumps(LINK), headers=headers))
        await begun.wait()
        second = await asker.http.post("/v1/links", content=json.dumps(LINK), headers=headers)
        go_on.set()
        return await first, second

    monkeypatch.setattr(site.api._keeper, "link", slow)
    first, second = site._runner.run(two())
    third = asker.post("/v1/links", LINK, idempotency_key="once")

    assert (first.status_code, second.status_code, third.status_code) == (201, 409, 201)
    assert third.text == first.text
    assert calls == ["link"]


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/v1/links", {**LINK, "owner": "globex"}, {}),
        ("/v1/links", {**LINK, "code": True}, {}),
        ("/v1/keys", {"name": "x", "scopes": ["admin"]}, {}),
        ("/v1/grants/GRANT/confirm", None, {"if-match": '"v1"'}),
    ],
)
def test_a_key_is_for_one_request(
    asker: Asker, keeper: Keeper, grant: Grant, path: str, body: Any, headers: dict[str, str]
) -> None:
    """Another body, another address, another If-Match: refused, and nothing is done."""
    path = path.replace("GRANT", grant.id)
    own = (
        asker.post(path, None, idempotency_key="once")
        if headers
        else asker.post("/v1/links", LINK, idempotency_key="once")
    )
    assert own.is_success
    before = entries(keeper)
    answer = asker.post(path, body, idempotency_key="once", **headers)

    assert (answer.status_code, answer.json()["error"]) == (422, "InvalidInput")
    assert "used for another request" in answer.json()["detail"]
    assert entries(keeper) == before


def test_what_one_api_key_sent_no_other_sees(site: Site, keeper: Keeper) -> None:
    """V-60: the same words of another program are another request."""
    first, other = site.asker("links:write"), site.asker("links:write", owners=["acme"])
    one, two = (each.post("/v1/links", LINK, idempotency_key="once") for each in (first, other))

    assert one.json()["link"]["id"] != two.json()["link"]["id"]
    assert len(keeper.links.page()) == 2


def test_an_ended_api_key_gets_no_answer_again(site: Site, keeper: Keeper) -> None:
    """V-42: what it was told before, it is not told any more."""
    asker = site.asker("links:write")
    assert asker.post("/v1/links", LINK, idempotency_key="once").status_code == 201
    keeper.keys.revoke(asker.secret[3:19])

    assert asker.post("/v1/links", LINK, idempotency_key="once").status_code == 401


def test_answers_are_sealed_where_they_are_kept(asker: Asker, keeper: Keeper, tmp_path: Path) -> None:
    """V-10: the rows of kept answers hold no address of a link, no API key, no secret of an endpoint; nor the key."""
    asker.post("/v1/links", LINK, idempotency_key="a-key-of-the-programs-own")
    link = asker.post("/v1/links", LINK, idempotency_key="a-key-of-the-programs-own").json()
    made = asker.post("/v1/keys", BODIES["makeKey"], idempotency_key="two").json()
    added = asker.post("/v1/webhooks", BODIES["addEndpoint"], idempotency_key="three").json()
    with closing(sqlite3.connect(tmp_path / "grantkeeper.sqlite3")) as database:
        rows = database.execute("SELECT * FROM grantkeeper_answer").fetchall()
        dumped = b"\n".join(
            bytes(each) if isinstance(each, bytes) else str(each).encode() for row in rows for each in row
        )
    raw = b"".join(each.read_bytes() for each in tmp_path.glob("grantkeeper.sqlite3*"))

    assert len(rows) == 3
    for secret in (link["url"].rpartition("/")[2], made["secret"], added["secret"], "a-key-of-the-programs-own"):
        assert secret.encode() not in dumped
        assert secret.encode() not in raw


def test_after_a_day_it_is_another_request(asker: Asker, keeper: Keeper, emulator: Emulator) -> None:
    """Until then the same answer; what is over is deleted by the worker."""
    first = asker.post("/v1/links", LINK, idempotency_key="once")
    emulator.clock.advance(DAY - timedelta(seconds=1))
    assert asker.post("/v1/links", LINK, idempotency_key="once").text == first.text
    assert keeper.answers.sweep() == 0
    emulator.clock.advance(timedelta(seconds=1))
    again = asker.post("/v1/links", LINK, idempotency_key="once")

    assert again.status_code == 201
    assert again.json()["link"]["id"] != first.json()["link"]["id"]
    emulator.clock.advance(DAY)
    assert keeper.answers.sweep() == 1


@pytest.mark.parametrize("sent", ["", "a" * 256, "two words", "tab\there", "ä"])
def test_a_key_that_is_none_is_refused(asker: Asker, keeper: Keeper, sent: str) -> None:
    """1 to 255 printable characters; and nothing is done."""
    headers: Any = {"idempotency-key": sent.encode("latin-1")}
    assert asker.ask("POST", "/v1/links", body=LINK, headers=headers).status_code == 422
    assert keeper.links.page() == []


def test_a_repeated_refresh_brings_the_token_that_is_good_now(asker: Asker, grant: Grant, emulator: Emulator) -> None:
    """The one that it brought then may be over: it is not kept, and a repetition refreshes only what is due."""
    path, before = f"/v1/grants/{grant.id}/refresh", refreshes(emulator)
    first = asker.post(path, idempotency_key="once").json()
    assert asker.post(path, idempotency_key="once").json() == first
    assert refreshes(emulator) == before + 1
    emulator.clock.advance(timedelta(hours=2))
    later = asker.post(path, idempotency_key="once").json()

    assert later["access_token"] != first["access_token"]
    assert emulator.introspect(later["access_token"]) is not None


def test_a_repeated_refresh_of_a_revoked_grant_brings_nothing(asker: Asker, connect: Connect) -> None:
    """Not even when the token itself lives on at the provider, because a sibling does."""
    grant, _ = connect("acme", IDA), connect("globex", IDA)
    path = f"/v1/grants/{grant.id}"
    assert asker.post(f"{path}/refresh", idempotency_key="once").status_code == 200
    assert asker.ask("DELETE", path).json()["at_provider"] == "kept"
    answer = asker.post(f"{path}/refresh", idempotency_key="once")

    assert (answer.status_code, answer.json()["error"]) == (409, "ConsentRequired")


def test_repeated_refreshes_count_as_reads(site: Site, connect: Connect, emulator: Emulator) -> None:
    """V-43: whoever repeats yesterday's refreshes reads everybody's tokens no faster than anybody else."""
    grants = [connect(f"owner-{number}", person) for number, person in enumerate((IDA, TOM))]
    asker = site.asker("tokens:read", distinct_per_minute=1)
    for number, grant in enumerate(grants):
        assert asker.post(f"/v1/grants/{grant.id}/refresh", idempotency_key=str(number)).status_code == 200
        emulator.clock.advance(timedelta(minutes=1))
    again = [
        asker.post(f"/v1/grants/{grant.id}/refresh", idempotency_key=str(number)).status_code
        for number, grant in enumerate(grants)
    ]

    assert again == [200, 429]
