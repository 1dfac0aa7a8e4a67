"""What a grant shares, in the few words that other pages say about it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from grantkeeper.errors import GrantkeeperError
from grantkeeper.model import GrantStatus
from grantkeeper.web.languages import counted
from grantkeeper.web.picker.words import called, written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.model import Account, Grant, Picker
    from grantkeeper.web.languages import Text

log = logging.getLogger("grantkeeper.web")
_NAMED: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Shares:
    """What is shared: `all`, or `count` accounts, of which `names` are the first (name and id).

    `person` is who consented, `change` the address of the page that changes it, "" when there is none.
    """

    all: bool = False
    count: int = 0
    names: tuple[tuple[str, str], ...] = ()
    person: str = ""
    change: str = ""

    @property
    def none(self) -> bool:
        """True when the business can use no account."""
        return not self.all and not self.count


async def after_flow(keeper: AsyncKeeper, flow: str | None, ref: str, owner: str, *, page: str) -> Shares | None:
    """Return what the grant of a completed flow shares; None when that cannot be said now.

    `page` is the address of the picker, for a flow that has one.
    """
    try:
        grant, picker, sharing = await keeper.choice(flow, ref, owner=owner)
        change = page if shows(picker) else ""
        if sharing.mode == "all":
            return Shares(all=True, person=grant.email or "", change=change)
        accounts = [] if sharing.mode == "open" else await _known(keeper, grant)
    except GrantkeeperError as error:
        log.info("what a grant shares could not be shown: %s", error)
        return None
    return None if accounts is None else _of(accounts, change=change)


async def count(keeper: AsyncKeeper, grant: Grant) -> Text | None:
    """Return how many accounts a grant shares, in words; None when nobody has looked yet."""
    try:
        accounts = await _known(keeper, grant)
    except GrantkeeperError as error:
        log.info("what a grant shares could not be shown: %s", error)
        return None
    if not accounts:
        return None
    there = [each for each in accounts if each.lost_at is None]
    shared = sum(each.shared for each in there)
    return counted(
        len(there), "{shared} of {count} account shared", "{shared} of {count} accounts shared", shared=shared
    )


def chooses(grant: Grant) -> bool:
    """Tell whether its person can choose: while it works, and while it waits to be confirmed."""
    return grant.usable or grant.status is GrantStatus.PENDING


def shows(picker: Picker | None) -> bool:
    """Tell whether a page is shown on which one chooses."""
    return picker is not None and picker.page == "show"


async def _known(keeper: AsyncKeeper, grant: Grant) -> list[Account] | None:
    """Return what is known; None before the first look, for which nobody should wait here."""
    if not any(look.looked_at for look in await keeper.looks(grant.id)):
        return None
    return await keeper.to_choose(grant.id)


def _of(accounts: Sequence[Account], *, change: str) -> Shares:
    shared = sorted((each for each in accounts if each.shared and each.lost_at is None), key=called)
    return Shares(
        count=len(shared), names=tuple((called(each), written(each)) for each in shared[:_NAMED]), change=change
    )
