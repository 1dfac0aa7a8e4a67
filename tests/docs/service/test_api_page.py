"""docs/api.md holds the tables of operations, scopes and errors as the code has them."""

from __future__ import annotations

import re
from pathlib import Path

from api.asked.test_problems import STATUSES
from docs.pages import page
from grantkeeper.model import Scope
from grantkeeper.web.api.table import OPERATIONS

TEXT = page(Path("docs/api.md")).text


def section(heading: str) -> str:
    """Return what stands under a heading."""
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def test_the_page_has_each_operation() -> None:
    """Method, path, scope and what it does, in the order of the table; and no other."""
    rows = [f"| `{each.method} {each.path}` | `{each.scope}` | {each.summary} |" for each in OPERATIONS]
    assert re.findall(r"^\| `(?:GET|POST|PUT|PATCH|DELETE) .*$", section("Operations"), re.MULTILINE) == rows


def test_the_page_has_each_scope() -> None:
    """And no other."""
    assert set(re.findall(r"^\| `([a-z:]+)` \|", section("Keys"), re.MULTILINE)) == {str(each) for each in Scope}


def test_the_page_has_each_error_with_its_status() -> None:
    """And no other."""
    rows = re.findall(r"^\| (\d{3}) \| ((?:`\w+` ?)+)\|", section("Errors"), re.MULTILINE)
    told = {(name, int(status)) for status, names in rows for name in re.findall(r"\w+", names)}
    assert told == {(each.__name__, status) for each, status in STATUSES.items()}
