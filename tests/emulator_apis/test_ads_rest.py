"""Google Ads over REST, in process: who may reach what, and how it is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from emulator_apis.calls import ADWORDS, DFP, Rest, failure
from grantkeeper.emulator import Clock, Emulator, Response

LIST = "/v26/customers:listAccessibleCustomers"
ANN, BOB, NOBODY = "ann@agency.example", "bob@shop.example", "nobody@shop.example"
CLIENTS = "SELECT customer_client.id, customer_client.level FROM customer_client"
CUSTOMER = "SELECT customer.id FROM customer"
Search = Callable[..., Response]


def ids(response: Response) -> list[tuple[str, str]]:
    """Return the id and the level of each row."""
    return [(row["customerClient"]["id"], row["customerClient"]["level"]) for row in response.json()["results"]]


def test_accessible_customers_are_the_direct_ones_even_if_cancelled(emulator: Emulator, rest: Rest) -> None:
    """No login-customer-id is needed, and one that is sent does not matter."""
    answer = rest(emulator.mint(BOB, ADWORDS), LIST, headers={"login-customer-id": "7000000000"})

    assert answer.json() == {
        "resourceNames": [
            "customers/2000000000",
            "customers/3000000000",
            "customers/4000000000",
            "customers/6000000000",
        ]
    }
    assert answer.header("request-id")


@pytest.mark.parametrize("version", ["v23", "v24", "v25", "v26"])
def test_every_living_version_answers(emulator: Emulator, rest: Rest, version: str) -> None:
    """Versions v23 to v26."""
    answer = rest(emulator.mint(ANN, ADWORDS), f"/{version}/customers:listAccessibleCustomers")

    assert answer.json() == {"resourceNames": ["customers/1000000000"]}


def test_a_version_that_is_switched_off_says_so(emulator: Emulator, rest: Rest) -> None:
    """UNSUPPORTED_VERSION."""
    answer = rest(emulator.mint(ANN, ADWORDS), "/v17/customers:listAccessibleCustomers")

    assert failure(answer) == (400, "INVALID_ARGUMENT", "requestError", "UNSUPPORTED_VERSION")


def test_a_person_without_any_account_is_no_ads_user(emulator: Emulator, rest: Rest) -> None:
    """NOT_ADS_USER comes as UNAUTHENTICATED, in the words that Google uses."""
    answer = rest(emulator.mint(NOBODY, ADWORDS), LIST)

    assert failure(answer) == (401, "UNAUTHENTICATED", "authenticationError", "NOT_ADS_USER")
    assert answer.json()["error"]["message"].startswith("Request is missing required authentication credential.")


def test_a_call_without_a_token_is_unauthenticated(rest: Rest) -> None:
    """The reason is CREDENTIALS_MISSING, and the header challenges."""
    answer = rest(None, LIST)
    error = answer.json()["error"]

    assert (answer.status, error["status"]) == (401, "UNAUTHENTICATED")
    assert error["details"][0]["reason"] == "CREDENTIALS_MISSING"
    assert answer.header("www-authenticate") == 'Bearer realm="https://accounts.google.com/"'


def expire(emulator: Emulator, clock: Clock) -> None:
    """Let an hour pass."""
    clock.advance(timedelta(hours=1))


def revoke(emulator: Emulator, clock: Clock) -> None:
    """Let Bob take his consent back."""
    emulator.revoke(BOB)


@pytest.mark.parametrize("kill", [expire, revoke])
def test_a_dead_token_is_unauthenticated(
    emulator: Emulator, clock: Clock, rest: Rest, kill: Callable[[Emulator, Clock], None]
) -> None:
    """Expired and revoked look alike at Google's front end; no GoogleAdsFailure."""
    token = emulator.mint(BOB, ADWORDS)
    assert rest(token, LIST).status == 200

    kill(emulator, clock)
    answer = rest(token, LIST)
    error = answer.json()["error"]

    assert (answer.status, error["status"]) == (401, "UNAUTHENTICATED")
    assert error["message"].startswith("Request had invalid authentication credentials. Expected OAuth 2 access token")
    assert [detail["@type"] for detail in error["details"]] == ["type.googleapis.com/google.rpc.ErrorInfo"]
    assert 'error="invalid_token"' in answer.header("www-authenticate")


