"""Which sealed tokens of a database do not open with the keys at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantkeeper.errors import SealBroken
from grantkeeper.keeper.vault import Vault
from grantkeeper.store import SqlStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantkeeper.model import GrantRow, Sealer
    from grantkeeper.settings import Settings

_PAGE: Final = 500
_KEY_NAMED: Final = slice(0, 9)
"""Version and id of the ring key at the front of a wrapped data key, see `grantkeeper.seal`."""


def has_sealed(store: SqlStore) -> bool:
    """Tell whether any grant holds sealed tokens."""
    return next(_sealed(store), None) is not None


def broken_seals(store: SqlStore, sealer: Sealer) -> Iterator[SealBroken]:
    """Open one grant for each ring key that the grants name; yield why those do not that do not."""
    vault = Vault(sealer, store.installation())
    first: dict[bytes, GrantRow] = {}
    for row in _sealed(store):
        if row.sealed is not None:
            first.setdefault(row.sealed.key[_KEY_NAMED], row)
    yield from filter(None, (_broken(vault, row) for row in first.values()))


def broken_seal(settings: Settings, grant_id: str) -> SealBroken | None:
    """Return why a grant's tokens do not open; None when they do, or there are none."""
    store = SqlStore(settings.database)
    try:
        row = store.grant(grant_id)
        return None if row is None else _broken(Vault(settings.keys, store.installation()), row)
    finally:
        store.close()


def _broken(vault: Vault, row: GrantRow) -> SealBroken | None:
    try:
        vault.open_tokens(row)
    except SealBroken as error:
        return error
    return None


def _sealed(store: SqlStore) -> Iterator[GrantRow]:
    after, more = "", True
    while more:
        rows = store.grants(after=after, limit=_PAGE)
        yield from (row for row in rows if row.sealed is not None)
        more = len(rows) == _PAGE
        after = rows[-1].grant.id if rows else after
