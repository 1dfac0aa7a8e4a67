"""Functions, files and folders that one can take in at a glance."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from house.source import ROOT, Function, files, functions

FUNCTION_LINES = 40
FILE_LINES = 449
FOLDER_FILES = 8
HOUSE = Path("src/grantkeeper")

PYTHON = files("*.py")
TEXT = files("*.py", "*.html", "*.css", "*.js", "*.sh", "Makefile")


def lines(function: Function) -> int:
    """Return how many lines a function has from `def` to its end, its docstring not counted."""
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function, clean=False) is not None:
        length -= (first.end_lineno or first.lineno) - first.lineno + 1
    return length


@pytest.mark.parametrize("path", PYTHON, ids=str)
def test_functions_have_at_most_forty_lines(path: Path) -> None:
    """A function fits on a screen, besides its docstring."""
    tree = ast.parse((ROOT / path).read_text())

    assert [f"{each.name}: {lines(each)}" for each in functions(tree) if lines(each) > FUNCTION_LINES] == []


@pytest.mark.parametrize("path", TEXT, ids=str)
def test_files_stay_under_450_lines(path: Path) -> None:
    """A file has one topic."""
    assert len((ROOT / path).read_text().splitlines()) <= FILE_LINES


def test_folders_have_at_most_eight_modules() -> None:
    """A folder is taken in at a glance; not counted: `__init__.py`, and the house itself, whose plan has its rooms."""
    counted = Counter(path.parent for path in PYTHON if path.name != "__init__.py" and path.parent != HOUSE)

    assert {str(folder): count for folder, count in counted.items() if count > FOLDER_FILES} == {}


def test_long_functions_would_be_found() -> None:
    """The measure counts the body and not the docstring."""
    body = "    x = 1\n" * 40
    function = functions(ast.parse(f'def long():\n    """Say\n\n    much.\n    """\n{body}'))[0]

    assert lines(function) == 41
