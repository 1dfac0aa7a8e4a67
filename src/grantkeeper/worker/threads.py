"""Threads that may not begin."""

from __future__ import annotations

import logging
import threading

log = logging.getLogger("grantkeeper")


def is_started(thread: threading.Thread) -> bool:
    """Start a thread; False when there is none to be had: a limit, or no memory. It may be better in a moment."""
    try:
        thread.start()
    except (RuntimeError, MemoryError) as error:
        log.warning("%s: %s", thread.name, error)
        return False
    return True
