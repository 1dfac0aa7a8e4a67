"""What OpenTelemetry is told: spans of requests, refreshes, calls to providers and a worker's jobs, and no secret."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from canaries import AVIARY
from grantkeeper import Misconfigured, ProviderUnavailable, Settings
from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.settings import ServiceSettings, new_key_file
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, consent, oauth_client
from grantkeeper.tracing import OFF, OpenTelemetry
from grantkeeper.web.service import service_app
from grantkeeper.worker import Delivering, Worker

SITE = "https://grants.example.com"
IDA = "ida@nordwind-outdoor.example"
TRACE, ABOVE = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{ABOVE}-01"


class Collected:
    """The spans that have ended."""

    def __init__(self) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.tracing = OpenTelemetry(provider)

    def all(self) -> tuple[ReadableSpan, ...]:
        """Return all of them."""
        return self._kept.get_finished_spans()

    def one(self, name: str) -> ReadableSpan:
        """Return the only one of this name."""
        (found,) = [each for each in self.all() if each.name == name]
        return found

    def clear(self) -> None:
        """Forget them."""
        self._kept.clear()


@pytest.fixture
def spans() -> Iterator[Collected]:
    """What a traced keeper tells; all of it is searched for secrets when the test is over (V-20)."""
    collected = Collected()
    yield collected
    for each in collected.all():
        text = each.to_json()
        AVIARY.show("a span", text)
        assert IDA not in text
        assert each.events == ()


@pytest.fixture
def keeper(emulator: Emulator, tmp_path: Path, spans: Collected) -> Iterator[Keeper]:
    """A keeper that is traced."""
    store = SqlStore(f"sqlite:///{tmp_path / 'grantkeeper.sqlite3'}", now=emulator.clock.now)
    store.migrate()
    with Keeper(
        store=store,
        sealer=KeyRing.parse(new_key()),
        clients=[oauth_client(emulator, "google-ads", ["adwords"])],
        transport=EmulatorTransport(emulator),
        now=emulator.clock.now,
        pause=emulator.clock.advance,
        pages_url=SITE,
        tracing=spans.tracing,
    ) as made:
        yield made


def above(span: ReadableSpan) -> int:
    """Return the id of the span above, 0 for none."""
    return span.parent.span_id if span.parent else 0


def below(span: ReadableSpan) -> int:
    """Return the span's id."""
    context = span.get_span_context()
    assert context is not None
    return int(context.span_id)


def asked(keeper: Keeper, path: str, **headers: str) -> httpx2.Response:
    """Ask the service."""

    async def ask() -> httpx2.Response:
        app = service_app(AsyncKeeper(keeper), ServiceSettings(url=SITE))
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=SITE) as http:
            return await http.get(path, headers=headers)

    return asyncio.run(ask())


def key(keeper: Keeper) -> str:
    """Return the header of a program that may do everything."""
    return f"Bearer {keeper.keys.create('a test', ('admin',)).secret.reveal()}"


def test_a_request_its_refresh_and_its_call_to_the_provider_are_one_trace(
    keeper: Keeper, emulator: Emulator, spans: Collected
) -> None:
    """W3C Trace Context: below the caller's span, in threads too; named by routes and hosts, never by an address."""
    grant, authorization = consent(keeper, emulator, "acme", IDA), key(keeper)
    emulator.clock.advance(timedelta(hours=2))
    spans.clear()

    answer = asked(keeper, f"/v1/grants/{grant.id}/token?min_ttl=60", authorization=authorization, traceparent=PARENT)

    assert answer.status_code == 200
    request, refresh = spans.one("GET /v1/grants/{grant_id}/token"), spans.one("grantkeeper.refresh")
    (call,) = [each for each in spans.all() if each.kind is SpanKind.CLIENT]
    assert f"{request.get_span_context().trace_id:032x}" == TRACE  # type: ignore[union-attr]
    assert [above(request), above(refresh), above(call)] == [int(ABOVE, 16), below(request), below(refresh)]
    assert request.kind is SpanKind.SERVER
    assert dict(request.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/v1/grants/{grant_id}/token",
        "http.response.status_code": 200,
        "grantkeeper.key.id": keeper.keys.all()[0].id,
    }
    assert dict(refresh.attributes or {}) == {"grantkeeper.grant.id": grant.id, "grantkeeper.client": "google-ads"}
    host = keeper.client("google-ads").provider.token_endpoint.split("/")[2].partition(":")[0]
    assert call.name == f"POST {host}"
    assert dict(call.attributes or {}) == {
        "http.request.method": "POST",
        "server.address": host,
        "http.response.status_code": 200,
    }


def test_a_token_from_memory_is_a_request_too(keeper: Keeper, emulator: Emulator, spans: Collected) -> None:
    """What is answered at once, at the service's edge, has its span, below the caller's; nothing is below it."""
    grant, authorization = consent(keeper, emulator, "acme", IDA), key(keeper)
    path = f"/v1/grants/{grant.id}/token"
    for _ in range(2):
        assert asked(keeper, path, authorization=authorization, traceparent=PARENT).status_code == 200

    first, again = (each for each in spans.all() if each.name == "GET /v1/grants/{grant_id}/token")
    assert dict(first.attributes or {}) == dict(again.attributes or {})
    assert (above(first), above(again)) == (int(ABOVE, 16), int(ABOVE, 16))


