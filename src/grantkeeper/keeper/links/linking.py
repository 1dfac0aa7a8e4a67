"""Invitations: made, listed, followed, withdrawn, confirmed."""

from __future__ import annotations

from ..parts import Parts


class Linking:
    """The keeper's `links`. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
