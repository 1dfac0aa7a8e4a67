"""The configuration page is complete: every key and every variable that the code knows, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from docs.pages import page
from grantkeeper.settings.document import ClientTable, _File
from grantkeeper.settings.service_table import ServiceTable, SignInTable
from house.source import modules

TEXT = page(Path("docs/configuration.md")).text


def rows(heading: str) -> dict[str, str]:
    """Return the second column of a section's table by its first."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return {key: rest.strip() for key, rest in re.findall(r"^\| `([^`]+)` \| ([^|]*)\|", section, re.MULTILINE)}


TABLES: list[tuple[str, type[msgspec.Struct]]] = [
    ("The file", _File),
    ("An OAuth client", ClientTable),
    ("The service", ServiceTable),
    ("Operators' sign-in", SignInTable),
]


@pytest.mark.parametrize(("heading", "table"), TABLES)
def test_the_page_has_every_key_and_says_which_are_required(heading: str, table: type[msgspec.Struct]) -> None:
    """Missing, invented or misplaced keys."""
    fields = {each.name: each.required for each in msgspec.structs.fields(table)}
    written = rows(heading)

    assert set(written) == set(fields)
    required = {name for name, needed in fields.items() if needed}
    assert {name for name, default in written.items() if default == "none: required"} - {"database"} == required


def test_the_page_has_every_variable() -> None:
    """Variables in the source, and those that the source makes of the names of keys."""
    sources = "\n".join(each.text for each in modules())
    named = set(re.findall(r"\bGRANTKEEPER_[A-Z_]*[A-Z]\b", sources))
    made = {f"GRANTKEEPER_{key.upper()}" for key in re.findall(r'\bsetting\("(\w+)"', sources)}

    assert made
    assert {each for each in rows("The environment") if each.startswith("GRANTKEEPER_")} == named | made
