"""API keys: made, checked, counted, ended."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
import secrets
import string
import threading
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ...errors import (
    DatabaseUnavailable,
    GrantkeeperError,
    InvalidInput,
    KeyRefused,
    Misconfigured,
    NotFound,
    printable,
)
from ...forks import in_child
from ...model import ApiKey, AuditEntry, KeyUse, NewKey, Scope, Secret
from ..inputs import checked_owner
from ..parts import Parts
from .reads import KeyReads

log = logging.getLogger("grantkeeper")
STALE: Final = timedelta(seconds=1)
"""How long a key is taken without a look at its row, and so how long one that was revoked elsewhere goes on (V-42)."""

AWAY: Final = timedelta(seconds=60)
"""How long one is taken while the database is away: tokens that live are handed out then, to who was known before."""

AHEAD: Final = STALE / 2
"""How old a look is when the next one begins beside the reads: else all that come at once would wait for one of
theirs."""

MOST_KEYS: Final = 10_000
LONGEST: Final = timedelta(days=3650)

_NO_TIME: Final = timedelta()
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET: Final = 43  # 62**43 > 2**256
_CHECK: Final = 6  # 62**6 > 2**32
_TEXT: Final = re.compile(rf"(gk_([a-z2-7]{{16}})_[0-9A-Za-z]{{{_SECRET}}})([0-9A-Za-z]{{{_CHECK}}})", re.ASCII)
_ADVICE: Final = "Make one with `grantkeeper keys create`, and send it as `Authorization: Bearer gk_…`."


@dataclass(frozen=True, slots=True)
class _Held:
    """A key as its row was when it was last looked at."""

    key: ApiKey
    secret_hash: str
    looked_at: datetime


class ApiKeys:
    """The keeper's `keys`. Thread-safe.

    A key reads `gk_<id>_<secret><check>`: 256 random bits, of which a SHA-256 is kept (enough entropy that no slow hash
    is needed), and a checksum, by which a typing error, or a scanner that looks for leaked ones, needs no database.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store.keys
        self._now = parts.now
        self._held: dict[bytes, _Held] = {}
        self._looking: set[bytes] = set()
        self._ended: set[str] = set()
        self._lock = threading.Lock()
        self.reads = KeyReads(parts)
        in_child(self._forked)

    def _forked(self) -> None:
        self._lock, self._looking = threading.Lock(), set()

    # --- making and ending ------------------------------------------------------------------------------------

    def create(
        self,
        name: str,
        scopes: Iterable[str],
        *,
        owners: Iterable[str] | None = None,
        clients: Iterable[str] | None = None,
        expires_in: timedelta | None = None,
        distinct_per_minute: int | None = None,
        by: str = "program",
    ) -> NewKey:
        """Make a key; its secret is in the answer and nowhere else.

        Args:
            name: what it is for, 1 to 100 printable characters.
            scopes: what it may do; see `Scope`.
            owners: the only owners whose grants it sees; by default all.
            clients: the only OAuth clients whose grants it sees; by default all.
            expires_in: how long it is good, at most ten years; by default until it is revoked.
            distinct_per_minute: how many different grants' tokens it may read in a minute (V-43).
            by: who makes it, for the audit log.

        Raises:
            InvalidInput: a value is not usable; the message names it. NotFound: there is no such OAuth client.
        """
        now = self._now()
        key = ApiKey(
            id=base64.b32encode(secrets.token_bytes(10)).decode().lower(),
            name=_checked_name(name),
            scopes=_checked_scopes(scopes),
            owners=None if owners is None else frozenset(map(checked_owner, _several(owners, "owners"))),
            clients=None if clients is None else self._checked_clients(_several(clients, "clients")),
            distinct_per_minute=_checked_count(distinct_per_minute),
            created_at=now,
            created_by=by,
            expires_at=None if expires_in is None else now + _checked_life(expires_in),
        )
        written = _written(key.id, "".join(secrets.choice(_BASE62) for _ in range(_SECRET)))
        entry = self._entry(key, "key.create", by, now)
        self._store.add(key, secret_hash=_hash(written.reveal()), beside=self._parts.beside(entry))
        return NewKey(key=key, secret=written)

    def all(self) -> list[ApiKey]:
        """Return every key, the ended ones too, oldest first."""
        return self._store.all()

    def get(self, key_id: str) -> ApiKey:
        """Return a key; raises NotFound."""
        found = self._store.get(key_id)
        if found is None:
            advice = "`grantkeeper keys list` shows them."
            raise NotFound(f"There is no API key {printable(key_id, 64)!r}.", advice=advice)
        return found[0]

    def revoke(self, key_id: str, *, by: str = "program") -> ApiKey:
        """End a key, here at once and elsewhere within a second; again is harmless. Raises NotFound."""
        key, now = self.get(key_id), self._now()
        entry = self._entry(key, "key.revoke", by, now)
        self._store.revoke(key_id, at=now, beside=self._parts.beside(entry))
        with self._lock:
            self._ended.add(key_id)
            self._held = {text: held for text, held in self._held.items() if held.key.id != key_id}
        return self.get(key_id)

    # --- checking ---------------------------------------------------------------------------------------------

    def known(self, text: str, ageing: Callable[[str], object] | None = None) -> ApiKey | None:
        """Return the key when it was looked at a moment ago and is good; None says nothing. No I/O.

        `ageing` is called with the text when somebody should begin to `look_again`, beside what goes on; by one at a
        time.
        """
        digest = _digest(text)
        held = self._held.get(digest)
        if held is None:
            return None
        now = self._now()
        age = now - held.looked_at
        if not _NO_TIME <= age < STALE or not _good(held.key, now):
            return None
        if age >= AHEAD and ageing is not None and digest not in self._looking:
            self._looking.add(digest)
            ageing(text)
        return held.key

    def look_again(self, text: str) -> None:
        """Look at a key's row before the last look is too old. When that fails, who asks next looks, and hears it."""
        try:
            self._checked(text)
        except GrantkeeperError as error:
            log.debug("a key that was good a moment ago: %s", error)
        finally:
            self._looking.discard(_digest(text))
        self.reads.flush_now_and_then(waited_for=False)

    def was_good(self, text: str) -> bool:
        """Tell whether this was a good key when it was last looked at, however long ago. No I/O."""
        return _digest(text) in self._held

    def well_formed(self, text: str) -> str:
        """Return the id of the key that this may be; raises KeyRefused when it is none, or mistyped. No I/O."""
        found = _TEXT.fullmatch(text)
        if found is None or _check(found[1]) != found[3]:
            raise KeyRefused("This is no API key, or a mistyped one.", advice=_ADVICE)
        return found[2]

    def check(self, text: str) -> ApiKey:
        """Return the key of this text.

        Raises:
            KeyRefused: it is none, mistyped, unknown, over or revoked. DatabaseUnavailable.
        """
        key = self._checked(text)
        self.reads.flush_now_and_then(waited_for=True)
        return key

    def _checked(self, text: str) -> ApiKey:
        held = self._looked_up(_digest(text), self.well_formed(text))
        if held is None or not hmac.compare_digest(held.secret_hash, _hash(text)):
            raise KeyRefused("This API key is not known here, or no longer.", advice=_ADVICE)
        if not _good(held.key, self._now()):
            self._forget(_digest(text))
            raise KeyRefused("This API key is over: it was revoked, or has expired.", advice=_ADVICE)
        self._keep(_digest(text), held)
        self.reads.note_key(held.key.id)
        return held.key

    def _looked_up(self, digest: bytes, key_id: str) -> _Held | None:
        """Return the key's row; while the database is away, as it was a moment ago."""
        now, known = self._now(), self._held.get(digest)
        try:
            found = self._store.get(key_id)
        except (DatabaseUnavailable, Misconfigured):  # as tokens are: its password may have been changed
            if known is None or not timedelta() <= now - known.looked_at < AWAY:
                raise
            return known
        return None if found is None else _Held(found[0], found[1], now)

    def _keep(self, digest: bytes, held: _Held) -> None:
        with self._lock:
            if held.key.id in self._ended:  # here, while its row was on its way
                return
            self._held.pop(digest, None)
            if len(self._held) >= MOST_KEYS:
                del self._held[next(iter(self._held))]
            self._held[digest] = held

    def _forget(self, digest: bytes) -> None:
        with self._lock:
            self._held.pop(digest, None)

    # --- what they read ---------------------------------------------------------------------------------------

    def uses(self, *, key_id: str | None = None, grant_id: str | None = None, limit: int = 100) -> list[KeyUse]:
        """Return which key read which grant's token how often, newest day first; what is not written yet is missing."""
        return self._store.uses(key_id=key_id, grant_id=grant_id, limit=limit)

    def flush(self) -> None:
        """Write what was counted; raises DatabaseUnavailable, and then it is counted still."""
        self.reads.flush()

    def _entry(self, key: ApiKey, action: str, by: str, now: datetime) -> AuditEntry:
        data: dict[str, object] = {"name": key.name, "scopes": sorted(key.scopes)}
        data |= {} if key.owners is None else {"owners": sorted(key.owners)}
        data |= {} if key.clients is None else {"clients": sorted(key.clients)}
        return AuditEntry(at=now, actor=by, action=action, target=f"key:{key.id}", data=data)

    def _checked_clients(self, names: list[str]) -> frozenset[str]:
        for name in names:
            if name not in self._parts.clients:
                known = ", ".join(self._parts.clients) or "none"
                advice = f"Configured are: {known}."
                raise NotFound(f"There is no OAuth client {printable(name, 64)!r}.", advice=advice)
        return frozenset(names)


