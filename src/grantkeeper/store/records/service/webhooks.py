"""Endpoints and deliveries."""

from __future__ import annotations

from ..access import Access


class Webhooks:
    """Implements `WebhookStore`."""

    def __init__(self, access: Access) -> None:
        self._access = access
