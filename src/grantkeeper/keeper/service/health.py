"""How OAuth clients do: counted here, kept for all processes."""

from __future__ import annotations

from ..parts import Parts


class Health:
    """The keeper's `health`. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
