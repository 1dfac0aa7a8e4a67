"""What is sealed one by one, beside grants: a key that went missing is noticed there too."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from audit.conftest import KEYS, Open
from grantkeeper.cli.seals import broken_seals, has_sealed
from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from grantkeeper.seal import KeyRing
from grantkeeper.store import SqlStore
from grantkeeper.testing import consent

IDA = "ida@nordwind-outdoor.example"
HOOK = "https://hooks.example.com/grants"
MAKES: dict[str, Callable[[Keeper, Emulator], object]] = {
    "grant": lambda keeper, emulator: consent(keeper, emulator, "acme", IDA),
    "endpoint": lambda keeper, _emulator: keeper.webhooks.add(HOOK),
    "link": lambda keeper, _emulator: keeper.link("acme", "google-ads"),
}


@pytest.mark.parametrize("kind", MAKES)
def test_whatever_only_the_old_key_opens_is_named(opened: Open, emulator: Emulator, kind: str) -> None:
    """V-08: once for each key and kind; what the newest sealed beside it opens."""
    old = opened(KEYS[0])
    store = old._store
    assert isinstance(store, SqlStore)
    assert not has_sealed(store)
    for _ in range(2):
        MAKES[kind](old, emulator)
    MAKES[kind](opened(*KEYS), emulator)

    assert has_sealed(store)
    assert list(broken_seals(store, KeyRing.parse("\n".join(KEYS)))) == []
    (broken,) = broken_seals(store, KeyRing.parse(KEYS[1]))
    assert str(broken.args[0]).startswith(f"{kind} ")
    assert "is sealed with key" in broken.args[0]
    assert "Add that key to the key ring" in broken.advice


def test_a_link_that_is_over_needs_no_key(opened: Open) -> None:
    """Its address leads nowhere: nobody has to keep a key for it."""
    keeper = opened(KEYS[0])
    keeper.links.revoke(keeper.link("acme", "google-ads").link.id, by="cli")
    assert isinstance(keeper._store, SqlStore)
    assert list(broken_seals(keeper._store, KeyRing.parse(KEYS[1]))) == []
