"""docs/errors.md holds the table of refusals: every code, who must act, what it means, what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from docs.pages import page
from grantkeeper.accounts.refusals import TABLE, TITLES, Meaning

PAGE = page(Path("docs/errors.md"))
ACTS = {
    "grant": ("the owner", "ConsentRequired"),
    "person": ("the person", "AccessRefused"),
    "account": ("the account", "AccessRefused"),
    "project": ("you", "Misconfigured"),
    "wait": ("nobody: wait", "ProviderUnavailable"),
}
AS_IT_COMES = (
    "ABORTED ALREADY_EXISTS CANCELLED FAILED_PRECONDITION INVALID_ARGUMENT NOT_FOUND OUT_OF_RANGE UNIMPLEMENTED"
)


def row(code: str, found: Meaning) -> str:
    """Return the line of the page that a code has."""
    who, raised = ACTS[found.who]
    return f"| `{code}` | {who} | `{raised}` | {found.text} {found.advice} |"


def section(api: str) -> str:
    """Return the table of an API as the page has it."""
    rows = [row(code, found) for code, found in sorted(TABLE[api].items())]
    return "\n".join(["| code | who must act | raised | what it means and what to do |", "|---|---|---|---|", *rows])


@pytest.mark.parametrize("api", TABLE)
def test_the_page_holds_the_table_of_each_api(api: str) -> None:
    """Row by row as the code has it, and no row more."""
    heading = "Any API of Google's" if api == "google" else TITLES[api]
    written = PAGE.text.partition(f"### {heading}\n")[2].partition("\n### ")[0]

    assert section(api) in written
    assert len(re.findall(r"^\| `", written, re.MULTILINE)) == len(TABLE[api])


def test_the_page_names_the_codes_that_pass_unchanged() -> None:
    """What programs handle by the library's own classes."""
    assert ", ".join(f"`{code}`" for code in AS_IT_COMES.split()) in " ".join(PAGE.text.split())
