"""SECURITY.md's table of duties is what the tests prove: every number that a test's docstring names, and where.

Run as a program, this file brings the table up to date: `PYTHONPATH=tests python tests/house/test_duties.py`.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache

from house.source import ROOT, files, functions

PAGE = ROOT / "SECURITY.md"
NUMBER = re.compile(r"\b[ORV]-\d\d[a-z]?\b")
_ROW = re.compile(r"^\| (?P<number>[ORV]-\d\d[a-z]?) \| (?P<said>[^|]+) \| (?P<tests>[^|]+) \|$", re.MULTILINE)
_TABLE = re.compile(r"(?<=\|---\|---\|---\|\n)(?:\| [ORV]-\d\d.*\n)+")


@cache
def proven() -> dict[str, list[tuple[str, str]]]:
    """Return for each number the files of its tests, and what the first line of each test's docstring says."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for path in files("tests/*.py"):
        for function in functions(ast.parse((ROOT / path).read_text())):
            docstring = (ast.get_docstring(function) or "") if function.name.startswith("test_") else ""
            for number in NUMBER.findall(docstring):
                where = path.relative_to("tests").with_suffix("").as_posix()
                found[number].append((where, docstring.partition("\n")[0]))
    return dict(found)


def where_proven(number: str) -> str:
    """Return the files whose tests name a number, as the table shows them."""
    return ", ".join(f"`{where}`" for where in sorted({where for where, _ in proven()[number]}))


def table(said: dict[str, str]) -> str:
    """Return the rows; a number that nobody has put into words yet says what its first test says."""
    order = sorted(proven(), key=lambda number: ("OVR".index(number[0]), number))
    rows = ((number, said.get(number) or _first(number), where_proven(number)) for number in order)
    return "".join(f"| {number} | {words} | {tests} |\n" for number, words, tests in rows)


def _first(number: str) -> str:
    _, docstring = proven()[number][0]
    return docstring.removeprefix(f"{number}: ").rstrip(".").replace("|", "/")


def write() -> None:
    """Bring the table up to date."""
    text = PAGE.read_text()
    said = {row["number"]: row["said"] for row in _ROW.finditer(text)}
    PAGE.write_text(_TABLE.sub(lambda _: table(said), text))


def test_the_table_has_every_duty_that_a_test_names_and_no_other() -> None:
    """A promise without a proof, and a proof that nobody is told of."""
    assert [row["number"] for row in _ROW.finditer(PAGE.read_text())] == [
        line.split()[1] for line in table({}).splitlines()
    ]


def test_the_table_says_where_each_duty_is_proven() -> None:
    """By the files of the tests; `PYTHONPATH=tests python tests/house/test_duties.py` brings it up to date."""
    written = {row["number"]: row["tests"] for row in _ROW.finditer(PAGE.read_text())}

    assert {number: tests for number, tests in written.items() if tests != where_proven(number)} == {}


if __name__ == "__main__":
    write()
