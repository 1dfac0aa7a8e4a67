"""Answers that Google Ads would never give: an error of ours each time, no crash, no work without end."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.driver import ok, status_error, walk
from grantkeeper.accounts.google import google_ads
from grantkeeper.accounts.google.google_ads import DISCOVERY
from grantkeeper.errors import AccessRefused, GrantkeeperError, ProviderUnavailable
from grantkeeper.model import FoundAccount, Request, Response

ROOT, LEAF = "1000000000", "2000000000"
LISTING = ok({"resourceNames": [f"customers/{ROOT}"]})


def row(account: str = LEAF, level: Any = "1", **members: Any) -> dict[str, Any]:
    """Return a row of a search."""
    return {"customerClient": {"id": account, "level": level, **members}}


def looked(page: Response) -> dict[str, FoundAccount]:
    """Return what is found when every search is answered with this page."""
    return walk(DISCOVERY, lambda request: LISTING if request.method == "GET" else page).by_id


@pytest.mark.parametrize(
    "listing",
    [
        b"",
        b"<html>",
        b"[]",
        b'"customers/1000000000"',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"resourceNames": ' + b"[" * 100_000,
        b'{"resourceNames": "customers/1000000000"}',
        b'{"resourceNames": [7]}',
        b'{"resourceNames": ["customers/123-456-7890"]}',
        b'{"resourceNames": ["customers/1000000000\\n"]}',
        b'{"resourceNames": ["customers/1000000000/../2000000000"]}',
        b'{"resourceNames": ["customers/\\u0661\\u0662\\u0663\\u0664\\u0665\\u0666\\u0667\\u0668\\u0669\\u0660"]}',
        json.dumps({"resourceNames": [f"customers/{1_000_000_000 + each}" for each in range(1_001)]}).encode(),
    ],
    ids=lambda body: repr(body[:50]),
)
def test_a_list_that_cannot_be_one_is_unavailable(listing: bytes) -> None:
    """An id goes into a URL and a header: only ten digits do."""
    with pytest.raises(ProviderUnavailable, match="Google Ads gave an answer that cannot be used"):
        walk(DISCOVERY, lambda _request: ok(listing))


@pytest.mark.parametrize(
    "rows",
    [
        "no list",
        [{}],
        [[]],
        [{"customerClient": None}],
        [row("123")],
        [row("0123456789")],
        [row("12345678901")],
        [row("x" * 10)],
        [row(level="deep")],
        [row(level=-1)],
        [row(level=101)],
        [row(level=1.5)],
        [row(level=None)],
        [{"customerClient": {"id": LEAF}}],
        [row(descriptiveName=7)],
        [row(manager="perhaps")],
        [row(status=["ENABLED"])],
        [row(LEAF, "0")],
        [row(ROOT, "1")],
    ],
    ids=repr,
)
def test_rows_that_cannot_be_accounts_are_unavailable(rows: object) -> None:
    """Wrong types, ids that are not ten digits, levels that cannot be: what was known before stays."""
    with pytest.raises(ProviderUnavailable, match="cannot be used"):
        looked(ok({"results": rows}))


def test_pages_that_go_round_end() -> None:
    """A page token that comes again ends the look."""
    tokens = iter(["a", "b", "a", "b", "a"])

    with pytest.raises(ProviderUnavailable, match="no end"):
        walk(
            DISCOVERY,
            lambda request: (
                LISTING if request.method == "GET" else ok({"results": [row(ROOT, 0)], "nextPageToken": next(tokens)})
            ),
        )


def test_empty_pages_with_ever_new_tokens_end() -> None:
    """A page without rows cannot lead to another one."""
    with pytest.raises(ProviderUnavailable, match="no end"):
        looked(ok({"nextPageToken": "next"}))


def test_more_rows_than_anybody_has_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are counted over the whole look, so memory has an end."""
    monkeypatch.setattr(google_ads, "_MOST_ROWS", 1_000)
    pages = 0

    def server(request: Request) -> Response:
        nonlocal pages
        if request.method == "GET":
            return LISTING
        pages += 1
        return ok({"results": [row(str(2_000_000_000 + each)) for each in range(300)], "nextPageToken": f"p{pages}"})

    with pytest.raises(ProviderUnavailable, match="more than 1,000 rows"):
        walk(DISCOVERY, server)
    assert pages == 4


