"""The command line's page is complete: every command, every option, every exit code, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import typer.main

from docs.pages import page
from grantkeeper.cli.app import app
from grantkeeper.cli.exits import EXITS

TEXT = page(Path("docs/cli.md")).text
ROOT_COMMAND: Any = typer.main.get_command(app)


def _flat(commands: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Return every command by its whole name, `operator invite` for one of a group."""
    found: dict[str, Any] = {}
    for name, command in commands.items():
        inner = getattr(command, "commands", None)
        found |= _flat(inner, f"{before}{name} ") if inner else {f"{before}{name}": command}
    return found


COMMANDS: dict[str, Any] = _flat(ROOT_COMMAND.commands)
NOT_COMMANDS = {"Exit codes", "For all commands"}


def section(heading: str) -> str:
    """Return what stands below a heading."""
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def written(heading: str) -> set[str]:
    """Return the options in the first column of a section's table."""
    first = "".join(re.findall(r"^\| (`-[^|]*)\|", section(heading), re.MULTILINE))
    return set(re.findall(r"`(-[\w-]+)", first))


def options(parameters: Iterable[Any]) -> set[str]:
    """Return the names of a command's options."""
    return {
        name
        for each in parameters
        if each.param_type_name == "option"
        for name in (*each.opts, *each.secondary_opts)
        if name not in {"-h", "--help"}
    }


def test_the_page_has_every_command() -> None:
    """In a section of its own."""
    assert set(re.findall(r"^## (.+)$", TEXT, re.MULTILINE)) - NOT_COMMANDS == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_has_every_option_of_a_command(name: str) -> None:
    """And invents none."""
    assert written(name) == options(COMMANDS[name].params)


def test_the_page_has_every_option_of_all_commands() -> None:
    """Those before the command's name."""
    assert written("For all commands") == options(ROOT_COMMAND.params)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_names_every_argument_and_the_usual_values(name: str) -> None:
    """Arguments in the order that they are given in; defaults as they are."""
    arguments = [
        each.metavar or each.name.upper() for each in COMMANDS[name].params if each.param_type_name == "argument"
    ]
    if arguments:
        assert f"`{name} {' '.join(arguments)}`" in section(name)
    for each in COMMANDS[name].params:
        if isinstance(each.default, int) and not isinstance(each.default, bool):
            assert re.search(rf"`{each.opts[0]}\b[^|]*\|[^|\n]*\b{each.default}\b", section(name)), each.opts


def test_the_page_has_every_exit_code() -> None:
    """In the words of `--help`."""
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", section("Exit codes"), re.MULTILINE))

    assert rows == {str(int(code)): meaning for code, meaning in EXITS.items()}
