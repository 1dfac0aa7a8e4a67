"""grantkeeper, and the bare parts it is measured against."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from timeit import Timer

from google.oauth2.credentials import Credentials

from grantkeeper import Keeper
from grantkeeper.http import HttpTransport

from .databases import CLIENT, LIFE, Filled, access_token, grant_id
from .measure import Contender, Work, each_of

DICTIONARY = "a dictionary hit and an expiry check"
HOT = "grantkeeper, token in memory"
COLD = "grantkeeper, token from the database"
BARE = "bare driver and AES-GCM"
GOOGLE_AUTH = "google-auth Credentials, in memory"


def keeper(filled: Filled, *, max_stale: timedelta = timedelta(seconds=1)) -> Keeper:
    """Return a keeper that knows no token yet."""
    return Keeper(
        store=filled.store, sealer=filled.ring, clients=[CLIENT], transport=HttpTransport(), max_stale=max_stale
    )


def hot(filled: Filled) -> list[Contender]:
    """One grant, asked again and again; `max_stale` is so long that the row is read before the rounds only."""
    keep = keeper(filled, max_stale=LIFE)
    asked = partial(keep.token, grant_id(0))
    asked()
    return [
        Contender(
            name=DICTIONARY, prepare=_repeated(_Dictionary({grant_id(0): _Entry(access_token())}, grant_id(0)).hit)
        ),
        Contender(name=HOT, prepare=_repeated(asked)),
        Contender(name="grantkeeper, token in memory, default max_stale", prepare=_repeated(_default(filled))),
        Contender(name=GOOGLE_AUTH, prepare=_repeated(_google_auth())),
    ]


def cold(filled: Filled) -> list[Contender]:
    """Grants that this keeper has not handed out yet: read the row, open it."""

    def bare(number: int) -> bytes:
        row = grant_id(number)
        expires_at, sealed = filled.read(row)
        assert expires_at > time.time()
        return filled.box.decrypt(sealed[:12], sealed[12:], row.encode())

    def prepare(numbers: Sequence[int]) -> Work:
        token = keeper(filled).token
        return each_of(lambda number: token(grant_id(number)))(numbers)

    again = keeper(filled, max_stale=LIFE)

    def prepare_hot(numbers: Sequence[int]) -> Work:
        for number in numbers:
            again.token(grant_id(number))
        return each_of(lambda number: again.token(grant_id(number)))(numbers)

    return [
        Contender(name=BARE, prepare=each_of(bare)),
        Contender(name=COLD, prepare=prepare),
        Contender(name=HOT, prepare=prepare_hot),
    ]


@dataclass(slots=True)
class _Entry:
    token: str
    ends: float = 0.0

    def __post_init__(self) -> None:
        self.ends = time.time() + LIFE.total_seconds()


@dataclass(slots=True)
class _Dictionary:
    entries: dict[str, _Entry]
    asked: str

    def hit(self) -> str:
        entry = self.entries[self.asked]
        if entry.ends - time.time() < 300:
            raise LookupError
        return entry.token


def _default(filled: Filled) -> Work:
    """Return the call of a keeper as it comes: once a second one of the calls looks at the row."""
    keep = keeper(filled)
    return partial(keep.token, grant_id(0))


def _google_auth() -> Work:
    """google-auth's way: the program holds one Credentials object for each grant."""
    credentials = Credentials(  # type: ignore[no-untyped-call]
        access_token(), refresh_token="r", expiry=(datetime.now(UTC) + LIFE).replace(tzinfo=None)
    )

    def call() -> str:
        if not credentials.valid:
            raise LookupError
        return str(credentials.token)

    return call


def _repeated(call: Work) -> Callable[[Sequence[int]], Work]:
    """Return a `prepare` for a call that is made as often as there are numbers, with no overhead but the call's."""

    def prepare(numbers: Sequence[int]) -> Work:
        timer = Timer(call)
        return lambda: timer.timeit(len(numbers))

    return prepare
