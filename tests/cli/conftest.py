"""A folder with a configuration for the served emulator, and the command line run in it as a real program."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from grantkeeper.cli import app
from grantkeeper.emulator import Emulator
from grantkeeper.emulator.server import serve

PROGRAM = Path(sys.executable).with_name("grantkeeper")
BROWSER = f"{sys.executable} {Path(__file__).with_name('browser.py')} %s"


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Home:
    """A user's folder and environment."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, stdin: str = "", **environ: str) -> Ran:
        """Run `grantkeeper` with arguments, in a process of its own."""
        with self.start(*arguments, **environ) as process:
            out, err = process.communicate(stdin, timeout=60)
        return Ran(code=process.returncode, out=out, err=err)

    def call(self, *arguments: str, **environ: str) -> Ran:
        """Run `grantkeeper` with arguments in this process: the same, without the second that a new one takes."""
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(app, arguments, env=self.environ | environ)
        return Ran(code=done.exit_code, out=done.stdout, err=done.stderr)

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Start `grantkeeper` with arguments."""
        return subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=self.folder,
            env=self.environ | environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def connect(self, owner: str, person: str, decision: str = "allows", *more: str) -> Ran:
        """Run `connect` with a browser that walks as `person`."""
        return self.run("connect", owner, "google-ads", *more, WALKS_AS=person, WALKS_AND=decision)

    def write(self, name: str, text: str) -> Path:
        """Write a file into the folder."""
        file = self.folder / name
        file.write_text(text)
        return file

    def write_client_secret(self, emulator: Emulator, kind: str = "installed") -> None:
        """Write the client_secret.json of the emulator's first client of this kind."""
        client = next(each.id for each in emulator.world.clients if each.kind == kind)
        self.write("client_secret.json", json.dumps(emulator.client_secret(client))).chmod(0o600)


@pytest.fixture
def empty(tmp_path: Path) -> Home:
    """A folder with nothing in it, and an environment that says nothing but where programs are."""
    environ = {
        "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "BROWSER": BROWSER,
        "PYTHONWARNINGS": "error",
        "COLUMNS": "120",
    }
    return Home(folder=tmp_path, environ=environ)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    """Google in a box, served."""
    box = Emulator()
    with serve(box):
        yield box


@pytest.fixture
def home(empty: Home, emulator: Emulator) -> Home:
    """A folder in which `grantkeeper init --emulator` was run, for the served emulator."""
    empty.write_client_secret(emulator)
    empty.environ["GRANTKEEPER_EMULATOR"] = emulator.base_url
    made = empty.call("init", "--emulator")
    assert made.code == 0, made.err
    return empty
