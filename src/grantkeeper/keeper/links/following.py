"""A link is followed: its page was shown, its button pressed."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ...errors import AccessRefused, NotFound
from ...model import GrantStatus, Link, LinkRow, LinkStatus, OAuthClient, Redirect
from ...model.event import LINK_OPENED
from ...model.service.links import OPEN
from ..consent.flows import Flows
from ..consent.invited import sha256
from ..parts import Parts
from .rows import LinkRows, retried

CODE_TRIES: Final = 5
"""Wrong codes after which a link is withdrawn: one in 200,000 guesses it (V-34)."""


class Following:
    """The verb follow of a keeper, and what is shown before it. Thread-safe."""

    def __init__(self, parts: Parts, rows: LinkRows, *, client: Callable[[str], OAuthClient], flows: Flows) -> None:
        self._store = parts.store
        self._now = parts.now
        self._rows = rows
        self._client = client
        self._flows = flows

    def usable(self, token: str) -> LinkRow:
        """Return the link at this address; raises NotFound, in the same words whatever is the matter (V-33)."""
        row = self._store.links.by_token(sha256(token))
        if row is None or not self._is_usable(row):
            raise NotFound("This invitation is not valid (any more).", advice="Ask whoever sent it for a new one.")
        return row

    def follow(self, token: str, *, flow: str | None, code: str | None) -> Redirect:
        """Note that it was opened, and begin the flow."""
        link = retried(lambda: self._opened(token, code))
        client = self._client(link.client)
        pinned = link.expect is not None and link.expect.kind == "email"
        return self._flows.begin(
            link.owner,
            client,
            flow=flow,
            grant_id=link.grant_id or None,
            login_hint=link.expect.value if link.expect and pinned else None,
            other_account=link.other_account,
            redirect_uri=client.redirect_uri,
            picker=link.picker,
            link_id=link.id,
        )

    def _is_usable(self, row: LinkRow) -> bool:
        link = row.link
        if link.status not in OPEN or link.expires_at <= self._now() or (row.code_tries or 0) >= CODE_TRIES:
            return False
        again = self._store.grant(link.grant_id) if link.grant_id else None
        return not link.grant_id or (again is not None and again.grant.status is not GrantStatus.REVOKED)

    def _opened(self, token: str, code: str | None) -> Link:
        row = self.usable(token)
        tries = row.code_tries
        if tries is not None:
            row = replace(self._with_code(row, code or ""), code_tries=tries)
        if row.link.status is LinkStatus.OPENED and tries is None:
            return row.link
        first = row.link.opened_at is None
        events = (self._rows.event(row.link, LINK_OPENED),) if first else ()
        opened_at = self._now() if first else row.link.opened_at
        return self._rows.save(row, events=events, status=LinkStatus.OPENED, opened_at=opened_at).link

    def _with_code(self, row: LinkRow, code: str) -> LinkRow:
        """Return the row if the code is right.

        The try is written down before it is looked at: whoever sends a thousand at once has five as well.
        """
        if not code:
            raise _wrong_code("This invitation asks for a code.")
        tries = (row.code_tries or 0) + 1
        row = self._rows.save(replace(row, code_tries=tries))
        kept = self._rows.token(row)
        right = kept[1] if kept else None
        sent = "".join(code.split()).encode("utf-8", "surrogatepass")
        if right is not None and hmac.compare_digest(sent, right.reveal().encode()):
            return row
        if tries >= CODE_TRIES:
            self._lock(row)
        raise _wrong_code("That is not the code of this invitation.")

    def _lock(self, row: LinkRow) -> None:
        """Withdraw a link whose code somebody guesses."""
        said = f"A wrong code was given {CODE_TRIES} times."
        entry = self._rows.entry(row.link, "link.lock", by="person")
        changed = replace(row, sealed=None)
        self._rows.save(changed, entry, status=LinkStatus.REVOKED, failure=said, revoked_at=self._now())


def _wrong_code(said: str) -> AccessRefused:
    return AccessRefused(
        said, who="person", code="wrong_code", advice="Ask whoever invited you for the code; it is not in the message."
    )
