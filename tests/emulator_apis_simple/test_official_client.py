"""Google's own client (google-api-python-client) reads the emulator's lists as it would Google's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from googleapiclient.errors import HttpError

from emulator_apis_simple.conftest import Build, asset
from grantkeeper.emulator import Emulator

Have = Callable[..., None]

LISTS: dict[str, tuple[tuple[str, str, str], Callable[[Any], Any]]] = {
    "analytics": (("analyticsadmin", "v1beta", "analytics.readonly"), lambda api: api.accountSummaries().list()),
    "search_console": (("searchconsole", "v1", "webmasters.readonly"), lambda api: api.sites().list()),
    "merchant_center": (("merchantapi", "accounts_v1", "content"), lambda api: api.accounts().list()),
    "youtube": (("youtube", "v3", "youtube.readonly"), lambda api: api.channels().list(part="snippet", mine=True)),
    "business_profile": (
        ("mybusinessaccountmanagement", "v1", "business.manage"),
        lambda api: api.accounts().list(),
    ),
    "display_video": (("displayvideo", "v4", "display-video"), lambda api: api.partners().list()),
}
APIS = tuple(LISTS)
MEMBERS = {
    "analytics": "accountSummaries",
    "search_console": "siteEntry",
    "merchant_center": "accounts",
    "youtube": "items",
    "business_profile": "accounts",
    "display_video": "partners",
}


def asked(client: Build, api: str, **options: Any) -> dict[str, Any]:
    """Return what the API's list answers."""
    names, method = LISTS[api]
    answer: dict[str, Any] = method(client(*names, **options)).execute()
    return answer


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    """Return the status and the reason of the ErrorInfo, "" without one, of a refusal."""
    with pytest.raises(HttpError) as caught:
        call()
    error = caught.value
    details = error.error_details if isinstance(error.error_details, list) else []
    return error.status_code, next((each["reason"] for each in details), "")


def test_analytics_accounts_with_their_properties(client: Build, have: Have) -> None:
    """A subproperty names its property as parent."""
    have(
        asset("analytics", "100", "Nordwind"),
        asset("analytics", "200", "Shop", parent="100", people=""),
        asset("analytics", "201", "Part", parent="200", people=""),
        asset("analytics", "300", "Other", people="bob"),
    )
    (summary,) = asked(client, "analytics")["accountSummaries"]

    assert (summary["account"], summary["displayName"]) == ("accounts/100", "Nordwind")
    assert [(each["property"], each["parent"], each["propertyType"]) for each in summary["propertySummaries"]] == [
        ("properties/200", "accounts/100", "PROPERTY_TYPE_ORDINARY"),
        ("properties/201", "properties/200", "PROPERTY_TYPE_SUBPROPERTY"),
    ]


def test_an_analytics_account_is_listed_with_what_its_person_may_see(client: Build, have: Have) -> None:
    """Who is named on one property sees the account's name, and no other property."""
    have(
        asset("analytics", "100", "Nordwind", people="bob"),
        asset("analytics", "200", "Shop", parent="100"),
        asset("analytics", "201", "Secret", parent="100", people=""),
    )
    (summary,) = asked(client, "analytics")["accountSummaries"]

    assert summary["displayName"] == "Nordwind"
    assert [each["displayName"] for each in summary["propertySummaries"]] == ["Shop"]


@pytest.mark.parametrize(
    ("name", "version", "path"), [("searchconsole", "v1", ""), ("webmasters", "v3", "webmasters/v3/")]
)
def test_sites_with_what_the_person_may_do(client: Build, have: Have, name: str, version: str, path: str) -> None:
    """The two descriptions of the API lead to the same list."""
    have(
        asset("search_console", "sc-domain:nordwind.example"),
        asset("search_console", "https://x.example/", "siteUnverifiedUser"),
    )
    answer = client(name, version, "webmasters.readonly", path=path).sites().list().execute()

    assert answer["siteEntry"] == [
        {"siteUrl": "sc-domain:nordwind.example", "permissionLevel": "siteOwner"},
        {"siteUrl": "https://x.example/", "permissionLevel": "siteUnverifiedUser"},
    ]


def test_merchant_accounts_and_their_sub_accounts(client: Build, have: Have) -> None:
    """The list has what the person was added to; the rest comes by asking for what is below."""
    have(
        asset("merchant_center", "10", "Agency"),
        asset("merchant_center", "11", "Shop", parent="10", people=""),
        asset("merchant_center", "20", "Other", people="bob"),
    )
    api = client("merchantapi", "accounts_v1", "content")
    accounts = api.accounts()

    assert [each["accountId"] for each in accounts.list().execute()["accounts"]] == ["10"]
    below = accounts.listSubaccounts(provider="accounts/10").execute()["accounts"]
    assert [(each["accountId"], each["accountName"]) for each in below] == [("11", "Shop")]
    assert accounts.listSubaccounts(provider="accounts/11").execute() == {}
    assert refusal(lambda: accounts.listSubaccounts(provider="accounts/20").execute())[0] == 403


