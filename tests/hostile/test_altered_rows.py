"""Rows that somebody altered by hand, or that a newer version wrote: a typed error names the row, or it is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from grantkeeper.errors import SealBroken
from grantkeeper.model import GrantStatus, Reason
from grantkeeper.store import SqlStore
from store.made import flow_row, grant_row

PLANTED = "planted-refresh-token"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """A store with the grants g1 and g2, and a flow."""
    with closing(SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")) as made:
        made.migrate()
        made.insert_grant(grant_row())
        made.insert_grant(grant_row(id="g2", owner="other"))
        made.add_flow(flow_row())
        yield made


def altered(folder: Path, table: str, column: str, value: str) -> None:
    """Set a column of the first row, by an expression of SQLite's."""
    with closing(sqlite3.connect(folder / "a.sqlite3", isolation_level=None)) as connection:
        connection.execute(f"UPDATE grantkeeper_{table} SET {column} = {value} WHERE rowid = 1")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("status", "'ACTIVE'"),
        ("status", "'suspended'"),
        ("status", "''"),
        ("status", "x'00'"),
        ("reason", "x'00'"),
        ("owner", "x'ff'"),
        ("email", "x'ff'"),
        ("scopes", "x'ff'"),
        ("sealed", f"'{PLANTED}'"),
        ("sealed", "7"),
        ("data_key", f"'{PLANTED}'"),
        ("expires_at", "'tomorrow'"),
        ("expires_at", "9223372036854775807"),
        ("created_at", "x'00'"),
        ("version", "'one'"),
        ("generation", "1.5"),
    ],
)
def test_a_grant_that_is_none_is_named(store: SqlStore, tmp_path: Path, column: str, value: str) -> None:
    """V-02: alone and in a list; what the row holds is not repeated; the other rows are read as ever."""
    altered(tmp_path, "grant", column, value)
    for read in (lambda: store.grant("g1"), lambda: store.grants(client="google-ads")):
        with pytest.raises(SealBroken, match=r"^Grant 'g1' holds a (value|status)") as refused:
            read()
        assert PLANTED not in str(refused.value)
        assert refused.value.__context__ is None
    assert store.grant("g2") == grant_row(id="g2", owner="other")
    assert store.grants(owner="other") == [grant_row(id="g2", owner="other")]


def test_a_status_of_a_newer_version_says_so(store: SqlStore, tmp_path: Path) -> None:
    """What may be done with a grant is in its status: it cannot be guessed."""
    altered(tmp_path, "grant", "status", "'suspended'")
    with pytest.raises(SealBroken, match="a status that is not known here") as refused:
        store.grant("g1")
    assert "upgrade grantkeeper" in refused.value.advice


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (GrantStatus.ACTIVE, Reason.NONE),
        (GrantStatus.PENDING, Reason.NONE),
        (GrantStatus.CONSENT_REQUIRED, Reason.REVOKED_OR_EXPIRED),
        (GrantStatus.REVOKED, Reason.REVOKED_OR_EXPIRED),
    ],
)
def test_a_reason_of_a_newer_version_stops_nobody(
    store: SqlStore, tmp_path: Path, status: GrantStatus, reason: Reason
) -> None:
    """Two versions share a database during an upgrade; a reason only explains, and the most general one serves."""
    altered(tmp_path, "grant", "status", f"'{status}'")
    altered(tmp_path, "grant", "reason", "'unheard_of'")
    row = store.grant("g1")
    assert row is not None
    assert row == grant_row(status=status, reason=reason)
    assert row in store.grants()


@pytest.mark.parametrize("column", ["sealed", "email"])
def test_text_that_is_no_text_is_no_trouble_of_the_database(store: SqlStore, tmp_path: Path, column: str) -> None:
    """Waiting would not help: the driver cannot read such a row, and its message would hold the value."""
    altered(tmp_path, "grant", column, f"CAST('{PLANTED}' || x'ff' AS TEXT)")
    for read in (lambda: store.grant("g1"), store.grants):
        with pytest.raises(SealBroken, match="text that is not UTF-8") as refused:
            read()
        assert PLANTED not in str(refused.value)
    assert store.grant("g2") is not None


@pytest.mark.parametrize(
    ("column", "value"),
    [("sealed", f"'{PLANTED}'"), ("expires_at", "'soon'"), ("consumed_at", "x'00'"), ("owner", "x'ff'")],
)
def test_a_flow_that_is_none_is_named(store: SqlStore, tmp_path: Path, column: str, value: str) -> None:
    """As for grants; by its hash, which is all that is known of a flow."""
    altered(tmp_path, "flow", column, value)
    with pytest.raises(SealBroken, match=r"^The flow with the state's hash '5{64}' holds a value") as refused:
        store.flow("5" * 64)
    assert PLANTED not in str(refused.value)
