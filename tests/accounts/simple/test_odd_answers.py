"""Whatever answers: an error of ours with a clear text, never a crash, an endless loop or half a list."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.driver import Server, ok, status_error, walk
from accounts.simple.assets import SCOPES, of
from grantkeeper.accounts import paging
from grantkeeper.errors import Misconfigured, ProviderUnavailable
from grantkeeper.model import Request, Response

ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "analytics": ("accountSummaries", {"account": "accounts/1", "displayName": "One"}),
    "search_console": ("siteEntry", {"siteUrl": "https://one.example/", "permissionLevel": "siteOwner"}),
    "merchant_center": ("accounts", {"accountId": "1", "accountName": "One"}),
    "youtube": ("items", {"id": "UC1", "snippet": {"title": "One"}}),
    "business_profile": ("accounts", {"name": "accounts/1", "accountName": "One"}),
    "display_video": ("partners", {"partnerId": "1", "displayName": "One"}),
}
APIS = tuple(SCOPES)
IDS = {
    "analytics": "account",
    "search_console": "siteUrl",
    "merchant_center": "accountId",
    "youtube": "id",
    "business_profile": "name",
    "display_video": "partnerId",
}
ODD_IDS = [None, 1, "", "one two", "1\n", "accounts/1/2", "../1", "1?x", "\u202e1", ["1"], "9" * 5000]


def test_a_site_with_characters_that_nobody_sees_is_refused() -> None:
    """A right-to-left override would show another site than the one that is shared."""
    with pytest.raises(ProviderUnavailable, match="characters that nobody sees"):
        answered("search_console", {"siteEntry": [{"siteUrl": "https://a.example/\u202egnp.x"}]})


def answered(api: str, document: Any) -> None:
    """Let every request of a look be answered with this."""
    walk(of(api), lambda _: document if isinstance(document, Response) else ok(document))


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "document",
    [b"", b"<html>Sign in</html>", b"[]", b"null", b"\xff\xfe", b'{"a":' * 5000],
    ids=["empty", "html", "list", "null", "bytes", "deep"],
)
def test_what_is_no_json_object_cannot_be_read(api: str, document: bytes) -> None:
    """A proxy's page with status 200 is not an empty list: nothing may count as lost because of it."""
    with pytest.raises(ProviderUnavailable, match="cannot be read: the answer is not a JSON object"):
        answered(api, document)


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("rows", [{}, "x", 1, [1], [None], [[]], {"0": {}}])
def test_a_list_that_is_none_cannot_be_read(api: str, rows: Any) -> None:
    """A member of another type is not guessed at."""
    with pytest.raises(ProviderUnavailable, match="is not a list of objects"):
        answered(api, {ROWS[api][0]: rows})


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("odd", ODD_IDS, ids=lambda each: repr(each)[:20])
def test_an_id_that_cannot_be_one_is_refused(api: str, odd: Any) -> None:
    """An id goes into URLs and rows: only what the API documents is taken."""
    member, row = ROWS[api]
    with pytest.raises(ProviderUnavailable, match=f"'{IDS[api]}' is not an id"):
        answered(api, {member: [{**row, IDS[api]: odd}]})


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    "token", [1, ["x"], {"a": 1}, "x" * (paging.LONGEST_TOKEN + 1)], ids=lambda each: repr(each)[:9]
)
def test_a_page_token_that_is_none_is_refused(api: str, token: Any) -> None:
    """It would be sent back as part of a URL."""
    with pytest.raises(ProviderUnavailable, match="'nextPageToken' is not a token"):
        answered(api, {"nextPageToken": token})


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("tokens", "asked", "said"),
    [
        (itertools.repeat("again"), 2, "its pages go round"),
        (itertools.cycle(["one", "two", "three"]), 4, "its pages go round"),
        (map(str, itertools.count()), paging.MOST_PAGES, "more than 500 pages"),
    ],
    ids=["same", "in turn", "ever new"],
)
def test_a_list_without_an_end_is_given_up(api: str, tokens: Iterator[str], asked: int, said: str) -> None:
    """Half a list is no list: what was not read would count as lost."""
    requests: list[Request] = []

    def answer(request: Request) -> Response:
        requests.append(request)
        return ok({"nextPageToken": next(tokens)})

    with pytest.raises(ProviderUnavailable, match=said):
        walk(of(api), answer)
    assert len(requests) == asked


