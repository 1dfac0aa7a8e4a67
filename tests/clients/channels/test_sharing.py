"""Clients of many grants share a few connections, and nothing else."""

from __future__ import annotations

import gc
import os
import secrets
import threading
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.ads.googleads.client import GoogleAdsClient

from clients.sources import GRANT, ScriptedSource, at_once, dead
from grantkeeper.clients import google_ads, google_auth
from grantkeeper.clients.channels import ads_client
from grantkeeper.clients.channels.pool import CONNECTIONS, Channels
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.emulator.server import Serving
from grantkeeper.errors import ConsentRequired

QUERY = "SELECT customer.id FROM customer"
ADWORDS = "https://www.googleapis.com/auth/adwords"
IDA, SAM = "ida@nordwind-outdoor.example", "sam@fjord-media.example"
REACHED = {IDA: ["customers/2223334441", "customers/4445556663"], SAM: ["customers/1112223330"]}


class Person(ScriptedSource):
    """A source whose tokens are those of a person of the emulator's."""

    def __init__(self, clock: Clock, emulator: Emulator, person: str) -> None:
        super().__init__(clock)
        self.emulator, self.person = emulator, person

    def _new(self) -> Any:
        made = super()._new()
        state = self.emulator.state
        value = secrets.token_urlsafe(24)
        state.access[value] = state.access[self.emulator.mint(self.person, ADWORDS)]
        return type(made)(value=type(made.value)(value), expires_at=made.expires_at, scopes=made.scopes)


def client(clock: Clock, emulator: Emulator, serving: Serving, person: str) -> Any:
    """Return a client in a person's name."""
    return google_ads.client(Person(clock, emulator, person), GRANT, endpoint=serving.grpc_target)


def reached(service: Any) -> list[str]:
    """Ask which accounts are accessible."""
    return sorted(service.list_accessible_customers().resource_names)


def test_calls_of_many_grants_at_once_carry_each_its_own_token(
    clock: Clock, emulator: Emulator, serving: Serving
) -> None:
    """Sixteen threads, two people, one pool: nobody sees another's accounts."""
    people = [IDA, SAM] * 8
    services = [client(clock, emulator, serving, person).get_service("CustomerService") for person in people]
    turn = iter(range(len(people)))
    lock = threading.Lock()

    def ask() -> list[tuple[str, list[str]]]:
        with lock:
            number = next(turn)
        return [(people[number], reached(services[number])) for _ in range(10)]

    outcomes = at_once(ask, callers=len(people))
    answers = [pair for outcome in outcomes if isinstance(outcome, list) for pair in outcome]
    assert len(answers) == 160
    assert [(person, REACHED[person]) for person, _ in answers] == answers


def test_a_dead_grant_is_its_own_clients_trouble_only(clock: Clock, emulator: Emulator, serving: Serving) -> None:
    """Its 503 from behind gRPC names it; the neighbours on the same connections go on."""
    good, bad = client(clock, emulator, serving, SAM), client(clock, emulator, serving, IDA)
    bad.credentials._source.trouble = dead()
    with pytest.raises(ConsentRequired), google_auth.api_errors(bad):
        reached(bad.get_service("CustomerService"))

    assert reached(good.get_service("CustomerService")) == REACHED[SAM]


def test_two_hundred_services_open_few_connections(clock: Clock, emulator: Emulator, serving: Serving) -> None:
    """The plain library opens one each."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    services = [client(clock, emulator, serving, SAM).get_service("CustomerService") for _ in range(200)]
    for service in services:
        assert reached(service) == REACHED[SAM]

    # Both ends are in this process.
    assert len(list(Path("/proc/self/fd").iterdir())) - before <= 2 * CONNECTIONS + 4


def test_closing_one_clients_transport_ends_nobody_elses_calls(
    clock: Clock, emulator: Emulator, serving: Serving
) -> None:
    """As the library's own context manager does at its end."""
    services = [client(clock, emulator, serving, SAM).get_service("CustomerService") for _ in range(2 * CONNECTIONS)]
    for service in services[::2]:
        with service:
            reached(service)

    assert [reached(service) for service in services[1::2]] == [REACHED[SAM]] * CONNECTIONS


def test_the_last_service_that_is_dropped_closes_its_connection(
    clock: Clock, emulator: Emulator, serving: Serving
) -> None:
    """Nothing is kept for nobody."""
    channels: Any = ads_client._CHANNELS
    service = client(clock, emulator, serving, SAM).get_service("CustomerService")
    reached(service)
    assert [key for key in channels._open if key[0] == serving.grpc_target]

    del service
    gc.collect()
    assert [key for key in channels._open if key[0] == serving.grpc_target] == []


