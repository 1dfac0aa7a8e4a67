"""Which API key read which grant's token how often: counted in memory, bounded, written down now and then."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final, NoReturn

from ...errors import Conflict, GrantkeeperError, TooManyRequests
from ...forks import in_child
from ...model import ApiKey, AuditEntry, KeyUse
from ..parts import Parts

log = logging.getLogger("grantkeeper")

FLUSH: Final = timedelta(seconds=5)
"""How often counts are written: what a crash loses of them."""

SHARE: Final = 20
LONGEST: Final = timedelta(minutes=2)
"""From one writing to the next it is that many times what the first took, but no longer than this: with a hundred
thousand grants in use, writing would else leave little time for reading."""

BATCH: Final = 500
"""Counts in one transaction: it holds their rows for milliseconds, and has fewer values than any database refuses."""

MOST_READS: Final = 100_000
"""Counts that are kept in memory; past that they are written as soon as a key is looked at."""

DISTINCT_PER_MINUTE: Final = 600

_MINUTE: Final = timedelta(minutes=1)
_EPOCH: Final = date(1970, 1, 1).toordinal()


@dataclass(slots=True)
class _Count:
    """How often a key read a grant's token since this was written down last."""

    first_at: datetime
    last_at: datetime
    reads: int = 0


_Place = tuple[str, int]
"""A key and a day."""


@dataclass(slots=True)
class _Minute:
    """Whose tokens a key has read in this minute, and whether it was written down that it was too many."""

    begins: datetime
    ends: datetime
    counts: dict[str, _Count]
    grants: set[str] = field(default_factory=set)
    told: bool = False


