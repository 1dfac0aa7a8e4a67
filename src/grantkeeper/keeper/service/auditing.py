"""The audit log: read, verified, exported, and persons erased from it."""

from __future__ import annotations

from ..parts import Parts


class Auditing:
    """The keeper's `audit`. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
