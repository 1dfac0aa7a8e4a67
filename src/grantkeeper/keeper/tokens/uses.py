"""Which grants are used: noted where a row is looked at anyway, and written down now and then."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from ...model import AccessToken, Store
from ...renewal import NOTED_EVERY, hastened

MAX_NOTED: Final = 100_000
"""Grants remembered, as many as have a token in memory; past that the one noted longest ago is forgotten (R-54)."""

BATCH: Final = 500
"""Grants noted in one transaction: it holds their rows for milliseconds."""


class Uses:
    """Notes when somebody asked for a grant's token. Thread-safe; noting is a look-up and takes no lock mostly."""

    def __init__(self, *, store: Store, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._lock = threading.Lock()  # for changes only
        self._written: dict[str, datetime] = {}  # what the database knows at least, in the order of noting
        self._new: dict[str, tuple[datetime, datetime]] = {}  # when it was used, and when its token ends

    def start_afresh(self) -> None:
        """In a forked child: what the parent noted is the parent's to write."""
        self._lock, self._new = threading.Lock(), {}

    def note(self, grant_id: str, token: AccessToken) -> None:
        """Note that a grant is used now; at most once an hour that is worth writing down."""
        now, known = self._now(), self._written.get(grant_id)
        if known is not None and timedelta() <= now - known < NOTED_EVERY:
            return
        with self._lock:
            self._written.pop(grant_id, None)
            if len(self._written) >= MAX_NOTED:
                del self._written[next(iter(self._written))]
            self._written[grant_id] = now
            if len(self._new) < MAX_NOTED:
                self._new[grant_id] = (now, token.expires_at)

    def flush(self, *, most: int | None = None) -> bool:
        """Write down what was noted; raises DatabaseUnavailable, and then it stays noted.

        `most` batches at most; False when something is left.
        """
        while self._new:
            if most == 0:
                return False
            most = None if most is None else most - 1
            batch = self._taken()
            try:
                self._store.work.note_used(
                    {grant_id: at for grant_id, (at, _) in batch.items()},
                    hasten={grant_id: hastened(grant_id, ends, now=at) for grant_id, (at, ends) in batch.items()},
                )
            except BaseException:
                with self._lock:
                    self._new = batch | self._new
                raise
        return True

    def _taken(self) -> dict[str, tuple[datetime, datetime]]:
        with self._lock:
            names = list(self._new)[:BATCH]
            return {name: self._new.pop(name) for name in names}
