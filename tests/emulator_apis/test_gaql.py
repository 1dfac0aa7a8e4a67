"""The query language: what is understood, and what is said of what is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator_apis.calls import ADWORDS, failure
from grantkeeper.emulator import Emulator, Response
from grantkeeper.emulator.apis.ads import accounts, gaql, service
from grantkeeper.emulator.apis.ads.errors import AdsError
from grantkeeper.emulator.world import AdsAccess, AdsAccount, AdsLink, World

ANN = "ann@agency.example"
Search = Callable[..., Response]


def found(response: Response) -> list[int]:
    """Return the first digit of each row's account."""
    return [int(row["customerClient"]["id"][0]) for row in response.json().get("results", [])]


@pytest.mark.parametrize(
    ("clauses", "expected"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("WHERE customer_client.level <= 1", [1, 2, 3, 4]),
        ("WHERE customer_client.level<2 AND customer_client.level>0", [2, 3, 4]),
        ("WHERE customer_client.manager = TRUE", [1, 2]),
        ("where customer_client.manager = false and customer_client.hidden != true", [3, 4]),
        ("WHERE customer_client.status = 'ENABLED'", [1, 2, 3, 5]),
        ("WHERE customer_client.status = CANCELED", [4]),
        ("WHERE customer_client.status IN ('CANCELED', 'CLOSED')", [4]),
        ("WHERE customer_client.status NOT IN ('CANCELED') AND customer_client.level = 1", [2, 3]),
        ('WHERE customer_client.descriptive_name = "Ünder both"', [3]),
        ("WHERE customer_client.id = '5000000000'", [5]),
        ("WHERE customer_client.client_customer = 'customers/2000000000'", [2]),
        ("WHERE customer_client.id = 7000000000", []),
        ("ORDER BY customer_client.level DESC, customer_client.id DESC", [5, 4, 3, 2, 1]),
        ("ORDER BY customer_client.level DESC, customer_client.id ASC", [5, 2, 3, 4, 1]),
        ("ORDER BY customer_client.descriptive_name LIMIT 2", [4, 5]),
        ("\n  LIMIT 2\n PARAMETERS include_drafts=true, omit_unselected_resource_names=true", [1, 2]),
    ],
)
def test_queries_find_what_they_ask_for(emulator: Emulator, search: Search, clauses: str, expected: list[int]) -> None:
    """Conditions, order and limit."""
    query = f"SELECT customer_client.id FROM customer_client {clauses}"

    assert found(search(emulator.mint(ANN, ADWORDS), "1000000000", query)) == expected


FROM = "FROM customer_client"
ID = f"SELECT customer_client.id {FROM}"


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("customer_client.id FROM customer_client", "EXPECTED_SELECT"),
        ("SELECT customer_client.id", "EXPECTED_FROM"),
        ("SELECT", "UNEXPECTED_END_OF_QUERY"),
        (f"SELECT 5 {FROM}", "BAD_FIELD_NAME"),
        ("SELECT campaign.id FROM campaign", "BAD_RESOURCE_TYPE_IN_FROM_CLAUSE"),
        (f"SELECT customer_client.nmae {FROM}", "UNRECOGNIZED_FIELD"),
        ("SELECT customer_client.id FROM customer", "UNRECOGNIZED_FIELD"),
        (f"{ID} WHERE customer_client.nope = 1", "UNRECOGNIZED_FIELD"),
        (f"{ID} ORDER BY customer_client.nope", "UNRECOGNIZED_FIELD"),
        (f"{ID} WHERE customer_client.level ~ 1", "UNEXPECTED_INPUT"),
        (f"{ID} WHERE customer_client.level LIKE 1", "BAD_OPERATOR"),
        (f"{ID} WHERE customer_client.level NOT 1", "BAD_OPERATOR"),
        (f"{ID} WHERE customer_client.manager > TRUE", "OPERATOR_FIELD_MISMATCH"),
        (f"{ID} WHERE customer_client.level = one", "BAD_NUMBER"),
        (f"{ID} WHERE customer_client.manager = 1", "BAD_VALUE"),
        (f"{ID} WHERE customer_client.status = 'GONE'", "BAD_ENUM_CONSTANT"),
        (f"{ID} WHERE customer_client.descriptive_name = Deep", "INVALID_STRING_VALUE"),
        (f"{ID} WHERE customer_client.descriptive_name = 'Deep", "STRING_NOT_TERMINATED"),
        (f"{ID} WHERE customer_client.status IN 'ENABLED'", "EXPECTED_LIST"),
        (f"{ID} WHERE customer_client.status IN ('ENABLED'", "EXPECTED_LIST"),
        (f"{ID} WHERE customer_client.status IN ()", "PROHIBITED_EMPTY_LIST_IN_CONDITION"),
        (f"{ID} WHERE customer_client.level =", "UNEXPECTED_END_OF_QUERY"),
        (f"{ID} ORDER customer_client.level", "EXPECTED_BY"),
        (f"{ID} LIMIT ten", "BAD_LIMIT_VALUE"),
        (f"{ID} LIMIT {'9' * 5000}", "BAD_LIMIT_VALUE"),
        (f"{ID} LIMIT 0", "LIMIT_VALUE_TOO_LOW"),
        (f"{ID} LIMIT 1 LIMIT 2", "UNEXPECTED_INPUT"),
        (f"{ID} PARAMETERS x", "UNEXPECTED_INPUT"),
        (f"{ID} ;", "UNEXPECTED_INPUT"),
        (f"{ID} …", "BAD_SYMBOL"),
    ],
)
def test_a_wrong_query_is_told_what_is_wrong(emulator: Emulator, search: Search, query: str, name: str) -> None:
    """Each with the QueryError of its own."""
    answer = search(emulator.mint(ANN, ADWORDS), "1000000000", query)

    assert failure(answer) == (400, "INVALID_ARGUMENT", "queryError", name)


