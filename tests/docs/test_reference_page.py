"""The reference names every verb of the keeper; that it has every public name is tested in tests/house."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from docs.pages import page
from grantkeeper import AsyncKeeper, Keeper, Reason, errors
from grantkeeper.cli.exits import exit_code

TEXT = page(Path("docs/reference.md")).text
ERRORS = page(Path("docs/errors.md")).text


def public(kind: type) -> set[str]:
    """Return the names of a class's public methods and properties."""
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


@pytest.mark.parametrize("verb", sorted(public(Keeper)))
def test_the_reference_has_every_verb_of_the_keeper(verb: str) -> None:
    """With what it takes."""
    assert f"`Keeper.{verb}" in TEXT


def test_the_async_keeper_has_the_same_verbs() -> None:
    """As the reference says; what needs no awaiting is there for its own sake."""
    inside = {"from_env", "from_settings", "remembered", "stored", "whose", "keep_up", "page", "newest_event"}
    assert (public(AsyncKeeper) - {"run", "call", "beside"}) | inside == public(Keeper)


def test_the_page_of_errors_has_every_error_with_its_exit_code() -> None:
    """And no other."""
    kinds = [
        each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, errors.GrantkeeperError)
    ]
    codes = {each.__name__: str(int(exit_code(each.__new__(each)))) for each in kinds if each.__bases__ != (Exception,)}

    assert dict(re.findall(r"^\| `(\w+)` \|.*\| (\d) \|$", ERRORS, re.MULTILINE)) == codes


def test_the_page_of_errors_has_every_reason() -> None:
    """Why a grant is not active."""
    section = ERRORS.partition("## Why a grant is not active")[2].partition("\n## ")[0]

    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [each.value for each in Reason if each]
