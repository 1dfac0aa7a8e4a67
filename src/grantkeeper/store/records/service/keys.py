"""API keys, and what they read."""

from __future__ import annotations

from ..access import Access


class Keys:
    """Implements `KeyStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access
