"""Refusals that a test orders, as the official clients see them."""

from __future__ import annotations

import json
import re
from importlib import import_module, resources
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.ads.googleads.errors import GoogleAdsException
from google.ads.googleads.v26.errors.types.errors import GoogleAdsFailure
from google.api import error_reason_pb2  # type: ignore[import-untyped]
from google.api_core import exceptions
from googleads.errors import GoogleAdsServerFault

from emulator_apis.calls import ADWORDS, Rest, failure
from grantkeeper.emulator import Emulator, Request
from grantkeeper.emulator.apis.ad_manager import soap as soap_service
from grantkeeper.emulator.apis.ads.errors import texts
from grantkeeper.emulator.apis.reasons import NAMES, REASONS
from grantkeeper.emulator.apis.refusals import CODES

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator_apis.agency.conftest import Client

pytestmark = [
    pytest.mark.filterwarnings("ignore:'locale.getdefaultlocale':DeprecationWarning:googleads.common"),
    pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning:googleads.util"),
]

BOSS, PUBLISHER = "boss@agency.example", "publisher@presse.example"
GROUP, NORTH = "2000000001", "2000000002"
ADS_CODES = [f"{kind}.{name}" for kind, names in texts().items() for name in names]
LIST_PATH = "/v26/customers:listAccessibleCustomers"
QUERY = "SELECT customer.id FROM customer"
OUTER = {
    "authenticationError": (401, "UNAUTHENTICATED"),
    "authorizationError": (403, "PERMISSION_DENIED"),
    "headerError": (400, "INVALID_ARGUMENT"),
    "requestError": (400, "INVALID_ARGUMENT"),
    "quotaError": (429, "RESOURCE_EXHAUSTED"),
    "internalError": (500, "INTERNAL"),
    "databaseError": (409, "ABORTED"),
}


def listing(client: Any) -> None:
    """List the accounts: a unary call."""
    client.get_service("CustomerService").list_accessible_customers()


def searching(client: Any) -> None:
    """Search: a paged call."""
    client.get_service("GoogleAdsService").search(customer_id=GROUP, query=QUERY)


def streaming(client: Any) -> None:
    """Search by a stream."""
    service = client.get_service("GoogleAdsService")  # its channel must outlive the stream
    list(service.search_stream(customer_id=GROUP, query=QUERY))


@pytest.mark.parametrize("kind", texts())
def test_the_codes_are_those_of_google_ads(kind: str) -> None:
    """Every value of the enum in the newest version that is installed, but for the two that say nothing.

    Of database errors there are more: those of a mutate, which nobody sends here.
    """
    name = re.sub("([A-Z])", r"_\1", kind).lower()
    camel = kind[0].upper() + kind[1:]
    enum = getattr(getattr(import_module(f"google.ads.googleads.v26.errors.types.{name}"), f"{camel}Enum"), camel)

    names = {each.name for each in enum} - {"UNSPECIFIED", "UNKNOWN"}
    assert set(texts()[kind]) == ({"CONCURRENT_MODIFICATION"} & names if kind == "databaseError" else names)
    assert all(texts()[kind].values())


def test_the_reasons_are_those_of_the_wsdl() -> None:
    """Else a client could not read the fault."""
    wsdl = resources.files(soap_service.__package__).joinpath("network_service.wsdl").read_text("utf-8")
    for kind, reasons in soap_service.REASONS.items():
        block = wsdl.partition(f'"{kind}.Reason"')[2].partition("</simpleType>")[0]
        assert set(reasons) <= set(re.findall('enumeration value="([A-Z_]+)"', block)), kind


def test_the_reasons_are_those_of_googles_front_end() -> None:
    """None of them is made up."""
    assert set(REASONS) <= set(error_reason_pb2.ErrorReason.keys())


@pytest.mark.parametrize("code", ADS_CODES)
def test_google_ads_refuses_with_every_code_over_rest(emulator: Emulator, rest: Rest, code: str) -> None:
    """With the status that its kind has, once, and then no more."""
    token = emulator.mint(BOSS, ADWORDS)
    emulator.refuse("google_ads", code)
    refused = rest(token, LIST_PATH)

    kind, _, name = code.partition(".")
    assert failure(refused) == (*OUTER[kind], kind, name)
    assert refused.json()["error"]["details"][0]["errors"][0]["message"] == texts()[kind][name]
    assert rest(token, LIST_PATH).status == 200


