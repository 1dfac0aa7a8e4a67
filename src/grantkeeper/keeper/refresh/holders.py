"""Who holds a lease: a name that tells, on the same host, whether its process still runs."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from functools import cache
from pathlib import Path
from typing import Final

_PROC: Final = Path("/proc")
_START_FIELD: Final = 22
"""proc(5), /proc/pid/stat: the time the process started, in clock ticks since boot; with the pid it is never reused."""

_ENDED: Final = "ended"
"""In place of a start: a zombie, which nobody has waited for yet."""

_active: Final[set[str]] = set()
"""The attempts of this process, of all its keepers; a name holds the process, so a forked child's copy is harmless."""


def begin() -> str:
    """Return the name of a new attempt of this process, at most 64 characters, which lives until `end`."""
    attempt = f"{_process(os.getpid())}.{secrets.token_hex(6)}"
    _active.add(attempt)
    return attempt


def end(attempt: str) -> None:
    """Note that this attempt does nothing any more; may be called twice."""
    _active.discard(attempt)


def is_gone(lease: str) -> bool:
    """Tell whether it is known that this attempt does nothing any more; False when that cannot be known."""
    if lease.rpartition(".")[0] == _process(os.getpid()):
        return lease not in _active
    host, _, rest = lease.partition(".")
    pid, _, rest = rest.partition(".")
    start = rest.partition(".")[0]
    if not start or host != _host() or not pid.isdecimal():
        return False
    return not _is_there(int(pid)) or _start(int(pid)) not in ("", start)


@cache
def _process(pid: int) -> str:
    return f"{_host()}.{pid}.{_start(pid) or '0'}"


@cache
def _host() -> str:
    """Return what names this running system and its process ids; another after a reboot, random where unknown."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text("ascii")
        seen = f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        seen = secrets.token_hex(16)
    return hashlib.sha256(seen.encode()).hexdigest()[:12]


def _is_there(pid: int) -> bool:
    """Tell whether a process of this id runs, one that ended and was not looked at excepted; True in doubt.

    Asked of the kernel: /proc may hide other users' processes (proc(5), hidepid), or not be there.
    """
    if sys.platform == "win32":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return _start(pid) != _ENDED


def _start(pid: int) -> str:
    """Return when the process started; "" when that cannot be seen, _ENDED when it has ended."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()  # the second field, in parentheses, may hold anything
    if fields[:1] in (["Z"], ["X"]):
        return _ENDED
    return fields[_START_FIELD - 3]
