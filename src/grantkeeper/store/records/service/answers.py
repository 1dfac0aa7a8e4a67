"""Answers to POSTs that may be sent again."""

from __future__ import annotations

from ..access import Access


class Answers:
    """Implements `IdempotencyStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access
