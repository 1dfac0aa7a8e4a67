"""Grants straight into the database: due or fresh ones, of clients whose token endpoint is the bench's own."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from grantkeeper import Keeper
from grantkeeper.http import HttpTransport
from grantkeeper.keeper.vault import Vault
from grantkeeper.model import OAuthClient, Secret, Tokens
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore

from ..databases import CLIENT, LIFE, Place, access_token, add_grants, grant_row
from .tokenserver import Rotation, refresh_token

_numbers = itertools.count()


def client_at(endpoint: str, rotation: Rotation = "none") -> OAuthClient:
    """Return Google's client as it is, with another token endpoint and rotation."""
    provider = replace(CLIENT.provider, token_endpoint=endpoint, rotation=rotation)
    return replace(CLIENT, provider=provider)


def new_name() -> str:
    """Return a name that no grant and no family of refresh tokens had yet; as long as real ids."""
    return f"{next(_numbers):032d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """A migrated database, and what is needed to write grants into it."""

    place: Place
    ring: KeyRing
    vault: Vault

    def keeper(self, client: OAuthClient, *, max_stale: timedelta = LIFE) -> Keeper:
        """Return a keeper with connections of its own, as another process would have; it is the caller's to close."""
        return Keeper(
            store=SqlStore(self.place.url),
            sealer=self.ring,
            clients=[client],
            transport=HttpTransport(),
            max_stale=max_stale,
        )

    def add(self, count: int, *, due: bool) -> list[str]:
        """Add grants whose tokens are over, or are not for long; return their ids, which are their families too."""
        ids = [new_name() for _ in range(count)]
        ends = datetime.now(UTC) + (-timedelta(hours=1) if due else LIFE)
        add_grants(self.place, (grant_row(each, CLIENT, self.vault, _tokens(each), expires_at=ends) for each in ids))
        return ids


def open_books(place: Place) -> Books:
    """Create grantkeeper's tables."""
    store, ring = SqlStore(place.url), KeyRing.parse(new_key())
    store.migrate()
    vault = Vault(ring, store.installation())
    store.close()
    return Books(place=place, ring=ring, vault=vault)


def _tokens(name: str) -> Tokens:
    return Tokens(refresh_token=Secret(refresh_token(name)), access_token=Secret(access_token()))
