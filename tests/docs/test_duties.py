"""Each security duty that we name has a test that names it."""

from __future__ import annotations

import ast
import re

import pytest

from house.source import ROOT, files, functions

NUMBER = re.compile(r"\b[OV]-\d\d")


def _proven() -> set[str]:
    """Return the numbers in the docstrings of tests."""
    found: set[str] = set()
    for path in files("tests/*.py"):
        for function in functions(ast.parse((ROOT / path).read_text())):
            if function.name.startswith("test_"):
                found |= set(NUMBER.findall(ast.get_docstring(function) or ""))
    return found


PROVEN = _proven()
PROMISED = sorted(set(NUMBER.findall((ROOT / "SECURITY.md").read_text())))


@pytest.mark.parametrize("number", PROMISED)
def test_a_duty_that_is_promised_is_proven(number: str) -> None:
    """SECURITY.md names no duty without a test."""
    assert number in PROVEN
