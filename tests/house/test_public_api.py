"""What grantkeeper promises: every public name exists, says what holds, is typed, and stands in the reference."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Iterator
from enum import Enum

import pytest

import grantkeeper
from house.source import ROOT

MODULES = (
    "grantkeeper",
    "grantkeeper.clients.google_auth",
    "grantkeeper.clients.google_ads",
    "grantkeeper.clients.ad_manager",
    "grantkeeper.clients.google_api",
    "grantkeeper.clients.bearer",
    "grantkeeper.testing",
    "grantkeeper.web",
)
LOOSE = re.compile(r"\bAny\b|^$")


def _public(module: str) -> list[str]:
    return [name for name in importlib.import_module(module).__all__ if not name.startswith("__")]


NAMES = [(module, name) for module in MODULES for name in _public(module)]


def _loose_parts(where: str, signature: inspect.Signature) -> list[str]:
    """Return the parameters and the answer whose type is missing or Any."""
    parts = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if name not in {"self", "cls"} and parameter.kind not in {parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL}
    }
    parts["return"] = signature.return_annotation
    return [
        f"{where}({name})"
        for name, annotation in parts.items()
        if annotation is inspect.Signature.empty or LOOSE.search(str(annotation))
    ]


def _callables(name: str, thing: object) -> Iterator[tuple[str, object]]:
    """Yield what can be called of a public thing: itself, or its public methods."""
    if inspect.isfunction(thing):
        yield name, thing
    if inspect.isclass(thing) and not issubclass(thing, Enum):
        for attribute, member in vars(thing).items():
            function = getattr(member, "__func__", getattr(member, "fget", member))
            if inspect.isfunction(function) and not attribute.startswith("_"):
                yield f"{name}.{attribute}", function


def loose(name: str, thing: object) -> list[str]:
    """Return where a public thing is not typed."""
    return [
        part
        for where, function in _callables(name, thing)
        for part in _loose_parts(where, inspect.signature(function))  # type: ignore[arg-type]
    ]


def undocumented(name: str, thing: object) -> list[str]:
    """Return what of a public thing has no docstring."""
    everything = {name: thing, **dict(_callables(name, thing))}
    return [where for where, each in everything.items() if _wants_docstring(each) and not (each.__doc__ or "").strip()]


def _wants_docstring(thing: object) -> bool:
    return inspect.isclass(thing) or inspect.isfunction(thing)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_public_name_exists_and_says_what_holds(module: str, name: str) -> None:
    """A name in `__all__` can be had, and it and its public methods have docstrings."""
    assert undocumented(name, getattr(importlib.import_module(module), name)) == []


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_public_signatures_are_typed_without_any(module: str, name: str) -> None:
    """Whoever calls us is told by the type checker what comes back."""
    assert loose(name, getattr(importlib.import_module(module), name)) == []


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_every_public_name_stands_in_the_reference(module: str, name: str) -> None:
    """docs/reference names each public name of each public module."""
    reference = "\n".join(
        path.read_text() for path in sorted((ROOT / "docs").rglob("*.md")) if "reference" in str(path)
    )

    assert re.search(rf"`(?:[\w.]+\.)?{name}\b", reference), f"{module}.{name} is not in docs/reference"


def test_dir_of_the_package_is_what_it_promises() -> None:
    """Lazy names show up in `dir()`, so that an editor can offer them."""
    assert set(grantkeeper.__all__) <= set(dir(grantkeeper))


def test_an_unknown_name_of_the_package_is_an_attribute_error() -> None:
    """The lazy front door refuses as any module does."""
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = grantkeeper.no_such_name


def test_loose_types_and_missing_docstrings_would_be_found() -> None:
    """The tests above can fail."""

    def bare(one, two: int = 1):  # type: ignore[no-untyped-def]
        return one, two

    assert loose("bare", bare) == ["bare(one)", "bare(return)"]
    assert undocumented("bare", bare) == ["bare"]
