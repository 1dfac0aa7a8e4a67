"""Webhook endpoints: added, changed, tried, removed."""

from __future__ import annotations

from ..parts import Parts


class WebhookDesk:
    """The keeper's `webhooks`. Thread-safe."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
