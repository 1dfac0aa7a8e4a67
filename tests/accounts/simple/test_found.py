"""What a person reaches in the six APIs of one list, found in the emulator."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.driver import PERSON, as_person, emulated, ok, status_error, walk
from accounts.simple.assets import OTHER, SCOPES, asset, emulator_with, found, of, server
from grantkeeper.accounts import DISCOVERIES, discoveries
from grantkeeper.emulator import Emulator, World
from grantkeeper.errors import GrantkeeperError, Misconfigured, ProviderUnavailable
from grantkeeper.model import Request, Response, Way
from grantkeeper.providers.google_scopes import SCOPES as CATALOGUE

APIS = tuple(SCOPES)
HOSTS = {
    "analytics": "https://analyticsadmin.googleapis.com/v1beta/accountSummaries?pageSize=200",
    "search_console": "https://searchconsole.googleapis.com/webmasters/v3/sites",
    "merchant_center": "https://merchantapi.googleapis.com/accounts/v1/accounts?pageSize=500",
    "youtube": "https://youtube.googleapis.com/youtube/v3/channels?part=snippet&mine=true&maxResults=50",
    "business_profile": "https://mybusinessaccountmanagement.googleapis.com/v1/accounts?pageSize=20",
    "display_video": "https://displayvideo.googleapis.com/v4/partners?pageSize=200",
}


# --- one by one ------------------------------------------------------------------------------------------------------


def test_analytics_properties_stand_below_their_accounts() -> None:
    """Calls name a property by its number; an account may have the same one, and keeps its prefix."""
    done = found(
        "analytics",
        asset("analytics", "100", "Nordwind", people=PERSON),
        asset("analytics", "200", "Shop", parent="100"),
        asset("analytics", "201", "Shop in Norway", parent="200"),
    )

    account, shop, part = (done.by_id[each] for each in ("accounts/100", "200", "201"))
    assert [(each.name, each.manager) for each in (account, shop, part)] == [
        ("Nordwind", True),
        ("Shop", False),
        ("Shop in Norway", False),
    ]
    assert (account.parents, shop.parents, part.parents) == ((), ("accounts/100",), ("200",))
    assert [each.level for each in (account, shop, part)] == [0, 1, 2]
    assert {each.ways[0].root for each in (account, shop, part)} == {"accounts/100"}


def test_a_subproperty_whose_parent_is_not_seen_stands_below_the_account() -> None:
    """No account hangs on a parent that is not in the list."""
    done = found(
        "analytics",
        asset("analytics", "100", "Nordwind"),
        asset("analytics", "200", "Shop", parent="100"),
        asset("analytics", "201", "Shop in Norway", parent="200", people=PERSON),
    )

    assert list(done.by_id) == ["accounts/100", "201"]
    assert (done.by_id["201"].parents, done.by_id["201"].level) == (("accounts/100",), 1)


def test_an_analytics_account_and_property_of_one_number_are_two() -> None:
    """Google numbers them apart."""
    summary = {
        "account": "accounts/7",
        "propertySummaries": [{"property": "properties/7", "parent": "accounts/7", "displayName": "Seven"}],
    }
    done = walk(of("analytics"), lambda _: ok({"accountSummaries": [summary]}))

    assert list(done.by_id) == ["accounts/7", "7"]


def test_a_site_that_is_not_verified_is_there_and_not_enabled() -> None:
    """Search Console lists it, and refuses every call for it."""
    done = found(
        "search_console",
        asset("search_console", "sc-domain:nordwind.example", people=PERSON),
        asset("search_console", "https://shop.example/", "siteUnverifiedUser", people=PERSON),
    )

    assert [(each.id, each.name, each.status, each.enabled) for each in done.found] == [
        ("sc-domain:nordwind.example", "sc-domain:nordwind.example", "siteOwner", True),
        ("https://shop.example/", "https://shop.example/", "siteUnverifiedUser", False),
    ]


def test_a_site_too_long_to_be_kept_is_left_out() -> None:
    """Cut, it would be the id of another site; the others are found all the same."""
    sites = [{"siteUrl": f"https://x.example/{'a' * 483}"}, {"siteUrl": f"https://x.example/{'a' * 482}"}]
    done = walk(of("search_console"), lambda _: ok({"siteEntry": sites}))

    assert [len(each.id) for each in done.found] == [500]


def test_merchant_sub_accounts_stand_below_the_advanced_account() -> None:
    """Who was added to an advanced account reaches what is below it; an account of its own has nothing below."""
    done = found(
        "merchant_center",
        asset("merchant_center", "10", "Agency", people=PERSON),
        asset("merchant_center", "11", "Shop", parent="10", more='time_zone = "Europe/Oslo"\ntest = true'),
        asset("merchant_center", "20", "Alone", people=PERSON),
    )

    agency, shop, alone = (done.by_id[each] for each in ("10", "11", "20"))
    assert (agency.manager, shop.manager, alone.manager) == (True, False, False)
    assert (shop.parents, shop.ways, shop.test, shop.time_zone) == (
        ("10",),
        (Way(root="10", length=1),),
        True,
        "Europe/Oslo",
    )
    assert [len(batch) for batch in done.batches] == [1, 2]


def test_a_merchant_account_reached_directly_and_from_above_is_one_with_both_ways() -> None:
    """The shortest way comes first."""
    done = found(
        "merchant_center",
        asset("merchant_center", "10", "Agency", people=PERSON),
        asset("merchant_center", "11", "Shop", parent="10", people=PERSON),
    )

    assert done.by_id["11"].ways == (Way(root="11", length=0), Way(root="10", length=1))
    assert (done.by_id["11"].parents, done.by_id["11"].level) == (("10",), 0)


@pytest.mark.parametrize(("status", "code"), [(403, "PERMISSION_DENIED"), (404, "NOT_FOUND")])
def test_a_merchant_account_whose_sub_accounts_are_refused_is_found(status: int, code: str) -> None:
    """Who may not manage sub-accounts reaches the account itself."""

    def answer(request: Request) -> Response:
        if "listSubaccounts" in request.url:
            return status_error(status, code)
        return ok({"accounts": [{"accountId": "10", "accountName": "Agency"}]})

    assert [each.id for each in walk(of("merchant_center"), answer).found] == ["10"]


def test_youtube_channels_have_their_titles() -> None:
    """An identity may have several channels, or none."""
    done = found("youtube", asset("youtube", "UC_x5XG1OV2P6uZZ5FSM9Ttw", "Nordwind TV", people=PERSON))

    assert [(each.id, each.name) for each in done.found] == [("UC_x5XG1OV2P6uZZ5FSM9Ttw", "Nordwind TV")]


def test_business_profile_tells_organizations_apart() -> None:
    """An organization stands above location groups; the list names them all."""
    done = found(
        "business_profile",
        asset("business_profile", "1", "Nordwind", people=PERSON),
        asset("business_profile", "2", "Stores", parent="1"),
        asset("business_profile", "3", "Ann", people=PERSON),
    )

    assert [(each.id, each.name, each.status, each.manager) for each in done.found] == [
        ("1", "Nordwind", "VERIFIED", True),
        ("2", "Stores", "VERIFIED", False),
        ("3", "Ann", "VERIFIED", False),
    ]


def test_display_video_advertisers_stand_below_their_partners() -> None:
    """One list of partners, then the advertisers of each, side by side."""
    done = found(
        "display_video",
        asset("display_video", "1", "Agency", people=PERSON),
        asset("display_video", "2", "Nordwind", parent="1", more='currency = "NOK"\ntime_zone = "Europe/Oslo"'),
        asset("display_video", "3", "Another", people=PERSON),
    )

    partner, advertiser = done.by_id["partners/1"], done.by_id["2"]
    assert (partner.manager, partner.level, advertiser.manager, advertiser.level) == (True, 0, False, 1)
    assert (advertiser.name, advertiser.currency, advertiser.time_zone) == ("Nordwind", "NOK", "Europe/Oslo")
    assert (advertiser.parents, advertiser.status) == (("partners/1",), "ENTITY_STATUS_ACTIVE")
    assert [len(batch) for batch in done.batches] == [1, 2]


@pytest.mark.parametrize(
    ("status", "enabled"),
    [
        ("ENTITY_STATUS_ACTIVE", True),
        ("ENTITY_STATUS_PAUSED", True),
        ("ENTITY_STATUS_ARCHIVED", False),
        ("ENTITY_STATUS_SCHEDULED_FOR_DELETION", False),
    ],
)
def test_an_archived_advertiser_is_kept_with_its_status(status: str, enabled: bool) -> None:
    """A paused one can be called all the same."""
    done = walk(
        of("display_video"), lambda _: ok({"partners": [{"partnerId": "1", "entityStatus": status}], "advertisers": []})
    )

    assert [(each.status, each.enabled) for each in done.found] == [(status, enabled)]


# --- all alike -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS)
def test_googles_own_host_is_asked_unless_a_stand_in_is_named(api: str) -> None:
    """`api_url` replaces the host, and the path stays; nothing is sent that a driver must not repeat or log."""
    (first,), (stand_in,) = (next(of(api).steps(base)) for base in (None, "http://127.0.0.1:1"))

    assert first.url == HOSTS[api]
    assert (stand_in.url, first.method) == (
        urlsplit(HOSTS[api])._replace(scheme="http", netloc="127.0.0.1:1").geturl(),
        "GET",
    )
    assert "authorization" not in {name.lower() for name in first.headers}


@pytest.mark.parametrize("api", APIS)
def test_nothing_reached_is_nothing_found(api: str) -> None:
    """The APIs leave an empty list out of their answers."""
    assert found(api, asset(api, "https://1.example/" if api == "search_console" else "1", people=OTHER)).found == []


@pytest.mark.parametrize("api", APIS)
def test_a_scope_that_is_not_enough_is_refused_with_the_apis_words(api: str) -> None:
    """The emulator checks scopes as Google does; the refusal says what to do."""
    with pytest.raises(GrantkeeperError) as caught:
        walk(of(api), as_person(emulator_with(), PERSON, "adwords"))

    assert caught.value.provider is not None
    assert caught.value.provider.error == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


@pytest.mark.parametrize("api", APIS)
def test_every_scope_of_a_discovery_is_enough_and_has_a_short_name(api: str) -> None:
    """`begin` takes them by these names, and any one of them finds the discovery again."""
    catalogue = {scope for scopes in CATALOGUE.values() for scope in scopes}

    assert of(api).scopes <= catalogue
    for scope in of(api).scopes:
        assert of(api) in discoveries([scope])
        assert walk(of(api), as_person(emulator_with(), PERSON, scope.rpartition("/")[2])).found == []


def test_kinds_are_told_apart() -> None:
    """Each kind has one discovery, with words for people."""
    assert len({each.kind for each in DISCOVERIES}) == len(DISCOVERIES) == 8
    assert all(each.title and each.noun for each in DISCOVERIES)


def rows(api: str, count: int) -> list[str]:
    """Return that many topmost assets."""
    ids = (f"https://{number}.example/" if api == "search_console" else str(number) for number in range(1, count + 1))
    return [asset(api, each, f"Name {each}", people=PERSON) for each in ids]


@pytest.mark.parametrize("api", [each for each in APIS if each != "search_console"])
def test_a_list_is_read_to_its_end_however_short_its_pages(api: str) -> None:
    """Pages of two: five accounts are found over three pages, each once and in order."""
    answers = server(api, emulator_with(*rows(api, 5)))
    paged: list[str] = []

    def two_at_a_time(request: Request) -> Response:
        parts = urlsplit(request.url)
        if "listSubaccounts" in parts.path or "advertisers" in parts.path:
            return answers(request)
        query = parse_qs(parts.query)
        paged.append(query.get("pageToken", [""])[0])
        name = "maxResults" if api == "youtube" else "pageSize"
        return answers(replace(request, url=request.url.replace(f"{name}={query[name][0]}", f"{name}=2")))

    names = [each.name for each in walk(of(api), two_at_a_time).found]
    assert names == [f"Name {number}" for number in range(1, 6)]
    assert len(set(paged)) == 3


# --- the cast that comes along ---------------------------------------------------------------------------------------


def cast() -> Emulator:
    """Return an emulator with the agency's cast."""
    return emulated(World.load("agency"))


