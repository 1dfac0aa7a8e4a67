"""Whatever is documented is executed: every snippet of every page, every link, every command."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from docs.desk import IDA, Desk, prepared, served
from docs.pages import RUN, SHOWN, Page, Snippet, page, pages
from grantkeeper.settings import Settings, new_key_file
from house.source import ROOT

PAGES = pages()
STAYS = frozenset({"serve", "worker", "emulator", "demo", "connect"})
"""Commands that wait for a person, or until Ctrl-C: their options are checked against --help."""
GOOGLEADS_WARNINGS = (
    "ignore:'locale.getdefaultlocale' is deprecated:DeprecationWarning:googleads.common",
    "ignore:The 'warn' method is deprecated:DeprecationWarning:googleads.util",
)


def _with(language: str) -> list[Page]:
    return [each for each in PAGES if each.snippets(language)]


def _name(each: object) -> str:
    return str(each.path) if isinstance(each, Page) else str(each)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A prepared folder, which is the current one, and a served emulator."""
    with prepared(tmp_path) as made:
        yield made


def execute(page: Page, desk: Desk) -> None:
    """Run a page's Python, top to bottom, in one namespace."""
    namespace: dict[str, Any] = {
        "__name__": "__snippet__",
        "emulator": desk.emulator,
        "come_back": desk.come_back,
        "IDA": IDA,
    }
    for snippet in page.snippets("python"):
        code = "\n" * (snippet.line - 1) + snippet.body  # so that a traceback names the page's own line
        exec(compile(code, str(ROOT / page.path), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_snippet_says_what_it_is(page: Page) -> None:
    """A snippet has a language that is run, or one that is only to be read; only console blocks may be left unrun."""
    wrong = [
        f"line {each.line}: {each.language or 'no language'}"
        for each in page.snippets()
        if each.language not in RUN | SHOWN or (each.not_run and each.language != "console")
    ]

    assert wrong == []


@pytest.mark.parametrize("page", _with("python"), ids=_name)
@pytest.mark.filterwarnings(*GOOGLEADS_WARNINGS)
def test_the_python_of_a_page_runs(page: Page, desk: Desk) -> None:
    """The Python of a page runs from top to bottom, against the emulator, and the service where it asks one."""
    with served() if "GRANTKEEPER_API_KEY" in page.text else nullcontext():
        execute(page, desk)


@pytest.mark.parametrize("page", _with("toml"), ids=_name)
def test_the_configurations_of_a_page_are_accepted(page: Page, desk: Desk) -> None:
    """Each grantkeeper.toml of a page loads: its keys are known, its clients' files are as Google gives them."""
    for snippet in page.snippets("toml"):
        _load(snippet, desk)


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_the_json_of_a_page_is_json(page: Page) -> None:
    """Each JSON snippet is an object or a list."""
    assert all(isinstance(json.loads(each.body), dict | list) for each in page.snippets("json"))


@pytest.mark.parametrize("page", _with("console"), ids=_name)
def test_the_commands_of_a_page_work(page: Page, desk: Desk) -> None:
    """Each command runs and shows what the page shows; what waits for a person has the options that are used."""
    with served() if "GRANTKEEPER_API_KEY" in page.text else nullcontext():
        assert [problem for each in page.commands() if (problem := complaint(*each, desk))] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_the_links_of_a_page_lead_somewhere(page: Page) -> None:
    """A link to another page, or to a heading, finds it."""
    assert broken_links(page) == []


def broken_links(start: Page) -> list[str]:
    """Return the links of a page that lead nowhere."""
    broken = []
    for link in start.links():
        path, _, anchor = link.partition("#")
        target = ((ROOT / start.path).parent / path).resolve()
        there = page(target.relative_to(ROOT)) if path and target.is_file() else start
        if not target.exists() or (anchor and anchor not in there.anchors()):
            broken.append(link)
    return broken


# --- commands --------------------------------------------------------------------------------------------------------


def complaint(snippet: Snippet, command: str, shown: list[str], desk: Desk) -> str:
    """Return what is wrong with a command of a page, or nothing."""
    words = shlex.split(command, comments=True)
    check = _CHECKS.get(words[0])
    if check is None:
        return "" if snippet.not_run else f"line {snippet.line}: nobody knows how to check `{command}`"
    said = check(words[1:], shown, desk)
    return f"line {snippet.line}: `{command}`: {said}" if said else ""


def _grantkeeper(words: list[str], shown: list[str], desk: Desk) -> str:
    if set(words) & STAYS:
        return _unknown_options(words, desk)
    folder = desk.folder
    if "init" in words:  # it makes what is there already
        folder = desk.folder / "new"
        folder.mkdir(exist_ok=True)
    done = desk.run(*(word.replace("GRANT", desk.grant) for word in words), folder=folder)
    output = done.stdout + done.stderr
    missing = [line for line in shown if not re.search(re.escape(line).replace(r"\.\.\.", ".*"), output)]
    if done.returncode:
        return f"exit code {done.returncode}"
    return f"does not say {missing}" if missing else ""


def _unknown_options(words: list[str], desk: Desk) -> str:
    command = next(word for word in words if word in STAYS)
    known = set(re.findall(r"--[a-z][\w-]*", desk.run(command, "--help").stdout))
    used = {word.partition("=")[0] for word in words if word.startswith("--")}
    return f"no option {sorted(used - known)}" if used - known else ""


def _make(words: list[str], _shown: list[str], _desk: Desk) -> str:
    makefile = (ROOT / "Makefile").read_text()
    targets = [word for word in words if "=" not in word]
    missing = [word for word in targets if not re.search(rf"^{re.escape(word)}:", makefile, re.MULTILINE)]
    return f"no such target: {missing}" if missing else ""


def _install(words: list[str], _shown: list[str], _desk: Desk) -> str:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = {extra.strip() for word in words for extra in ",".join(re.findall(r"grantkeeper\[(.+)\]", word)).split(",")}
    unknown = asked - set(known) - {""}
    return f"no such extra: {sorted(unknown)}" if unknown else ""


def _python(words: list[str], _shown: list[str], _desk: Desk) -> str:
    missing = [word for word in words if word.endswith(".py") and not (ROOT / word).is_file()]
    return f"no such file: {missing}" if missing else ""


def _curl(words: list[str], shown: list[str], desk: Desk) -> str:
    expanded = [os.path.expandvars(word).replace("GRANT", desk.grant) for word in words]
    done = subprocess.run(["curl", "--fail", *expanded], check=False, capture_output=True, text=True, timeout=60)
    missing = [line for line in shown if not re.search(re.escape(line).replace(r"\.\.\.", ".*"), done.stdout)]
    if done.returncode:
        return f"exit code {done.returncode}"
    return f"does not answer {missing}" if missing else ""


_CHECKS: dict[str, Callable[[list[str], list[str], Desk], str]] = {
    "curl": _curl,
    "grantkeeper": _grantkeeper,
    "make": _make,
    "pip": _install,
    "uv": _install,
    "python": _python,
}


# --- configurations --------------------------------------------------------------------------------------------------


@cache
def _not_ours() -> frozenset[str]:
    return frozenset(tomllib.loads((ROOT / "pyproject.toml").read_text()))


def _load(snippet: Snippet, desk: Desk) -> None:
    """Load a configuration as it stands on the page; what it leaves out of the top level is filled in."""
    written = tomllib.loads(snippet.body)
    if set(written) & _not_ours():
        return
    top = {"database": "sqlite:///x.sqlite3", "key_file": "page.key"}
    lines = [f'{name} = "{value}"' for name, value in top.items() if name not in written]
    redirect_uris: dict[str, list[str]] = {}
    for client in written.get("clients", {}).values():
        names = client["client_secret_file"]
        for name in [names] if isinstance(names, str) else names:
            redirect_uris.setdefault(name, []).append(client["redirect_uri"])
    for name, uris in redirect_uris.items():
        desk.write_client_secret(name, uris, emulated="emulator" in written)
    key_file = desk.folder / written.get("key_file", "page.key")
    if not key_file.exists():
        new_key_file(key_file)
    (desk.folder / "page.toml").write_text("\n".join([*lines, snippet.body]))
    assert Settings.load(desk.folder / "page.toml", environ={}).clients or "clients" not in written


# --- the tests above can fail ----------------------------------------------------------------------------------------


def _made_up(text: str) -> Page:
    return Page(path=Path("docs/made-up.md"), text=text)


def test_a_comment_hides_no_snippet_below_it() -> None:
    """A hidden test and what stands between it and the next one are told apart."""
    made_up = _made_up("<!-- test\na = 1\n-->\n# A\n```python\na\n```\n<!-- test\nb = 1\n-->\n```python\nb\n```\n")

    assert [each.body for each in made_up.snippets()] == ["a = 1\n", "a\n", "b = 1\n", "b\n"]
    assert made_up.anchors() == {"a"}


def test_python_that_does_not_work_would_be_found(desk: Desk) -> None:
    """A snippet sees what the ones before it defined, and fails on its own line."""
    made_up = _made_up("```python\na = 1\n```\n\n<!-- test\nassert a == 1\n-->\n\n```python\nassert a == 2\n```\n")

    with pytest.raises(AssertionError) as caught:
        execute(made_up, desk)

    assert caught.traceback[-1].lineno + 1 == 10


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("grantkeeper list --no-such-option", "exit code 2"),
        ("grantkeeper show NOBODY", "exit code 6"),
        ("grantkeeper serve --no-such-option", "no option ['--no-such-option']"),
        ("make no-such-target", "no such target"),
        ("pip install 'grantkeeper[no-such-extra]'", "no such extra"),
        ("python examples/no-such-file.py", "no such file"),
        ("rm -rf everything", "nobody knows"),
        ("curl -s http://127.0.0.1:1/v1/grants", "exit code 7"),
        ("grantkeeper list\nno such line", "does not say"),
    ],
)
def test_a_command_that_does_not_work_would_be_found(command: str, said: str, desk: Desk) -> None:
    """A wrong option, argument, target, extra or file, and another output than shown."""
    (made_up,) = _made_up(f"```console\n$ {command}\n```\n").commands()

    assert said in complaint(*made_up, desk)


def test_a_broken_link_would_be_found() -> None:
    """A missing page and a missing heading; a good link and one to elsewhere are left alone."""
    made_up = _made_up("# Head line\n[a](no.md) [b](#no) [c](#head-line) [d](../README.md) [e](https://x.example/)\n")

    assert broken_links(made_up) == ["no.md", "#no"]
