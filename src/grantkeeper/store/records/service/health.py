"""How OAuth clients do."""

from __future__ import annotations

from ..access import Access


class HealthRecords:
    """Implements `HealthStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access
