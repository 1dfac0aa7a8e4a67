"""Pages of grants as operators filter them: complete, in order, and by an index."""

from __future__ import annotations

import random
from typing import Any

import pytest
import sqlalchemy

from grantkeeper.model import GrantStatus, ListedGrant
from grantkeeper.store import SqlStore
from store.made import grant_row

OWNERS = ("acme", "acme-north", "acme\u0301", "Acme", "beta", "b%ta", "a", "acm", "ac\U0001f600")


def fill(store: SqlStore, count: int = 60) -> list[str]:
    """Insert grants of several owners, clients and statuses; returns their ids, sorted."""
    chance = random.Random(7)
    ids = [f"gr_{chance.randrange(10**12):012d}" for _ in range(count)]
    for number, ident in enumerate(ids):
        store.insert_grant(
            grant_row(
                id=ident,
                owner=OWNERS[number % len(OWNERS)],
                client=("google-ads", "ad-manager", "gone")[number % 3],
                subject=str(number),
                email=f"{number % 10}@acme.example",
                status=list(GrantStatus)[number % 4],
            )
        )
    return sorted(ids)


def paged(store: SqlStore, **wanted: object) -> list[ListedGrant]:
    """Read page by page."""
    found: list[ListedGrant] = []
    while True:
        page = store.overview.page(**wanted, after=found[-1].grant.id if found else "", limit=7)  # type: ignore[arg-type]
        found += page
        if len(page) < 7:
            return found


@pytest.mark.parametrize("client", [None, "google-ads", "gone", "nowhere"])
@pytest.mark.parametrize("statuses", [None, (GrantStatus.PENDING,), (GrantStatus.ACTIVE, GrantStatus.REVOKED)])
@pytest.mark.parametrize("owner", ["", "acm", "acme", "b%", "z"])
@pytest.mark.parametrize("email", ["", "3@acme.example"])
def test_pages_hold_each_grant_that_matches_once(
    one_sqlite: SqlStore, client: str | None, statuses: tuple[GrantStatus, ...] | None, owner: str, email: str
) -> None:
    """Whatever is combined; a prefix is one by its characters, never a pattern."""
    everything = [each.grant for each in paged(one_sqlite)]
    expected = {
        grant.id
        for grant in everything
        if (client is None or grant.client == client)
        and (statuses is None or grant.status in statuses)
        and grant.owner.startswith(owner)
        and (not email or grant.email == email)
    }
    found = [each.grant for each in paged(one_sqlite, client=client, statuses=statuses, owner=owner, email=email)]

    assert sorted(grant.id for grant in found) == sorted(expected)
    order = [grant.owner.encode() for grant in found] if owner else [grant.id.encode() for grant in found]
    assert order == sorted(order)


@pytest.fixture(scope="module")
def one_sqlite(tmp_path_factory: pytest.TempPathFactory) -> SqlStore:
    """A filled SQLite database that is only read."""
    store = SqlStore(f"sqlite:///{tmp_path_factory.mktemp('overview') / 'grants.sqlite3'}")
    store.migrate()
    fill(store)
    return store


def test_every_database_pages_alike(store: SqlStore) -> None:
    """By id, by owner's bytes, by client and status; and counts up to a bound."""
    ids = fill(store)

    assert [each.grant.id for each in paged(store)] == ids
    assert [each.grant.owner for each in paged(store, owner="acm")] == sorted(
        (each.grant.owner for each in paged(store) if each.grant.owner.startswith("acm")), key=str.encode
    )
    assert {each.grant.status for each in paged(store, statuses=(GrantStatus.PENDING,))} == {GrantStatus.PENDING}
    assert store.overview.count(GrantStatus.PENDING, most=100) == 15
    assert store.overview.count(GrantStatus.PENDING, most=4) == 4
    assert store.overview.get(ids[0]) == paged(store)[0]
    assert store.overview.get("nothing") is None


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"client": "google-ads"},
        {"statuses": (GrantStatus.PENDING,)},
        {"client": "google-ads", "statuses": (GrantStatus.PENDING,)},
        {"owner": "acm"},
        {"email": "3@acme.example"},
    ],
    ids=str,
)
def test_no_page_reads_the_whole_table(one_sqlite: SqlStore, wanted: dict[str, object]) -> None:
    """Each statement is a search in an index, and none sorts: a page costs the same with a million grants."""
    said: list[str] = []

    def plan(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if "grantkeeper_grant" in statement and not statement.startswith("EXPLAIN"):
            other = one_sqlite._engine.raw_connection()
            rows = other.cursor().execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            said.extend(row[-1] for row in rows)
            other.close()

    sqlalchemy.event.listen(one_sqlite._engine, "after_cursor_execute", plan)
    try:
        one_sqlite.overview.page(**wanted, after="gr_", limit=7)  # type: ignore[arg-type]
        one_sqlite.overview.page(**wanted, after=paged(one_sqlite)[3].grant.id, limit=7)  # type: ignore[arg-type]
    finally:
        sqlalchemy.event.remove(one_sqlite._engine, "after_cursor_execute", plan)

    assert said
    assert [line for line in said if line.startswith("SCAN")] == []
    if "email" not in wanted:
        assert [line for line in said if "TEMP B-TREE" in line] == []
