"""Load by wrk, one thread of it: what it saw."""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}
_SCRIPT = """
local ids, last = {}, 0
for line in io.lines("%(ids)s") do ids[#ids + 1] = line end
math.randomseed(20261128)
request = function()
  last = %(next)s
  return wrk.format("GET", "%(before)s" .. ids[last] .. "%(after)s", {["authorization"] = "%(authorization)s"})
end
"""
_NEXT = {"at random": "math.random(#ids)", "in turn": "last %% #ids + 1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Requests per second, seconds that the slowest hundredth took at least, and how many were not answered well."""

    rate: float
    p99: float
    count: int
    failed: int


def wrk(url: str, *, connections: int, seconds: float, script: Path | None = None) -> Seen:
    """Load an address for so long; `script` makes the requests."""
    found = shutil.which("wrk")
    if found is None:
        raise RuntimeError("wrk is not installed: apt-get install wrk")
    command = [found, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency"]
    command += ["-s", str(script)] if script else []
    said = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    return Seen(
        rate=float(_found(r"Requests/sec:\s+([\d.]+)", said)),
        p99=_seconds(_found(r"99%\s+([\d.]+\w+)", said)),
        count=int(_found(r"(\d+) requests in", said)),
        failed=(int(failed[1]) if failed else 0) + (sum(map(int, errors.groups())) if errors else 0),
    )


def script(folder: Path, *, ids: list[str], order: Literal["at random", "in turn"], authorization: str) -> Path:
    """Write a script that asks for these grants' tokens in this order, with this header."""
    name = secrets.token_hex(4)
    listed, written = folder / f"{name}.txt", folder / f"{name}.lua"
    listed.write_text("\n".join(ids))
    values = {"ids": listed, "next": _NEXT[order].replace("%%", "%"), "authorization": authorization}
    written.write_text(_SCRIPT % {"before": "/v1/grants/", "after": "/token", **values})
    return written


def _found(pattern: str, said: str) -> str:
    match = re.search(pattern, said)
    if match is None:
        raise RuntimeError(f"wrk said something else: {said}")
    return match[1]


def _seconds(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text)
    assert match is not None, text
    return float(match[1]) * _UNITS[match[2]]
