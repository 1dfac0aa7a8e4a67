"""Answers of APIs, read into types; what cannot be read is ProviderUnavailable, and no crash."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec

from ..errors import ProviderUnavailable, printable, without_secrets
from ..model import Response
from .refusals import rest_refusal, title

_LONGEST_NAME: Final = 200
"""Of an account, for people. Google Ads allows 255 bytes, most others less."""


class Answer(msgspec.Struct, rename="camel"):
    """What any answer may hold instead of what was asked for."""

    error: Any = None


_A = TypeVar("_A", bound=Answer)


def read(api: str, response: Response, decoder: msgspec.json.Decoder[_A]) -> _A:
    """Return the body of a 2xx answer as what the decoder makes.

    Raises:
        GrantkeeperError: the API refuses (`rest_refusal`), be it in an answer of 2xx.
        ProviderUnavailable: the body is not what the API documents.
    """
    if not 200 <= response.status < 300:
        raise rest_refusal(api, response)
    try:
        answer = decoder.decode(response.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise unusable(api, str(error)) from None
    if answer.error is not None:
        raise rest_refusal(api, response)
    return answer


def unusable(api: str, why: str) -> ProviderUnavailable:
    """Make the error of an answer that does not hold what it should."""
    return ProviderUnavailable(
        f"{title(api)} gave an answer that cannot be used: {printable(without_secrets(why), 160)}.",
        advice="Ask again in a while; if it stays, update grantkeeper.",
    )


def name(text: str) -> str:
    """Return an account's name as it may be shown: without control characters, at most 200 long."""
    return printable(text, _LONGEST_NAME)


@lru_cache(maxsize=1024)
def word(text: str) -> str:
    """Return a short name of the API's (status, currency, time zone) as it may be shown, at most 64 long."""
    return printable(text, 64)  # remembered: a few dozen of them come thousands of times