class KeyReads:
    """Thread-safe. Each process counts for itself."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store.keys
        self._now = parts.now
        self._counts: dict[_Place, dict[str, _Count]] = {}
        self._used: dict[str, datetime] = {}
        self._minutes: dict[str, _Minute] = {}
        self._flush_at = parts.now() + FLUSH
        self._lock = threading.Lock()
        self.distinct_per_minute = DISTINCT_PER_MINUTE
        in_child(self._forked)

    def _forked(self) -> None:
        """Leave what the parent counted to the parent."""
        self._lock, self._counts, self._used, self._minutes = threading.Lock(), {}, {}, {}

    # --- counting ---------------------------------------------------------------------------------------------

    def within_budget(self, key: ApiKey, grant_id: str) -> bool:
        """Tell whether this key may read this grant's token in this minute, and let it count as one of those (V-43).

        No I/O. `count` follows once the token is there: an id that somebody made up is counted nowhere.
        """
        with self._lock:
            return self._fits(self._minute(key.id, self._now()), key, grant_id)

    def count(self, key: ApiKey, grant_id: str) -> None:
        """Count a token that this key reads now. No I/O."""
        now = self._now()
        with self._lock:
            self._add(self._minute(key.id, now), grant_id, now)

    def take(self, key: ApiKey, grant_id: str) -> bool:
        """Do both for a token that is at hand; False, and nothing is counted, when the key may not. No I/O."""
        now = self._now()
        with self._lock:
            minute = self._minute(key.id, now)
            if not self._fits(minute, key, grant_id):
                return False
            self._add(minute, grant_id, now)
        return True

    def _minute(self, key_id: str, now: datetime) -> _Minute:
        minute = self._minutes.get(key_id)
        if minute is not None and minute.begins <= now < minute.ends:
            return minute
        return self._begin_minute(key_id, now)

    def _fits(self, minute: _Minute, key: ApiKey, grant_id: str) -> bool:
        if grant_id not in minute.grants:
            if len(minute.grants) >= self._most(key):
                return False
            minute.grants.add(grant_id)
        return True

    def _add(self, minute: _Minute, grant_id: str, now: datetime) -> None:
        count = minute.counts.get(grant_id)
        if count is None:
            count = minute.counts[grant_id] = _Count(now, now)
        count.reads += 1
        count.last_at = now

    def _begin_minute(self, key_id: str, now: datetime) -> _Minute:
        begins = now.replace(second=0, microsecond=0)  # a day ends with a minute
        counts = self._counts.setdefault((key_id, _day(now)), {})
        minute = self._minutes[key_id] = _Minute(begins, begins + _MINUTE, counts)
        return minute

    def give_back(self, key: ApiKey, grant_id: str) -> None:
        """Take back what `within_budget` let through: there is no such grant. No I/O."""
        with self._lock:
            if minute := self._minutes.get(key.id):
                minute.grants.discard(grant_id)

    def refuse(self, key: ApiKey) -> NoReturn:
        """Say that a key is not within its budget.

        Raises:
            TooManyRequests: it has read so many grants' tokens in this minute that it looks like somebody who wants
                them all; that is in the audit log, once a minute.
        """
        now = self._now()
        if self._is_news(key):
            data: dict[str, object] = {"name": key.name, "scopes": sorted(key.scopes)}
            entry = AuditEntry(
                at=now, actor=f"key:{key.id}", action="key.budget_exceeded", target=f"key:{key.id}", data=data
            )
            try:
                self._store.tell(self._parts.beside(entry))
            except GrantkeeperError as error:
                self._untold(key)  # the next one tries again
                log.warning("that the key %s asks for too many tokens could not be written down: %s", key.id, error)
        raise TooManyRequests(
            f"This API key has read the tokens of {self._most(key)} different grants in this minute.",
            retry_after=timedelta(seconds=60 - now.timestamp() % 60),
            advice="Ask for fewer, or make a key with a larger --per-minute.",
        )

    def _is_news(self, key: ApiKey) -> bool:
        """Tell whether nobody has written down yet that a key asks for too many; who asks does it now."""
        with self._lock:
            minute = self._minutes.get(key.id)
            news = minute is not None and not minute.told
            if minute is not None:
                minute.told = True
            return news

    def _untold(self, key: ApiKey) -> None:
        with self._lock:
            if minute := self._minutes.get(key.id):
                minute.told = False

    def _most(self, key: ApiKey) -> int:
        return self.distinct_per_minute if key.distinct_per_minute is None else key.distinct_per_minute

    def note_key(self, key_id: str) -> None:
        """Note that a key is used now. No I/O."""
        with self._lock:
            self._used[key_id] = self._now()

    # --- writing ----------------------------------------------------------------------------------------------

    def are_due(self) -> bool:
        """Tell whether it is time to write down what was counted."""
        waits = timedelta() < self._flush_at - self._now() <= LONGEST  # beyond, the clock was set back
        return not waits or self._held() > MOST_READS

    def flush_now_and_then(self, *, waited_for: bool) -> None:
        """Write what was counted when it is time; when that fails it is counted still, and written later.

        `waited_for`: somebody waits for it who wants something else. Then much is left to others: where much is read,
        they come twice a second.
        """
        if self.are_due() and not (waited_for and self._held() > BATCH):
            with contextlib.suppress(GrantkeeperError):
                self.flush()

    def _held(self) -> int:
        return sum(map(len, list(self._counts.values())))

    def flush(self) -> None:
        """Write what was counted; raises DatabaseUnavailable, and then it is counted still."""
        with self._lock:
            began = self._now()
            self._flush_at = began + FLUSH  # another thread need not come
            counts, used = self._counts, self._used
            self._counts, self._used = {}, {}
            for key_id in [key_id for key_id, minute in self._minutes.items() if began >= minute.ends]:
                del self._minutes[key_id]
            for key_id, minute in self._minutes.items():
                minute.counts = self._counts.setdefault((key_id, _day(minute.begins)), {})
        uses = list(_uses(counts))
        while uses or used:
            try:
                self._store.note_used(used, uses[:BATCH])
            except Conflict:  # another process began the same counts: the next time they are there
                self._count_again(uses[:BATCH], used)
            except BaseException:
                # What was tried goes last: if it is that which cannot be written, it stops nothing else for good.
                self._count_again([*uses[BATCH:], *uses[:BATCH]], used)
                raise
            uses, used = uses[BATCH:], {}
        took = self._now() - began
        self._flush_at = max(self._flush_at, began + min(took * SHARE, LONGEST))

    def _count_again(self, uses: list[KeyUse], used: dict[str, datetime]) -> None:
        with self._lock:
            for use in uses:
                counts = self._counts.setdefault((use.key_id, use.day), {})
                count = counts.setdefault(use.grant_id, _Count(use.first_at, use.last_at))
                count.first_at = use.first_at
                count.reads += use.reads
            self._used = used | self._used


def _uses(counts: dict[_Place, dict[str, _Count]]) -> Iterator[KeyUse]:
    for (key_id, day), grants in counts.items():
        for grant_id, count in grants.items():
            yield KeyUse(
                key_id=key_id,
                grant_id=grant_id,
                day=day,
                reads=count.reads,
                first_at=count.first_at,
                last_at=count.last_at,
            )


def _day(now: datetime) -> int:
    return now.toordinal() - _EPOCH
