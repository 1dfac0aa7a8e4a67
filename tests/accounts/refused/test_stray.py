"""A stray refusal ends the look and is no answer: what was known before stays (R-30).

Strays are pages of proxies and firewalls, quotas, and errors in an answer of 200.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from accounts.driver import Server, ads_error, error_info, ok, status_error, walk
from grantkeeper.accounts import DISCOVERIES, discovery
from grantkeeper.accounts.discovery import Discovery
from grantkeeper.errors import AccessRefused, ConsentRequired, GrantkeeperError, Misconfigured, ProviderUnavailable
from grantkeeper.model import Request, Response

ROOT, OTHER, BELOW = "1000000000", "2000000000", "3000000000"

BLOCKED = {
    "html 403": Response(status=403, body=b"<html>403 Forbidden</html>"),
    "html 404": Response(status=404, body=b"<html>Not found</html>"),
    "html 400": Response(status=400, body=b"<html>Bad request</html>"),
    "waf": ok({"error": {"code": 403, "message": "blocked"}}),
    "waf 403": Response(status=403, body=b'{"error": {"code": 403, "message": "blocked"}}'),
    "no json": Response(status=403),
    "quota": Response(
        status=403,
        body=b'{"error": {"code": 403, "status": "PERMISSION_DENIED", '
        b'"errors": [{"domain": "usageLimits", "reason": "servingLimitExceeded"}]}}',
    ),
    "rate": Response(status=403, body=b'{"error": {"code": 403, "errors": [{"reason": "userRateLimitExceeded"}]}}'),
    "wrong request": status_error(400, "INVALID_ARGUMENT"),
    "state": status_error(400, "FAILED_PRECONDITION"),
    "disabled": error_info(403, "PERMISSION_DENIED", "SERVICE_DISABLED"),
    "person": error_info(403, "PERMISSION_DENIED", "USER_BLOCKED_BY_ADMIN"),
    "odd status": Response(status=403, body=b'{"error": {"status": ["PERMISSION_DENIED"]}}'),
}
ERRORS: list[Any] = [
    {"code": 503, "status": "UNAVAILABLE", "message": "x"},
    {"code": 503},
    {"code": 403, "message": "blocked"},
    {"code": 7},
    {"code": True},
    {},
    [],
    "temporarily_unavailable",
    0,
]


def named(kind: str) -> Discovery:
    """Return a discovery by its kind."""
    found = discovery(kind)
    assert found is not None
    return found


def trees(answer: Response) -> Server:
    """Return a Google Ads that lists two accounts, has an account below each, and answers so for the first."""
    listing = ok({"resourceNames": [f"customers/{ROOT}", f"customers/{OTHER}"]})

    def server(request: Request) -> Response:
        if request.method == "GET":
            return listing
        root = request.headers["login-customer-id"]
        rows = [{"id": root, "level": "0", "manager": True}, {"id": BELOW, "level": "1"}]
        return answer if root == ROOT else ok({"results": [{"customerClient": each} for each in rows]})

    return server


@pytest.mark.parametrize("answer", [*BLOCKED.values(), status_error(403, "PERMISSION_DENIED")], ids=[*BLOCKED, "plain"])
def test_a_tree_refused_without_a_code_of_google_ads_ends_the_look(answer: Response) -> None:
    """R-30: one stray page must not say that everything below an account is gone."""
    with pytest.raises(GrantkeeperError):
        walk(named("google_ads"), trees(answer))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("authenticationError", "TWO_STEP_VERIFICATION_NOT_ENROLLED"),
        ("authenticationError", "ADVANCED_PROTECTION_NOT_ENROLLED"),
        ("authenticationError", "NOT_ADS_USER"),
        ("authenticationError", "GOOGLE_ACCOUNT_AUTHENTICATION_FAILED"),
    ],
)
def test_a_tree_refused_because_of_the_person_ends_the_look(kind: str, name: str) -> None:
    """The person mends it and has everything back: nothing is lost, and the advice is the person's."""
    with pytest.raises(AccessRefused) as caught:
        walk(named("google_ads"), trees(ads_error(403, kind, name)))

    assert (caught.value.who, caught.value.code) == ("person", f"AuthenticationError.{name}")


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("authenticationError", "GOOGLE_ACCOUNT_DELETED", ConsentRequired),
        ("authenticationError", "ORGANIZATION_NOT_APPROVED", Misconfigured),
        ("authorizationError", "SOMETHING_NEW", AccessRefused),
        ("requestError", "CANNOT_BE_EXECUTED_BY_MANAGER_ACCOUNT", AccessRefused),
        ("quotaError", "RESOURCE_EXHAUSTED", ProviderUnavailable),
    ],
)
def test_a_tree_refused_for_another_reason_ends_the_look(
    kind: str, name: str, expected: type[GrantkeeperError]
) -> None:
    """Only what Google Ads says about who may call is about the account; a code that nobody knows is about nothing."""
    with pytest.raises(expected):
        walk(named("google_ads"), trees(ads_error(403, kind, name)))


