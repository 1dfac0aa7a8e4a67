"""The official Google Ads client as the judge: google-ads over gRPC with TLS, against the served emulator."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.ads.googleads.client import GoogleAdsClient
from google.ads.googleads.errors import GoogleAdsException
from google.api_core import exceptions

from emulator_apis.calls import ADWORDS, DFP, ads_client
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.emulator.apis import ads_grpc
from grantkeeper.emulator.apis.ads.errors import AdsError
from grantkeeper.emulator.apis.ads.service import PAGE_ROWS
from grantkeeper.emulator.server import Serving, authority
from grantkeeper.emulator.world import AdsAccess, AdsAccount, AdsLink, World

ANN, BOB, NOBODY = "ann@agency.example", "bob@shop.example", "nobody@shop.example"
TREE = (
    "SELECT customer_client.id, customer_client.level, customer_client.manager, customer_client.descriptive_name, "
    "customer_client.status FROM customer_client WHERE customer_client.level <= 1 ORDER BY customer_client.id"
)
LIST_PATH = "/v26/customers:listAccessibleCustomers"
Client = Callable[..., GoogleAdsClient]


@pytest.fixture
def client(emulator: Emulator, serving_grpc: Serving) -> Client:
    """The official client for a person's new access token."""

    def make(person: str, login: str | None = None, *, scope: str = ADWORDS, **more: Any) -> GoogleAdsClient:
        return ads_client(serving_grpc, emulator.mint(person, scope), login, **more)

    return make


def accessible(client: GoogleAdsClient) -> list[str]:
    """Return the resource names that the client lists."""
    return list(client.get_service("CustomerService").list_accessible_customers().resource_names)


@pytest.mark.parametrize("version", ["v23", "v24", "v25", "v26"])
def test_every_version_lists_and_searches(client: Client, version: str) -> None:
    """Each installed version has its own protobuf types."""
    ads = client(ANN, "1000000000", version=version)
    rows = ads.get_service("GoogleAdsService").search(customer_id="2000000000", query=TREE)

    assert accessible(ads) == ["customers/1000000000"]
    assert [row.customer_client.id for row in rows] == [2000000000, 3000000000, 5000000000]


def test_search_brings_the_tree_as_typed_rows(client: Client) -> None:
    """Numbers, names, booleans and enum values arrive as such."""
    rows = list(client(ANN).get_service("GoogleAdsService").search(customer_id="1000000000", query=TREE))

    assert [(row.customer_client.descriptive_name, row.customer_client.level) for row in rows] == [
        ("Top", 0),
        ("Middle", 1),
        ("Ünder both", 1),
        ("Cancelled", 1),
    ]
    assert [row.customer_client.manager for row in rows] == [True, True, False, False]
    assert [row.customer_client.status.name for row in rows][2:] == ["ENABLED", "CANCELED"]
    assert rows[1].customer_client.resource_name == "customers/1000000000/customerClients/2000000000"


