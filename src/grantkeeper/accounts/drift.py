"""What a look found, beside what was known: pure.

An account that is not found any more stays, with the time since when: it may come back, and then what was shared is
shared again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Final

from ..model import Account, FoundAccount, Preselect, Sharing

NAMED: Final = 100
"""Accounts that an event names of each kind of change; the counts are always whole."""

_FIELDS: Final = tuple(each.name for each in fields(FoundAccount))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """`changed` are the rows to save; `appeared` and `lost` are among them."""

    changed: tuple[Account, ...]
    appeared: tuple[Account, ...]
    lost: tuple[Account, ...]


def merged(
    known: Sequence[Account],
    found: Iterable[FoundAccount],
    *,
    grant_id: str,
    sharing: Sharing,
    first: bool,
    now: datetime,
) -> Drift:
    """Compare what was found of one kind with what was known of it; `first` when it was never looked at before."""
    before = {account.id: account for account in known}
    is_shared = _shared_at_once(sharing, first=first)
    there = [_kept(each, before.get(each.id), grant_id, is_shared, now=now) for each in found]
    ids = {account.id for account in there}
    gone = [replace(account, lost_at=now) for account in known if account.lost_at is None and account.id not in ids]
    appeared = [account for account in there if _is_new(before.get(account.id))]
    changed = [account for account in there if account != before.get(account.id)]
    return Drift(changed=(*changed, *gone), appeared=tuple(appeared), lost=tuple(gone))


def matches(account: FoundAccount, search: str) -> bool:
    """Tell whether a text is part of the account's name or id, in any case of letters, dashes in ids left out."""
    wanted = search.strip().casefold()
    bare = wanted.replace("-", "")
    folded = account.id.casefold()
    return wanted in account.name.casefold() or wanted in folded or (bool(bare) and bare in folded)


def told(kind: str, drift: Drift, *, shared_left: int) -> dict[str, Any]:
    """Return the data of the event `grant.accounts_changed`; `shared_left` counts all kinds."""
    unshared = [account for account in drift.lost if account.shared]
    return {
        "account_kind": kind,
        "appeared": _named(drift.appeared),
        "appeared_count": len(drift.appeared),
        "lost": _named(drift.lost),
        "lost_count": len(drift.lost),
        "lost_shared_count": len(unshared),
        "shared_left": shared_left,
        "last_shared_lost": bool(unshared) and not shared_left,
        "said": sentence(drift.appeared, drift.lost, shared_left=shared_left),
    }


def sentence(appeared: Sequence[Account], lost: Sequence[Account], *, shared_left: int) -> str:
    """Return what changed in a sentence or two for people; "" when nothing did.

    The last shared account being lost is said differently: then nothing can be done with the grant any more.
    """
    unshared = [account for account in lost if account.shared]
    said = []
    if unshared and not shared_left:
        said.append(f"The last shared account is gone: {_list(unshared)}. Nothing is left to work with.")
    elif unshared:
        said.append(f"{_count(unshared, 'shared account')} gone: {_list(unshared)}. {shared_left} shared left.")
    others = [account for account in lost if not account.shared]
    if others:
        said.append(f"{_count(others, 'account')} gone that nobody had shared: {_list(others)}.")
    if appeared:
        said.append(f"{_count(appeared, 'account')} new: {_list(appeared)}.")
    return " ".join(said)


def preselected(preselect: Preselect) -> Callable[[FoundAccount], bool]:
    """Return what tells whether a Preselect means an account; ids may be written with dashes."""
    if preselect == "enabled":
        return lambda account: account.enabled
    ids = frozenset(preselect) if isinstance(preselect, tuple) else frozenset()
    return lambda account: account.id in ids or _dashed(account.id) in ids


def _kept(
    found: FoundAccount, old: Account | None, grant_id: str, is_shared: Callable[[FoundAccount], bool], *, now: datetime
) -> Account:
    return Account(
        grant_id=grant_id,
        shared=is_shared(found) if old is None else old.shared,
        found_at=now if old is None or old.lost_at is not None else old.found_at,
        **{name: getattr(found, name) for name in _FIELDS},
    )


def _shared_at_once(sharing: Sharing, *, first: bool) -> Callable[[FoundAccount], bool]:
    """Return what tells whether an account that was never seen is shared.

    What appears after the first look is, only where everything is.
    """
    if sharing.mode == "preselect" and first:
        return preselected(sharing.preselect)
    return lambda _account: sharing.mode == "all"


def _dashed(account_id: str) -> str:
    """Return ten digits as Google's pages write a customer id."""
    plain = len(account_id) == 10 and account_id.isdecimal()
    return f"{account_id[:3]}-{account_id[3:6]}-{account_id[6:]}" if plain else account_id


def _is_new(old: Account | None) -> bool:
    return old is None or old.lost_at is not None


def _named(accounts: Sequence[Account]) -> list[dict[str, object]]:
    return [{"id": each.id, "name": each.name, "shared": each.shared} for each in accounts[:NAMED]]


def _count(accounts: Sequence[Account], noun: str) -> str:
    return f"1 {noun} is" if len(accounts) == 1 else f"{len(accounts)} {noun}s are"


def _list(accounts: Sequence[Account]) -> str:
    named = [f"{each.name} ({each.id})" if each.name else each.id for each in accounts[:3]]
    more = len(accounts) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
