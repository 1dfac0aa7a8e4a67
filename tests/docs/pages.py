"""Reading the pages of the documentation: their snippets, links and headings. CONTRIBUTING.md has the convention."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from house.source import ROOT, files

RUN = frozenset({"python", "console", "toml", "json"})
SHOWN = frozenset({"text", "http", "html", "diff", "mermaid"})
"""Languages of snippets that are there to be read: there is nothing to run."""

_FENCE = re.compile(
    r"^(?:<!-- (?P<aside>test|not run:) ?(?P<said>(?:(?!-->).)*)-->\n+)?"
    r"^(?P<indent> *)```(?P<language>[\w-]*)[^\n]*\n(?P<body>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_HIDDEN = re.compile(r"^<!-- test\n(?P<code>.*?)^-->$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\((?P<to>[^)\s]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A fenced block. `line` is where its body begins; `not_run` is the reason why a console block is only read."""

    language: str
    body: str
    line: int
    not_run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page, its path relative to the root of the code base."""

    path: Path
    text: str

    def snippets(self, language: str = "") -> list[Snippet]:
        """Return the fenced blocks, in order; hidden test code is Python."""
        found = [
            Snippet(
                language=match["language"],
                body=_dedented(match["body"], len(match["indent"])),
                line=self._line(match.start("body")),
                not_run=(match["said"] or "").strip() if match["aside"] == "not run:" else "",
            )
            for match in _FENCE.finditer(self.text)
        ]
        found += [
            Snippet(language="python", body=match["code"], line=self._line(match.start("code")))
            for match in _HIDDEN.finditer(self.text)
        ]
        return [each for each in sorted(found, key=lambda each: each.line) if language in {"", each.language}]

    def commands(self) -> list[tuple[Snippet, str, list[str]]]:
        """Return each `$ command` of the console blocks, with the lines that are shown as its output."""
        found: list[tuple[Snippet, str, list[str]]] = []
        for snippet in self.snippets("console"):
            for line in snippet.body.splitlines():
                if line.startswith("$ "):
                    found.append((snippet, line.removeprefix("$ "), []))
                elif line.strip() and found:
                    found[-1][2].append(line.strip())
        return found

    def links(self) -> list[str]:
        """Return where the page links to within the code base."""
        prose = _FENCE.sub("", self.text)
        return [each for each in _LINK.findall(prose) if not re.match(r"[a-z]+:", each)]

    def anchors(self) -> set[str]:
        """Return the anchors of its headings, as GitHub makes them."""
        headings = re.findall(r"^#+ +(.+)$", _FENCE.sub("", self.text), re.MULTILINE)
        return {re.sub(r"[^\w\- ]", "", each.lower()).strip().replace(" ", "-") for each in headings}

    def _line(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1


def page(path: Path) -> Page:
    """Read a page."""
    return Page(path=path, text=(ROOT / path).read_text())


def pages() -> list[Page]:
    """Return every page that a reader may come to."""
    return [page(path) for path in files("*.md")]


def _dedented(body: str, indent: int) -> str:
    return "".join(line[indent:] if line[:indent].isspace() else line for line in body.splitlines(keepends=True))