def test_search_stream_brings_the_same_rows_in_batches(client: Client) -> None:
    """With plain protobuf messages as with proto-plus ones."""
    service = client(ANN, use_proto_plus=False).get_service("GoogleAdsService")
    batches = list(service.search_stream(customer_id="1000000000", query=TREE))

    assert [row.customer_client.id // 1000000000 for batch in batches for row in batch.results] == [1, 2, 3, 4]
    assert batches[0].request_id


def test_the_pager_asks_for_the_next_page(emulator: Emulator, client: Client) -> None:
    """More accounts than a page has rows: the official pager follows next_page_token."""
    top = AdsAccount(id="1000000000", name="Top", manager=True)
    below = tuple(AdsAccount(id=str(2_000_000_000 + each), name=f"Shop {each}") for each in range(PAGE_ROWS))
    emulator.world = World(
        projects=emulator.world.projects,
        clients=emulator.world.clients,
        people=emulator.world.people,
        ads_accounts=(top, *below),
        ads_links=tuple(AdsLink(manager=top.id, client=each.id) for each in below),
        ads_access=(AdsAccess(person=ANN, account=top.id),),
    )
    query = "SELECT customer_client.id FROM customer_client"
    rows = client(ANN).get_service("GoogleAdsService").search(customer_id="1000000000", query=query)

    assert len({row.customer_client.id for row in rows}) == PAGE_ROWS + 1
    assert len(emulator.requests("/v26/customers/1000000000/googleAds:search")) == 2


def test_headers_and_path_arrive_as_over_rest(emulator: Emulator, client: Client) -> None:
    """What the client sends is in the log, under the path of the REST call."""
    ads = client(BOB, "2000000000", developer_token="made-up")
    list(ads.get_service("GoogleAdsService").search(customer_id="3000000000", query="SELECT customer.id FROM customer"))

    (exchange,) = emulator.requests("/v26/customers/3000000000/googleAds:search")
    assert exchange.headers["login-customer-id"] == "2000000000"
    assert exchange.headers["developer-token"] == "made-up"
    assert "gl-python/" in exchange.headers["x-goog-api-client"]


def search(ads: GoogleAdsClient, customer: str, query: str = "SELECT customer.id FROM customer") -> None:
    """Search, and read everything."""
    list(ads.get_service("GoogleAdsService").search(customer_id=customer, query=query))


def stream(ads: GoogleAdsClient, customer: str, query: str = "SELECT customer.id FROM customer") -> None:
    """Stream, and read everything."""
    list(ads.get_service("GoogleAdsService").search_stream(customer_id=customer, query=query))


@pytest.mark.parametrize("call", [search, stream])
@pytest.mark.parametrize(
    ("person", "customer", "login", "status", "kind", "name"),
    [
        (ANN, "3000000000", None, "PERMISSION_DENIED", "authorization_error", "USER_PERMISSION_DENIED"),
        (BOB, "6000000000", "2000000000", "PERMISSION_DENIED", "authorization_error", "USER_PERMISSION_DENIED"),
        (BOB, "4000000000", None, "PERMISSION_DENIED", "authorization_error", "CUSTOMER_NOT_ENABLED"),
        (BOB, "9999999999", None, "UNAUTHENTICATED", "authentication_error", "CUSTOMER_NOT_FOUND"),
        (NOBODY, "1000000000", None, "UNAUTHENTICATED", "authentication_error", "NOT_ADS_USER"),
        (BOB, "no/id", None, "INVALID_ARGUMENT", "request_error", "INVALID_CUSTOMER_ID"),
        (BOB, "3000000000", "200-000-0000", "INVALID_ARGUMENT", "header_error", "INVALID_LOGIN_CUSTOMER_ID"),
    ],
)
def test_a_refusal_is_a_google_ads_exception(
    client: Client,
    call: Callable[[GoogleAdsClient, str], None],
    person: str,
    customer: str,
    login: str | None,
    status: str,
    kind: str,
    name: str,
) -> None:
    """With the status, the failure's code and the request's id."""
    with pytest.raises(GoogleAdsException) as raised:
        call(client(person, login), customer)

    assert raised.value.error.code() is grpc.StatusCode[status]
    code = raised.value.failure.errors[0].error_code
    assert getattr(code, kind).name == name
    assert raised.value.request_id == raised.value.failure.request_id != ""


def test_a_wrong_query_is_a_google_ads_exception(client: Client) -> None:
    """Here of an unknown field."""
    with pytest.raises(GoogleAdsException) as raised:
        search(client(ANN), "1000000000", "SELECT customer.shoe_size FROM customer")

    error = raised.value.failure.errors[0]
    assert error.error_code.query_error.name == "UNRECOGNIZED_FIELD"
    assert error.message == "Unrecognized fields in the query: 'customer.shoe_size'."


def test_a_page_size_is_refused(client: Client) -> None:
    """PAGE_SIZE_NOT_SUPPORTED."""
    ads = client(ANN)
    request = ads.get_type("SearchGoogleAdsRequest")
    request.customer_id, request.query, request.page_size = "1000000000", TREE, 10

    with pytest.raises(GoogleAdsException) as raised:
        ads.get_service("GoogleAdsService").search(request=request)

    assert raised.value.failure.errors[0].error_code.request_error.name == "PAGE_SIZE_NOT_SUPPORTED"


def test_a_token_that_expired_is_unauthenticated(client: Client, clock: Clock) -> None:
    """Google's front end refuses it before Google Ads sees the call: no GoogleAdsFailure."""
    ads = client(BOB)
    clock.advance(timedelta(hours=1))

    with pytest.raises(exceptions.Unauthenticated) as raised:
        accessible(ads)

    assert raised.value.reason == "ACCESS_TOKEN_TYPE_UNSUPPORTED"


def test_a_token_that_was_revoked_is_unauthenticated(client: Client, emulator: Emulator) -> None:
    """As if it had expired; in the midst of a client's life too."""
    ads = client(BOB)
    assert len(accessible(ads)) == 4

    emulator.revoke(BOB)

    with pytest.raises(exceptions.Unauthenticated, match="Request had invalid authentication credentials"):
        accessible(ads)


def test_a_token_without_the_scope_is_denied(client: Client) -> None:
    """ErrorInfo says which service wants more."""
    with pytest.raises(exceptions.PermissionDenied) as raised:
        accessible(client(BOB, scope=DFP))

    assert raised.value.reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    assert raised.value.metadata["service"] == "googleads.googleapis.com"


def test_any_error_code_can_be_put_into_an_answer(client: Client, emulator: Emulator) -> None:
    """A fault at the REST path is a fault of the gRPC method."""
    error = AdsError("authorizationError", "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", "Apply for access.")
    emulator.fail(403, path=LIST_PATH, body=error.refusal("v26", "made-up-id").body())

    with pytest.raises(GoogleAdsException) as raised:
        accessible(client(BOB))

    code = raised.value.failure.errors[0].error_code.authorization_error.name
    assert (code, raised.value.failure.request_id) == ("CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION", "made-up-id")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (503, exceptions.ServiceUnavailable),
        (500, exceptions.InternalServerError),
        (429, exceptions.ResourceExhausted),
        (418, exceptions.InternalServerError),
    ],
)
def test_an_answer_without_a_google_error_gets_its_statuss_code(
    client: Client, emulator: Emulator, status: int, expected: type[Exception]
) -> None:
    """A plain HTTP fault, HTML at that."""
    emulator.fail(status, path=LIST_PATH, body="<html>Überlastet</html>")

    with pytest.raises(expected):
        accessible(client(BOB))


