"""Which code a REST answer carries: a google.rpc.Status in JSON, with a GoogleAdsFailure or an ErrorInfo in it.

Source: cloud.google.com/apis/design/errors; developers.google.com/google-ads/api/docs/get-started/handle-errors; a
streaming method's error is an array of one. Read 2026-11-22. Nothing an answer holds is trusted: what has another shape
than it should counts as absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from ...errors import AccessRefused, GrantkeeperError, ProviderWords, without_secrets
from ...model import Response
from .google import STATUSES
from .meaning import Meaning
from .raising import UNKNOWN, as_error
from .table import meaning

_STATUS: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""HTTP status -> google.rpc.Code, for answers that do not name one."""

_LONGEST_CODE: Final = 120
_SECONDS: Final = re.compile(r"([0-9]{1,6})(?:\.[0-9]{1,9})?s?")
"""A google.protobuf.Duration in JSON (`3.5s`), or a Retry-After header in seconds."""
_QUOTAS: Final = "usageLimits"
"""The domain of every quota's reason, known here or not, in the older form (developers.google.com/drive/api/guides/
handle-errors, read 2026-11-24)."""
_MOST: Final = 50
"""Details, and errors in one of them, that are looked at: Google sends a few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an answer says: its codes, the most telling first; the words; the request's id; how long to wait.

    `named` tells whether the body itself names a code as Google does, and no quota's: then no proxy wrote it.
    """

    codes: tuple[str, ...]
    named: bool = False
    words: str = ""
    request_id: str = ""
    retry_after: timedelta | None = None


def rest_refusal(
    api: str, response: Response, *, grant_id: str | None = None, account_id: str = ""
) -> GrantkeeperError:
    """Return the error of ours that a REST answer is which refuses, whatever its body holds.

    A 5xx and a 429 are ProviderUnavailable, however they are worded. Otherwise the most telling code counts that the
    table has. A 401 whose own code is not known is not taken for a token that another one could replace. An error in an
    answer of 2xx (R-30) counts as if it had come with the HTTP status that it names, or with 500 when it names none.
    """
    response = _honest(response)
    said = rest_said(response)
    words = ProviderWords(error=said.codes[0], description=said.words, request_id=said.request_id)
    found = _meaning(api, response.status, said.codes) or UNKNOWN
    return as_error(api, found, words, grant_id=grant_id, account_id=account_id, retry_after=said.retry_after)


def concerns_token(api: str, response: Response) -> bool:
    """Tell whether another access token could help: a 401 that says nothing about the person who consented.

    Google Ads answers 401 to a person whom it does not know, too (NOT_ADS_USER).
    """
    if response.status != 401:
        return False
    found = meaning(api, rest_said(response).codes[0])
    return found is None or found.who in ("grant", "wait")


def concerns_account(api: str, response: Response) -> bool:
    """Tell whether Google itself says that what was asked for is not there, or not for this person.

    A 403 or 404 of a proxy, of a firewall or about a quota says nothing of the kind (R-30), and a 400 is our mistake.
    """
    refusal = rest_refusal(api, response) if response.status in (403, 404) and rest_said(response).named else None
    return isinstance(refusal, AccessRefused) and refusal.who == "account"


def _honest(response: Response) -> Response:
    if not 200 <= response.status < 300:
        return response
    code = _error(response.body).get("code")
    return replace(response, status=code if isinstance(code, int) and 400 <= code < 600 else 500)


def _meaning(api: str, status: int, codes: tuple[str, ...]) -> Meaning | None:
    if status == 429 or (status >= 500 and status != 501):
        waits = (found for each in (*codes, "UNAVAILABLE") if (found := meaning(api, each)) and found.who == "wait")
        return next(waits, None)
    known = (found for each in codes if (found := meaning(api, each)))
    return meaning(api, codes[0]) if status == 401 else next(known, None)


def rest_said(response: Response) -> Said:
    """Return what a REST answer says whose status is not 2xx; its last code is that of the status."""
    error = _error(response.body)
    details = [each for each in _items(error.get("details")) if isinstance(each, dict)]
    failures = [failure for each in details for failure in _items(each.get("errors")) if isinstance(failure, dict)]
    legacy = [each for each in _items(error.get("errors")) if isinstance(each, dict)]
    codes = [code for failure in failures for code in _ads_codes(failure.get("errorCode"))]
    codes += [code for each in (*details, *legacy) if (code := _code(each.get("reason")))]
    codes += [code for code in (_code(error.get("status")), _of_status(response.status)) if code]
    waits = [*(_wait(each) for each in (*details, *failures)), _seconds(response.headers.get("retry-after"))]
    return Said(
        codes=tuple(dict.fromkeys(codes)),
        named=_code(error.get("status")) in STATUSES and not any(each.get("domain") == _QUOTAS for each in legacy),
        words=next((words for each in (*failures, error) if (words := _text(each.get("message")))), ""),
        request_id=next((found for each in details if (found := _text(each.get("requestId")))), "")
        or _text(response.headers.get("request-id")),
        retry_after=max((each for each in waits if each), default=None),
    )


def _of_status(status: int) -> str:
    return _STATUS.get(status) or ("UNAVAILABLE" if status >= 500 else f"HTTP_{status}")


def _error(body: bytes) -> dict[str, object]:
    """Return the `error` member of the body, or of the first object in it; {} when there is none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if isinstance(document, list) and document:
        document = document[0]
    error = document.get("error") if isinstance(document, dict) else None
    return error if isinstance(error, dict) else {}


def _items(value: object) -> list[object]:
    return value[:_MOST] if isinstance(value, list) else []


def _text(value: object) -> str:
    """Return a text without what looks like a secret: it goes into messages, and a Said into tracebacks."""
    return without_secrets(value) if isinstance(value, str) else ""


def _code(value: object) -> str:
    """Return a code that may be shown and compared; "" for anything else."""
    return value if isinstance(value, str) and re.fullmatch(rf"[A-Za-z0-9_]{{1,{_LONGEST_CODE}}}", value) else ""


def _ads_codes(error_code: object) -> Iterator[str]:
    """Return `AuthorizationError.USER_PERMISSION_DENIED` for {"authorizationError": "USER_PERMISSION_DENIED"}."""
    for kind, name in error_code.items() if isinstance(error_code, dict) else ():
        if _code(kind) and _code(name):
            yield f"{kind[0].upper()}{kind[1:]}.{name}"


def _wait(detail: Mapping[str, object]) -> timedelta | None:
    """Return the delay of a google.rpc.RetryInfo, or of a Google Ads error's quotaErrorDetails."""
    inner = detail.get("details")
    quota = inner.get("quotaErrorDetails") if isinstance(inner, dict) else None
    return _seconds(quota.get("retryDelay") if isinstance(quota, dict) else detail.get("retryDelay"))


def _seconds(value: object) -> timedelta | None:
    found = _SECONDS.fullmatch(value) if isinstance(value, str) else None
    return timedelta(seconds=int(found[1])) if found else None
