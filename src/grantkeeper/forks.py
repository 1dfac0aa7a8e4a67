"""What a forked child must not share with its parent: connections, locks that a parent's thread may hold (R-67).

A web server that loads an application and then forks its workers (gunicorn --preload) does so with a keeper in it.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from types import MethodType
from typing import Final

_methods: Final[list[weakref.WeakMethod[Callable[[], None]]]] = []


def in_child(method: MethodType | Callable[[], None]) -> None:
    """Have a bound method called in every forked child, as long as its object lives; it must take no lock."""
    _methods[:] = [each for each in _methods if each() is not None]
    _methods.append(weakref.WeakMethod(method))


def _forked() -> None:
    for each in _methods:
        method = each()
        if method is not None:
            method()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
