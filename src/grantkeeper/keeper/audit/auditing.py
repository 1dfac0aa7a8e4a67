"""The audit log: read, verified, exported, and persons erased from it."""

from __future__ import annotations

from ...errors import SealBroken
from ...model import GrantStatus
from ..parts import Parts


class Auditing:
    """The keeper's `audit`. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store

    def ready(self) -> None:
        """See `Keeper.ready`."""
        self._store.check()
        for newest in self._store.audit.read(newest_first=True, limit=1):
            if self._parts.signed(b"", key_id=newest.key_id, mac="") is None:
                raise SealBroken(
                    f"The database was last written with key {newest.key_id}, which is not in the key ring.",
                    advice="Add that key to the key ring.",
                )
            return
        for row in self._store.grants(statuses=(GrantStatus.ACTIVE,), limit=1):
            self._parts.vault.open_tokens(row)
