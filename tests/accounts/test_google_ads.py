"""Google Ads accounts, found in the emulator's trees."""

from __future__ import annotations

import dataclasses
import json
import time

import pytest

from accounts.driver import BASE, PERSON, Walk, ads_error, as_person, emulated, ok, walk, world
from grantkeeper.accounts.google.google_ads import DISCOVERY
from grantkeeper.emulator import Emulator, World
from grantkeeper.errors import ConsentRequired, Misconfigured, ProviderUnavailable
from grantkeeper.model import Request, Response, Way

TOP, MIDDLE, LEAF, SHARED = "1000000000", "2000000000", "3000000000", "4000000000"


def ads(text: str) -> World:
    """Return a world of accounts: `id` or `id+` (a manager), `id>id` (a link), `@id` (direct access), `id!STATUS`."""
    tables = []
    for word in text.split():
        if ">" in word:
            manager, client = word.split(">")
            tables.append(f'[[ads_link]]\nmanager = "{manager}"\nclient = "{client}"\n')
        elif word.startswith("@"):
            tables.append(f'[[ads_access]]\nperson = "{PERSON}"\naccount = "{word[1:]}"\n')
        else:
            account, _, status = word.rstrip("+").partition("!")
            manager = str(word.endswith("+")).lower()
            named = f'id = "{account}"\nname = "Account {account[:3]}"\nmanager = {manager}\n'
            tables.append(f'[[ads_account]]\n{named}status = "{status or "ENABLED"}"\n')
    return world("".join(tables))


def found(text: str) -> Walk:
    """Return what is found in a world of accounts."""
    return walk(DISCOVERY, as_person(emulated(ads(text)), PERSON, "adwords"))


def test_a_tree_is_asked_for_in_one_query_and_says_everything_of_its_accounts() -> None:
    """List, then the root's whole tree: two requests where no level has two managers."""
    done = found(f"{TOP}+ {MIDDLE}+ {LEAF} {TOP}>{MIDDLE} {MIDDLE}>{LEAF} @{TOP}")

    assert [len(batch) for batch in done.batches] == [1, 1]
    leaf = done.by_id[LEAF]
    assert (leaf.name, leaf.status, leaf.currency, leaf.time_zone) == ("Account 300", "ENABLED", "EUR", "Europe/Berlin")
    assert (leaf.ways, leaf.parents, leaf.level) == ((Way(root=TOP, length=2),), (MIDDLE,), 2)
    assert [done.by_id[each].manager for each in (TOP, MIDDLE, LEAF)] == [True, True, False]


def test_the_tree_is_asked_for_with_its_root_as_login_customer_id() -> None:
    """Google Ads wants the account that the person reaches directly, and no developer token."""
    _, search = found(f"{TOP}+ {LEAF} {TOP}>{LEAF} @{TOP}").requests

    assert search.url == f"{BASE}/v26/customers/{TOP}/googleAds:search"
    assert search.headers["login-customer-id"] == TOP
    assert "developer-token" not in search.headers
    assert search.largest == 16 * 1024 * 1024


def test_at_google_the_hosts_are_googles() -> None:
    """Without a stand-in, requests go to googleads.googleapis.com."""
    first = next(DISCOVERY.steps(None))

    assert [each.url for each in first] == ["https://googleads.googleapis.com/v26/customers:listAccessibleCustomers"]


def test_an_account_reached_by_two_roots_has_both_ways_the_shortest_first() -> None:
    """Trees merge: one account, every (root, length) pair, by length and then by root."""
    done = found(
        f"{TOP}+ {MIDDLE}+ {LEAF} {SHARED} {TOP}>{MIDDLE} {MIDDLE}>{SHARED} {TOP}>{LEAF} @{TOP} @{MIDDLE} @{LEAF}"
    )

    assert done.by_id[SHARED].ways == (Way(root=MIDDLE, length=1), Way(root=TOP, length=2))
    assert done.by_id[LEAF].ways == (Way(root=LEAF, length=0), Way(root=TOP, length=1))
    assert [len(batch) for batch in done.batches] == [1, 3]  # all roots at once


def test_two_managers_of_one_level_are_asked_for_what_is_below_them() -> None:
    """What hangs on which is known at the cost of one more request for each of them, all at once."""
    done = found(
        f"{TOP}+ {MIDDLE}+ 2100000000+ {LEAF} {SHARED} {TOP}>{MIDDLE} {TOP}>2100000000 {MIDDLE}>{LEAF} "
        f"{MIDDLE}>{SHARED} 2100000000>{SHARED} @{TOP}"
    )

    assert done.by_id[LEAF].parents == (MIDDLE,)
    assert done.by_id[SHARED].parents == (MIDDLE, "2100000000")
    assert [len(batch) for batch in done.batches] == [1, 1, 2]
    assert all("level <= 1" in request.body.decode() for request in done.batches[2])


