"""Importing grantkeeper, and asking for help, cost little: what is heavy comes with the first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = frozenset(
    {
        "sqlalchemy",
        "alembic",
        "httpx2",
        "joserfc",
        "starlette",
        "uvicorn",
        "jinja2",
        "google",
        "googleads",
        "googleapiclient",
        "grpc",
    }
)
HELP = """
import sys
sys.argv = ["grantkeeper", *{arguments!r}]
from grantkeeper.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""


def loaded(code: str) -> set[str]:
    """Return the top-level names of what is imported once `code` has run in a new interpreter."""
    code += "\nimport sys\nprint('\\n' + ' '.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_grantkeeper_imports_nothing_heavy() -> None:
    """A program that only catches our errors does not pay for a database."""
    assert loaded("import grantkeeper") & (HEAVY | {"typer", "rich", "cryptography"}) == set()


def test_importing_grantkeeper_needs_no_import_beyond_the_standard_library() -> None:
    """V-72: errors and values are the standard library's only."""
    found = loaded("import grantkeeper") - set(sys.stdlib_module_names) - loaded("")

    assert found == {"grantkeeper"}


def test_a_remote_brings_neither_a_database_nor_cryptography() -> None:
    """What asks the service over HTTP needs a small part of what is installed, and nothing to open seals with."""
    found = loaded(
        "from grantkeeper import AsyncRemote, Remote; AsyncRemote(Remote('http://127.0.0.1:9', 'gk_made-up'))"
    )

    assert found & (HEAVY | {"typer", "rich", "cryptography"}) == set()
    assert "httpcore2" in found


@pytest.mark.parametrize("arguments", [["--help"], ["connect", "--help"], ["serve", "--help"], ["demo", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    """`grantkeeper --help` answers at once."""
    assert loaded(HELP.format(arguments=arguments)) & (HEAVY | {"cryptography"}) == set()


def test_a_heavy_import_would_be_found() -> None:
    """The measure sees what it looks for."""
    assert "sqlalchemy" in loaded("import sqlalchemy")
