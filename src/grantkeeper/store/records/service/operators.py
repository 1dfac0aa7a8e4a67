"""Operators, their one-time links and sessions."""

from __future__ import annotations

from ..access import Access


class Operators:
    """Implements `OperatorStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access