def test_what_hangs_on_a_cancelled_manager_follows_from_its_neighbours() -> None:
    """A cancelled manager is not asked, because Google Ads would refuse: what nobody else claims is below it."""
    done = found(
        f"{TOP}+ {MIDDLE}+ 2100000000!CANCELED+ {LEAF} {SHARED} {TOP}>{MIDDLE} {TOP}>2100000000 {MIDDLE}>{LEAF} "
        f"2100000000>{SHARED} @{TOP}"
    )

    assert (done.by_id[LEAF].parents, done.by_id[SHARED].parents) == ((MIDDLE,), ("2100000000",))
    assert [len(batch) for batch in done.batches] == [1, 1, 1]


@pytest.mark.parametrize(("status", "enabled"), [("CANCELED", False), ("CLOSED", False), ("SUSPENDED", True)])
def test_accounts_that_are_not_enabled_are_kept_with_their_status(status: str, *, enabled: bool) -> None:
    """A suspended account can be read; a cancelled or closed one refuses every call."""
    account = found(f"{TOP}+ {LEAF}!{status} {TOP}>{LEAF} @{TOP}").by_id[LEAF]

    assert (account.status, account.enabled) == (status, enabled)


def test_a_cancelled_account_that_no_tree_describes_is_kept_without_a_name() -> None:
    """The list names it, Google Ads refuses to describe it: CUSTOMER_NOT_ENABLED."""
    account = found(f"{LEAF}!CANCELED @{LEAF}").by_id[LEAF]

    assert (account.name, account.status, account.enabled) == ("", "NOT_ENABLED", False)
    assert account.ways == (Way(root=LEAF, length=0),)


def test_a_cancelled_account_is_described_by_the_tree_that_holds_it() -> None:
    """The status is Google's own word then."""
    account = found(f"{TOP}+ {LEAF}!CANCELED {TOP}>{LEAF} @{TOP} @{LEAF}").by_id[LEAF]

    assert (account.name, account.status) == ("Account 300", "CANCELED")
    assert account.ways == (Way(root=TOP, length=1),)


def test_a_person_without_google_ads_has_no_accounts() -> None:
    """NOT_ADS_USER is an answer, not an error."""
    assert found(f"{TOP}+").found == []


def test_an_account_that_the_person_may_not_open_is_kept_and_the_others_go_on() -> None:
    """What is about one account is its status, and does not stop the look."""
    emulator = as_person(emulated(ads(f"{TOP} {LEAF} @{TOP} @{LEAF}")), PERSON, "adwords")

    def server(request: Request) -> Response:
        if f"/{TOP}/" in request.url:
            return ads_error(403, "authorizationError", "USER_PERMISSION_DENIED")
        return emulator(request)

    done = walk(DISCOVERY, server).by_id
    assert (done[TOP].status, done[TOP].enabled) == ("USER_PERMISSION_DENIED", False)
    assert done[LEAF].enabled


@pytest.mark.parametrize(
    ("kind", "name"),
    [("authorizationError", "ACCESS_DENIED_FOR_ACCOUNT_TYPE"), ("authenticationError", "CUSTOMER_NOT_FOUND")],
)
def test_what_is_listed_and_is_no_google_ads_account_is_left_out(kind: str, name: str) -> None:
    """An account of another ads system, or none any more, is nothing to share."""
    listing = ok({"resourceNames": [f"customers/{LEAF}"]})

    done = walk(DISCOVERY, lambda request: listing if request.method == "GET" else ads_error(403, kind, name))

    assert done.found == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (ads_error(403, "authorizationError", "CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION"), Misconfigured),
        (ads_error(403, "authorizationError", "MISSING_TOS"), Misconfigured),
        (ads_error(401, "authenticationError", "OAUTH_TOKEN_REVOKED"), ConsentRequired),
        (ads_error(429, "quotaError", "RESOURCE_EXHAUSTED"), ProviderUnavailable),
        (Response(status=502, body=b"<html>Bad gateway</html>"), ProviderUnavailable),
    ],
)
def test_what_is_about_us_or_passes_is_raised(answer: Response, expected: type[Exception]) -> None:
    """A look that could not look must not say that accounts are gone."""
    emulator = as_person(emulated(ads(f"{TOP} {LEAF} @{TOP} @{LEAF}")), PERSON, "adwords")

    with pytest.raises(expected):
        walk(DISCOVERY, lambda request: answer if f"/{LEAF}/" in request.url else emulator(request))


