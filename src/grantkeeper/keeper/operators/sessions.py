"""Sessions: a random cookie in the browser, its hash in the database, and two ends (V-36)."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ...model import AuditEntry, Operator, Secret, Session, SignedIn
from ..consent.invited import sha256
from ..parts import Parts
from .rules import standing

if TYPE_CHECKING:
    from ...settings import SignIn

IDLE: Final = timedelta(hours=8)
"""A working day without a click ends a session (ASVS 7.3.1)."""
ABSOLUTE: Final = timedelta(days=7)
"""So does a week, however busy it was (ASVS 7.3.2)."""
TOUCH: Final = timedelta(minutes=1)
"""That a session is used is written at most so often: a click should cost no write."""


class Sessions:
    """Opens, looks up and ends sessions. Thread-safe; nothing is kept in memory, so that an end is one everywhere."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._store = parts.store.operators
        self._now = parts.now

    def open(self, operator: Operator, how: str, *, instead_of: str, link: str = "") -> SignedIn | None:
        """Open a session with a new random value, whatever the browser brought (fixation); None when that may not be.

        `how` is `link` or `openid`; `link` the hash of the one-time link that it uses up.
        """
        now, cookie = self._now(), Secret(secrets.token_urlsafe(32))
        self._store.sweep(now=now)
        session = Session(
            token_hash=sha256(cookie.reveal()),
            operator_id=operator.id,
            created_at=now,
            seen_at=now,
            expires_at=now + ABSOLUTE,
        )
        beside = self._parts.beside(self._entry(operator, "operator.sign_in", f"operator:{operator.id}", how=how))
        before = sha256(instead_of) if instead_of else ""
        if link:
            opened = self._store.redeem(link, session, instead_of=before, beside=beside)
        else:
            opened = self._store.open_session(session, instead_of=before, beside=beside)
        return SignedIn(operator=operator, session=cookie) if opened else None

    def operator(self, cookie: str, rules: SignIn | None, *, touch: bool) -> Operator | None:
        """Return whose session it is, or None when it is over, or no rule lets its operator in any more."""
        found = self._store.session(sha256(cookie))
        if found is None:
            return None
        session, operator = found
        now = self._now()
        idle = now - session.seen_at
        if now >= session.expires_at or idle >= IDLE:
            return None
        stands = standing(rules, self._parts.clients, operator)
        if stands is not None and touch and idle >= TOUCH:
            self._store.touch_session(session.token_hash, at=now)
        return stands

    def close(self, cookie: str) -> None:
        """End a session; one that is over already is no error."""
        found = self._store.session(sha256(cookie))
        if found is not None:
            session, operator = found
            beside = self._parts.beside(self._entry(operator, "operator.sign_out", f"operator:{operator.id}"))
            self._store.close_sessions(operator_id=operator.id, token_hash=session.token_hash, beside=beside)

    def close_all(self, operator: Operator, *, by: str) -> None:
        """End all sessions of an operator."""
        beside = self._parts.beside(self._entry(operator, "operator.sign_out_everywhere", by))
        self._store.close_sessions(operator_id=operator.id, beside=beside)

    def _entry(self, operator: Operator, action: str, by: str, **data: str) -> AuditEntry:
        return AuditEntry(
            at=self._now(),
            actor=by,
            action=action,
            target=f"operator:{operator.id}",
            data=data,
            personal={"email": operator.email},
        )
