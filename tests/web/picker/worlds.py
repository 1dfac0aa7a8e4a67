"""Casts for the picker: an agency of a dozen accounts with everything odd about them, and a very large one."""

from __future__ import annotations

import dataclasses

from grantkeeper.emulator import World
from grantkeeper.emulator.world.generated import AdsTree
from grantkeeper.emulator.world.values import AdsAccess, AdsAccount, AdsLink, Network

IDA = "ida@nordwind-outdoor.example"
ROOT = "8000000000"
ACCOUNTS = 5_000

_AGENCY = (
    AdsAccount(id="6000000001", name="Fjord Media", manager=True),
    AdsAccount(id="6000000002", name="Fjord Media North", manager=True),
    AdsAccount(id="6000000003", name="Fjord Media South", manager=True),
    AdsAccount(id="6100000001", name="Ålesund Kajakk", currency="NOK", time_zone="Europe/Oslo"),
    AdsAccount(id="6100000002", name="Blue Harbour Hotels | Brand and Generic, United Kingdom", currency="GBP"),
    AdsAccount(id="6100000003", name="Both <b>North</b> & South"),
    AdsAccount(id="6100000004", name="حلويات دمشق 🍰"),
    AdsAccount(id="6100000005", name="Old Bakery \u202egnp.exe", status="CANCELED"),
    AdsAccount(id="6100000006", name="Tryout", test=True),
    AdsAccount(id="6100000007", name=""),
)
_LINKS = (
    ("6000000001", "6000000002"),
    ("6000000001", "6000000003"),
    ("6000000002", "6100000001"),
    ("6000000002", "6100000002"),
    ("6000000002", "6100000003"),
    ("6000000003", "6100000003"),
    ("6000000003", "6100000004"),
    ("6000000003", "6100000005"),
    ("6000000001", "6100000006"),
)


def agency(world: World) -> World:
    """Return the world in which Ida also has a manager of managers, and one account beside it."""
    access = [AdsAccess(person=IDA, account=each) for each in ("6000000001", "6100000007")]
    return dataclasses.replace(
        world,
        ads_accounts=(*world.ads_accounts, *_AGENCY),
        ads_links=(*world.ads_links, *(AdsLink(manager=above, client=below) for above, below in _LINKS)),
        ads_access=(*world.ads_access, *access),
        networks=(*world.networks, Network(code="21700000009", name="Nordwind Radio", people=(IDA,))),
    )


def large(world: World) -> World:
    """Return the world in which Ida also has a manager with 5,000 accounts below, on three levels."""
    accounts, links, access = AdsTree(
        root=ROOT, name="Big", accounts=ACCOUNTS, managers=40, depth=2, cancelled=50, test=5, people=(IDA,)
    ).grown()
    return dataclasses.replace(
        world,
        ads_accounts=(*world.ads_accounts, *accounts),
        ads_links=(*world.ads_links, *links),
        ads_access=(*world.ads_access, *access),
    )
