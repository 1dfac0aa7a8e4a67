"""Where the key ring comes from: GRANTKEEPER_KEYS, or the key file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grantkeeper.errors import Misconfigured
from grantkeeper.seal import KeyRing

from .key_file import read_key_file

if TYPE_CHECKING:
    from .document import Document

_NEW_OR_OLD: Final = (
    "Run `grantkeeper init` for a new one; if grants are stored already, bring back the key that sealed them."
)


def read_keys(document: Document) -> KeyRing:
    """Return the key ring; no key, no start.

    Raises:
        Misconfigured: there is none, it cannot be read, others can use it, or a key in it is short or a placeholder.
    """
    if document.keys is not None:
        # Bytes that are no UTF-8 are here as half surrogate pairs (PEP 383): an error about them would hold the keys.
        return _ring("GRANTKEEPER_KEYS", document.keys.replace(",", "\n").encode("ascii", "replace"))
    if document.key_file is None:
        advice = 'Run `grantkeeper init`, or add key_file = "grantkeeper.key", or set GRANTKEEPER_KEYS.'
        raise document.wrong("key_file", "is missing", advice)
    label = f"{document.file}: key_file"
    return _ring(str(document.key_file), read_key_file(document.key_file, label=label, advice=_NEW_OR_OLD))


def _ring(source: str, content: bytes) -> KeyRing:
    try:
        return KeyRing.parse(content.decode("ascii"))
    except UnicodeDecodeError:
        wrong = Misconfigured(f"{source} is not a key file.", advice=_NEW_OR_OLD)
    except Misconfigured as error:
        wrong = Misconfigured(f"{source}: {error.args[0]}", advice=error.advice)
    del content  # a traceback that shows local variables must not show it
    raise wrong
