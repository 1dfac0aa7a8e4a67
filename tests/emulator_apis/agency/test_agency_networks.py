"""The second cast's Ad Manager networks, as the official clients see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest
from googleads.errors import GoogleAdsServerFault

from grantkeeper.emulator.world import AssetApi

if TYPE_CHECKING:
    from emulator_apis.agency.conftest import Client
    from grantkeeper.emulator import World

# googleads 51.0.0 itself warns: it asks for the locale in a way that Python 3.15 ends, and logs faults by Logger.warn.
pytestmark = [
    pytest.mark.filterwarnings("ignore:'locale.getdefaultlocale':DeprecationWarning:googleads.common"),
    pytest.mark.filterwarnings("ignore:The 'warn' method is deprecated:DeprecationWarning:googleads.util"),
]

PUBLISHER, EDITOR, TESTER = "publisher@presse.example", "editor@presse.example", "tester@presse.example"
FIRST, SECOND = ("22800000001", False), ("22800000002", False)


@pytest.mark.parametrize(
    ("person", "expected"), [(PUBLISHER, [FIRST, SECOND]), (EDITOR, [FIRST]), (TESTER, [("22800000003", True)])]
)
def test_networks_are_those_of_the_person(
    soap: Client, networks: Client, person: str, expected: list[tuple[str, bool]]
) -> None:
    """Two, one, and one for tests; over SOAP and REST alike."""
    over_soap = soap(person).getAllNetworks()
    over_rest = networks(person).list_networks()

    assert [(each["networkCode"], each["isTest"]) for each in over_soap] == expected
    assert [(each.network_code, each.test_network) for each in over_rest] == expected


def test_names_of_networks_arrive_as_they_are(soap: Client, networks: Client, agency: World) -> None:
    """Markup and direction marks in XML and in JSON."""
    names = [each.name for each in agency.networks_of("nasty@mail.example")]

    assert "<script>" in names[0]
    assert [each["displayName"] for each in soap("nasty@mail.example").getAllNetworks()] == names
    assert [each.display_name for each in networks("nasty@mail.example").list_networks()] == names


def test_whoever_has_no_network_is_told_so_over_soap_alone(soap: Client, networks: Client) -> None:
    """REST answers with an empty list."""
    with pytest.raises(GoogleAdsServerFault) as raised:
        soap("nobody@mail.example").getAllNetworks()

    assert raised.value.errors[0]["reason"] == "NO_NETWORKS_TO_ACCESS"
    assert list(networks("nobody@mail.example").list_networks()) == []


@pytest.mark.parametrize("api", get_args(AssetApi))
def test_every_api_has_somebody_with_assets(agency: World, api: AssetApi) -> None:
    """Anna has some in each, Mallory's have names that want escaping, and Nora has none."""
    assert agency.assets_of(api, "assets@agency.example")
    assert agency.assets_of(api, "nasty@mail.example")
    assert not agency.assets_of(api, "nobody@mail.example")