def partners(below: Server) -> Server:
    """Return a server of forty partners, whose advertisers another one answers for."""
    rows = [{"partnerId": str(number)} for number in range(1, 41)]
    return lambda request: below(request) if "advertisers" in request.url else ok({"partners": rows})


def test_many_lists_are_read_sixteen_at_once() -> None:
    """Answers of one batch are in memory together, each up to sixteen megabytes."""
    done = walk(of("display_video"), partners(lambda _: ok({})))

    assert [len(batch) for batch in done.batches] == [1, 16, 16, 8]


def test_rows_are_counted_after_each_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after too much is not even unpacked."""
    monkeypatch.setattr(paging, "MOST_ROWS", 50)
    rows = [{"advertiserId": str(number)} for number in range(30)]
    pages = itertools.chain([ok({"advertisers": rows})] * 2, itertools.repeat(ok(b"<html>")))

    with pytest.raises(ProviderUnavailable, match="more than 50"):
        walk(of("display_video"), partners(lambda _: next(pages)))


def test_a_list_that_would_fill_the_memory_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound is on all rows of a look."""
    monkeypatch.setattr(paging, "MOST_ROWS", 3)
    items = [{"id": f"UC{number}"} for number in range(2)]
    pages = iter([{"items": items, "nextPageToken": "2"}, {"items": items}])
    with pytest.raises(ProviderUnavailable, match="more than 3"):
        walk(of("youtube"), lambda _: ok(next(pages)))


@pytest.mark.parametrize("api", APIS)
def test_what_is_on_two_pages_is_found_once(api: str) -> None:
    """Lists move while they are read."""
    member, row = ROWS[api]
    pages = iter([{member: [row], "nextPageToken": "2"}, {member: [row]}])

    def answer(request: Request) -> Response:
        return ok({}) if "listSubaccounts" in request.url or "advertisers" in request.url else ok(next(pages))

    assert len(walk(of(api), answer).found) == 1


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("odd", [None, 7, ["x"], {"a": "b"}], ids=repr)
def test_words_of_another_type_are_left_out(api: str, odd: Any) -> None:
    """A name is for people: without one the account is still there."""
    member, row = ROWS[api]
    only = {IDS[api]: row[IDS[api]]}
    noise = dict.fromkeys(("displayName", "permissionLevel", "accountName", "snippet", "entityStatus", "timeZone"), odd)

    def answer(request: Request) -> Response:
        below = "listSubaccounts" in request.url or "advertisers" in request.url
        return ok({} if below else {member: [{**noise, **only}]})

    (account,) = walk(of(api), answer).found
    assert account.name in {"", account.id}
    assert (account.status, account.time_zone) == ("", "")


def test_words_are_cleaned() -> None:
    """A name cannot forge a log line, or what a person reads beside it."""
    done = walk(of("youtube"), lambda _: ok({"items": [{"id": "UC1", "snippet": {"title": "A\n\x1b[31m\u202eB"}}]}))

    assert done.found[0].name == "A [31m B"


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Response(status=500, body=b"<html>"), ProviderUnavailable),
        (Response(status=302, headers={"location": "https://elsewhere.example/"}), Misconfigured),
        (status_error(429, "RESOURCE_EXHAUSTED"), ProviderUnavailable),
    ],
    ids=["500", "302", "429"],
)
def test_a_refusal_is_one_of_ours(api: str, answer: Response, kind: type[Exception]) -> None:
    """Whatever the body holds."""
    with pytest.raises(kind):
        answered(api, answer)


def test_a_later_refusal_ends_the_look() -> None:
    """Half a list is no list."""
    pages = iter([ok({"items": [{"id": "UC1"}], "nextPageToken": "2"}), status_error(503, "UNAVAILABLE")])
    with pytest.raises(ProviderUnavailable):
        walk(of("youtube"), lambda _: next(pages))
