"""What a program pays before it does anything: starting Python, importing grantkeeper, asking for help."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

from .measure import Timing

PYTHON = "python -c pass"
IMPORT = 'python -c "import grantkeeper"'
HELP = "grantkeeper --help"
_COMMANDS = {
    PYTHON: [sys.executable, "-c", "pass"],
    IMPORT: [sys.executable, "-c", "import grantkeeper"],
    HELP: [str(Path(sys.executable).parent / "grantkeeper"), "--help"],
}


def starts(count: int) -> dict[str, Timing]:
    """Time each command `count` times, in turn; the first turn fills the file cache and is not counted."""
    timings = {name: Timing(name=name) for name in _COMMANDS}
    for number in range(count + 1):
        for name, command in _COMMANDS.items():
            wall, cpu = time.perf_counter(), _children()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
            if number:
                timings[name].wall.append(time.perf_counter() - wall)
                timings[name].cpu.append(_children() - cpu)
    return timings


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
