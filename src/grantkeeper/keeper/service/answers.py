"""Answers to requests that may be sent again."""

from __future__ import annotations

from ..parts import Parts


class KeptAnswers:
    """The keeper's `answers`. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
