"""Sealing: AES-256-GCM, a data key per row, wrapped by the newest key of a ring.

A data key per row keeps random nonces far from their bound (NIST SP 800-38D 8.3: 2^32 per key), makes the rotation of
a ring key a re-wrapping of 32 bytes, and erases a row's secrets together with its key.

    wrapped key = version 1 byte | ring key's id 8 bytes | nonce 12 bytes | 32 bytes and tag 16 bytes, encrypted
    data        = version 1 byte | nonce 12 bytes | the plaintext and tag 16 bytes, encrypted

Associated data bind the wrapped key to (version, ring key's id, installation, table, row) and the data to (version,
installation, table, row, column, generation). What was moved to another place, put back from an earlier generation or
altered does not open. The generation is kept by the caller: a whole row that is put back together with its generation
is for the caller to notice.

No I/O but the operating system's random numbers, no clock.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import itertools
import os
from collections.abc import Sequence
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from .errors import Misconfigured, SealBroken
from .model import SealContext, Sealed

KEY_BYTES: Final = 32
VERSION: Final = b"\x01"
GENERATION_LIMIT: Final = 2**32
"""A row seals once per generation and column: no data key meets more random nonces than SP 800-38D allows."""

_NONCE: Final = 12
_TAG: Final = 16
_ID: Final = 8
_WRAPPED: Final = len(VERSION) + _ID + _NONCE + KEY_BYTES + _TAG
# 32 random bytes have 30 different values on average; fewer than 16 happens once in 10^13 and means a made-up key.
_DIFFERENT: Final = 16
_MAKE_ONE: Final = "Make a key with `grantkeeper init` (32 random bytes, base64, one per line, oldest to newest)."


def new_key() -> str:
    """Return a new ring key, base64, as a key file or GRANTKEEPER_KEYS holds it."""
    return base64.b64encode(os.urandom(KEY_BYTES)).decode("ascii")


class KeyRing:
    """The keys that wrap data keys, oldest to newest: the newest wraps, every one opens. Implements `Sealer`.

    Raises:
        Misconfigured: there is no key, or one is not 32 random bytes; the message says which, never what.
    """

    __slots__ = ("_boxes", "_newest", "_signing")

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._signing: dict[str, bytes] = {}
        self._boxes: dict[bytes, AESGCM] = {}  # a traceback that shows local variables needs a repr in any case
        problem = _ring_problem(keys)
        if problem:
            del keys  # a traceback that shows local variables must not show them
            raise Misconfigured(problem, advice=_MAKE_ONE)
        self._boxes = {_key_id(key): AESGCM(key) for key in keys}
        self._signing = {_key_id(key).hex(): _signing_key(key) for key in keys}
        self._newest = _key_id(keys[-1])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the ring that `text` holds: one base64 key a line, oldest to newest; `#` begins a comment.

        Raises:
            Misconfigured: a line is not base64, or as for the class.
        """
        lines = [raw.partition("#")[0].strip() for raw in text.splitlines()]
        keys = [_decoded(line) for line in lines if line]
        bad = [number for number, key in enumerate(keys, 1) if key is None]
        if bad:
            del text, lines, keys
            raise Misconfigured(f"Key {bad[0]} of the key ring is not base64.", advice=_MAKE_ONE)
        good = [key for key in keys if key is not None]
        try:
            return cls(good)
        except Misconfigured:
            del text, lines, keys, good
            raise

    @property
    def ids(self) -> tuple[str, ...]:
        """The keys' ids, oldest to newest, hex. Derived from the keys, not secret."""
        return tuple(identity.hex() for identity in self._boxes)

    def __repr__(self) -> str:
        return f"KeyRing(ids={self.ids})"

    def __reduce_ex__(self, protocol: object) -> str:
        msg = "a KeyRing cannot be pickled: it would leave the process in clear"
        raise TypeError(msg)

    def seal(self, plaintext: bytes, context: SealContext, *, key: bytes | None = None) -> Sealed:
        """Seal under a new data key, or under the wrapped data key `key` of the same row.

        Raises:
            SealBroken: `key` does not open in this row.
        """
        try:
            bound = _data_binding(context)
            wrapped, box = self._new_data_key(context) if key is None else (key, self._data_key(key, context))
        except (SealBroken, ValueError):
            del plaintext
            raise
        nonce = os.urandom(_NONCE)
        return Sealed(key=wrapped, data=VERSION + nonce + box.encrypt(nonce, plaintext, bound))

    def open(self, sealed: Sealed, context: SealContext) -> bytes:
        """Return the plaintext.

        Raises:
            SealBroken: it was not sealed here, was altered, or the ring lacks its key.
        """
        box = self._data_key(sealed.key, context)
        data = sealed.data
        if data[:1] != VERSION or len(data) < len(VERSION) + _NONCE + _TAG:
            raise _broken(context, "holds something that grantkeeper did not seal")
        try:
            return box.decrypt(data[1 : 1 + _NONCE], data[1 + _NONCE :], _data_binding(context))
        except InvalidTag:
            raise _broken(context, "was altered, or belongs to another place or time") from None

    def rewrap(self, key: bytes, context: SealContext) -> bytes | None:
        """Return the wrapped data key wrapped by the newest ring key, or None when it already is.

        Raises:
            SealBroken: `key` does not open in this row.
        """
        if _named_key(key, context) == self._newest:
            self._data_key(key, context)
            return None
        return self._wrap(self._unwrap(key, context), context)

    def sign(self, content: bytes) -> tuple[str, str]:
        """Return the id of the newest key, hex, and an HMAC-SHA-256 by what is derived from it, hex."""
        key_id = self._newest.hex()
        return key_id, hmac.digest(self._signing[key_id], content, hashlib.sha256).hex()

    def signed(self, content: bytes, *, key_id: str, mac: str) -> bool | None:
        """Tell whether `sign` made this; None when the key is not in the ring."""
        key = self._signing.get(key_id)
        if key is None:
            return None
        return hmac.compare_digest(hmac.digest(key, content, hashlib.sha256).hex().encode(), mac.encode())

    def _new_data_key(self, context: SealContext) -> tuple[bytes, AESGCM]:
        data_key = os.urandom(KEY_BYTES)
        return self._wrap(data_key, context), AESGCM(data_key)

    def _data_key(self, wrapped: bytes, context: SealContext) -> AESGCM:
        return AESGCM(self._unwrap(wrapped, context))

    def _wrap(self, data_key: bytes, context: SealContext) -> bytes:
        nonce = os.urandom(_NONCE)
        box = self._boxes[self._newest]
        return VERSION + self._newest + nonce + box.encrypt(nonce, data_key, _key_binding(self._newest, context))

    def _unwrap(self, wrapped: bytes, context: SealContext) -> bytes:
        identity = _named_key(wrapped, context)
        box = self._boxes.get(identity)
        if box is None:
            said = f"is sealed with key {identity.hex()}; the key ring has {', '.join(self.ids)}"
            raise _broken(context, said, advice="Add that key to the key ring, before the newest.")
        start = len(VERSION) + _ID
        try:
            return box.decrypt(
                wrapped[start : start + _NONCE], wrapped[start + _NONCE :], _key_binding(identity, context)
            )
        except InvalidTag:
            raise _broken(context, "has a data key that was altered or belongs to another row") from None


