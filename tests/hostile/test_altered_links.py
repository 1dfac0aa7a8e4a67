"""Links that somebody altered: each is its own trouble only."""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from grantkeeper import Keeper, SealBroken
from grantkeeper.emulator import Emulator
from grantkeeper.model import LinkStatus
from grantkeeper.store import SqlStore, tables
from grantkeeper.testing import emulated_keeper
from links.walking import kinds


@pytest.mark.parametrize(("column", "value"), [("picker", "x"), ("expect", "[]"), ("confirmed_at", 1 << 62)])
def test_a_link_that_cannot_be_read_stops_no_other(
    store: SqlStore, emulator: Emulator, caplog: pytest.LogCaptureFixture, column: str, value: object
) -> None:
    """R-52: they expire, are listed by the page, and its owner can be erased, for good; the log names it, once."""
    with emulated_keeper(emulator, store) as keeper:
        made = {owner: keeper.link(owner, "google-ads").link for owner in ("a", "b", "c", "d")}
        bad = update(tables.link).where(tables.link.c.owner == "b")
        with store._writing.begin() as connection:
            connection.execute(bad.values({column: value}))
        with pytest.raises(SealBroken, match=made["b"].id):
            keeper.links.get(made["b"].id)

        assert sorted(_owners(keeper, by_the_page=2)) == ["a", "c", "d"]
        keeper.erase("b")
        keeper.erase("c")
        emulator.clock.advance(timedelta(days=8))
        with caplog.at_level(logging.ERROR, "grantkeeper"):
            assert [keeper.links.expire(), keeper.links.expire()] == [2, 0]
        with store._writing.begin() as connection:
            connection.execute(bad.values(picker=None, expect=None, confirmed_at=None))
        statuses = {link.owner: link.status for link in keeper.links.page()}

    expired, revoked = LinkStatus.EXPIRED, LinkStatus.REVOKED
    assert statuses == {"a": expired, "b": revoked, "c": revoked, "d": expired}
    assert len([each for each in caplog.records if made["b"].id in each.getMessage()]) == 1


@pytest.mark.parametrize(("column", "value"), [("language", "x" * 100), ("version", (1 << 63) - 1)])
def test_a_link_that_can_be_read_and_not_saved_stops_no_other(
    tmp_path: Path, emulator: Emulator, caplog: pytest.LogCaptureFixture, column: str, value: object
) -> None:
    """R-52: the others expire, however many such there are; the log names each, once; SQLite only, which takes all."""
    with closing(SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")) as store:
        store.migrate()
        with emulated_keeper(emulator, store) as keeper, pytest.MonkeyPatch.context() as patched:
            patched.setattr("grantkeeper.keeper.links.linking.BATCH", 2)
            bad = [keeper.link("b", "google-ads").link.id for _ in range(3)]
            emulator.clock.advance(timedelta(hours=1))
            for owner in ("a", "c", "d"):
                keeper.link(owner, "google-ads")
            with store._writing.begin() as connection:
                connection.execute(update(tables.link).where(tables.link.c.owner == "b").values({column: value}))
            emulator.clock.advance(timedelta(days=8))

            with caplog.at_level(logging.ERROR, "grantkeeper"):
                assert [keeper.links.expire(), keeper.links.expire()] == [3, 0]

            expired = keeper.links.page(statuses=[LinkStatus.EXPIRED])
            assert sorted(link.owner for link in expired) == ["a", "c", "d"]
            assert kinds(keeper).count("link.expired") == 3
    said = [each.getMessage() for each in caplog.records]
    assert [sum(link in each for each in said) for link in bad] == [1, 1, 1]


def _owners(keeper: Keeper, *, by_the_page: int) -> list[str]:
    rows = keeper._store.links.page(limit=by_the_page)
    found = [row.link.owner for row in rows]
    while len(rows) == by_the_page:
        last = rows[-1].link
        rows = keeper._store.links.page(limit=by_the_page, before=(last.created_at, last.id))
        found += [row.link.owner for row in rows]
    return found
