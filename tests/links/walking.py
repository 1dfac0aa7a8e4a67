"""Walking people through links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from grantkeeper import Grant, Keeper, Redirect
from grantkeeper.emulator import Emulator
from grantkeeper.model import Invitation

IDA = "ida@nordwind-outdoor.example"
TOM = "tom.becker@nordwind-outdoor.example"
MATEO = "mateo.moreno@mail.example"
LUCIA = "lucia@casa-verde.example"
RETURN = "https://app.example.com/connected?from=grantkeeper"


def token_of(invitation: Invitation) -> str:
    """Return the end of a link's address."""
    return invitation.url.rpartition("/")[2]


def come_back(
    keeper: Keeper,
    emulator: Emulator,
    away: Redirect,
    person: str,
    *,
    allow: Literal["all"] | Iterable[str] = "all",
    deny: bool = False,
) -> Grant:
    """Consent at the provider and bring the browser back, twice if it is asked twice."""
    for _ in range(2):
        back = emulator.consent(away.url, person, allow=allow, deny=deny)
        done = keeper.complete(away.flow, back, client="google-ads")
        if isinstance(done, Grant):
            return done
        away = done
    raise AssertionError("asked a third time")


def use(keeper: Keeper, emulator: Emulator, invitation: Invitation, person: str, **how: Any) -> Grant:
    """Let a person follow a link in a browser of their own, to the end."""
    return come_back(keeper, emulator, keeper.follow(token_of(invitation)), person, **how)


def kinds(keeper: Keeper) -> list[str]:
    """Return which events there are, oldest first."""
    return [event.kind for event in keeper.events(limit=1000)]


def actions(keeper: Keeper) -> list[str]:
    """Return the actions of the audit log."""
    return [each.entry.action for each in keeper._store.audit.read()]