def _ring_problem(keys: Sequence[bytes]) -> str:
    """Return what is wrong with the ring, or ""."""
    if not keys:
        return "There is no encryption key; grantkeeper does not start without one."
    for number, key in enumerate(keys, 1):
        problem = _key_problem(key)
        if problem:
            return f"Key {number} of the key ring {problem}."
        if key in keys[: number - 1]:
            return f"Key {number} of the key ring is there twice."
    return ""


def _key_problem(key: bytes) -> str:
    """Return what is wrong with a key, or ""."""
    if len(key) != KEY_BYTES:
        return f"has {len(key)} bytes instead of {KEY_BYTES}"
    if len(set(key)) < _DIFFERENT or len({(b - a) % 256 for a, b in itertools.pairwise(key)}) == 1:
        return "is a pattern, not random"
    if all(0x20 <= byte < 0x7F for byte in key):
        return "is words, not random bytes"
    return ""


def _decoded(line: str) -> bytes | None:
    """Return the bytes of standard or URL-safe base64, or None."""
    try:
        return base64.b64decode(line.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except (binascii.Error, ValueError):
        return None


def _key_id(key: bytes) -> bytes:
    """Return what names a ring key in public: 64 bits that say nothing about it."""
    return hmac.digest(key, b"grantkeeper ring key id", hashlib.sha256)[:_ID]


def _signing_key(key: bytes) -> bytes:
    """Return the key that signs: derived, so that no key has two uses (NIST SP 800-57 5.2)."""
    return hmac.digest(key, b"grantkeeper signing key 1", hashlib.sha256)


def _named_key(wrapped: bytes, context: SealContext) -> bytes:
    if wrapped[:1] != VERSION or len(wrapped) != _WRAPPED:
        raise _broken(context, "has a data key that grantkeeper did not make")
    return wrapped[1 : 1 + _ID]


# Each name comes after the lengths of all of them: no two places are written the same way.


def _key_binding(identity: bytes, context: SealContext) -> bytes:
    vault, table, row = context.installation, context.table, context.row
    return f"grantkeeper key 1 {identity.hex()} {len(vault)} {len(table)} {len(row)} {vault}{table}{row}".encode()


def _data_binding(context: SealContext) -> bytes:
    vault, table, row, column = context.installation, context.table, context.row, context.column
    if not 0 <= context.generation < GENERATION_LIMIT:
        raise _broken(context, f"has generation {context.generation}", advice="Let the owner consent again.")
    lengths = f"{len(vault)} {len(table)} {len(row)} {len(column)}"
    return f"grantkeeper data 1 {context.generation} {lengths} {vault}{table}{row}{column}".encode()


def _broken(context: SealContext, said: str, *, advice: str = "") -> SealBroken:
    advice = advice or "Restore the row from a backup, or let the owner consent again."
    return SealBroken(f"{context.table} {context.row}, {context.column}: {said}.", advice=advice)
