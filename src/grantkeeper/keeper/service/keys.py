"""API keys: made, checked, counted, ended."""

from __future__ import annotations

from ..parts import Parts


class ApiKeys:
    """The keeper's `keys`. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