def test_a_token_without_the_scope_is_denied(emulator: Emulator, rest: Rest) -> None:
    """ACCESS_TOKEN_SCOPE_INSUFFICIENT names the service and the method."""
    answer = rest(emulator.mint(BOB, DFP), LIST)
    error = answer.json()["error"]

    assert (answer.status, error["status"]) == (403, "PERMISSION_DENIED")
    assert error["message"] == "Request had insufficient authentication scopes."
    assert error["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"
    assert error["details"][0]["metadata"] == {
        "service": "googleads.googleapis.com",
        "method": "google.ads.googleads.v26.services.CustomerService.ListAccessibleCustomers",
    }


def test_a_tree_has_each_account_once_at_its_nearest_level(emulator: Emulator, search: Search) -> None:
    """The account below two managers is reached by the shorter way; cancelled and hidden ones are listed."""
    answer = search(emulator.mint(ANN, ADWORDS), "1000000000", CLIENTS)

    assert ids(answer) == [
        ("1000000000", "0"),
        ("2000000000", "1"),
        ("3000000000", "1"),
        ("4000000000", "1"),
        ("5000000000", "2"),
    ]


def test_all_fields_of_a_customer_client(emulator: Emulator, search: Search) -> None:
    """Names in camelCase, 64-bit numbers as text; the owner's fields may be asked for beside."""
    members = "resource_name client_customer level manager descriptive_name currency_code time_zone hidden id"
    fields = ", ".join(f"customer_client.{name}" for name in [*members.split(), "test_account", "status"])
    query = f"SELECT {fields}, customer.id FROM customer_client WHERE customer_client.id = 5000000000"
    answer = search(emulator.mint(ANN, ADWORDS), "2000000000", query, "1000000000").json()

    assert answer["results"] == [
        {
            "customerClient": {
                "resourceName": "customers/2000000000/customerClients/5000000000",
                "clientCustomer": "customers/5000000000",
                "level": "1",
                "manager": False,
                "descriptiveName": "Deep",
                "currencyCode": "EUR",
                "timeZone": "Europe/Berlin",
                "hidden": True,
                "id": "5000000000",
                "testAccount": False,
                "status": "ENABLED",
            },
            "customer": {"resourceName": "customers/2000000000", "id": "2000000000"},
        }
    ]
    assert answer["fieldMask"].startswith("customerClient.resourceName,customerClient.clientCustomer,")


def test_all_fields_of_a_customer(emulator: Emulator, search: Search) -> None:
    """FROM customer has one row."""
    members = "id descriptive_name currency_code time_zone manager test_account status"
    query = f"SELECT {', '.join(f'customer.{name}' for name in members.split())} FROM customer"
    answer = search(emulator.mint(BOB, ADWORDS), "2000000000", query).json()

    assert answer["results"] == [
        {
            "customer": {
                "resourceName": "customers/2000000000",
                "id": "2000000000",
                "descriptiveName": "Middle",
                "currencyCode": "USD",
                "timeZone": "America/New_York",
                "manager": True,
                "testAccount": False,
                "status": "ENABLED",
            }
        }
    ]


def test_an_account_that_manages_nothing_lists_itself(emulator: Emulator, search: Search) -> None:
    """One row, level 0."""
    assert ids(search(emulator.mint(BOB, ADWORDS), "3000000000", CLIENTS)) == [("3000000000", "0")]


@pytest.mark.parametrize(
    ("person", "customer", "login"),
    [(ANN, "1000000000", None), (ANN, "5000000000", "1000000000"), (BOB, "3000000000", "2000000000")],
    ids=["direct", "two levels below the login", "direct, by the manager"],
)
def test_a_way_that_exists_is_open(
    emulator: Emulator, search: Search, person: str, customer: str, login: str | None
) -> None:
    """Direct access to the login customer, and the customer in its subtree."""
    assert search(emulator.mint(person, ADWORDS), customer, CUSTOMER, login).status == 200


@pytest.mark.parametrize(
    ("person", "customer", "login"),
    [
        (ANN, "3000000000", None),
        (ANN, "3000000000", "2000000000"),
        (BOB, "6000000000", "2000000000"),
        (BOB, "7000000000", None),
        (BOB, "3000000000", "9999999999"),
    ],
    ids=["indirect without a login", "login is indirect", "not below the login", "foreign", "unknown login"],
)
def test_a_way_that_does_not_exist_is_closed(
    emulator: Emulator, search: Search, person: str, customer: str, login: str | None
) -> None:
    """USER_PERMISSION_DENIED, with the text that sends people to login-customer-id."""
    answer = search(emulator.mint(person, ADWORDS), customer, CUSTOMER, login)

    assert failure(answer) == (403, "PERMISSION_DENIED", "authorizationError", "USER_PERMISSION_DENIED")
    error = answer.json()["error"]
    assert error["message"] == "The caller does not have permission"
    assert error["details"][0]["errors"][0]["message"].startswith(
        "User doesn't have permission to access customer. Note: If you're accessing a client customer"
    )
    assert error["details"][0]["requestId"] == answer.header("request-id")


def test_a_cancelled_account_is_not_enabled(emulator: Emulator, search: Search) -> None:
    """CUSTOMER_NOT_ENABLED, for who has access; who has none learns nothing."""
    owner, stranger = emulator.mint(BOB, ADWORDS), emulator.mint(ANN, ADWORDS)

    assert failure(search(owner, "4000000000", CUSTOMER))[3] == "CUSTOMER_NOT_ENABLED"
    assert failure(search(stranger, "4000000000", CUSTOMER))[3] == "USER_PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("customer", "headers", "body", "expected"),
    [
        ("123-456-7890", {}, {}, (400, "INVALID_ARGUMENT", "requestError", "INVALID_CUSTOMER_ID")),
        ("", {}, {}, (400, "INVALID_ARGUMENT", "requestError", "INVALID_CUSTOMER_ID")),
        ("%D9%A1" * 10, {}, {}, (400, "INVALID_ARGUMENT", "requestError", "INVALID_CUSTOMER_ID")),
        ("9999999999", {}, {}, (401, "UNAUTHENTICATED", "authenticationError", "CUSTOMER_NOT_FOUND")),
        (
            "1000000000",
            {"login-customer-id": "100-000-0000"},
            {},
            (400, "INVALID_ARGUMENT", "headerError", "INVALID_LOGIN_CUSTOMER_ID"),
        ),
        (
            "1000000000",
            {"developer-token": ""},
            {},
            (400, "INVALID_ARGUMENT", "requestError", "DEVELOPER_TOKEN_PARAMETER_MISSING"),
        ),
        ("1000000000", {}, {"pageSize": 5}, (400, "INVALID_ARGUMENT", "requestError", "PAGE_SIZE_NOT_SUPPORTED")),
        ("1000000000", {}, {"query": " "}, (400, "INVALID_ARGUMENT", "requestError", "REQUIRED_FIELD_MISSING")),
        ("1000000000", {}, {"pageToken": "%"}, (400, "INVALID_ARGUMENT", "requestError", "INVALID_PAGE_TOKEN")),
        ("1000000000", {}, {"pageToken": "MTAuYWJj"}, (400, "INVALID_ARGUMENT", "requestError", "INVALID_PAGE_TOKEN")),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(
    emulator: Emulator,
    rest: Rest,
    customer: str,
    headers: Mapping[str, str],
    body: Mapping[str, Any],
    expected: tuple[int, str, str, str],
) -> None:
    """Each with the error code of its own."""
    path = f"/v26/customers/{customer}/googleAds:search"

    assert failure(rest(emulator.mint(ANN, ADWORDS), path, {"query": CUSTOMER, **body}, headers)) == expected


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'"x"', b'{"query": 1}', b'{"quarry": ""}', b'{"pageSize": true}', b"[" * 90_000, b"\xff"],
)
def test_a_body_that_is_not_the_message_is_an_invalid_argument(emulator: Emulator, rest: Rest, body: bytes) -> None:
    """Neither broken JSON nor unknown or mistyped members get through."""
    answer = rest(emulator.mint(ANN, ADWORDS), "/v26/customers/1000000000/googleAds:search", body)

    assert (answer.status, answer.json()["error"]["status"]) == (400, "INVALID_ARGUMENT")