@pytest.mark.parametrize(
    "name", ["CUSTOMER_NOT_ENABLED", "INCOMPLETE_SIGNUP", "ACTION_NOT_PERMITTED_FOR_SUSPENDED_ACCOUNT"]
)
def test_a_tree_refused_because_of_its_root_keeps_the_root_and_the_other_trees(name: str) -> None:
    """An account of a refused tree that is below another one has that way only."""
    done = walk(named("google_ads"), trees(ads_error(403, "authorizationError", name))).by_id

    assert set(done) == {ROOT, OTHER, BELOW}
    assert (done[ROOT].enabled, done[ROOT].status) == (False, name.removeprefix("CUSTOMER_"))
    assert [way.root for way in done[BELOW].ways] == [OTHER]


@pytest.mark.parametrize("kind", [each.kind for each in DISCOVERIES])
@pytest.mark.parametrize("error", ERRORS, ids=repr)
def test_an_error_in_an_answer_of_200_is_no_empty_list(kind: str, error: Any) -> None:
    """R-30: errors come inside 200, too; nothing is lost because of one."""
    with pytest.raises(GrantkeeperError):
        walk(named(kind), lambda _: ok({"error": error}))


def test_an_error_in_an_answer_of_200_says_what_it_says() -> None:
    """It counts as if it had come with the status that it names."""
    blocked = {"code": 403, "status": "PERMISSION_DENIED", "details": [{"reason": "SERVICE_DISABLED"}]}

    with pytest.raises(Misconfigured, match="not enabled in your Google Cloud project"):
        walk(named("youtube"), lambda _: ok({"error": blocked}))
    with pytest.raises(ProviderUnavailable):
        walk(named("google_ads"), lambda _: ok({"error": {"code": 503}}))


def test_a_null_error_is_none() -> None:
    """JSON of protobuf may spell out what is absent."""
    assert walk(named("google_ads"), lambda _: ok({"resourceNames": [], "error": None})).found == []
    assert walk(named("youtube"), lambda _: ok({"error": None})).found == []


def two_levels(kind: str, *below: Response) -> Server:
    """Return an API of one account with something below it, whose second list is answered so, page by page."""
    page = iter(below)
    top = {"display_video": ("partners", "partnerId"), "merchant_center": ("accounts", "accountId")}[kind]
    first = ok({top[0]: [{top[1]: "1"}]})
    return lambda request: next(page) if "advertisers" in request.url or ":list" in request.url else first


@pytest.mark.parametrize("kind", ["display_video", "merchant_center"])
@pytest.mark.parametrize("answer", BLOCKED.values(), ids=list(BLOCKED))
def test_a_list_below_an_account_is_empty_only_where_google_says_so(kind: str, answer: Response) -> None:
    """R-30: a page, a quota or a wrong request is not "nothing below"; the look ends, and nothing is lost."""
    with pytest.raises(GrantkeeperError):
        walk(named(kind), two_levels(kind, answer))


@pytest.mark.parametrize("kind", ["display_video", "merchant_center"])
@pytest.mark.parametrize(
    "answer",
    [
        status_error(403, "PERMISSION_DENIED"),
        error_info(403, "PERMISSION_DENIED", "IAM_PERMISSION_DENIED"),
        status_error(404, "NOT_FOUND"),
    ],
    ids=["403", "reason", "404"],
)
def test_a_list_below_an_account_that_google_refuses_is_empty(kind: str, answer: Response) -> None:
    """Who may see an account and nothing below it still has the account."""
    assert len(walk(named(kind), two_levels(kind, answer)).found) == 1


@pytest.mark.parametrize("kind", ["display_video", "merchant_center"])
def test_a_list_below_an_account_that_is_refused_halfway_ends_the_look(kind: str) -> None:
    """Half a list is no list."""
    pages = itertools.chain([ok({"nextPageToken": "2"})], itertools.repeat(status_error(403, "PERMISSION_DENIED")))

    with pytest.raises(AccessRefused):
        walk(named(kind), two_levels(kind, *itertools.islice(pages, 2)))
