"""What stands in front of every page and the API."""

from __future__ import annotations

import asyncio
import re
import signal
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router
from starlette.types import Message, Receive, Scope, Send

from grantkeeper.aio import AsyncKeeper
from grantkeeper.cli.running.server import Server, configuration
from grantkeeper.errors import InvalidInput
from grantkeeper.keeper import Keeper
from grantkeeper.settings import ServiceSettings
from grantkeeper.web.service import service_app
from grantkeeper.web.service.app import Service
from service.conftest import SITE, Ask

SPOOFS = {
    "forwarded": "for=198.51.100.1;host=evil.example;proto=http",
    "x-forwarded-for": "198.51.100.1",
    "x_forwarded_for": "198.51.100.1",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "http",
    "x-forwarded-prefix": "/evil",
    "x-real-ip": "198.51.100.1",
    "x-original-url": "/evil",
    "x-rewrite-url": "/evil",
}
PROXY = "10.0.0.5"


async def _echo(request: Request) -> Response:
    """Say what an application inside is told."""
    state = request.scope["state"]
    client = request.client
    return JSONResponse(
        {
            "from": client.host if client else "",
            "request_id": state["request_id"],
            "root_path": request.scope["root_path"],
            "path": request.scope["path"],
            "body": len(await request.body()),
        }
    )


ECHO = Router([Route("/v1/echo/{word}", _echo, methods=["GET", "POST"]), Route("/page", _echo)])
PARTS = {"v1": ECHO, "": ECHO}


def test_the_service_has_to_know_where_it_is(keeper: Keeper) -> None:
    """Everything that is sent to people is made of `url`; a guess from a request would be a stranger's (V-39c)."""
    with pytest.raises(InvalidInput, match="where people reach it"):
        service_app(None, ServiceSettings())  # type: ignore[arg-type]


def test_every_answer_has_the_id_of_its_request(ask: Ask) -> None:
    """Pages, problems, and addresses that lead nowhere; and no two are the same."""
    asked = ask(PARTS)
    answers = [asked.get(path) for path in ("/healthz", "/readyz", "/v1/echo/a", "/page", "/nowhere", "/metrics")]
    ids = [each.headers["x-request-id"] for each in answers]
    assert all(re.fullmatch("[0-9a-f]{16}", each) for each in ids)
    assert len(set(ids)) == len(ids)
    assert answers[2].json()["request_id"] == ids[2]