def test_google_ads_refuses_with_every_code_over_grpc(emulator: Emulator, ads: Client) -> None:
    """The official client raises its own exception with status, code, text and request id.

    For the two statuses after which a call may be sent again (google-ads 34, ExceptionInterceptor), it raises the
    status's exception, and the failure is in its details.
    """
    client = ads(BOSS)
    for code in ADS_CODES:
        kind, _, name = code.partition(".")
        emulator.refuse("google_ads", code[0].upper() + code[1:])
        with pytest.raises((GoogleAdsException, exceptions.GoogleAPICallError)) as raised:
            listing(client)

        status, failed = said(raised.value)
        (error,) = failed.errors
        assert status is grpc.StatusCode[OUTER[kind][1]]
        assert isinstance(raised.value, GoogleAdsException) is (OUTER[kind][0] not in (429, 500))
        assert getattr(error.error_code, re.sub("([A-Z])", r"_\1", kind).lower()).name == name
        assert error.message == texts()[kind][name]
        assert failed.request_id


def said(error: Any) -> tuple[grpc.StatusCode, GoogleAdsFailure]:
    """Return the status and the failure of either exception."""
    if isinstance(error, GoogleAdsException):
        return error.error.code(), error.failure
    (packed,) = error.details
    return error.grpc_status_code, GoogleAdsFailure.deserialize(packed.value)


@pytest.mark.parametrize("call", [listing, searching, streaming])
def test_every_method_of_google_ads_is_refused(emulator: Emulator, ads: Client, call: Callable[[Any], None]) -> None:
    """Unary, paged and streamed; as often as was ordered."""
    client = ads(BOSS)
    emulator.refuse("google_ads", "authorizationError.USER_PERMISSION_DENIED", times=2)

    for _ in range(2):
        with pytest.raises(GoogleAdsException) as raised:
            call(client)
        assert raised.value.failure.errors[0].error_code.authorization_error.name == "USER_PERMISSION_DENIED"
    call(client)


def test_a_refusal_may_wait_for_one_customer(emulator: Emulator, ads: Client) -> None:
    """Calls that name another customer, or none, go through; the version does not matter."""
    client = ads(BOSS, GROUP)
    emulator.refuse("google_ads", "authorizationError.CUSTOMER_NOT_ENABLED", account=NORTH)
    listing(client)
    searching(client)

    with pytest.raises(GoogleAdsException):
        client.get_service("GoogleAdsService", version="v24").search(customer_id=NORTH, query=QUERY)
    client.get_service("GoogleAdsService").search(customer_id=NORTH, query=QUERY)


def test_the_front_end_refuses_google_ads_too(emulator: Emulator, ads: Client) -> None:
    """Then there is no GoogleAdsFailure, only an ErrorInfo."""
    emulator.refuse("google_ads", "SERVICE_DISABLED")

    with pytest.raises(exceptions.PermissionDenied) as raised:
        listing(ads(BOSS))

    assert raised.value.reason == "SERVICE_DISABLED"
    assert raised.value.metadata["consumer"] == "projects/1234567890"


def test_ad_manager_refuses_with_every_reason_over_soap(emulator: Emulator, soap: Client) -> None:
    """The official client raises its own fault with the reason in it, once."""
    service = soap(PUBLISHER, "22800000001")
    for code in sorted(CODES["ad_manager_soap"]):
        emulator.refuse("ad_manager_soap", code)
        with pytest.raises(GoogleAdsServerFault, match=rf"\[{code} @ ") as raised:
            service.getCurrentNetwork()

        (error,) = raised.value.errors
        assert (error["errorString"], error["reason"]) == (code, code.partition(".")[2])
    assert service.getCurrentNetwork()["networkCode"] == "22800000001"


