"""Somebody who was sent a link, and their browser."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import httpx2

from grantkeeper.emulator.visitor import forms
from grantkeeper.model import Invitation
from web.visitor import IDA, SITE, Visitor, below


class Guest(Visitor):
    """A browser at the pages of invitations."""

    def submit(self, page: httpx2.Response, form: str = "connect", **fields: str) -> httpx2.Response:
        """Send a page's form; one without an action goes to the page's own address, as in a browser."""
        found = forms(page.text)[form]
        to = f"{SITE}{found.action}" if found.action.startswith("/") else str(page.url)
        return self.post(to, {**dict(found.hidden), **fields})

    def open(self, invitation: Invitation) -> httpx2.Response:
        """Open the link."""
        return self.get(path_of(invitation))

    def back_path(
        self,
        invitation: Invitation,
        person: str = IDA,
        *,
        allow: Literal["all"] | Iterable[str] = "all",
        deny: bool = False,
        **fields: str,
    ) -> str:
        """Follow the link, answer at the provider, and return the address that leads back, unopened."""
        away = self.submit(self.open(invitation), **fields)
        assert away.status_code == 303, away.text
        return below(self.emulator.consent(away.headers["location"], person, allow=allow, deny=deny))

    def onward(self, path: str) -> httpx2.Response:
        """Open an address of ours and follow redirects as long as they stay with us; return the last answer."""
        answer = self.get(path)
        while answer.status_code == 303 and not answer.headers["location"].startswith("https:"):
            answer = self.get(f"{SITE}{answer.headers['location']}")
        return answer

    def use(
        self,
        invitation: Invitation,
        person: str = IDA,
        *,
        allow: Literal["all"] | Iterable[str] = "all",
        deny: bool = False,
        **fields: str,
    ) -> httpx2.Response:
        """Go the whole way."""
        return self.onward(self.back_path(invitation, person, allow=allow, deny=deny, **fields))


def path_of(invitation: Invitation) -> str:
    """Return the path of a link's address."""
    return invitation.url.removeprefix(SITE)


def token_in(page: httpx2.Response, form: str = "connect") -> str:
    """Return the token of a page's form."""
    return dict(forms(page.text)[form].hidden)["token"]