@pytest.mark.parametrize("target", ["*", "http://elsewhere.example/v1/grants", ""])
def test_what_is_no_path_leads_nowhere(ask: Ask, target: str) -> None:
    """`OPTIONS *` and what is meant for a forward proxy (RFC 9112 3.2) are answered as an unknown page is."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "OPTIONS", "path": target, "query_string": b"", "headers": []}
    asyncio.run(ask(PARTS).service(scope, receive, send))

    assert sent[0]["status"] == 404


@pytest.mark.parametrize("name", SPOOFS)
def test_no_header_of_a_stranger_says_who_asks(ask: Ask, name: str) -> None:
    """V-39c: without a trusted proxy nothing is believed, and nothing but a problem or our own address comes back."""
    answer = ask(PARTS).get("/v1/echo/a", **{name: SPOOFS[name], "x-request-id": "a-stranger-chose-this"})
    assert answer.json()["from"] == "203.0.113.9"
    assert (answer.json()["path"], answer.json()["root_path"]) == ("/v1/echo/a", "")
    assert answer.headers["x-request-id"] != "a-stranger-chose-this"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (["198.51.100.1"], "198.51.100.1"),
        (["198.51.100.66, 198.51.100.1"], "198.51.100.1"),
        (["198.51.100.66, 198.51.100.1, 10.0.0.6"], "198.51.100.1"),
        (["198.51.100.66", "198.51.100.1"], "198.51.100.1"),
        (["198.51.100.1:4711"], "198.51.100.1"),
        (["[2001:db8::1]:4711"], "2001:db8::1"),
        (["::ffff:198.51.100.1"], "198.51.100.1"),
        (["10.0.0.7, 10.0.0.6"], "10.0.0.7"),
        (["198.51.100.1, unknown"], PROXY),
        (["198.51.100.1, unknown, 10.0.0.6"], "10.0.0.6"),
        (["evil.example"], PROXY),
        ([""], PROXY),
        ([], PROXY),
    ],
)
def test_a_trusted_proxy_says_who_asks(ask: Ask, sent: list[str], expected: str) -> None:
    """V-39c: from the right, the first address that is no proxy; what stands to its left, anybody could write."""
    headers = [("x-forwarded-for", each) for each in sent] + [("x_forwarded_for", "198.51.100.77")]
    asked = ask(PARTS, peer=PROXY, trusted_proxies=("10.0.0.0/24",))
    assert asked.send("GET", "/v1/echo/a", headers=headers).json()["from"] == expected


def test_a_trusted_proxy_names_the_request(ask: Ask) -> None:
    """So that its log and ours can be read together; what no proxy would send is replaced."""
    asked = ask(PARTS, peer=PROXY, trusted_proxies=("10.0.0.0/24",))
    named = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736"
    assert asked.get("/v1/echo/a", **{"x-request-id": named}).headers["x-request-id"] == named
    for strange in ("short", "a" * 65, "with spaces in it", "<script>alert(1)</script>"):
        assert asked.get("/page", **{"x-request-id": strange}).headers["x-request-id"] != strange
    twice = asked.send("GET", "/page", headers=[("x-request-id", named), ("x-request-id", named)])
    assert twice.headers["x-request-id"] != named


@pytest.mark.parametrize("host", ["evil.example", "grants.example.com.evil.example", "grants.example.com:8080", ""])
def test_pages_answer_to_their_own_name_only(ask: Ask, host: str) -> None:
    """DNS rebinding: a browser's cookies come by themselves, so a page of another name is refused."""
    asked = ask(PARTS)
    assert asked.get("/page", host=host).status_code == 421
    assert asked.get("/healthz", host=host).status_code == 421
    assert asked.get("/page", host="GRANTS.example.com").status_code == 200
    assert asked.get("/page", host="grants.example.com:443").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost", "10.1.2.3:8765", "[::1]:8765", "grants.internal"])
def test_programs_and_probes_may_come_by_another_door(ask: Ask, host: str) -> None:
    """A program's key does not come along by itself; a probe asks the address of one replica."""
    asked = ask(PARTS)
    assert asked.get("/v1/echo/a", host=host).status_code == 200
    assert asked.get("/healthz", host=host).status_code == (421 if host == "grants.internal" else 200)


def test_two_hosts_are_none(ask: Ask) -> None:
    """Whoever stands in front may have taken the other one."""
    headers = [("host", "grants.example.com"), ("host", "evil.example")]
    assert ask(PARTS).send("GET", "/page", headers=headers).status_code == 421


def test_a_prefix_is_a_part_of_every_path_but_the_probes(ask: Ask) -> None:
    """The proxy in front passes paths as they are; probes come past it."""
    asked = ask(PARTS, url=f"{SITE}/keeper")
    found = asked.get("/keeper/v1/echo/a")
    assert found.status_code == 200
    assert (found.json()["root_path"], found.json()["path"]) == ("/keeper", "/keeper/v1/echo/a")
    assert asked.get("/v1/echo/a").status_code == 404
    assert asked.get("/keeperx/v1/echo/a").status_code == 404
    assert asked.get("/healthz").status_code == 200


def test_a_failure_nobody_foresaw_is_a_problem_with_an_id(ask: Ask, caplog: pytest.LogCaptureFixture) -> None:
    """No text of the exception is shown; it is in the log, under the same id."""

    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("the inside of the house")

    answer = ask({"": broken}).get("/x")
    assert (answer.status_code, answer.json()["type"]) == (500, "urn:grantkeeper:problem:internal_error")
    assert "the inside of the house" not in answer.text
    assert "a request failed" in caplog.text


