"""What must not be in the code base: where it was made, and anything that looks like a real secret."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from house.source import ROOT, files

REGISTRIES = tuple(
    ".".join(parts)  # in pieces: this file is searched too
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("repo", "maven", "apache", "org"),
    )
)
PATTERNS = {
    "the name of a package registry's host": "|".join(re.escape(each) for each in REGISTRIES),
    "somebody's home": r"/(?:home|Users)/[a-z]\w+/|[A-Z]:[\\]Users|(?<![\w.])/root[/]",
    "a folder of one machine": r"(?<![\w./-])/(?:work|workspace|builds)/",
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----",
    "a client secret": r"GOCSPX-(?!emulated|example)[\w-]{20,}",
    "an access token": r"ya29\.[\w-]{40,}",
    "a refresh token": r"(?<![\w/])1//0[\w-]{40,}",
    "an API key": r"AIza[\w-]{35}|AKIA[A-Z0-9]{16}|gh[pousr]_\w{36}|sk_live_\w{20,}",
}
BINARY = frozenset({".png", ".ico", ".woff2", ".gif", ".jpg"})


def traces(text: str) -> list[str]:
    """Return what a text has that it must not have."""
    return [
        f"line {number}: {what}"
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in PATTERNS.items()
        if re.search(pattern, line)
    ]


@pytest.mark.parametrize("path", [each for each in files() if each.suffix not in BINARY], ids=str)
def test_no_file_tells_where_it_was_made_or_holds_a_secret(path: Path) -> None:
    """No registry host, no absolute path of one machine, nothing that looks like a real secret."""
    assert traces((ROOT / path).read_text()) == []


@pytest.mark.parametrize(
    "line",
    [
        "see https://" + REGISTRIES[0] + "/project/x",
        "/".join(("", "home", "ann", "code")),
        "/".join(("", "root", ".cache")),
        "/".join(("", "work", "main")),
        "-----BEGIN {}-----".format("PRIVATE KEY"),
        "secret = GOCSPX-" + "a" * 24,
        "ya29." + "b" * 60,
        "1//0" + "c" * 60,
        "AKIA" + "D" * 16,
    ],
)
def test_a_trace_would_be_found(line: str) -> None:
    """The patterns find what they are for."""
    assert len(traces(line)) == 1


@pytest.mark.parametrize("line", ["https://1.example//0abc", "a /homepage/ b", "GOCSPX-emulated-not-a-secret-web"])
def test_what_is_harmless_is_left_alone(line: str) -> None:
    """The emulator's own client secrets say that they are none."""
    assert traces(line) == []
