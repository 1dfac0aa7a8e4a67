"""Ad Manager over REST, in process."""

from __future__ import annotations

import pytest

from emulator_apis.calls import ADMANAGER, ADWORDS, DFP, READONLY, Rest
from grantkeeper.emulator import Emulator

ANN, BOB, NOBODY = "ann@agency.example", "bob@shop.example", "nobody@shop.example"


@pytest.mark.parametrize("scope", [ADMANAGER, READONLY, DFP])
def test_networks_are_listed_with_any_of_the_three_scopes(emulator: Emulator, rest: Rest, scope: str) -> None:
    """What the generated client sends in the query does not matter."""
    answer = rest(emulator.mint(BOB, scope), "/v1/networks?$alt=json;enum-encoding=int")

    assert answer.json() == {
        "networks": [
            {
                "name": "networks/111",
                "displayName": "Magazine & Söhne <Verlag>",
                "networkCode": "111",
                "propertyCode": "111",
                "timeZone": "Europe/Berlin",
                "currencyCode": "EUR",
                "effectiveRootAdUnit": "networks/111/adUnits/2111",
                "testNetwork": False,
                "networkId": "111",
            }
        ]
    }


def test_a_person_without_networks_gets_an_empty_list(emulator: Emulator, rest: Rest) -> None:
    """No error over REST."""
    assert rest(emulator.mint(NOBODY, ADMANAGER), "/v1/networks").json() == {"networks": []}


def test_the_list_comes_in_pages(emulator: Emulator, rest: Rest) -> None:
    """Each page names the next; `skip` steps over networks."""
    token = emulator.mint(ANN, ADMANAGER)
    first = rest(token, "/v1/networks?pageSize=2").json()
    second = rest(token, f"/v1/networks?pageSize=2&pageToken={first['nextPageToken']}").json()
    skipped = rest(token, "/v1/networks?pageSize=2&skip=1").json()

    assert [each["networkCode"] for each in first["networks"]] == ["111", "222"]
    assert [each["networkCode"] for each in second["networks"]] == ["333"]
    assert "nextPageToken" not in second
    assert [each["networkCode"] for each in skipped["networks"]] == ["222", "333"]


@pytest.mark.parametrize("query", ["pageSize=-1", "pageSize=many", "skip=x", "pageToken=%25", "pageToken=LTE="])
def test_wrong_paging_is_an_invalid_argument(emulator: Emulator, rest: Rest, query: str) -> None:
    """Neither negative nor made-up values."""
    answer = rest(emulator.mint(ANN, ADMANAGER), f"/v1/networks?{query}")

    assert (answer.status, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(
    ("code", "status"), [("222", (404, "NOT_FOUND")), ("999", (404, "NOT_FOUND")), ("x", (400, "INVALID_ARGUMENT"))]
)
def test_a_network_of_others_is_as_good_as_none(
    emulator: Emulator, rest: Rest, code: str, status: tuple[int, str]
) -> None:
    """What is not the caller's is not told from what is not there."""
    answer = rest(emulator.mint(BOB, ADMANAGER), f"/v1/networks/{code}")

    assert (answer.status, answer.json()["error"]["status"]) == status


def test_each_person_may_make_one_test_network(emulator: Emulator, rest: Rest) -> None:
    """The second is refused; the first is on the list, for its owner alone."""
    token = emulator.mint(BOB, ADMANAGER)
    made = rest(token, "/v1/networks:provisionTestNetwork", {})
    again = rest(token, "/v1/networks:provisionTestNetwork", {})

    assert made.json()["testNetwork"] is True
    assert (again.status, again.json()["error"]["status"]) == (409, "ALREADY_EXISTS")
    mine, theirs = (rest(emulator.mint(who, ADMANAGER), "/v1/networks").json()["networks"] for who in (BOB, ANN))
    assert made.json() in mine
    assert made.json() not in theirs


def test_a_read_only_token_makes_nothing(emulator: Emulator, rest: Rest) -> None:
    """The scope is enough to read."""
    answer = rest(emulator.mint(BOB, READONLY), "/v1/networks:provisionTestNetwork", {})

    assert (answer.status, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert len(emulator.world.networks) == 3


@pytest.mark.parametrize("path", ["/v1/networks", "/v1/networks/111"])
def test_a_token_for_google_ads_does_not_open_ad_manager(emulator: Emulator, rest: Rest, path: str) -> None:
    """The challenge names the scopes that would do."""
    answer = rest(emulator.mint(BOB, ADWORDS), path)

    assert answer.json()["error"]["details"][0]["metadata"]["service"] == "admanager.googleapis.com"
    assert ADMANAGER in answer.header("www-authenticate")
    assert (answer.status, rest("made-up", path).status, rest(None, path).status) == (403, 401, 401)