@pytest.mark.parametrize("length", ["2100001", "9" * 5000, "-1", "1e3", "0x10"])
def test_a_body_that_says_it_is_too_large_is_not_read(ask: Ask, length: str) -> None:
    """V-48: refused by its length; nobody waits for it."""
    headers = {"content-length": length}
    assert ask(PARTS).send("POST", "/v1/echo/a", headers=headers, content=b"x").status_code == 413


def test_a_body_that_turns_out_too_large_is_cut_off(ask: Ask) -> None:
    """V-48: chunked, without a length; what fits arrives whole."""
    asked = ask(PARTS)

    async def chunks(count: int) -> object:
        for _ in range(count):
            yield b"x" * 100_000

    assert asked.send("POST", "/v1/echo/a", content=chunks(20)).json()["body"] == 2_000_000
    assert asked.send("POST", "/v1/echo/a", content=chunks(40)).status_code == 413


def test_a_database_that_is_gone_means_not_ready_and_alive(ask: Ask, keeper: Keeper, tmp_path: Path) -> None:
    """R-58: readiness is not liveness; the answer says which part, not where it is."""
    asked = ask()
    assert asked.get("/readyz").json() == {"status": "ready"}
    with closing(sqlite3.connect(tmp_path / "grantkeeper.sqlite3")) as database, database:
        database.execute("UPDATE grantkeeper_alembic_version SET version_num = '0001'")
    asked.service._probes._looked = (-1.0, "")
    answer = asked.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "why": "schema"})
    assert asked.get("/healthz").status_code == 200


def test_stopping_means_not_ready_and_closes_connections(ask: Ask) -> None:
    """R-57: balancers turn away, and nobody sends a next request into a connection that closes."""
    asked = ask(PARTS)
    asked.service.stop()
    answer = asked.get("/readyz")
    assert (answer.status_code, answer.json()["why"]) == (503, "stopping")
    assert asked.get("/healthz").status_code == 200
    assert asked.get("/v1/echo/a").headers["connection"] == "close"


class AtWork:
    """A worker that takes as long to end as a test wants."""

    def __init__(self) -> None:
        self.told, self.may_end, self.times = threading.Event(), threading.Event(), 0

    def start(self) -> None:
        """Begin."""

    def stop(self, patience: timedelta) -> bool:
        """End when the test says so."""
        self.times += 1
        self.told.set()
        return self.may_end.wait(patience.total_seconds())


def test_the_worker_ends_beside_the_answers_under_way(keeper: Keeper) -> None:
    """R-57: it is told at the first signal; the end waits for it, and tells it once."""
    worker = AtWork()
    service = Service(AsyncKeeper(keeper), ServiceSettings(url=SITE), PARTS, worker=worker)
    server = Server(configuration(service), service, drain=60)

    async def life() -> list[str]:
        said: asyncio.Queue[Message] = asyncio.Queue()
        heard: asyncio.Queue[Message] = asyncio.Queue()
        alive = asyncio.create_task(service({"type": "lifespan"}, heard.get, said.put))
        await heard.put({"type": "lifespan.startup"})
        types = [(await said.get())["type"]]
        server.handle_exit(signal.SIGTERM, None)
        assert not await server.on_tick(1)
        assert await asyncio.to_thread(worker.told.wait, 10)
        assert not await server.on_tick(2)
        await heard.put({"type": "lifespan.shutdown"})
        assert (await asyncio.wait((alive,), timeout=0.1))[1] == {alive}
        worker.may_end.set()
        await asyncio.wait_for(alive, 10)
        return [*types, (await said.get())["type"]]

    assert asyncio.run(life()) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert worker.times == 1


def test_metrics_are_not_for_everybody(ask: Ask) -> None:
    """V-25: without a key they are refused, unless the configuration opens them."""
    assert ask().get("/metrics").status_code == 401
    asked = ask(PARTS, open_metrics=True)
    asked.get("/v1/echo/a-link-token-that-nobody-may-see")
    text = asked.get("/metrics").text
    assert 'grantkeeper_requests_total{method="GET",route="/v1/echo/{word}",status="2xx"} 1.0' in text
    assert "a-link-token-that-nobody-may-see" not in text
