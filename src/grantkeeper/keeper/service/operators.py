"""Operators: invited, signed in, signed out, disabled."""

from __future__ import annotations

from ..parts import Parts


class OperatorDesk:
    """The keeper's `operators`. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
