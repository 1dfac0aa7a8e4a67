"""Where the key ring comes from: GRANTKEEPER_KEYS, or the key file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantkeeper.errors import Misconfigured
from grantkeeper.seal import KeyRing

from .key_file import read_key_file

if TYPE_CHECKING:
    from .document import Document


def read_keys(document: Document) -> KeyRing:
    """Return the key ring; no key, no start.

    Raises:
        Misconfigured: there is none, it cannot be read or others can use it, or a key in it is short, all zero or a placeholder.
    """
    if document.keys is not None:
        return _ring("GRANTKEEPER_KEYS", document.keys.replace(",", "\n"))
    if document.key_file is None:
        advice = 'Run `grantkeeper init`, or add key_file = "grantkeeper.key", or set GRANTKEEPER_KEYS.'
        raise document.wrong("key_file", "is missing", advice)
    advice = "Run `grantkeeper init` for a new one; if grants are stored already, bring back the key that sealed them."
    content = read_key_file(document.key_file, label=f"{document.file}: key_file", advice=advice)
    try:
        return _ring(str(document.key_file), content.decode("ascii"))
    except UnicodeDecodeError:
        raise Misconfigured(f"{document.key_file} is not a key file.", advice=advice) from None


def _ring(source: str, text: str) -> KeyRing:
    try:
        return KeyRing.parse(text)
    except Misconfigured as error:
        raise Misconfigured(f"{source}: {error.args[0]}", advice=error.advice) from None
