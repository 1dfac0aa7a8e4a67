"""People who gain and lose ad accounts in these tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from grantkeeper import Account, Grant, Keeper, Picker, Redirect
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.consent.invited import sha256
from keeper.people import asked

SHOP = "2223334441"
"""Nordwind Outdoor, which Ida reaches directly and Sam through the manager."""
WINTER = "4445556663"
"""Nordwind Winter Sale, Ida's alone."""
MANAGER = "1112223330"
PLANTS = "3334445552"
ADS = "google_ads"
LIST = "/v26/customers:listAccessibleCustomers"


def search_path(customer: str) -> str:
    """Return where the accounts below a customer are asked for."""
    return f"/v26/customers/{customer}/googleAds:search"


def lose(emulator: Emulator, person: str, *accounts: str) -> None:
    """Take a person's direct access to these accounts away."""
    kept = tuple(
        each
        for each in emulator.world.ads_access
        if (each.person, each.account) not in {(person, account) for account in accounts}
    )
    emulator.world = replace(emulator.world, ads_access=kept)


def gain(emulator: Emulator, person: str, account: str) -> None:
    """Give a person direct access to an account."""
    access = type(emulator.world.ads_access[0])(person=person, account=account)
    emulator.world = replace(emulator.world, ads_access=(*emulator.world.ads_access, access))


def ids(accounts: list[Account]) -> list[str]:
    """Return the accounts' ids."""
    return [account.id for account in accounts]


def walk(
    keeper: Keeper,
    emulator: Emulator,
    person: str,
    *,
    owner: str = "acme",
    client: str = "google-ads",
    other_account: Literal["refuse", "add"] = "refuse",
    **how: Any,
) -> tuple[Grant, str, str]:
    """Let a person consent; returns the grant, the browser's secret and what names the completed flow."""
    away = keeper.begin(owner, client, other_account=other_account, **how)
    ref = sha256(asked(away)["state"])
    done = keeper.complete(away.flow, emulator.consent(away.url, person))
    while isinstance(done, Redirect):
        ref = sha256(asked(done)["state"])
        done = keeper.complete(done.flow, emulator.consent(done.url, person))
    return done, away.flow, ref


def picked(keeper: Keeper, emulator: Emulator, person: str, picker: Picker | None) -> Grant:
    """Return the grant of a consent with this picker."""
    return walk(keeper, emulator, person, picker=picker)[0]
