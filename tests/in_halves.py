"""Run every test but the slow ones in two processes at once: `make test`. Each half has servers of its own.

python tests/in_halves.py             both halves; the second one's output follows the first one's
python tests/in_halves.py ARGUMENT... one pytest with these arguments
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

FIRST = (
    *("store", "processes", "refresh", "keeper", "renewal", "installation", "ha", "transport", "providers", "oauth"),
    *("browser", "accounts", "cli", "dashboard"),
)
"""About half of the time, by measurement. The other half is whatever is not named here, so that nothing is left out."""

ROOT = Path(__file__).resolve().parents[1]
PYTEST = (sys.executable, "-m", "pytest", "-m", "not slow and not ha")


def halves() -> tuple[list[str], list[str]]:
    """Return the arguments of both halves."""
    folders = [f"tests/{name}" for name in FIRST]
    return folders, ["tests", *(f"--ignore={folder}" for folder in folders)]


def main(arguments: list[str]) -> int:
    """Run the tests; returns the exit code."""
    if arguments:
        return subprocess.run([*PYTEST, *arguments], cwd=ROOT, check=False).returncode
    first, second = halves()
    began = time.monotonic()
    with tempfile.TemporaryFile("w+") as later:
        other = subprocess.Popen([*PYTEST, *second], cwd=ROOT, stdout=later, stderr=subprocess.STDOUT)
        try:
            codes = [subprocess.run([*PYTEST, *first], cwd=ROOT, check=False).returncode, other.wait()]
        except BaseException:
            other.terminate()
            other.wait()
            raise
        later.seek(0)
        sys.stdout.writelines(later)
    said = "passed" if codes == [0, 0] else "FAILED"
    print(f"both halves {said} in {(time.monotonic() - began) / 60:.1f} minutes")
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
