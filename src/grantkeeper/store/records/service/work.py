"""When grants are due."""

from __future__ import annotations

from ..access import Access


class WorkRecords:
    """Implements `WorkStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access
