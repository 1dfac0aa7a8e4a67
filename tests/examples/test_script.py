"""The script, run as it stands; and the page that shows the examples."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from docs.desk import prepared
from docs.pages import Snippet, page
from examples.site import EXAMPLES
from house.source import ROOT

PAGE = page(Path("docs/embedding.md"))
SHOWN = [each for each in PAGE.snippets("python") if f"```python\n{each.body}" in PAGE.text]


def test_the_script_prints_what_the_grant_reaches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten lines: find the grant, build the official client, call it."""
    monkeypatch.setattr("sys.argv", ["script.py", "acme"])
    with prepared(tmp_path):
        runpy.run_path(str(ROOT / "examples" / "script.py"), run_name="__main__")

    assert sorted(capsys.readouterr().out.split()) == ["customers/2223334441", "customers/4445556663"]


def test_the_script_has_ten_lines() -> None:
    """As the page says."""
    code = [line for line in (ROOT / "examples" / "script.py").read_text().splitlines()[1:] if line.strip()]

    assert len(code) <= 10


@pytest.mark.parametrize("shown", SHOWN, ids=lambda each: f"line {each.line}")
def test_the_page_shows_the_examples_as_they_are(shown: Snippet) -> None:
    """Page and file cannot drift apart: what is shown is a piece of a file that the tests run."""
    files = [(ROOT / "examples" / f"{name}.py").read_text() for name in EXAMPLES]

    assert any(shown.body in text for text in files)
