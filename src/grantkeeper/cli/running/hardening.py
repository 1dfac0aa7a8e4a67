"""A process that holds keys leaves no copy of its memory behind (V-24)."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4
"""prctl(2): 0 means no core dump, and that no other process of this user may attach or read /proc/PID/mem."""


def keep_memory_private() -> None:
    """Write no core dumps, and let no other process of this user look into this one; where the system can do it."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            # A core pattern that pipes into a program ignores RLIMIT_CORE's size; this it does not ignore.
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