def test_youtube_gives_the_parts_that_are_asked_for(client: Build, have: Have) -> None:
    """Without a part or a filter it refuses."""
    have(asset("youtube", "UC1", "Nordwind TV"))
    channels = client("youtube", "v3", "youtube.readonly").channels()

    (full,) = channels.list(part="snippet,id", mine=True).execute()["items"]
    (bare,) = channels.list(part="id", mine=True).execute()["items"]
    assert (full["id"], full["snippet"]["title"]) == ("UC1", "Nordwind TV")
    assert (bare["id"], "snippet" in bare) == ("UC1", False)
    assert refusal(lambda: channels.list(part="snippet").execute())[0] == 400
    assert refusal(lambda: channels.list(part="", mine=True).execute())[0] == 400


def test_business_accounts_say_what_they_are(client: Build, have: Have) -> None:
    """An organization, what is below it, and a person's own."""
    have(
        asset("business_profile", "1", "Nordwind"),
        asset("business_profile", "2", "Stores", parent="1", people=""),
        asset("business_profile", "3", "Ann"),
    )
    accounts = asked(client, "business_profile")["accounts"]

    assert [(each["name"], each["type"]) for each in accounts] == [
        ("accounts/1", "ORGANIZATION"),
        ("accounts/2", "LOCATION_GROUP"),
        ("accounts/3", "PERSONAL"),
    ]


def test_display_video_partners_and_their_advertisers(client: Build, have: Have) -> None:
    """Advertisers are asked for by partner; who is named on one only sees no other."""
    have(
        asset("display_video", "1", "Agency", people=""),
        asset("display_video", "2", "Nordwind", parent="1"),
        asset("display_video", "3", "Secret", parent="1", people="bob"),
        asset("display_video", "4", "Other", people="bob"),
    )
    api = client("displayvideo", "v4", "display-video")
    advertisers = api.advertisers()

    assert [each["partnerId"] for each in api.partners().list().execute()["partners"]] == ["1"]
    (found,) = advertisers.list(partnerId="1").execute()["advertisers"]
    assert (found["advertiserId"], found["partnerId"], found["displayName"]) == ("2", "1", "Nordwind")
    assert refusal(lambda: advertisers.list(partnerId="4").execute())[0] == 403
    assert refusal(lambda: advertisers.list().execute())[0] == 400


# --- all alike -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS)
def test_nothing_is_a_list_without_its_member(client: Build, api: str) -> None:
    """As protobuf's JSON leaves empty lists out."""
    assert MEMBERS[api] not in asked(client, api)


@pytest.mark.parametrize("api", [each for each in APIS if each != "search_console"])
def test_pages_of_one_follow_each_other_to_the_end(client: Build, have: Have, api: str) -> None:
    """The client's own `list_next` goes from page to page; three rows are three pages."""
    have(*(asset(api, str(number)) for number in (1, 2, 3)))
    (name, version, scope), method = LISTS[api]
    service = client(name, version, scope)
    size = "maxResults" if api == "youtube" else "pageSize"
    request = method(service)
    request.uri += f"{'&' if '?' in request.uri else '?'}{size}=1"
    resource = {"analytics": "accountSummaries", "youtube": "channels", "display_video": "partners"}.get(
        api, "accounts"
    )
    pages = []
    while request is not None:
        answer = request.execute()
        pages.append(answer[MEMBERS[api]])
        request = getattr(service, resource)().list_next(request, answer)

    assert [len(page) for page in pages] == [1, 1, 1]
    assert len({str(page) for page in pages}) == 3


@pytest.mark.parametrize("api", APIS)
def test_another_scope_is_not_enough(client: Build, api: str) -> None:
    """Scopes are checked before anything else, and the refusal names the reason."""
    (name, version, _), method = LISTS[api]
    service = client(name, version, "adwords")

    assert refusal(method(service).execute) == (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT")


@pytest.mark.parametrize("api", APIS)
def test_a_token_that_is_over_is_refused(client: Build, emulator: Emulator, api: str) -> None:
    """As everywhere: 401, which the client answers by asking for another token, in vain here."""
    (name, version, scope), method = LISTS[api]
    service = client(name, version, scope)
    service._http.credentials.refresh = lambda _: None
    emulator.expire_tokens()

    assert refusal(method(service).execute) == (401, "ACCESS_TOKEN_TYPE_UNSUPPORTED")


@pytest.mark.parametrize(("api", "size"), [("youtube", "maxResults=51"), ("display_video", "pageSize=201")])
def test_a_page_that_is_too_large_is_refused_where_the_api_says_so(client: Build, api: str, size: str) -> None:
    """The others take the largest they allow."""
    names, method = LISTS[api]
    request = method(client(*names))
    request.uri += f"&{size}" if "?" in request.uri else f"?{size}"

    assert refusal(request.execute)[0] == 400


@pytest.mark.parametrize("token", ["nonsense", "LTE=", "%FF", "MTIzNDU2Nzg5MDEy"])
@pytest.mark.parametrize("api", ["analytics", "youtube"])
def test_a_page_token_that_was_never_given_is_refused(client: Build, api: str, token: str) -> None:
    """Not an error of the emulator's own."""
    names, method = LISTS[api]
    request = method(client(*names))
    request.uri += f"{'&' if '?' in request.uri else '?'}pageToken={token}"

    assert refusal(request.execute)[0] == 400
