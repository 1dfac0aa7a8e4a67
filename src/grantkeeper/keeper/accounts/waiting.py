"""What a grant reaches that waits to be confirmed: for its own person to choose from, and for nobody else."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import ConsentRequired
from ...model import AccessToken, Grant, GrantStatus, Reason
from ..parts import Parts
from ..refresh.refusals import unusable


class LookToken:
    """Which access token a look uses: what the keeper hands out, or what came with a consent that is not confirmed.

    The latter is never refreshed and never leaves: it serves the page on which the person who just consented chooses.
    Thread-safe.
    """

    def __init__(self, parts: Parts, token: Callable[[str], AccessToken]) -> None:
        self._store = parts.store
        self._vault = parts.vault
        self._now = parts.now
        self._token = token

    def __call__(self, grant_id: str) -> AccessToken:
        """Return the token; raises as `Keeper.token`."""
        try:
            return self._token(grant_id)
        except ConsentRequired as error:
            found = self._unconfirmed(grant_id) if error.reason == Reason.NOT_CONFIRMED.value else None
            if found is None:
                raise
            return found

    def _unconfirmed(self, grant_id: str) -> AccessToken | None:
        row = self._store.grant(grant_id)
        if row is None or row.grant.status is not GrantStatus.PENDING:
            return None
        value, ends = self._vault.open_tokens(row).access_token, row.grant.expires_at
        if value is None or ends is None or ends <= self._now():
            return None
        return AccessToken(value=value, expires_at=ends, scopes=row.grant.scopes)


def waits_or_works(grant: Grant) -> bool:
    """Tell whether a look can be made: a token is handed out for it, or one waits to be."""
    return grant.usable or grant.status is GrantStatus.PENDING


def refuse_unconfirmed(grant: Grant) -> None:
    """Raise ConsentRequired for a grant that waits to be confirmed: a wrong person's accounts concern nobody (V-31)."""
    if grant.status is GrantStatus.PENDING:
        raise unusable(grant)
