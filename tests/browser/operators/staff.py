"""Somebody who works at the business, in front of a real browser."""

from __future__ import annotations

from dataclasses import dataclass, field

from browser.guest import Guest
from browser.serving import Service
from grantkeeper.model import Grant, Role


@dataclass(slots=True)
class Staff(Guest):
    """A browser at the service."""

    service: Service = field(init=False)

    def open(self, path: str) -> None:
        """Open a page of the dashboard."""
        self.page.goto(f"{self.service.url}/dashboard{path}")

    def come_in(self, role: Role = "admin") -> None:
        """Be invited with a role, open the address and press its button."""
        _, token = self.service.keeper.operators.invite(f"{role}@fjord-media.example", role, by="cli")
        self.open(f"/sign-in/{token.reveal()}")
        self.press("form#sign-in button")


def consented(service: Service, owner: str, email: str, client: str = "google-ads", *, expect: str = "") -> Grant:
    """Let somebody consent by a link; without an expectation the grant waits to be confirmed."""
    made = service.keeper.link(owner, client, expect=expect or None, by="cli")
    away = service.keeper.follow(made.url.rpartition("/")[2])
    done = service.keeper.complete(away.flow, service.emulator.consent(away.url, email))
    assert isinstance(done, Grant)
    return done
