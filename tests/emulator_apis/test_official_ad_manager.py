"""The official Ad Manager clients as the judges: googleads over SOAP and google-ads-admanager over REST."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from google.ads import admanager_v1
from google.api_core import exceptions
from googleads.errors import GoogleAdsServerFault, GoogleAdsValueError

from emulator_apis.calls import ADMANAGER, ADWORDS, DFP, READONLY, admanager_client, soap_service
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.emulator.server import Serving

# googleads 51.0.0 itself warns: it asks for the locale in a way that Python 3.15 ends, and logs faults by Logger.warn.
pytestmark = [
    pytest.mark.filterwarnings("ignore:'locale.getdefaultlocale':DeprecationWarning:googleads.common"),
    pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning:googleads.util"),
]

ANN, BOB, NOBODY = "ann@agency.example", "bob@shop.example", "nobody@shop.example"
VERSION = "v202608"
Soap = Callable[..., Any]
Rest = Callable[..., admanager_v1.NetworkServiceClient]


@pytest.fixture
def soap(emulator: Emulator, serving: Serving) -> Soap:
    """The official SOAP service for a person's new access token."""

    def make(person: str | None, network_code: str | None = None, *, scope: str = DFP, version: str = VERSION) -> Any:
        token = "" if person is None else emulator.mint(person, scope)
        return soap_service(serving, token, network_code, version)

    return make


@pytest.fixture
def rest(emulator: Emulator, serving: Serving) -> Rest:
    """The official REST client for a person's new access token."""

    def make(person: str, *, scope: str = ADMANAGER) -> admanager_v1.NetworkServiceClient:
        return admanager_client(serving, emulator.mint(person, scope))

    return make


@pytest.mark.parametrize("version", ["v202511", "v202602", "v202605", "v202608"])
def test_soap_lists_all_networks(soap: Soap, version: str) -> None:
    """Every version that the library knows; names arrive whole."""
    networks = soap(ANN, version=version).getAllNetworks()

    assert [network["networkCode"] for network in networks] == ["111", "222", "333"]
    assert networks[0]["displayName"] == "Magazine & Söhne <Verlag>"
    assert [network["isTest"] for network in networks] == [False, False, True]
    assert (networks[1]["id"], networks[1]["currencyCode"]) == (222, "USD")
    assert networks[1]["timeZone"] == "America/New_York"


def test_soap_finds_the_current_network(soap: Soap) -> None:
    """The one that the client was made for."""
    assert soap(ANN, "222").getCurrentNetwork()["displayName"] == "Journal"


def test_soap_makes_one_test_network_per_person(soap: Soap) -> None:
    """A second one is refused."""
    made = soap(BOB).makeTestNetwork()

    assert soap(BOB, made["networkCode"]).getCurrentNetwork()["isTest"] is True
    with pytest.raises(GoogleAdsServerFault) as raised:
        soap(BOB).makeTestNetwork()
    assert raised.value.errors[0]["reason"] == "GOOGLE_ACCOUNT_ALREADY_ASSOCIATED_WITH_NETWORK"


@pytest.mark.parametrize(
    ("person", "network_code", "scope", "reason"),
    [
        (None, "111", DFP, "MISSING_AUTHENTICATION_HTTP_HEADER"),
        (BOB, "111", ADWORDS, "AUTHENTICATION_FAILED"),
        (NOBODY, "111", DFP, "NO_NETWORKS_TO_ACCESS"),
        (BOB, None, DFP, "NETWORK_CODE_REQUIRED"),
        (BOB, "222", DFP, "NETWORK_NOT_FOUND"),
    ],
)
def test_soap_refusals_are_server_faults(
    soap: Soap, person: str | None, network_code: str | None, scope: str, reason: str
) -> None:
    """With the reason and the text of the error."""
    with pytest.raises(GoogleAdsServerFault, match=rf"\[AuthenticationError\.{reason} @ ") as raised:
        soap(person, network_code, scope=scope).getCurrentNetwork()

    (error,) = raised.value.errors
    assert (error["reason"], error["errorString"]) == (reason, f"AuthenticationError.{reason}")


def expire(emulator: Emulator, clock: Clock) -> None:
    """Let an hour pass."""
    clock.advance(timedelta(hours=1))


def revoke(emulator: Emulator, clock: Clock) -> None:
    """Let Bob take his consent back."""
    emulator.revoke(BOB)


@pytest.mark.parametrize("kill", [expire, revoke])
def test_soap_refuses_a_token_that_died(
    soap: Soap, emulator: Emulator, clock: Clock, kill: Callable[[Emulator, Clock], None]
) -> None:
    """AUTHENTICATION_FAILED, in the midst of a client's life."""
    service = soap(BOB)
    assert len(service.getAllNetworks()) == 1

    kill(emulator, clock)

    with pytest.raises(GoogleAdsServerFault) as raised:
        service.getAllNetworks()
    assert raised.value.errors[0]["reason"] == "AUTHENTICATION_FAILED"


def test_soap_has_no_wsdl_for_a_dead_version(soap: Soap) -> None:
    """The library finds nothing there, and names the versions that it knows."""
    with pytest.raises(GoogleAdsValueError, match="v201802"):
        soap(ANN, version="v201802")


def test_rest_lists_networks(rest: Rest) -> None:
    """Typed messages, through the official pager."""
    networks = list(rest(ANN).list_networks())

    assert [network.name for network in networks] == ["networks/111", "networks/222", "networks/333"]
    assert networks[0].display_name == "Magazine & Söhne <Verlag>"
    assert (networks[1].network_id, networks[1].currency_code) == (222, "USD")
    assert [network.test_network for network in networks] == [False, False, True]


def test_rest_lists_page_by_page(emulator: Emulator, rest: Rest) -> None:
    """The official pager follows next_page_token."""
    networks = list(rest(ANN).list_networks(request={"page_size": 2}))

    assert len(networks) == 3
    assert len(emulator.requests("/v1/networks")) == 2


def test_rest_gets_one_network(rest: Rest) -> None:
    """By its resource name."""
    assert rest(BOB, scope=READONLY).get_network(name="networks/111").time_zone == "Europe/Berlin"


def test_rest_makes_one_test_network_per_person(rest: Rest) -> None:
    """A second one is refused."""
    client = rest(BOB)

    assert client.provision_test_network().test_network is True
    with pytest.raises(exceptions.Conflict):
        client.provision_test_network()


def test_rest_does_not_find_a_network_of_others(rest: Rest) -> None:
    """NotFound."""
    with pytest.raises(exceptions.NotFound):
        rest(BOB).get_network(name="networks/222")


def test_rest_refuses_a_token_without_the_scope(rest: Rest) -> None:
    """Forbidden, with Google's reason."""
    with pytest.raises(exceptions.Forbidden) as raised:
        rest(BOB, scope=ADWORDS).list_networks()

    assert raised.value.reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


@pytest.mark.parametrize("kill", [expire, revoke])
def test_rest_refuses_a_token_that_died(
    rest: Rest, emulator: Emulator, clock: Clock, kill: Callable[[Emulator, Clock], None]
) -> None:
    """Unauthorized, after the library has asked for a new token twice."""
    client = rest(BOB)
    kill(emulator, clock)

    with pytest.raises(exceptions.Unauthorized) as raised:
        client.list_networks()

    assert raised.value.reason == "ACCESS_TOKEN_TYPE_UNSUPPORTED"
    assert [each.status for each in emulator.requests("/v1/networks")] == [401, 401, 401]