@pytest.mark.parametrize("use_proto_plus", [True, False])
def test_an_answer_keeps_its_connection_when_nothing_else_does(
    clock: Clock, emulator: Emulator, serving: Serving, use_proto_plus: bool
) -> None:
    """Client, service and stream in one expression: gRPC would end the stream as `Channel deallocated!`."""

    def streamed() -> Any:
        ads: Any = google_ads.client(
            Person(clock, emulator, IDA), GRANT, endpoint=serving.grpc_target, use_proto_plus=use_proto_plus
        )
        return ads.get_service("GoogleAdsService").search_stream(customer_id="2223334441", query=QUERY)

    for _ in range(5):
        stream = streamed()
        gc.collect()
        assert [row.customer.id for batch in stream for row in batch.results] == [2223334441]


def test_a_call_that_is_under_way_keeps_its_connection(clock: Clock, emulator: Emulator, serving: Serving) -> None:
    """Of a call with one answer, too, whoever waits for it need not hold the service."""
    ads = client(clock, emulator, serving, IDA)
    held: list[Any] = []

    class Holding(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            held.append(continuation(details, request))
            return held[0]

    reached(ads.get_service("CustomerService", interceptors=[Holding()]))
    gc.collect()
    channels: Any = ads_client._CHANNELS
    assert [key for key in channels._open if key[0] == serving.grpc_target]

    held.clear()
    gc.collect()
    assert [key for key in channels._open if key[0] == serving.grpc_target] == []


def test_the_token_is_seen_by_no_interceptor(clock: Clock, emulator: Emulator, serving: Serving) -> None:
    """V-22: the library's own one logs a call's metadata; gRPC adds the token below all of them."""
    seen: list[object] = []

    class Watching(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
        def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            seen.append(details.metadata)
            return continuation(details, request)

    ads = client(clock, emulator, serving, SAM)
    assert reached(ads.get_service("CustomerService", interceptors=[Watching()])) == REACHED[SAM]

    assert len(seen) == 1
    assert "authorization" not in str(seen).lower()


def test_a_forked_child_begins_with_no_channel_of_its_parents() -> None:
    """R-67: two processes on one connection would mix their calls."""
    channels = Channels()
    options: list[Any] = []
    kept = channels._channel("localhost:1", options)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(len(channels._open)).encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert (os.read(reading, 10), len(channels._open)) == (b"0", 1)
    kept.close()
    os.close(reading)
    os.close(writing)


# --- the same as the library's own -----------------------------------------------------------------------------------


def interceptors(service: Any) -> list[str]:
    """Return the interceptors of a service's channel, outermost first; its own logging one aside."""
    channel, names = service.transport._grpc_channel, []
    while hasattr(channel, "_interceptor"):
        names.append(type(channel._interceptor).__name__)
        channel = channel._channel
    return [name for name in names if not name.startswith("_")]


def test_services_are_made_as_the_library_makes_them(source: ScriptedSource) -> None:
    """The same class, transport and interceptors in the same order: a newer library that changes them is noticed."""
    ours: Any = google_ads.client(source, GRANT, login_customer_id="1234567890")
    plain: Any = GoogleAdsClient(credentials=ours.credentials, login_customer_id="1234567890", use_proto_plus=True)
    for name in ("CustomerService", "GoogleAdsService", "CampaignService"):
        made, expected = ours.get_service(name), plain.get_service(name)

        assert type(made) is type(expected)
        assert type(made.transport) is type(expected.transport)
        assert interceptors(made) == interceptors(expected) != []


@pytest.mark.parametrize("name", ["NoSuchService", "", "../CustomerService"])
def test_a_service_that_there_is_not_is_refused_in_the_librarys_words(source: ScriptedSource, name: str) -> None:
    """ValueError, as ever."""
    with pytest.raises(ValueError, match="does not exist in Google Ads API"):
        google_ads.client(source, GRANT).get_service(name)


def test_the_wire_carries_what_the_library_sends(clock: Clock, emulator: Emulator, serving: Serving) -> None:
    """The same headers as a plain client's, but for the order."""
    person = Person(clock, emulator, SAM)
    ours: Any = google_ads.client(person, GRANT, login_customer_id="1112223330", endpoint=serving.grpc_target)
    plain: Any = GoogleAdsClient(
        credentials=ours.credentials, login_customer_id="1112223330", endpoint=serving.grpc_target, use_proto_plus=True
    )
    for made in (ours, plain):
        reached(made.get_service("CustomerService"))
    first, second = (dict(each.headers) for each in emulator.requests("/v26/customers:listAccessibleCustomers"))

    assert first == second
    assert first["login-customer-id"] == "1112223330"