def test_a_google_error_of_any_kind_keeps_its_status_and_words(client: Client, emulator: Emulator) -> None:
    """Details that gRPC's side does not know are left out."""
    details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "39s"}, {}]
    error = {"code": 400, "status": "UNAVAILABLE", "message": "Überlastet, später wieder", "details": details}
    emulator.fail(400, path=LIST_PATH, body={"error": error})

    with pytest.raises(exceptions.ServiceUnavailable, match="Überlastet, später wieder"):
        accessible(client(BOB))


def test_a_lost_answer_is_unavailable(client: Client, emulator: Emulator) -> None:
    """The call was done, and the client does not know."""
    emulator.lose_answer(path=LIST_PATH)

    with pytest.raises(exceptions.ServiceUnavailable):
        accessible(client(BOB))

    assert [each.status for each in emulator.requests(LIST_PATH)] == [200]


def test_a_method_that_is_not_emulated_is_unimplemented(client: Client) -> None:
    """It is not half answered."""
    service = client(ANN).get_service("CampaignService")

    with pytest.raises(exceptions.MethodNotImplemented):
        service.mutate_campaigns(customer_id="1000000000", operations=[])


def test_a_missing_extra_is_named(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without google-ads there is no gRPC; the message says what to install."""
    monkeypatch.setitem(sys.modules, "grpc", None)

    with pytest.raises(ads_grpc.MissingExtra, match=r"pip install 'grantkeeper\[google-ads\]'"):
        ads_grpc.start(emulator, 0, b"", b"")


def test_two_servers_at_once_have_one_authority(emulator: Emulator, serving_grpc: Serving) -> None:
    """GRPC reads its roots once: so one authority stands behind every server of a process."""
    assert serving_grpc.ca_file.read_bytes() == authority()


def test_a_port_that_is_taken_is_an_oserror(emulator: Emulator, serving_grpc: Serving) -> None:
    """The message names the port."""
    _, _, port = str(serving_grpc.grpc_target).rpartition(":")

    with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
        ads_grpc.start(emulator, int(port), b"", b"")