def test_a_refusal_may_wait_for_one_network(emulator: Emulator, soap: Client, networks: Client) -> None:
    """Over SOAP by the header's network code, over REST by the resource name."""
    emulator.refuse("ad_manager_soap", "AuthenticationError.NETWORK_API_ACCESS_DISABLED", account="22800000002")
    emulator.refuse("ad_manager", "PERMISSION_DENIED", account="22800000002")
    soap(PUBLISHER, "22800000001").getCurrentNetwork()
    rest = networks(PUBLISHER)
    rest.get_network(name="networks/22800000001")

    with pytest.raises(GoogleAdsServerFault, match="NETWORK_API_ACCESS_DISABLED"):
        soap(PUBLISHER, "22800000002").getCurrentNetwork()
    with pytest.raises(exceptions.Forbidden, match="The caller does not have permission"):
        rest.get_network(name="networks/22800000002")


def test_ad_manager_refuses_with_every_reason_over_rest(emulator: Emulator, networks: Client) -> None:
    """The official client raises the status's exception with the reason in it.

    It takes a 401 for a token that died, and asks with another one twice.
    """
    client = networks(PUBLISHER)
    for reason, (status, _) in REASONS.items():
        emulator.refuse("ad_manager", reason, times=3 if status.http == 401 else 1)
        with pytest.raises(exceptions.GoogleAPICallError) as raised:
            client.list_networks()

        assert (raised.value.reason, raised.value.code) == (reason, status.http)
        assert raised.value.metadata["service"] == "admanager.googleapis.com"
    assert len(list(client.list_networks())) == 2


def test_older_apis_name_the_reason_in_their_own_list(emulator: Emulator, networks: Client) -> None:
    """`errors`, which the official client keeps as it came."""
    emulator.refuse("ad_manager", "quotaExceeded")

    with pytest.raises(exceptions.Forbidden) as raised:
        networks(PUBLISHER).list_networks()

    assert [each["reason"] for each in raised.value.errors] == ["quotaExceeded"]


def test_a_token_that_is_not_good_uses_up_no_refusal(emulator: Emulator, rest: Rest) -> None:
    """Google's front end looks at the token first."""
    emulator.refuse("google_ads", "quotaError.RESOURCE_EXHAUSTED")

    assert rest("made up", LIST_PATH).status == 401
    assert failure(rest(emulator.mint(BOSS, ADWORDS), LIST_PATH))[3] == "RESOURCE_EXHAUSTED"


@pytest.mark.parametrize(
    ("api", "code", "account", "said"),
    [
        ("photos", "SERVICE_DISABLED", None, "photos: unknown API; known are google_ads, ad_manager_soap, ad_manager,"),
        ("google_ads", "authorizationError.NO", None, "known are .*authorizationError.USER_PERMISSION_DENIED"),
        ("ad_manager_soap", "SERVICE_DISABLED", None, "known are .*AuthenticationError.NETWORK_NOT_FOUND"),
        ("analytics", "AuthenticationError.NETWORK_NOT_FOUND", None, "known are .*SERVICE_DISABLED"),
        ("google_ads", "authorizationError.MISSING_TOS", "200-000-0002", "200-000-0002: write a customer id or"),
        ("youtube", "quotaExceeded", "UC1", "youtube: its calls name no account; those of google_ads,"),
    ],
)
def test_what_cannot_be_ordered_is_named(
    emulator: Emulator, api: str, code: str, account: str | None, said: str
) -> None:
    """With all that can."""
    with pytest.raises(ValueError, match=said):
        emulator.refuse(api, code, account=account)


def test_refusals_are_ordered_over_http_too(emulator: Emulator, rest: Rest) -> None:
    """Other processes and languages do the same; a wrong code is a 400."""

    def order(**members: str) -> int:
        headers = {"content-type": "application/json"}
        body = json.dumps(members).encode()
        return emulator.handle(Request(method="POST", url="/_emulator/refuse", headers=headers, body=body)).status

    assert order(api="google_ads", code="authorizationError.MISSING_TOS") == 200
    assert order(api="google_ads", code="made up") == 400
    assert failure(rest(emulator.mint(BOSS, ADWORDS), LIST_PATH))[3] == "MISSING_TOS"


def test_every_rest_api_has_the_same_reasons() -> None:
    """What one may order of Analytics one may order of each."""
    apis = ("analytics", "search_console", "merchant_center", "youtube", "business_profile", "display_video")

    assert {CODES[each] for each in (*apis, "ad_manager")} == {frozenset(NAMES)}
