"""What stands in a file: refresh tokens with what is said about them, and places where there is none to be had."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from grantkeeper.errors import printable, without_secrets
from grantkeeper.model import Secret

Api: TypeAlias = Literal["google_ads", "ad_manager", ""]

_SECRET: Final = re.compile(r"1//[\w-]{10,}|(?<![\w/])1/[\w-]{30,}|ya29\.|GOCSPX-|(?<![\w/])4/[01][\w-]{9,}|-----BEGIN")
"""How Google's refresh tokens, of today and of old, access tokens, client secrets, codes and keys begin."""

_LONG: Final = re.compile(r"[\w\-/+=.~]{40,}")
_RANDOM: Final = ("[0-9]", "[A-Z]", "[a-z]")
"""What is long and has all of these is taken for a secret, too."""

_CLIENT_ID: Final = re.compile(r"[0-9]+(-[0-9a-z]+)?\.apps\.googleusercontent\.com")

TEMPLATE: Final = re.compile(r"INSERT_\w+_HERE")
"""What the official libraries' example files hold in place of values."""


class UnusableError(Exception):
    """What stands here cannot be imported: says why, and what to do."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A refresh token as a file has it. `place` is where it stands (`line 3`, `ad_manager`).

    `accounts` are the ids of the accounts that it is used for; none means that the file names none. `api` is what the
    file is for, "" when it does not say. `notes` is what people should know about it.
    """

    place: str
    owner: str
    refresh_token: Secret
    client: str = ""
    client_id: str = ""
    client_secret: Secret | None = None
    email: str = ""
    accounts: tuple[str, ...] = ()
    api: Api = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unusable:
    """A place in a file that cannot be imported, and why."""

    place: str
    owner: str
    reason: str
    advice: str = ""


Found: TypeAlias = Item | Unusable


def is_like_a_secret(text: str) -> bool:
    """Tell whether a token or a client secret could stand anywhere in a text, which is the wrong place for it.

    In a line with another delimiter than the header's it stands behind the owner.
    """
    long = (found[0] for found in _LONG.finditer(text))
    return bool(_SECRET.search(text)) or any(all(re.search(kind, each) for kind in _RANDOM) for each in long)


def shown(text: str) -> str:
    """Return a value of a file as it may be shown: nothing of one that could hold a secret."""
    return "…" if is_like_a_secret(text) else printable(cleaned(text), 100)


def cleaned(text: str) -> str:
    """Return a value of a file without what looks like a secret: the last net, below `is_like_a_secret` (V-20)."""
    return text if _CLIENT_ID.fullmatch(text) else without_secrets(text)


def refresh_token(text: str) -> Secret:
    """Return the refresh token; raises UnusableError when it is plainly none."""
    text = text.strip()
    if not text:
        raise UnusableError("has no refresh_token", "Without one there is nothing to import: let the person connect.")
    if TEMPLATE.search(text):
        raise UnusableError("holds the library's example text in place of a refresh token", "Fill it in, or leave it.")
    whole = text.isascii() and text.isprintable() and " " not in text and len(text) <= 4096
    secret = Secret(text)
    del text
    if not whole:
        raise UnusableError("has a refresh_token that cannot be one", "It has no spaces and only ASCII characters.")
    return secret


def customer_id(name: str, text: str) -> str:
    """Return a Google Ads customer id as ten digits, "" for none; raises UnusableError."""
    digits = text.strip().replace("-", "")
    if digits and not re.fullmatch("[0-9]{10}", digits):
        raise UnusableError(f"has a {name} that is none", "It has ten digits, such as 123-456-7890.")
    return digits


def network_code(text: str) -> str:
    """Return an Ad Manager network code, "" for none; raises UnusableError."""
    digits = text.strip()
    if digits and not re.fullmatch("[0-9]{1,20}", digits):
        raise UnusableError("has a network_code that is none", "It is the number in Ad Manager's address: Admin.")
    return digits
