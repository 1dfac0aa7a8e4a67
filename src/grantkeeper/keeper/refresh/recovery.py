"""What a process that ended in the middle left behind: answers in its journal, refreshes whose outcome is not known."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from typing import Final

from ...errors import (
    Conflict,
    ConsentRequired,
    DatabaseUnavailable,
    GrantkeeperError,
    Misconfigured,
    NotFound,
    ProviderUnavailable,
)
from ...journal import Entry, Leftover
from ...model import GrantRow, Secret
from ..parts import Parts
from .entries import answered_of, left
from .leases import Watch
from .refusals import Closed
from .saving import Saving

log = logging.getLogger("grantkeeper")

BATCH: Final = 100
_LOOK: Final = timedelta(milliseconds=250)

TRY_AGAIN: Final = timedelta(seconds=2)
"""How soon a refresh is tried again whose provider is in trouble: a time of grace may be short."""


class Recovery:
    """Brings what was left behind to an end. Thread-safe."""

    def __init__(self, parts: Parts, *, saving: Saving, refresh: Callable[[GrantRow, Watch], bool]) -> None:
        self._store = parts.store
        self._vault = parts.vault
        self._clients = parts.clients
        self._saving = saving
        self._journal = parts.journal
        self._refresh = refresh
        self._pause = parts.pause
        self._replaying = threading.Lock()

    def start_afresh(self) -> None:
        """In a forked child: nobody replays here yet."""
        self._replaying = threading.Lock()

    def replay(self, over: str = "") -> int:
        """Put into the database what processes of this host left in their journals; returns how many answers.

        Those of a grant that another process refreshes are left for later, unless its lease is the one named `over`.
        Raises DatabaseUnavailable: what is not saved stays in the journal.
        """
        if self._journal is None:
            return 0
        with self._replaying:
            try:
                with closing(self._journal.leftovers()) as leftovers:  # closed at once, and with it the turn given on
                    return sum(self._replayed(leftover, over) for leftover in leftovers)
            except OSError as error:
                raise DatabaseUnavailable(f"A journal could not be read: {error}.", advice="Try again.") from None

    def resolve(self, *, patience: timedelta) -> int:
        """Find out, oldest first, what became of refreshes with an unknown outcome; returns how many are resolved.

        Each is sent once more with the same token (R-13), and again later while the provider is in trouble. Those under
        the lease of a process that may still live are waited for, `patience` in all.
        """
        clients = self._rotating()
        watches: dict[str, Watch] = {}
        later: dict[str, timedelta] = {}
        resolved: set[str] = set()
        tried: set[str] = set()
        waited = timedelta()
        while clients:
            found = self._store.unresolved(clients=clients, limit=BATCH + len(watches))  # past those that stay open
            rows = [row for row in found if row.grant.id not in tried]
            for row in (row for row in rows if later.get(row.grant.id, waited) <= waited):
                done = self._resolved(row, watches.setdefault(row.grant.id, Watch()))
                if isinstance(done, timedelta):
                    later[row.grant.id] = waited + done
                else:
                    tried.add(row.grant.id)
                    resolved |= {row.grant.id} if done else set()
            if not rows or waited >= patience:
                break
            self._pause(_LOOK)
            waited += _LOOK
            for watch in watches.values():
                watch.passed(_LOOK)
        return len(resolved)

    def is_something_open(self) -> bool:
        """Tell whether the outcome of any refresh is not known."""
        return bool(self._store.unresolved(clients=self._rotating(), limit=1))

    def _rotating(self) -> tuple[str, ...]:
        """Return the OAuth clients whose provider may replace refresh tokens: elsewhere nothing can be lost."""
        return tuple(name for name, client in self._clients.items() if client.provider.rotation != "none")

    def _resolved(self, row: GrantRow, watch: Watch) -> bool | timedelta:
        """Refresh a grant; False when its outcome stays unknown, a time when it is to be tried again after it."""
        try:
            return True if self._refresh(row, watch) else timedelta()
        except (ConsentRequired, NotFound) as error:
            log.warning("a refresh that was interrupted is resolved: %s", error)
            return True
        except (DatabaseUnavailable, Closed):
            raise
        except ProviderUnavailable as error:
            log.warning("a refresh that was interrupted cannot be resolved yet: %s", error)
            return max(error.retry_after or timedelta(), self._soon(row))
        except GrantkeeperError as error:
            log.warning("a refresh that was interrupted cannot be resolved: %s", error)
            return False

    def _soon(self, row: GrantRow) -> timedelta:
        """Return when to try again: several times within the provider's time of grace, if that is known."""
        client = self._clients.get(row.grant.client)
        grace = client.provider.rotation_grace if client else None
        return TRY_AGAIN if grace is None else min(TRY_AGAIN, grace / 4)

    def _replayed(self, leftover: Leftover, over: str) -> int:
        """Save what one file holds, as far as it can be, and remove the file when that is all of it."""
        count, whole = 0, True
        for entry in leftover.entries():
            try:
                self._save(entry, over)
            except (Conflict, ConsentRequired) as error:
                log.warning("an answer in the journal is of no use any more: %s", error)
            except DatabaseUnavailable:
                raise
            except GrantkeeperError as error:
                log.warning("an answer in %s is not saved: %s", entry.file, error)
                whole = False
                continue
            else:
                count += 1
            leftover.drop(entry)
        if whole:
            leftover.remove()
        return count

    def _save(self, entry: Entry, over: str) -> None:
        found = left(entry.payload)
        if found.installation != self._vault.installation:
            raise NotFound("It belongs to another database, whose keeper will find it.")
        row = self._store.grant(found.grant_id)
        if row is None:
            raise NotFound(f"There is no grant {found.grant_id!r} any more.")
        client = self._clients.get(row.grant.client)
        if client is None:  # another application's, perhaps, that shares the folder: it is kept
            raise Misconfigured(f"The OAuth client {row.grant.client!r} is not configured.")
        token = self._vault.open_tokens(row).refresh_token
        # Opened before it is judged: what was altered is kept, too.
        then = replace(row, generation=found.generation)
        answered = answered_of(found, self._vault, row=then, client=client, sent=token or Secret(""))
        if token is None:
            raise Conflict(f"Grant {row.grant.id} has no tokens any more.")
        self._saving.settle_left(answered, over=over)
        log.warning("grant %s: an answer that was only in the journal is saved", row.grant.id)
