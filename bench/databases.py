"""Databases of a size, filled in bulk: grantkeeper's own tables, and one bare table for the drivers."""

from __future__ import annotations

import itertools
import json
import secrets
import sqlite3
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Engine, create_engine, insert, make_url

from grantkeeper.keeper.vault import Vault
from grantkeeper.model import Grant, GrantRow, GrantStatus, OAuthClient, Reason, Secret, Tokens
from grantkeeper.providers import google
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.store.rows import grant_values
from grantkeeper.store.tables import grant as grant_table

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from databases import PostgresServer, running_postgresql

__all__ = [
    "Filled",
    "Place",
    "PostgresServer",
    "add_grants",
    "fill",
    "grant_id",
    "grant_row",
    "places",
    "running_postgresql",
]

CLIENT = OAuthClient(
    name="google-ads",
    provider=google.PROVIDER,
    client_id="1234567890-bench.apps.googleusercontent.com",
    client_secrets=(Secret("a-client-secret-of-the-benchmark"),),
    redirect_uri="https://app.example.com/callback/google-ads",
    scopes=google.api_scopes("adwords"),
)
LIFE = timedelta(hours=12)
"""Longer than any run: no contender ever refreshes."""
_BATCH = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a database lies: `url` for grantkeeper and the bare table, `peers` for the others."""

    kind: str
    size: int
    url: str
    peers: str

    @property
    def name(self) -> str:
        """For headings and Django's aliases."""
        return f"{self.kind}-{self.size}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A filled database: grantkeeper's store with its key ring, and a bare row to read, with the box that opens it."""

    place: Place
    store: SqlStore
    ring: KeyRing
    keys: str = field(repr=False)
    read: Callable[[str], tuple[int, bytes]]
    box: AESGCM


def grant_id(number: int) -> str:
    """Return the id of the grant of this number, as long as real ones."""
    return f"bench-{number:026d}"


def access_token() -> str:
    """Return a token of the length of Google's."""
    return "ya29." + secrets.token_urlsafe(160)


def places(folder: Path, server: PostgresServer, sizes: tuple[int, ...], part: str = "bench") -> Iterator[Place]:
    """Yield a place for each kind of database and size; `part` of the comparison has its own."""
    for size in sizes:
        yield Place(
            kind="sqlite",
            size=size,
            url=f"sqlite:///{folder / f'{part}-{size}.sqlite3'}",
            peers=f"sqlite:///{folder / f'{part}-peers-{size}.sqlite3'}",
        )
        server.execute(f"CREATE DATABASE {part}_{size}")
        url = server.url(f"{part}_{size}")
        yield Place(kind="postgresql", size=size, url=url, peers=url.replace("postgresql:", "postgresql+psycopg:"))


def fill(place: Place) -> Filled:
    """Create and fill grantkeeper's tables and the bare one."""
    store, ring = SqlStore(place.url), KeyRing.parse(keys := new_key())
    store.migrate()
    _fill_grants(place, Vault(ring, store.installation()))
    box = AESGCM(AESGCM.generate_key(256))
    return Filled(place=place, store=store, ring=ring, keys=keys, read=_fill_bare(place, box), box=box)


def _fill_grants(place: Place, vault: Vault) -> None:
    ends = datetime.now(UTC) + LIFE
    add_grants(place, (_row(number, vault, ends) for number in range(place.size)))
    engine = _engine(place)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()


def add_grants(place: Place, rows: Iterable[GrantRow]) -> None:
    """Add rows in bulk, past the store."""
    engine, left = _engine(place), iter(rows)
    with engine.begin() as connection:
        while batch := [grant_values(row) for row in itertools.islice(left, _BATCH)]:
            connection.execute(insert(grant_table), batch)
    engine.dispose()


def _engine(place: Place) -> Engine:
    return create_engine(make_url(place.url).set(drivername=_driver(place)))


def _driver(place: Place) -> str:
    return "sqlite" if place.kind == "sqlite" else "postgresql+psycopg"


def _row(number: int, vault: Vault, ends: datetime) -> GrantRow:
    tokens = Tokens(refresh_token=Secret("1//0" + secrets.token_urlsafe(72)), access_token=Secret(access_token()))
    return grant_row(grant_id(number), CLIENT, vault, tokens, expires_at=ends)


def grant_row(row: str, client: OAuthClient, vault: Vault, tokens: Tokens, *, expires_at: datetime) -> GrantRow:
    """Return the row of an active grant with the id `row`, of an owner of its own."""
    now = datetime.now(UTC)
    grant = Grant(
        id=row,
        owner=f"owner-of-{row}",
        client=client.name,
        issuer=client.provider.issuer,
        subject=f"subject-{row}",
        email=f"{row}@customer.example",
        status=GrantStatus.ACTIVE,
        reason=Reason.NONE,
        scopes=frozenset(client.scopes),
        missing=frozenset(),
        extra=frozenset(),
        expires_at=expires_at,
        ends_at=None,
        consented_at=now,
        created_at=now,
        updated_at=now,
        refreshed_at=None,
        version=1,
    )
    sealed = vault.seal_tokens(tokens, grant=grant, generation=1, key=None)
    return GrantRow(grant=grant, generation=1, sealed=sealed)


def _bare_rows(place: Place, box: AESGCM) -> Iterator[tuple[str, int, bytes, str]]:
    """Yield id, expiry, the tokens sealed with one key for all, and the tokens in clear as google-auth writes them."""
    ends = datetime.now(UTC) + LIFE
    for number in range(place.size):
        tokens = {"refresh_token": "1//0" + secrets.token_urlsafe(72), "token": access_token()}
        nonce, row = secrets.token_bytes(12), grant_id(number)
        sealed = nonce + box.encrypt(nonce, json.dumps(tokens).encode(), row.encode())
        whole = tokens | {
            "client_id": CLIENT.client_id,
            "client_secret": CLIENT.client_secrets[0].reveal(),
            "expiry": ends.replace(tzinfo=None).isoformat() + "Z",
        }
        yield row, int(ends.timestamp()), sealed, json.dumps(whole)


_READ = "SELECT expires_at, sealed FROM bare WHERE id = "


def _fill_bare(place: Place, box: AESGCM) -> Callable[[str], Any]:
    """Fill the table `bare` and return a function that reads a row with nothing but the driver."""
    kinds = "id TEXT PRIMARY KEY, expires_at BIGINT NOT NULL, sealed {} NOT NULL, clear TEXT NOT NULL"
    if place.kind == "sqlite":
        lite = sqlite3.connect(make_url(place.url).database or "", isolation_level=None)
        lite.execute(f"CREATE TABLE bare ({kinds.format('BLOB')})")
        lite.execute("BEGIN")
        lite.executemany("INSERT INTO bare VALUES (?, ?, ?, ?)", _bare_rows(place, box))
        lite.execute("COMMIT")
        return lambda row: lite.execute(_READ + "?", (row,)).fetchone()
    postgres = psycopg.connect(place.url, autocommit=True)
    postgres.execute(f"CREATE TABLE bare ({kinds.format('BYTEA')})")
    with postgres.cursor().copy("COPY bare FROM STDIN") as copy:
        for values in _bare_rows(place, box):
            copy.write_row(values)
    postgres.execute("ANALYZE bare")
    return lambda row: postgres.execute(_READ + "%s", (row,)).fetchone()
