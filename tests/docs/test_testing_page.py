"""The page for who tests their own code: its test file is one, and it has every verb."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from docs.pages import page
from grantkeeper.emulator import Emulator

PAGE = page(Path("docs/testing.md"))
INTERNAL = {"handle", "record", "issuer", "endpoints", "project_scopes", "end_grants"}
"""How the emulator's own parts work together."""


def test_the_test_file_of_the_page_passes(tmp_path: Path) -> None:
    """As somebody has it who copied it: files in an empty folder, and pytest."""
    written = 0
    for snippet in PAGE.snippets("python"):
        name = snippet.body.partition("\n")[0].removeprefix("# ")
        if name.endswith(".py"):
            written += (tmp_path / name).write_text(snippet.body)
    assert written
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "GRANTKEEPER"))}

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert "4 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("verb", sorted({each for each in vars(Emulator) if not each.startswith("_")} - INTERNAL))
def test_the_page_has_every_verb(verb: str) -> None:
    """In the first column of one of its tables, or beside it."""
    assert f"`{verb}(" in PAGE.text