def _written(key_id: str, secret: str) -> Secret:
    body = f"gk_{key_id}_{secret}"
    return Secret(body + _check(body))


def _check(body: str) -> str:
    """Return the checksum of what stands before it: CRC-32 in six digits of base 62."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _hash(text: str) -> str:
    return _digest(text).hex()


def _good(key: ApiKey, now: datetime) -> bool:
    return key.revoked_at is None and (key.expires_at is None or now < key.expires_at)


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not 0 < len(name) <= 100 or not name.isprintable() or name != name.strip():
        raise InvalidInput("name is a text of 1 to 100 printable characters: what the key is for.")
    return name


def _checked_scopes(scopes: Iterable[str]) -> frozenset[Scope]:
    known = {str(scope): scope for scope in Scope}
    asked = _several(scopes, "scopes")
    unknown = [each for each in asked if each not in known]
    if unknown or not asked:
        said = (
            f"There is no scope {printable(unknown[0], 40)!r}." if unknown else "A key without a scope may do nothing."
        )
        raise InvalidInput(said, advice=f"There are: {', '.join(known)}.")
    return frozenset(known[each] for each in asked)


def _several(values: Iterable[str], name: str) -> list[str]:
    """Return several texts; one text is several letters only by mistake."""
    found = [] if isinstance(values, str) else list(values)
    if not all(isinstance(each, str) for each in found) or isinstance(values, str):
        raise InvalidInput(f"{name} are several texts: a list.")
    return found


def _checked_count(count: object) -> int | None:
    if count is not None and (type(count) is not int or not 1 <= count <= 10**9):
        raise InvalidInput("distinct_per_minute is a number from 1 on.")
    return count


def _checked_life(life: object) -> timedelta:
    if not isinstance(life, timedelta) or not timedelta(minutes=1) <= life <= LONGEST:
        raise InvalidInput("expires_in is from one minute to ten years.")
    return life
