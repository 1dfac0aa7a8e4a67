"""What the tests of the APIs share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from grantkeeper.emulator import Response

ADWORDS = "https://www.googleapis.com/auth/adwords"
DFP = "https://www.googleapis.com/auth/dfp"
ADMANAGER = "https://www.googleapis.com/auth/admanager"
READONLY = "https://www.googleapis.com/auth/admanager.readonly"


class Rest(Protocol):
    """Calls REST in process."""

    def __call__(
        self,
        token: str | None,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """GET the path, or POST the body to it."""
        ...


def failure(response: Response) -> tuple[int, str, str, str]:
    """Return an Ads error's HTTP status, outer status, kind and name."""
    error = response.json()["error"]
    ((kind, name),) = error["details"][0]["errors"][0]["errorCode"].items()
    return response.status, error["status"], kind, name
