"""How Google's APIs refuse: a google.rpc.Status, as JSON over REST and as a status with details over gRPC.

Source: cloud.google.com/apis/design/errors (codes and their HTTP statuses), 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from grantkeeper.emulator.wire import Response, json

Detail = Mapping[str, Any]


class Code(Enum):
    """A google.rpc.Code: its HTTP status and its number on gRPC's wire."""

    INVALID_ARGUMENT = (400, 3)
    DEADLINE_EXCEEDED = (504, 4)
    NOT_FOUND = (404, 5)
    ALREADY_EXISTS = (409, 6)
    PERMISSION_DENIED = (403, 7)
    RESOURCE_EXHAUSTED = (429, 8)
    FAILED_PRECONDITION = (400, 9)
    UNIMPLEMENTED = (501, 12)
    INTERNAL = (500, 13)
    UNAVAILABLE = (503, 14)
    UNAUTHENTICATED = (401, 16)
    CANCELLED = (499, 1)
    UNKNOWN = (500, 2)
    ABORTED = (409, 10)
    OUT_OF_RANGE = (400, 11)
    DATA_LOSS = (500, 15)

    @property
    def http(self) -> int:
        """The HTTP status."""
        return self.value[0]

    @property
    def number(self) -> int:
        """The number in google.rpc.Status."""
        return self.value[1]


class ApiError(Exception):
    """A refusal. `details` are google.protobuf.Any in their JSON form; `challenge` is the WWW-Authenticate header.

    `old` is the reason and its domain, in the way that older APIs still add.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        *,
        details: tuple[Detail, ...] = (),
        challenge: str = "",
        old: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        self.details = details
        self.challenge = challenge
        self.old = old

    def body(self) -> dict[str, Any]:
        """Return the JSON body of the answer."""
        error: dict[str, Any] = {"code": self.code.http, "message": self.message, "status": self.code.name}
        if self.details:
            error["details"] = [dict(each) for each in self.details]
        if self.old:
            error["errors"] = [{"message": self.message, "domain": self.old[1], "reason": self.old[0]}]
        return {"error": error}

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Return the headers that the answer has beside its content type."""
        return (("www-authenticate", self.challenge),) if self.challenge else ()

    def response(self) -> Response:
        """Return the answer over REST."""
        return json(self.body(), self.code.http, self.headers())


def invalid_argument(message: str = "Request contains an invalid argument.") -> ApiError:
    """Make the refusal of a request that is wrong in itself."""
    return ApiError(Code.INVALID_ARGUMENT, message)


def not_found(message: str = "Requested entity was not found.") -> ApiError:
    """Make the refusal of a request for what is not there."""
    return ApiError(Code.NOT_FOUND, message)
