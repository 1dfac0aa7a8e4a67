"""What a link is asked to be, checked before anything is done with it."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta
from typing import Final

from ...errors import InvalidInput, check_word
from ...model import LANGUAGES, Expectation
from ..inputs import UNSEEN

SHORTEST: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=90)
"""A link that is older lies in some mailbox and nobody knows of it (V-33)."""

MESSAGE_LIMIT: Final = 1000

_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")
_DOMAIN: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE | re.ASCII)
_SUBJECT: Final = re.compile(r"[\x21-\x7e]{1,255}")
"""OpenID Connect Core 2: at most 255 ASCII characters."""
_FORMS: Final[dict[str, re.Pattern[str]]] = {"email": _EMAIL, "hosted_domain": _DOMAIN, "subject": _SUBJECT}


def expectation(expect: str | Expectation | None) -> Expectation | None:
    """Return who is invited: a text is an e-mail address, a hosted domain (with or without @), else a subject.

    Raises:
        InvalidInput: it is none of them.
    """
    if expect is None or expect == "":
        return None
    if isinstance(expect, str):
        expect = _of_text(expect)
    check_word("The kind of an Expectation", expect.kind, tuple(_FORMS))
    if not _FORMS[expect.kind].fullmatch(expect.value) or not expect.value.isprintable():
        raise InvalidInput(
            f"expect is no {expect.kind.replace('_', ' ')}.",
            advice="Write ida@example.com, example.com, or the subject that the provider knows the person by.",
        )
    return expect


def _of_text(text: str) -> Expectation:
    name, sign, domain = text.rpartition("@")
    if sign and name:
        return Expectation(kind="email", value=text)
    if sign or "." in domain:
        return Expectation(kind="hosted_domain", value=domain)
    return Expectation(kind="subject", value=text)


def checked_life(expires_in: timedelta) -> timedelta:
    """Return how long a link lives; raises InvalidInput."""
    if not SHORTEST <= expires_in <= LONGEST:
        raise InvalidInput("expires_in is 1 minute to 90 days.")
    return expires_in


def checked_message(message: str) -> str:
    """Return the business's own words, lines ended by a line feed; raises InvalidInput."""
    plain = message.replace("\r\n", "\n")
    if len(plain) > MESSAGE_LIMIT or any(letter != "\n" and unicodedata.category(letter) in UNSEEN for letter in plain):
        raise InvalidInput(f"message is a text of at most {MESSAGE_LIMIT} characters, all of them printable.")
    return plain


def checked_language(language: str) -> str:
    """Return the language, or "" for the browser's; raises InvalidInput."""
    if language and language not in LANGUAGES:
        raise InvalidInput(f'language is one of {", ".join(LANGUAGES)}, or "" for the browser\'s.')
    return language