def test_pages_of_the_same_rows_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """One page after the other of a few accounts never has too many of them."""
    monkeypatch.setattr(google_ads, "_MOST_PAGES", 7)
    pages = itertools.count(1)

    with pytest.raises(ProviderUnavailable, match="no end"):
        walk(
            DISCOVERY,
            lambda request: (
                LISTING
                if request.method == "GET"
                else ok({"results": [row(ROOT, 0)], "nextPageToken": f"p{next(pages)}"})
            ),
        )
    assert next(pages) == 8


def test_accounts_are_counted_once_however_many_trees_they_are_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty people's worth of managers above the same accounts is an agency, and not an attack."""
    monkeypatch.setattr(google_ads, "_MOST_ACCOUNTS", 1_000)
    roots = [str(1_000_000_000 + each) for each in range(20)]

    def looked_below(leaves: int) -> list[FoundAccount]:
        rows = [row(str(2_000_000_000 + each)) for each in range(leaves)]

        def server(request: Request) -> Response:
            if request.method == "GET":
                return ok({"resourceNames": [f"customers/{each}" for each in roots]})
            return ok({"results": [row(request.headers["login-customer-id"], 0, manager=True), *rows]})

        return walk(DISCOVERY, server).found

    found = looked_below(980)
    assert len(found) == 1_000
    assert {len(each.ways) for each in found if each.id[0] == "2"} == {20}
    with pytest.raises(ProviderUnavailable, match="more than 1,000 accounts"):
        looked_below(981)


def test_rows_are_counted_after_each_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after too much is not even unpacked."""
    monkeypatch.setattr(google_ads, "_MOST_ROWS", 500)
    roots = [f"customers/{1_000_000_000 + each}" for each in range(3)]
    below = [row(str(2_000_000_000 + each)) for each in range(300)]
    pages = iter([ok({"resourceNames": roots}), ok({"results": below}), ok({"results": below}), ok(b"<html>")])

    with pytest.raises(ProviderUnavailable, match="more than 500 rows"):
        walk(DISCOVERY, lambda _: next(pages))


def test_a_refusal_between_two_pages_is_raised() -> None:
    """Half a tree must not look as if the other half were lost."""
    pages = iter([ok({"results": [row(ROOT, 0)], "nextPageToken": "p2"}), status_error(403, "PERMISSION_DENIED")])

    with pytest.raises(AccessRefused):
        walk(DISCOVERY, lambda request: LISTING if request.method == "GET" else next(pages))


def test_names_are_cleaned_and_cut() -> None:
    """What a stranger named an account is shown to people: no control or bidirectional characters, a sane length."""
    name = "Shop\x1b[31m\u202eevil\n" + "x" * 5_000

    account = looked(
        ok({"results": [row(ROOT, 0), row(descriptiveName=name, currencyCode="E" * 99, status="\x00" * 99)]})
    )

    assert account[LEAF].name.startswith("Shop [31m evil xxx")
    assert (len(account[LEAF].name), len(account[LEAF].currency)) == (200, 64)
    assert account[LEAF].status == ""


def test_an_account_that_comes_twice_is_one_by_its_shortest_way() -> None:
    """Rows that contradict each other make no second account."""
    found = looked(ok({"results": [row(level="3"), row(level="2", descriptiveName="Named"), row(ROOT, 0)]}))

    assert (found[LEAF].level, found[LEAF].name) == (2, "Named")


ANY = st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.lists(st.integers(), max_size=2)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"customerClient": st.dictionaries(st.sampled_from(["id", "level", "manager", "status", "timeZone"]), ANY)}
    )
    | st.builds(row, st.sampled_from([ROOT, LEAF, "3000000000"]), st.integers(0, 4), manager=st.booleans())
    | ANY,
    max_size=6,
)


@given(page=st.fixed_dictionaries({"results": ROWS}, optional={"nextPageToken": ANY}))
def test_whatever_a_page_holds_the_look_ends_with_accounts_or_an_error_of_ours(page: dict[str, Any]) -> None:
    """No crash, and every account that is found has ten digits and a way."""
    found, said = {}, ""
    try:
        found = looked(ok(page))
    except GrantkeeperError as error:
        said = str(error)
    assert said.isprintable()
    assert all(len(each.id) == 10 and each.ways for each in found.values())
