"""Pages of a list: everything once, whatever happens meanwhile, and only with the cursors that the list gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from api.asking import Asker, Site
from grantkeeper import Grant, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.testing import Connect
from grantkeeper.web.api.serving.cursors import cursor_of
from grantkeeper.web.api.table import OPERATIONS
from grantkeeper.web.api.values import DeliveriesQuery, GrantsQuery, LinksQuery
from keeper.people import IDA, TOM
from webhooks.receiver import listening

PAGED = [each for each in OPERATIONS if "cursor" in each.query.__struct_fields__]
LIMITED = [each for each in OPERATIONS if "limit" in each.query.__struct_fields__]


@pytest.fixture
def paths(keeper: Keeper, connect: Connect, emulator: Emulator) -> Iterator[dict[str, str]]:
    """The paths of the lists with cursors, each of which has five things in it; by the operation's name."""
    with listening() as receiver:
        endpoint, _ = keeper.webhooks.add(receiver.url, kinds=["grant.connected"])
        for number in range(5):
            connect(f"owner-{number}", IDA)
            keeper.link(f"owner-{number}", "google-ads")
            emulator.clock.advance(timedelta(seconds=1))
        keeper.events()
        yield {
            "listGrants": "/v1/grants",
            "listLinks": "/v1/links",
            "listDeliveries": f"/v1/webhooks/{endpoint.id}/deliveries",
        }


def pages(
    asker: Asker, path: str, *, between: Callable[[], object] = lambda: None, **query: Any
) -> Iterator[list[Any]]:
    """Read a list page by page, with no more than its cursor from the second on."""
    answer = asker.get(path, limit=2, **query).json()
    yield [each["id"] for each in answer["items"]]
    while answer["next"] is not None:
        between()
        answer = asker.get(path, limit=2, cursor=answer["next"]).json()
        yield [each["id"] for each in answer["items"]]


@pytest.mark.parametrize("operation", PAGED, ids=lambda each: each.name)
def test_what_was_there_is_seen_once_while_more_comes(
    asker: Asker, keeper: Keeper, connect: Connect, paths: dict[str, str], operation: Any
) -> None:
    """A position, not a count: what is added between two pages moves nothing."""
    path, new = paths[operation.name], iter(range(100))
    there = [each["id"] for each in asker.get(path).json()["items"]]

    def add() -> None:
        number = next(new)
        connect(f"new-{number}", TOM)
        keeper.link(f"new-{number}", "google-ads")

    seen = [each for page in pages(asker, path, between=add) for each in page]

    assert len(there) == 5
    assert len(seen) == len(set(seen))
    assert [each for each in seen if each in there] == there


@pytest.mark.parametrize("operation", PAGED, ids=lambda each: each.name)
def test_a_cursor_that_was_changed_is_refused(asker: Asker, paths: dict[str, str], operation: Any) -> None:
    """Any character of it, its end, and what is none at all: 422, and never a page."""
    path = paths[operation.name]
    cursor = asker.get(path, limit=2).json()["next"]
    changed = [
        cursor[:place] + ("A" if cursor[place] != "A" else "B") + cursor[place + 1 :]
        for place in range(0, len(cursor), 3)
    ]
    changed += [cursor[:-1], cursor + "A", cursor + "=", "", "null", "../..", "ä", "\x00", "a" * 8000, "a" * 8001]
    answers = [asker.get(path, cursor=each) for each in changed]

    assert {each.status_code for each in answers} == {422}
    assert {each.json()["error"] for each in answers} == {"InvalidInput"}


@pytest.mark.parametrize("operation", PAGED, ids=lambda each: each.name)
@pytest.mark.parametrize(
    "position",
    [
        *("", "x", "\x00", "-1", "9" * 400, "1970-01-01 lk", "0000", "2026-01-01T00:00:00+00:00", "٣"),
        "0001-01-01T00:00:00+23:59 lk",  # in UTC it is before the first year, and the next one after the last
        "9999-12-31T23:59:59-23:59 lk",
    ],
)
def test_a_cursor_that_was_made_up_breaks_nothing(
    asker: Asker, paths: dict[str, str], operation: Any, position: str
) -> None:
    """Whoever works out how they are written gets a page of the list, or is refused."""
    names = {
        "listGrants": "grants",
        "listLinks": "links",
        "listDeliveries": f"deliveries {paths['listDeliveries'][13:-11]}",
    }
    answer = asker.get(paths[operation.name], cursor=cursor_of(names[operation.name], operation.query(), position))

    assert answer.status_code in (200, 422)


