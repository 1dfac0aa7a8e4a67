"""The reference names every verb of the keeper; that it has every public name is tested in tests/house."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from docs.pages import page
from grantkeeper import AsyncKeeper, Keeper

TEXT = page(Path("docs/reference.md")).text


def public(kind: type) -> set[str]:
    """Return the names of a class's public methods and properties."""
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


@pytest.mark.parametrize("verb", sorted(public(Keeper)))
def test_the_reference_has_every_verb_of_the_keeper(verb: str) -> None:
    """With what it takes."""
    assert f"`Keeper.{verb}" in TEXT


def test_the_async_keeper_has_the_same_verbs() -> None:
    """As the reference says; what needs no awaiting is there for its own sake."""
    inside = {"from_env", "from_settings", "remembered", "stored"}
    assert public(AsyncKeeper) | inside == public(Keeper)
