"""What is sealed in a database and does not open with the keys at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from grantkeeper.errors import SealBroken
from grantkeeper.keeper.links.rows import TABLE as LINK
from grantkeeper.keeper.service.posting import COLUMN as SECRETS
from grantkeeper.keeper.service.posting import TABLE as ENDPOINT
from grantkeeper.keeper.vault import Vault
from grantkeeper.model.service.links import OPEN
from grantkeeper.store import SqlStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from grantkeeper.model import GrantRow, LinkRow, Sealed, Sealer
    from grantkeeper.settings import Settings

_PAGE: Final = 500
_KEY_NAMED: Final = slice(0, 9)
"""Version and id of the ring key at the front of a wrapped data key, see `grantkeeper.seal`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """Something sealed: of which kind, the wrapped data key in front of it, and how it is opened."""

    kind: str
    key: bytes
    open: Callable[[Vault], object]


def has_sealed(store: SqlStore) -> bool:
    """Tell whether anything is sealed that only its key opens: a grant's tokens, an endpoint's secrets, a link."""
    return next(_kept(store), None) is not None


def broken_seals(store: SqlStore, sealer: Sealer) -> Iterator[SealBroken]:
    """Open one of each kind for each ring key that is named; yield why those do not that do not."""
    vault = Vault(sealer, store.installation())
    first: dict[tuple[str, bytes], _Kept] = {}
    for each in _kept(store):
        first.setdefault((each.kind, each.key[_KEY_NAMED]), each)
    yield from filter(None, (_broken(vault, each) for each in first.values()))


def broken_seal(settings: Settings, grant_id: str) -> SealBroken | None:
    """Return why a grant's tokens do not open; None when they do, or there are none."""
    store = SqlStore(settings.database)
    try:
        row = store.grant(grant_id)
        if row is None or row.sealed is None:
            return None
        return _broken(Vault(settings.keys, store.installation()), _of_grant(row, row.sealed))
    finally:
        store.close()


def _broken(vault: Vault, kept: _Kept) -> SealBroken | None:
    try:
        kept.open(vault)
    except SealBroken as error:
        return error
    return None


def _kept(store: SqlStore) -> Iterator[_Kept]:
    """Yield what is sealed for longer than a day: flows and kept answers are gone before a key is."""
    for row in _rows(store):
        if row.sealed is not None:
            yield _of_grant(row, row.sealed)
    for endpoint in store.webhooks.all():
        yield _of_secret(endpoint.sealed, ENDPOINT, endpoint.endpoint.id, SECRETS)
    for link in _open_links(store):
        if link.sealed is not None:
            yield _of_secret(link.sealed, LINK, link.link.id, "token")


def _of_grant(row: GrantRow, sealed: Sealed) -> _Kept:
    return _Kept(kind="grant", key=sealed.key, open=lambda vault: vault.open_tokens(row))


def _of_secret(sealed: Sealed, table: str, name: str, column: str) -> _Kept:
    return _Kept(
        kind=table, key=sealed.key, open=lambda vault: vault.open_secret(sealed, table=table, row=name, column=column)
    )


def _rows(store: SqlStore) -> Iterator[GrantRow]:
    after, more = "", True
    while more:
        rows = store.grants(after=after, limit=_PAGE)
        yield from rows
        more = len(rows) == _PAGE
        after = rows[-1].grant.id if rows else after


def _open_links(store: SqlStore) -> Iterator[LinkRow]:
    before: tuple[datetime, str] | None = None
    while rows := store.links.page(statuses=OPEN, before=before, limit=_PAGE):
        yield from rows
        before = rows[-1].link.created_at, rows[-1].link.id
