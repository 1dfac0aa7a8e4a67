"""A service that answers as a test says, and a Remote that asks it, at a clock moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from grantkeeper import Remote
from grantkeeper.emulator import Clock
from remote.fake import KEY, Answer, Fake

GRANT = "0123456789abcdef0123456789abcdef"
HOUR = timedelta(hours=1)


class Tokens:
    """Answers token reads with `made-up-token-1`, `-2` ...; `answer` may be replaced by what a test wants said."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.given = 0

    def __call__(self, *_: object) -> Answer:
        """Give another token, good for an hour."""
        self.given += 1
        return token(f"made-up-token-{self.given}", self.clock.now() + HOUR)


def token(value: str, expires_at: datetime) -> Answer:
    """Return a token's answer."""
    return Answer(body={"access_token": value, "expires_at": expires_at, "scopes": ["adwords"]})


@pytest.fixture
def clock() -> Clock:
    """A clock that stands until it is moved."""
    return Clock.fixed(datetime(2026, 11, 28, 12, tzinfo=UTC))


@pytest.fixture
def fake(clock: Clock) -> Iterator[Fake]:
    """A service that gives tokens."""
    with Fake(Tokens(clock)) as served:
        yield served


MakeRemote = Callable[..., Remote]


@pytest.fixture
def make_remote(fake: Fake, clock: Clock) -> Iterator[MakeRemote]:
    """Make a Remote that asks the fake; all are closed in the end."""
    made: list[Remote] = []

    def make(url: str = "", **options: object) -> Remote:
        made.append(Remote(url or fake.url, KEY, **{"now": clock.now, "timeout": timedelta(seconds=10), **options}))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def remote(make_remote: MakeRemote) -> Remote:
    """A Remote that asks the fake."""
    return make_remote()