def test_a_project_for_test_accounts_only_says_where_to_apply() -> None:
    """The emulator's Cloud project has the access level `test`."""
    cast = ads(f"{TOP} @{TOP}")
    limited = dataclasses.replace(cast, projects=(dataclasses.replace(cast.projects[0], ads_access="test"),))

    with pytest.raises(Misconfigured, match="CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION") as caught:
        walk(DISCOVERY, as_person(emulated(limited), PERSON, "adwords"))

    assert "console.cloud.google.com/google/ads-apis/overview" in caught.value.advice


def test_a_root_without_a_row_is_an_account_all_the_same() -> None:
    """Google's own example for account trees expects no rows of some test accounts."""
    listing = ok({"resourceNames": [f"customers/{LEAF}"]})

    (account,) = walk(DISCOVERY, lambda request: listing if request.method == "GET" else ok({})).found

    assert (account.id, account.name, account.enabled) == (LEAF, "", True)


def test_hidden_accounts_are_found_like_any_other() -> None:
    """Hiding one tidies Google's list; it can be called and shared."""
    cast = ads(f"{TOP}+ {LEAF} {TOP}>{LEAF} @{TOP}")
    hidden = tuple(dataclasses.replace(each, hidden=each.id == LEAF) for each in cast.ads_accounts)

    done = walk(DISCOVERY, as_person(emulated(dataclasses.replace(cast, ads_accounts=hidden)), PERSON, "adwords"))

    assert done.by_id[LEAF].enabled


def agency(managers: int, accounts: int) -> Emulator:
    """Return a manager of managers of accounts, spread evenly."""
    above = [str(2_000_000_000 + number) for number in range(managers)]
    below = [str(3_000_000_000 + number) for number in range(accounts)]
    words = [f"{TOP}+ @{TOP}", *(f"{each}+ {TOP}>{each}" for each in above)]
    words += [f"{each} {above[number % managers]}>{each}" for number, each in enumerate(below)]
    return emulated(ads(" ".join(words)))


def test_five_thousand_accounts_below_fifty_managers_take_fifty_two_requests() -> None:
    """The agency cast's tree, two levels of managers: list, tree, and each manager."""
    done = walk(DISCOVERY, as_person(emulated(World.load("agency")), "big@holding.example", "adwords"))

    assert [len(batch) for batch in done.batches] == [1, 1, 16, 16, 16, 2]
    assert len(done.found) == 5_051
    assert all(len(each.parents) == 1 for each in done.found if each.level)


def test_at_most_sixteen_requests_are_sent_at_once() -> None:
    """The driver may send a batch side by side, and holds its answers together in memory."""
    done = walk(DISCOVERY, as_person(agency(40, 40), PERSON, "adwords"))

    assert [len(batch) for batch in done.batches] == [1, 1, 16, 16, 8]


def test_more_than_a_page_of_rows_is_read_to_its_end() -> None:
    """Pages have 10,000 rows; the next one is named by a token."""
    rows = [{"customerClient": {"id": TOP, "level": "0", "manager": True}}]
    rows += [{"customerClient": {"id": str(3_000_000_000 + each), "level": "1"}} for each in range(14_999)]

    def server(request: Request) -> Response:
        if request.method == "GET":
            return ok({"resourceNames": [f"customers/{TOP}"]})
        token = json.loads(request.body).get("pageToken")
        return ok({"results": rows[10_000:]} if token else {"results": rows[:10_000], "nextPageToken": "p2"})

    done = walk(DISCOVERY, server)

    assert [len(batch) for batch in done.batches] == [1, 1, 1]
    assert len(done.by_id) == 15_000


def test_five_thousand_rows_are_read_in_well_under_a_second() -> None:
    """Reading is not what a look waits for: 5,000 rows of 270 bytes take about 0.1 s."""
    rows = [
        {
            "customerClient": {
                "resourceName": f"customers/{TOP}/customerClients/{3_000_000_000 + each}",
                "id": str(3_000_000_000 + each),
                "level": "1",
                "manager": False,
                "descriptiveName": f"Customer {each}",
                "currencyCode": "EUR",
                "timeZone": "Europe/Berlin",
                "testAccount": False,
                "status": "ENABLED",
            }
        }
        for each in range(5_000)
    ]
    listing, page = ok({"resourceNames": [f"customers/{TOP}"]}), ok({"results": rows})

    started = time.process_time()
    done = walk(DISCOVERY, lambda request: listing if request.method == "GET" else page)

    assert time.process_time() - started < 1
    assert len(done.found) == 5_001


def test_ids_are_written_as_google_ads_writes_them() -> None:
    """Ten digits in three groups."""
    assert DISCOVERY.written("1234567890") == "123-456-7890"
