"""Answers to requests that may be sent again."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

from ...errors import Conflict, InvalidInput
from ...model import Sealed, Secret
from ..parts import Parts

KEPT: Final = timedelta(hours=24)
"""How long a request may be sent again under the same key: longer than any client tries."""
LONGEST: Final = timedelta(minutes=5)
"""What is under way for longer was interrupted: the service ends requests after two minutes."""
_TABLE: Final = "answer"


class KeptAnswers:
    """The keeper's `answers`. Thread-safe.

    An answer may hold a secret (the address of a link): it is sealed, and only who sends the same request again with
    the same key gets it.
    """

    def __init__(self, parts: Parts) -> None:
        self._store = parts.store.answers
        self._vault = parts.vault
        self._now = parts.now

    def begin(self, who: str, key: str, request: bytes) -> tuple[int, bytes] | None:
        """Return the answer to the first such request of `who`; None to exactly one caller, who has to do it.

        `request` is everything that tells one request from another.

        Raises:
            InvalidInput: the key was used for another request.
            Conflict: the first is still under way, or was interrupted.
        """
        fingerprint, now = hashlib.sha256(request).hexdigest(), self._now()
        name = self._name(who, key)
        known = self._store.begin(name, fingerprint=fingerprint, now=now, expires_at=now + KEPT)
        if known is None:
            return None
        if known.fingerprint != fingerprint:
            raise InvalidInput(
                "This Idempotency-Key was used for another request.", advice="Make a new one for each request."
            )
        if known.status is None or known.key is None or known.data is None:
            if known.expires_at is not None and known.expires_at - KEPT < now - LONGEST:
                raise Conflict(
                    "The first such request was interrupted: what it did is not known.",
                    advice="Look at what there is, and send what is missing with a new Idempotency-Key.",
                )
            raise Conflict("The same request is under way.", advice="Send it again in a moment.")
        sealed = Sealed(key=known.key, data=known.data)
        return known.status, self._vault.open_secret(sealed, table=_TABLE, row=name, column="body").reveal().encode()

    def finish(self, who: str, key: str, *, status: int, body: Secret) -> None:
        """Keep the answer."""
        name = self._name(who, key)
        sealed = self._vault.seal_secret(body, table=_TABLE, row=name, column="body")
        self._store.finish(name, status=status, sealed_key=sealed.key, sealed=sealed.data)

    def give_up(self, who: str, key: str) -> None:
        """Say that nothing was done, and that it may be tried again."""
        self._store.give_up(self._name(who, key))

    def sweep(self) -> int:
        """Delete answers whose time is up; returns how many."""
        swept, more = 0, True
        while more:
            more = bool(batch := self._store.sweep(now=self._now()))
            swept += batch
        return swept

    @staticmethod
    def _name(who: str, key: str) -> str:
        return hashlib.sha256(f"{len(who)} {who}{key}".encode("utf-8", "surrogatepass")).hexdigest()
