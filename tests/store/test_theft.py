"""V-10: whoever steals the database has no secret."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import pytest
import sqlalchemy

from grantkeeper.errors import SealBroken
from grantkeeper.model import SealContext
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.store.engine import engine_for
from store.made import NOW, flow_row, grant_row, saved

SECRETS = (b"1//0g-planted-refresh-token", b"ya29.planted-access-token", b"planted-pkce-verifier-0123456789")


def place(store: SqlStore, table: str, row: str, generation: int) -> SealContext:
    """Return where a secret of these tests is sealed."""
    return SealContext(installation=store.installation(), table=table, row=row, column="sealed", generation=generation)


def fill(store: SqlStore, ring: KeyRing) -> None:
    """Store sealed tokens, save others over them, use a flow and leave one."""
    first, second, verifier = SECRETS
    row = dataclasses.replace(grant_row(), sealed=ring.seal(first, place(store, "grant", "g1", 1)))
    store.insert_grant(row)
    after = dataclasses.replace(saved(row), sealed=ring.seal(second, place(store, "grant", "g1", 2)))
    store.save_grant(after, expected_version=1)
    for state in ("5" * 64, "6" * 64):
        store.add_flow(flow_row(state_hash=state, sealed=ring.seal(verifier, place(store, "flow", state, 0))))
    store.consume_flow("6" * 64, at=NOW)


def stolen(url: str) -> bytes:
    """Return all that a thief of the database has: SQLite's files, or every table of a server's."""
    if url.startswith("sqlite"):
        folder = Path(url.removeprefix("sqlite:///")).parent
        return b"".join(path.read_bytes() for path in sorted(folder.glob("*.sqlite3*")))
    engine = engine_for(url)
    with engine.connect() as connection:
        names = sqlalchemy.inspect(connection).get_table_names()
        rows = [connection.exec_driver_sql(f"SELECT * FROM {name}").all() for name in names]
    engine.dispose()
    cells = [cell for table in rows for row in table for cell in row]
    return b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)


def test_a_stolen_database_holds_no_secret(store: SqlStore, database_url: str) -> None:
    """V-10: neither token nor key, raw, in base64 or in hex, open or closed."""
    key = new_key()
    ring = KeyRing.parse(key)
    fill(store, ring)
    taken = stolen(database_url)
    store.close()
    taken += stolen(database_url)
    assert b"acme" in taken
    for secret in (*SECRETS, base64.b64decode(key)):
        for form in (secret, secret.hex().encode(), base64.b64encode(secret).rstrip(b"=")[:-1], secret[:16]):
            assert form not in taken


def test_rows_swapped_in_the_database_do_not_open(store: SqlStore) -> None:
    """V-02: two rows whose ciphertexts were exchanged by SQL: both are refused, neither is taken for the other."""
    ring = KeyRing.parse(new_key())
    for name in ("g1", "g2"):
        sealed = ring.seal(name.encode(), place(store, "grant", name, 1))
        store.insert_grant(dataclasses.replace(grant_row(id=name, subject=name), sealed=sealed))
    one, two = store.grants()
    for here, there in ((one, two), (two, one)):
        moved = dataclasses.replace(saved(here), sealed=there.sealed)
        store.save_grant(moved, expected_version=1)
    for row in store.grants():
        assert row.sealed is not None
        with pytest.raises(SealBroken):
            ring.open(row.sealed, place(store, "grant", row.grant.id, 1))


def test_a_clone_with_another_installation_does_not_open(store: SqlStore) -> None:
    """R-61: rows copied into another installation's database are refused there."""
    ring = KeyRing.parse(new_key())
    fill(store, ring)
    row = store.grant("g1")
    assert row is not None
    assert row.sealed is not None
    here = place(store, "grant", "g1", 2)
    assert ring.open(row.sealed, here) == SECRETS[1]
    with pytest.raises(SealBroken):
        ring.open(row.sealed, dataclasses.replace(here, installation="0" * 32))