@pytest.mark.parametrize(
    ("api", "names"),
    [
        ("analytics", ["Agency Websites", "bergblick.example", "fuchs.example (app + web)"]),
        ("search_console", ["sc-domain:bergblick.example", "https://www.fuchs.example/shop/"]),
        ("merchant_center", ["Agency Multi-Client", "Fahrrad Fuchs", "Fahrrad Fuchs (test)"]),
        ("youtube", ["Bergblick TV"]),
        ("business_profile", ["Agency Locations", "Fahrrad Fuchs Filialen"]),
        ("display_video", ["Agency Trading Desk", "Bergblick Hotels", "Fahrrad Fuchs"]),
    ],
)
def test_the_agencys_assets_are_found(api: str, names: list[str]) -> None:
    """Anna, who was named on what stands above, reaches what is below."""
    assert [each.name for each in walk(of(api), server(api, cast(), "assets@agency.example")).found] == names


@pytest.mark.parametrize("api", APIS)
def test_names_that_want_escaping_are_found_and_harmless(api: str) -> None:
    """Whatever somebody calls an account, it is found, and its name is one printable line."""
    names = [each.name for each in walk(of(api), server(api, cast(), "nasty@mail.example")).found]

    assert names
    assert all(name.isprintable() and len(name) <= 300 for name in names)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("reason", ["SERVICE_DISABLED", "RATE_LIMIT_EXCEEDED"])
def test_a_refusal_says_its_reason(api: str, reason: str) -> None:
    """What is wrong with the business's own project, and what passes by itself, are told apart from nothing found."""
    emulator = cast()
    emulator.refuse(api, reason)
    with pytest.raises(Misconfigured if reason == "SERVICE_DISABLED" else ProviderUnavailable) as caught:
        walk(of(api), server(api, emulator, "assets@agency.example"))

    assert caught.value.provider is not None
    assert caught.value.provider.error == reason