@pytest.mark.parametrize("sent", ["", "nonsense", f"00-{'0' * 32}-{ABOVE}-01", f"{PARENT}, {PARENT}", "00-" + "g" * 52])
def test_a_request_without_a_good_parent_begins_a_trace(keeper: Keeper, spans: Collected, sent: str) -> None:
    """W3C Trace Context 3.2.2: what is malformed is passed over; the answer is the same."""
    headers = {"traceparent": sent} if sent else {}
    assert asked(keeper, "/v1/grants", authorization=key(keeper), **headers).status_code == 200
    assert above(spans.one("GET /v1/grants")) == 0


def test_what_nobody_may_do_is_a_span_without_its_address(keeper: Keeper, spans: Collected) -> None:
    """V-20: somebody may have mistyped a link, or put a key into the query."""
    assert asked(keeper, "/v1/gr/ants?key=secret").status_code in (401, 404)
    (span,) = spans.all()
    assert "secret" not in span.to_json()
    assert "ants" not in span.to_json()


def test_trouble_is_told_by_its_class_alone(keeper: Keeper, emulator: Emulator, spans: Collected) -> None:
    """V-20: a message, or a stack with its values, may hold anything."""
    grant = consent(keeper, emulator, "acme", IDA)
    emulator.clock.advance(timedelta(hours=2))
    spans.clear()
    emulator.fail(503, times=1, path="/token")

    with pytest.raises(ProviderUnavailable):
        keeper.token(grant.id)

    refresh = spans.one("grantkeeper.refresh")
    (call,) = [each for each in spans.all() if each.kind is SpanKind.CLIENT]
    assert [
        (each.status.is_ok, each.status.description, (each.attributes or {})["error.type"]) for each in (refresh, call)
    ] == [
        (False, None, "ProviderUnavailable"),
        (False, None, "503"),
    ]


def test_a_workers_jobs_are_spans(keeper: Keeper, emulator: Emulator, spans: Collected) -> None:
    """A grant that is tended, with the calls that it takes; each chore."""
    grant = consent(keeper, emulator, "acme", IDA)
    emulator.clock.advance(timedelta(days=2))
    spans.clear()

    Worker(keeper, threads=1).sweep()

    tend = spans.one("worker.tend")
    assert (tend.attributes or {})["grantkeeper.grant.id"] == grant.id
    assert above(spans.one("grantkeeper.refresh")) == below(tend)
    assert {"worker.expired", "worker.deleted", "worker.noted"} <= {each.name for each in spans.all()}


def test_a_delivery_is_a_span(keeper: Keeper, emulator: Emulator, spans: Collected) -> None:
    """It says how it went; not to which address, in which there may be a token of the receiver's."""
    endpoint, _ = keeper.webhooks.add("https://hooks.invalid/token-of-the-receiver")
    consent(keeper, emulator, "acme", IDA)
    keeper.newest_event()
    spans.clear()
    assert Delivering(keeper).once() == 1
    span = spans.one("worker.deliver")
    assert dict(span.attributes or {}) == {"grantkeeper.endpoint.id": endpoint.id, "grantkeeper.done": "waiting"}


def test_without_the_setting_nothing_is_imported_and_no_span_is_made(keeper: Keeper) -> None:
    """A process that is not traced pays for it with one attribute look-up."""
    code = (
        "import sys, grantkeeper.keeper, grantkeeper.worker, grantkeeper.web.service\n"
        "assert not any(name.startswith('opentelemetry') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert OFF.span("anything", grantkeeper_client="x") is OFF.span("another")
    with OFF.span("anything") as span:
        span.put("a", 1)
        span.rename("b")
        span.fail("c")


def test_the_setting_turns_it_on_and_says_what_is_missing(
    tmp_path: Path, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`tracing = "opentelemetry"`; anything else is refused, and so is a process that lacks the package."""
    file = tmp_path / "grantkeeper.toml"
    new_key_file(tmp_path / "keys")
    text = 'database = "sqlite:///g.sqlite3"\nkey_file = "keys"\n'
    file.write_text(f'{text}tracing = "opentelemetry"\n')
    settings = Settings.load(file, {})
    SqlStore(settings.database).migrate()
    with Keeper.from_settings(settings) as made:
        assert made.tracing.on
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(Misconfigured) as missing:
        Keeper.from_settings(settings)
    assert "grantkeeper[telemetry]" in missing.value.advice
    file.write_text(f'{text}tracing = "on"\n')
    with pytest.raises(Misconfigured, match="tracing"):
        Settings.load(file, {})
    file.write_text(text)
    with Keeper.from_settings(Settings.load(file, {})) as plain:
        assert plain.tracing is OFF