@pytest.mark.parametrize("query", [GrantsQuery, LinksQuery, DeliveriesQuery])
def test_a_made_up_filter_is_refused(asker: Asker, query: Any) -> None:
    """A cursor holds filters of its list's own types only."""
    forged = cursor_of("grants", GrantsQuery(owner="acme", email="x"), "gr_1")
    assert asker.get("/v1/grants", cursor=forged).status_code == 200
    other = cursor_of("grants", query(status="no-such-status"), "gr_1")
    assert asker.get("/v1/grants", cursor=other).status_code == 422


@pytest.mark.parametrize("operation", PAGED, ids=lambda each: each.name)
def test_a_cursor_is_for_its_own_list(asker: Asker, keeper: Keeper, paths: dict[str, str], operation: Any) -> None:
    """Another list's is refused; also another endpoint's."""
    cursor = asker.get(paths[operation.name], limit=2).json()["next"]
    others = [path for name, path in paths.items() if name != operation.name]
    endpoint, _ = keeper.webhooks.add("https://books.example.com/hooks")
    others.append(f"/v1/webhooks/{endpoint.id}/deliveries")

    assert [asker.get(each, cursor=cursor).status_code for each in others] == [422] * len(others)


def test_a_cursor_keeps_the_filters_of_its_list(asker: Asker, connect: Connect, paths: dict[str, str]) -> None:
    """Sent alone it goes on with them; sent with them too; sent with others it is refused by name."""
    connect("owner-0", IDA, "ad-manager")
    cursor = asker.get("/v1/grants", client="google-ads", limit=2).json()["next"]
    alone = asker.get("/v1/grants", cursor=cursor).json()
    along = asker.get("/v1/grants", cursor=cursor, client="google-ads").json()
    other = asker.get("/v1/grants", cursor=cursor, client="ad-manager")
    more = asker.get("/v1/grants", cursor=cursor, client="google-ads", status="active")

    assert {each["client"] for each in alone["items"]} == {"google-ads"}
    assert len(alone["items"]) == 3
    assert along == alone
    assert (other.status_code, more.status_code) == (422, 422)
    assert "another client" in other.json()["detail"]
    assert "another status" in more.json()["detail"]


@pytest.mark.parametrize(("name", "status"), [("Grants", "active"), ("Links", "invited"), ("Deliveries", "waiting")])
def test_a_filter_that_is_a_word_of_ours_is_kept(asker: Asker, paths: dict[str, str], name: str, status: str) -> None:
    """Statuses are kept as what they are."""
    seen = [each for page in pages(asker, paths[f"list{name}"], status=status) for each in page]
    assert len(seen) == 5


def test_the_longest_filters_fit_into_a_cursor(site: Site, asker: Asker, connect: Connect) -> None:
    """An owner of 255 characters that take the most room."""
    owner = "\N{GRINNING FACE}" * 255
    grants: list[Grant] = [connect(owner, IDA, client) for client in ("google-ads", "ad-manager")]
    first = asker.get("/v1/grants", owner=owner, email=IDA, status="active", limit=1).json()
    second = asker.get("/v1/grants", cursor=first["next"], limit=1).json()

    assert sorted([first["items"][0]["id"], second["items"][0]["id"]]) == sorted(each.id for each in grants)


def test_anothers_cursor_shows_nothing_of_theirs(site: Site, asker: Asker, paths: dict[str, str]) -> None:
    """V-60: it is a place in the list of whoever sends it."""
    restricted = site.asker("admin", owners=["owner-3"])
    for path in ("/v1/grants", "/v1/links"):
        cursor = asker.get(path, limit=1).json()["next"]
        found = restricted.get(path, cursor=cursor).json()["items"]
        assert {each["owner"] for each in found} <= {"owner-3"}


@pytest.mark.parametrize("operation", LIMITED, ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("limit", "status"),
    [
        ("1", 200),
        ("1000", 200),
        ("0", 422),
        ("1001", 422),
        ("-1", 422),
        ("", 422),
        ("x", 422),
        ("1.5", 422),
        ("null", 422),
    ],
)
def test_a_page_has_one_to_a_thousand_items(
    asker: Asker, paths: dict[str, str], operation: Any, limit: str, status: int
) -> None:
    """Every list with a limit has the same bounds, and says so."""
    grant = asker.get("/v1/grants", limit=1).json()["items"][0]["id"]
    endpoint = paths["listDeliveries"].split("/")[3]
    answer = asker.get(operation.path.format(grant_id=grant, endpoint_id=endpoint), limit=limit)

    assert answer.status_code == status
    if status == 200:
        assert len(answer.json()["items"]) <= int(limit)
