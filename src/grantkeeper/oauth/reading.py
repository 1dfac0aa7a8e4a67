"""Reading what token endpoints write: JSON, or forms, with every spelling of a number. Nothing here raises."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import islice
from typing import Final
from urllib.parse import parse_qsl

from ..errors import ProviderWords
from ..model import Response, Secret
from ..strictjson import read_object, repeated

MAX_TOKEN_LENGTH: Final = 16 * 1024
"""Longer than any token may be: Google's access tokens have at most 2048 bytes, and headers end at 8 to 16 kB."""
MAX_SCOPE_LENGTH: Final = 500
"""Google's longest have about 90 characters; a scope is a name, or a URL that names."""
MAX_SCOPES: Final = 500
"""More than anybody grants: an answer of 1 MiB must not become a row of 1 MiB that is read for every token."""
MAX_RETRY_AFTER: Final = timedelta(hours=1)
"""A provider that asks for more is asked again after this; a typing error there must not stop us for years."""

_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")  # VSCHAR without the space: RFC 6749 A.12, A.17; also no header injection
_SCOPE: Final = re.compile(rf"[\x21\x23-\x5b\x5d-\x7e]{{1,{MAX_SCOPE_LENGTH}}}")  # scope-token: RFC 6749 A.4
_BETWEEN_SCOPES: Final = re.compile(r"[ ,\t\r\n]+")
_FORM_NAMES: Final = frozenset({"access_token", "refresh_token", "error"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The members of an answer, and which names came twice. No secret shows in its repr."""

    values: Mapping[str, object]
    doubled: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"Members({', '.join(sorted(map(repr, self.values)))})"


def members(response: Response) -> Members | None:
    """Return the members of a JSON body whatever its content type, or of a form (as Facebook once sent), or None."""
    found = read_object(response.body)
    if found is not None:
        return Members(values=found.members, doubled=found.doubled)
    return _form(response.body)


def _form(body: bytes) -> Members | None:
    try:
        pairs = parse_qsl(body.decode("ascii").strip(), keep_blank_values=True, strict_parsing=True, max_num_fields=64)
    except ValueError:
        return None
    values = dict(pairs)
    if not _FORM_NAMES & values.keys():
        return None
    return Members(values=values, doubled=repeated(name for name, _ in pairs))


def words(found: Members) -> ProviderWords | None:
    """Return the error that an answer names, or None when it names none (RFC 6749 5.2).

    Known deviations are read too: an error that is an object (Google's APIs, Facebook: type or status, message), a
    number, `ok: false` (Slack), and `status` with `message` instead of `error` (HubSpot's BAD_REFRESH_TOKEN).
    """
    values = found.values
    error = values.get("error")
    if isinstance(error, dict):
        return _structured(error)
    if error not in (None, "", False):
        return _words(error, values.get("error_description"), values)
    if values.get("ok") is False:
        return _words("error", values.get("message"), values)
    if isinstance(values.get("status"), str) and not {"access_token", "refresh_token"} & values.keys():
        return _words(values["status"], values.get("message"), values)
    return None


def _structured(error: Mapping[str, object]) -> ProviderWords:
    names = (error.get(name) for name in ("type", "status", "code"))
    name = next((found for found in names if found not in (None, "")), "error")
    return _words(name, error.get("message"), error)


def _words(error: object, description: object, values: Mapping[str, object]) -> ProviderWords:
    return ProviderWords(
        error=_text(error) or "error",
        description=_text(description),
        uri=_text(values.get("error_uri")),
        subtype=_text(values.get("error_subtype")),
    )


def _text(value: object) -> str:
    """Return a string, or a number as one; anything else says nothing."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return "error" if value is True else ""
    return str(value) if not isinstance(value, int) or abs(value) < 10**18 else "error"


def token(found: Members, name: str) -> tuple[Secret | None, str]:
    """Return the token of that name and "", or None and why it cannot be used (RFC 6749 A.12 and A.17).

    Of a name that came twice the last is taken, as nearly every parser does, and the reason says so: it may have been
    meant otherwise.
    """
    value = found.values.get(name)
    if not isinstance(value, str) or not value:
        return None, f"it has no {name}"
    if len(value) > MAX_TOKEN_LENGTH or not _VISIBLE.fullmatch(value):
        return None, f"its {name} is too long or has characters that no token has"
    return Secret(value), f"it has {name} twice" if name in found.doubled else ""


def scopes(value: object) -> frozenset[str] | None:
    """Return the granted scopes, or None when the answer does not say: then they are as asked (RFC 6749 5.1).

    Separated by spaces (RFC 6749 3.3) or, as several platforms do, by commas or as a JSON array. An empty string says
    nothing: RFC 6749 A.4 does not allow one, and reading it as "nothing was granted" would stop working grants. What
    is no scope-token, or too long, or one too many is left out: nobody asked for it, and some of it cannot be stored.
    """
    if isinstance(value, list):
        value = " ".join(item for item in value if isinstance(item, str))
    if not isinstance(value, str):
        return None
    found = dict.fromkeys(name for name in _BETWEEN_SCOPES.split(value) if _SCOPE.fullmatch(name))
    return frozenset(islice(found, MAX_SCOPES)) or None


def seconds(value: object) -> float | None:
    """Return a finite number of seconds from a number or its spelling as a string, or None (RFC 6749 5.1)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """Return how long the provider asks to wait, at most MAX_RETRY_AFTER, or None when it does not (RFC 9110 10.2.3).

    Seconds or an HTTP-date; negative and unreadable values say nothing.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:10])), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        return min(max(moment - now, timedelta(0)), MAX_RETRY_AFTER)
    except (ValueError, OverflowError, IndexError):
        return None
