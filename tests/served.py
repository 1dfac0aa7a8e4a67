"""A keeper behind the service's API on a port of this machine: what a Remote asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from grantkeeper import Keeper
from remote.served.fake import KEY, Fake
from remote.served.standin import standin


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedKeeper:
    """Where it is served; `key` makes an API key of these scopes."""

    url: str
    key: Callable[..., str]


@contextmanager
def served_keeper(keeper: Keeper) -> Iterator[ServedKeeper]:
    """Serve a keeper."""
    with Fake(standin(keeper)) as fake:
        yield ServedKeeper(url=fake.url, key=lambda *_: KEY)
