"""The second cast's ad accounts, as the official Google Ads client sees them."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest
from google.ads.googleads.errors import GoogleAdsException

if TYPE_CHECKING:
    from emulator_apis.agency.conftest import Client
    from grantkeeper.emulator import World

BOSS, BOTH, ROOTS = "boss@agency.example", "both.ways@agency.example", "two.roots@agency.example"
BIG, CANCELLED, GONE, NASTY = "big@holding.example", "cancelled@shop.example", "gone@shop.example", "nasty@mail.example"
GROUP, NORTH, SOUTH, HOLDING = "2000000001", "2000000002", "2000000003", "3000000000"
HOTELS, BIKES = 2000000011, 2000000012
TREE = (
    "SELECT customer_client.id, customer_client.level, customer_client.manager, customer_client.descriptive_name, "
    "customer_client.currency_code, customer_client.time_zone, customer_client.test_account, customer_client.status "
    "FROM customer_client"
)


def roots(client: Any) -> list[str]:
    """Return the accounts that the client's person reaches directly."""
    names = client.get_service("CustomerService").list_accessible_customers().resource_names
    return [name.removeprefix("customers/") for name in names]


def below(client: Any, root: str, where: str = "") -> list[Any]:
    """Return the rows of the tree below a root."""
    rows = client.get_service("GoogleAdsService").search(customer_id=root, query=TREE + where)
    return [row.customer_client for row in rows]


def levels(rows: list[Any]) -> dict[int, int]:
    """Return each account's level."""
    return {row.id: row.level for row in rows}


def refusal(client: Any, customer: str) -> str:
    """Return the authorization error with which a search is refused."""
    with pytest.raises(GoogleAdsException) as raised:
        client.get_service("GoogleAdsService").search(customer_id=customer, query="SELECT customer.id FROM customer")
    name: str = raised.value.failure.errors[0].error_code.authorization_error.name
    return name


def test_a_manager_of_managers_sees_every_account_once_by_its_shortest_way(ads: Client) -> None:
    """Three ways lead to the hotels, two of the same length to the bikes: one row each."""
    boss = ads(BOSS)
    rows = below(boss, GROUP)

    assert roots(boss) == [GROUP]
    assert len(rows) == len(levels(rows)) == 11
    assert sorted(row.id - 2000000000 for row in rows if row.manager) == [1, 2, 3, 4]
    assert (levels(rows)[HOTELS], levels(rows)[BIKES]) == (1, 2)


def test_a_tree_says_what_is_cancelled_suspended_and_hidden(ads: Client) -> None:
    """They stand in their manager's tree, and what is not enabled is refused when it is asked itself."""
    boss = ads(BOSS, GROUP)

    assert {row.status.name for row in below(boss, GROUP)} == {"ENABLED", "CANCELED", "SUSPENDED"}
    assert [row.id for row in below(boss, GROUP, " WHERE customer_client.hidden = TRUE")] == [2000000014]
    assert refusal(boss, "2000000013") == "CUSTOMER_NOT_ENABLED"
    assert below(boss, "2000000015")[0].status.name == "SUSPENDED"


def test_two_roots_lead_to_one_account(ads: Client) -> None:
    """The bikes by ways of the same length; the hotels by a shorter one from the south. Either login id is good."""
    client = ads(ROOTS)
    north, south = levels(below(client, NORTH)), levels(below(client, SOUTH))

    assert roots(client) == [NORTH, SOUTH]
    assert (north[BIKES], south[BIKES]) == (1, 1)
    assert (north[HOTELS], south[HOTELS]) == (2, 1)
    for login in (NORTH, SOUTH):
        assert [row.id for row in below(ads(ROOTS, login), str(BIKES))] == [BIKES]
    assert refusal(ads(ROOTS, GROUP), str(BIKES)) == "USER_PERMISSION_DENIED"


def test_direct_access_needs_no_login_id_and_indirect_does(ads: Client) -> None:
    """Dora reaches the furniture shop both ways; the bikes by their manager only."""
    client = ads(BOTH)

    assert roots(client) == [NORTH, "2000000016"]
    assert [row.id for row in below(client, "2000000016")] == [2000000016]
    assert [row.id for row in below(ads(BOTH, NORTH), "2000000016")] == [2000000016]
    assert refusal(client, str(BIKES)) == "USER_PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("person", "listed"), [(CANCELLED, ["2000000021", "2000000022"]), (GONE, ["2000000023"])], ids=["one", "all"]
)
def test_a_cancelled_account_is_listed_and_refused(ads: Client, person: str, listed: list[str]) -> None:
    """Direct access to it tells its id and nothing else."""
    assert roots(ads(person)) == listed
    assert refusal(ads(person), listed[-1]) == "CUSTOMER_NOT_ENABLED"


@pytest.mark.parametrize("person", ["nobody@mail.example", "publisher@presse.example", "assets@agency.example"])
def test_whoever_has_no_account_is_no_ads_user(ads: Client, person: str) -> None:
    """NOT_ADS_USER, whatever else they have at Google."""
    with pytest.raises(GoogleAdsException) as raised:
        roots(ads(person))

    assert raised.value.failure.errors[0].error_code.authentication_error.name == "NOT_ADS_USER"


def test_names_arrive_as_they_are(ads: Client, agency: World) -> None:
    """Markup, quotes, direction marks, emoji and length: nothing is cut, changed or escaped on the way."""
    client = ads(NASTY)
    names = [below(client, root)[0].descriptive_name for root in roots(client)]

    assert names == [each.name for each in agency.direct_accounts(NASTY)]
    assert "<script>" in names[0]
    assert "\u202e" in names[2]
    assert max(map(len, names)) > 200


def test_a_tree_of_5000_accounts_is_read_in_one_page(ads: Client) -> None:
    """Managers on two levels, clients below all of them, some cancelled, some for tests, in four currencies.

    It takes 0.2 s; json_format alone would take 1 s.
    """
    client = ads(BIG)
    started = perf_counter()
    rows = below(client, HOLDING)
    took = perf_counter() - started

    assert len(rows) == len(levels(rows)) == 5051
    assert sum(row.manager for row in rows) == 51
    assert set(levels(rows).values()) == {0, 1, 2, 3}
    assert sum(row.status.name == "CANCELED" for row in rows) == 150
    assert sum(row.test_account for row in rows) == 40
    assert {row.currency_code for row in rows} == {"EUR", "GBP", "USD", "SEK"}
    assert len({row.descriptive_name for row in rows}) == 5051
    assert took < 10
