"""Where the key ring comes from: GRANTKEEPER_KEYS, or the key file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from grantkeeper.errors import Misconfigured
from grantkeeper.seal import KeyRing, new_key

from .document import read_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from .document import Document


def read_keys(document: Document) -> KeyRing:
    """Return the key ring; no key, no start.

    Raises:
        Misconfigured: there is none, it cannot be read, or a key in it is short, all zero or a placeholder.
    """
    if document.keys is not None:
        return _ring("GRANTKEEPER_KEYS", document.keys.replace(",", "\n"))
    if document.key_file is None:
        advice = 'Run `grantkeeper init`, or add key_file = "grantkeeper.key", or set GRANTKEEPER_KEYS.'
        raise document.wrong("key_file", "is missing", advice)
    advice = "Run `grantkeeper init` for a new one; if grants are stored already, bring back the key that sealed them."
    content = read_bytes(document.key_file, key=f"{document.file}: key_file", advice=advice)
    try:
        return _ring(str(document.key_file), content.decode("ascii"))
    except UnicodeDecodeError:
        raise Misconfigured(f"{document.key_file} is not a key file.", advice=advice) from None


def new_key_file(file: Path) -> None:
    """Write a new key into a new file that only this user may read.

    Raises:
        FileExistsError: there is one; a key that sealed something must never be lost.
    """
    text = f"# The key that seals grantkeeper's tokens. Keep a copy apart from the database.\n{new_key()}\n"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())


def _ring(source: str, text: str) -> KeyRing:
    try:
        return KeyRing.parse(text)
    except Misconfigured as error:
        raise Misconfigured(f"{source}: {error.args[0]}", advice=error.advice) from None
