"""Giving a refresh token away: off unless it was switched on, and written down before it leaves (V-44)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, Literal, TypeAlias, get_args

from ...errors import InvalidInput, Misconfigured, NotFound, check_word
from ...model import AuditEntry, Beside, Event, Grant, GrantStatus, OAuthClient, Reason, Secret, Store
from ...model.event import GRANT_EXPORTED
from ..parts import Parts
from ..refresh.refusals import unknown_grant, unusable
from ..vault import Vault

Export: TypeAlias = Literal["refused", "allowed"]

_WORDS: Final = 200
"""Longest name of a form or of who asks, in characters."""


class HandingOut:
    """The verb hand_out of a keeper."""

    def __init__(self, parts: Parts, *, export: Export) -> None:
        check_word("export_refresh_tokens", export, get_args(Export))
        self._parts = parts
        self._store: Store = parts.store
        self._vault: Vault = parts.vault
        self._clients: Mapping[str, OAuthClient] = parts.clients
        self._now: Callable[[], datetime] = parts.now
        self._export = export

    def hand_out(self, grant_id: str, *, form: str, who: str, by: str) -> Secret:
        """Write down that it leaves, then return the refresh token."""
        refuse_unless_allowed(self._export)
        texts: tuple[tuple[str, object], ...] = (("form", form), ("who", who))
        for name, value in texts:
            if not isinstance(value, str) or not 0 < len(value) <= _WORDS or not value.isprintable():
                raise InvalidInput(f"{name} is a text of 1 to {_WORDS} printable characters.")
        row = self._store.grant(grant_id)
        if row is None:
            raise unknown_grant(grant_id)
        grant = row.grant
        if grant.status is not GrantStatus.ACTIVE:
            raise unusable(grant)
        client = self._clients.get(grant.client)
        if client is None:
            raise NotFound(f"Grant {grant.id} belongs to the OAuth client {grant.client!r}, which is not configured.")
        if client.provider.rotation != "none":
            raise InvalidInput(
                f"{client.provider.called} may replace refresh tokens: two who use one would end it for each other.",
                advice="Let the other tool ask grantkeeper for access tokens instead: `grantkeeper token`.",
            )
        token = self._vault.open_tokens(row).refresh_token
        if token is None:
            raise unusable(grant, reason=Reason.NO_REFRESH_TOKEN)
        self._store.events.add(*self._told(grant, form, who, by))
        return token

    def _told(self, grant: Grant, form: str, who: str, by: str) -> tuple[Event, Beside]:
        """Return the event, and the entry of the audit log that is written with it."""
        at, data = self._now(), {"form": form, "who": who}
        event = Event(kind=GRANT_EXPORTED, at=at, grant_id=grant.id, owner=grant.owner, client=grant.client, data=data)
        # Who asks is a person's name on a machine: what is signed for ever does not hold it.
        entry = AuditEntry(
            at=at,
            actor=by,
            action="grant.export",
            target=f"grant:{grant.id}",
            owner=grant.owner,
            data={"client": grant.client, "form": form},
            personal={"person": grant.person, "who": who},
        )
        return event, self._parts.beside(entry)


def refuse_unless_allowed(export: Export) -> None:
    """Return when refresh tokens may leave; raises Misconfigured, which says what would allow it."""
    if export != "allowed":
        raise Misconfigured(
            "Refresh tokens do not leave here: the configuration does not allow it.",
            advice='If a tool insists on one, set export_refresh_tokens = "allowed". Better: `grantkeeper token`.',
        )
