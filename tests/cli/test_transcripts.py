"""What the transcripts show is what happens: each command runs in a real shell, its whole output is compared.

In a transcript `$ ` begins a command, `[exit 3]` ends the output of one that failed, `…` stands for anything in a line,
or for any lines when alone, and $GRANT is the grant that was shown last. Lines with `#` tell, and some of them do what
they tell: see `happens`.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.conftest import Home
from cli.files.made import write_old_files
from grantkeeper.emulator import Emulator

TRANSCRIPTS = sorted(Path(__file__).with_name("transcripts").glob("*.txt"))


@dataclass(frozen=True, kw_only=True)
class Step:
    """What is told before a command, the command, and what it has to print."""

    told: tuple[str, ...]
    command: str
    expected: str


def steps(text: str) -> Iterator[Step]:
    """Yield the commands of a transcript."""
    told: list[str] = []
    for block in re.split(r"^(?=[$#] )", text, flags=re.MULTILINE):
        first, _, rest = block.partition("\n")
        if first.startswith("# "):
            told.append(first[2:])
        elif first.startswith("$ "):
            yield Step(told=tuple(told), command=first[2:], expected=rest.strip("\n"))
            told = []


def pattern(expected: str) -> re.Pattern[str]:
    """Return what an expected output allows."""
    lines = [
        r"(?:.*\n)*?" if line == "…" else re.escape(line).replace("…", ".*?") + "\n" for line in expected.splitlines()
    ]
    return re.compile("".join(lines))


def happens(told: str, home: Home, emulator: Emulator) -> None:
    """Do what a telling line says, if it does anything."""
    if found := re.fullmatch(r"In the browser: (\S+) (.*?)\.?", told):
        home.environ.update(WALKS_AS=found[1], WALKS_AND=found[2])
    elif found := re.fullmatch(r"At Google: (\S+) takes the access away\.", told):
        emulator.revoke(found[1])
    elif told == "At Google: trouble, once.":
        emulator.fail(503)
    elif told == "In an empty folder.":
        for file in home.folder.iterdir():
            file.unlink()
    elif told == "The emulator wrote its client_secret.json.":
        home.write_client_secret(emulator)
    elif told == "Somebody has a google-ads.yaml of an old script, and a list.":
        write_old_files(home, emulator)


@pytest.mark.reveals("state", "access token")
@pytest.mark.parametrize("file", TRANSCRIPTS, ids=lambda file: file.stem)
def test_a_transcript_shows_what_happens(file: Path, home: Home, emulator: Emulator) -> None:
    """Every command of the transcript prints what is shown and ends as shown."""
    for step in steps(file.read_text()):
        for each in step.told:
            happens(each, home, emulator)
        done = subprocess.run(
            ["bash", "-c", step.command],
            cwd=home.folder,
            env=home.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
        )
        printed = done.stdout + (f"[exit {done.returncode}]\n" if done.returncode else "")
        printed = "\n".join(line.rstrip() for line in printed.strip("\n").splitlines()) + "\n"
        assert pattern(step.expected).fullmatch(printed), f"$ {step.command}\n{printed}\n--- expected\n{step.expected}"
        for grant in re.findall(r"gr_[a-z2-7]{26}", printed):
            home.environ["GRANT"] = grant