@pytest.mark.parametrize(("version", "name"), [("v24", "ACTION_NOT_PERMITTED"), ("v26", "")])
def test_a_test_project_reaches_test_accounts_only(
    emulator: Emulator, rest: Rest, search: Search, version: str, name: str
) -> None:
    """The Cloud project has the access level now; the code for it is as old as v25."""
    token = emulator.mint(BOB, ADWORDS, client_id="trial.apps.googleusercontent.com")
    answer = rest(token, f"/{version}/customers/3000000000/googleAds:search", {"query": CUSTOMER})

    assert failure(answer)[3] == (name or "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION")
    assert search(token, "6000000000", CUSTOMER).status == 200


def test_a_stream_is_an_array_and_so_is_its_error(emulator: Emulator, rest: Rest) -> None:
    """Batches have their request's id; an error stands in an array too."""
    token = emulator.mint(ANN, ADWORDS)
    good = rest(token, "/v26/customers/1000000000/googleAds:searchStream", {"query": CLIENTS})
    bad = rest(token, "/v26/customers/7000000000/googleAds:searchStream", {"query": CLIENTS})

    (batch,) = good.json()
    assert len(batch["results"]) == 5
    assert batch["requestId"] == good.header("request-id")
    assert bad.json()[0]["error"]["status"] == "PERMISSION_DENIED"


def test_paths_of_other_methods_are_not_answered(emulator: Emulator, rest: Rest) -> None:
    """A method that is not emulated is not found, instead of being half answered."""
    assert rest(emulator.mint(ANN, ADWORDS), "/v26/customers/1000000000/campaigns:mutate", {}).status == 404