SIGNS = ("=", "!=", "<=", ",", "(", ")", "'x'", "'ENABLED'", "5", "TRUE")
NAMES = ("customer", "customer_client", "customer.id", "customer_client.level", "customer_client.status")
KEYWORDS = ("SELECT", "FROM", "WHERE", "AND", "ORDER", "BY", "LIMIT", "IN", "NOT", "DESC")
WORDS = st.sampled_from((*SIGNS, *NAMES, *KEYWORDS))


@given(st.text(max_size=60) | st.lists(WORDS, max_size=14).map(" ".join))
def test_any_text_is_a_query_or_a_query_error(text: str) -> None:
    """Nothing else is ever raised."""
    try:
        outcome = gaql.parse(text, accounts.RESOURCES).resource.name
    except AdsError as error:
        outcome = error.kind

    assert outcome in ("customer", "customer_client", "queryError")


@pytest.fixture
def large(emulator: Emulator) -> str:
    """A tree of more accounts than a page has rows; returns a token for it."""
    top = AdsAccount(id="1000000000", name="Top", manager=True)
    below = tuple(AdsAccount(id=str(2_000_000_000 + each), name=f"Shop {each}") for each in range(service.PAGE_ROWS))
    emulator.world = World(
        projects=emulator.world.projects,
        clients=emulator.world.clients,
        people=emulator.world.people,
        ads_accounts=(top, *below),
        ads_links=tuple(AdsLink(manager=top.id, client=each.id) for each in below),
        ads_access=(AdsAccess(person=ANN, account=top.id),),
    )
    return emulator.mint(ANN, ADWORDS)


def test_a_page_has_ten_thousand_rows_and_its_token_brings_the_next(large: str, search: Search) -> None:
    """The total is said when asked for, and ignores the limit."""
    settings = {"returnTotalResultsCount": True}
    first = search(large, "1000000000", ID, searchSettings=settings).json()
    second = search(large, "1000000000", ID, pageToken=first["nextPageToken"]).json()
    limited = search(large, "1000000000", f"{ID} LIMIT 3", search_settings={"return_total_results_count": True}).json()

    assert (len(first["results"]), first["totalResultsCount"]) == (10_000, "10001")
    assert [row["customerClient"]["id"] for row in second["results"]] == ["2000009999"]
    assert "nextPageToken" not in second
    assert (len(limited["results"]), limited["totalResultsCount"]) == (3, "10001")


def test_a_page_token_is_good_for_its_query_alone(large: str, search: Search) -> None:
    """INVALID_PAGE_TOKEN for any other."""
    token = search(large, "1000000000", ID).json()["nextPageToken"]

    assert failure(search(large, "1000000000", f"{ID} LIMIT 9", pageToken=token))[3] == "INVALID_PAGE_TOKEN"


def test_a_query_may_be_checked_without_being_run(emulator: Emulator, search: Search) -> None:
    """validateOnly: an empty answer, or the error; omitResults: no rows."""
    token = emulator.mint(ANN, ADWORDS)

    assert search(token, "1000000000", ID, validateOnly=True).json() == {}
    assert failure(search(token, "1000000000", "SELECT", validateOnly=True))[2] == "queryError"
    assert "results" not in search(token, "1000000000", ID, searchSettings={"omitResults": True}).json()
