"""A keeper's verbs about accounts and events."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...errors import InvalidInput
from ...model import Account, AccountChanges, Event, Look, Store
from ...webhooks.message import event_kinds
from .reach import Include, Reach


class AccountVerbs:
    """What a Keeper can do about accounts; in a file of its own because a Keeper can do much."""

    _reach: Reach
    _store: Store

    def accounts(
        self, grant_id: str, *, kind: str | None = None, search: str | None = None, include: Include = "shared"
    ) -> list[Account]:
        """Return the accounts that the grant's person shares, by kind and id.

        What was not looked for since the consent is looked for first, at the provider.

        Args:
            grant_id: the grant.
            kind: `google_ads`, `ad_manager`, ...: only these.
            search: part of a name or an id, in any case of letters.
            include: `all` also lists what is not shared and what is lost, for a page on which one chooses.

        Raises:
            NotFound: no such grant. InvalidInput: no such kind.
            ConsentRequired, ProviderUnavailable, AccessRefused, Misconfigured: it was never looked at, and cannot be.
        """
        return self._reach.accounts(grant_id, kind=kind, search=search, include=include)

    def to_choose(self, grant_id: str, *, look: bool = False) -> list[Account]:
        """Return all accounts that are known, for a page on which the person who just consented chooses.

        Unlike `accounts` also while the grant waits to be confirmed: show it in the browser that consented, and nowhere
        else, because nobody has said yet that it was the right person (V-31). `look` asks the provider again.

        Raises as `accounts` and `discover`.
        """
        return self._reach.to_choose(grant_id, look=look)

    def account(self, grant_id: str, *, kind: str, account_id: str | None = None) -> Account:
        """Return one account that is shared and there; without `account_id`, the only one.

        Raises:
            NotFound: no such grant, or it never reached such an account.
            AccessRefused: it is not shared, or lost; `.code` says which.
            InvalidInput: several are shared, and none was named; no such kind.
            ConsentRequired, ProviderUnavailable, Misconfigured: it was never looked at, and cannot be.
        """
        return self._reach.account(grant_id, kind=kind, account_id=account_id)

    def discover(self, grant_id: str) -> AccountChanges:
        """Look at the provider for what the grant reaches now, and keep it; for once a day.

        What appeared or was lost since the last look is also an event `grant.accounts_changed`. A kind of account that
        cannot be looked at stays as it is known, and is in `.problems`.

        Raises NotFound, ConsentRequired, DatabaseUnavailable.
        """
        return self._reach.discover(grant_id)

    def looks(self, grant_id: str) -> list[Look]:
        """Return when each kind of account was looked for last, and what stood in the way; raises NotFound."""
        return self._reach.looks(grant_id)

    def share(self, grant_id: str, accounts: Iterable[tuple[str, str]], *, by: str = "program") -> list[Account]:
        """Let exactly these accounts, by kind and id, be shared from now on: its person's choice; returns them.

        `by` goes into the audit log: `person` where a page of yours asked them.

        Raises InvalidInput when the grant does not reach one of them; NotFound.
        """
        return self._reach.share(grant_id, accounts, by=by)

    def newest_event(self) -> int:
        """Return the position of the newest event: another one than before tells that something has happened."""
        self._store.events.settle()
        return self._store.events.last()

    def events(
        self,
        *,
        grant_id: str | None = None,
        kind: str | None = None,
        owners: Sequence[str] | None = None,
        clients: Sequence[str] | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> list[Event]:
        """Return what happened, in order: events with a position greater than `after`, at most `limit` (1 to 1,000).

        Whoever goes on from the position of the last event that they saw misses none. `owners` and `clients` are those
        whose events are wanted; by default all, and those that are about nobody's grant. Raises InvalidInput, also for
        a `kind` that there is not: whoever waits for a mistyped one waits for ever.
        """
        if kind is not None:
            event_kinds(kind)
        if not 0 <= after < 2**63 or not 1 <= limit <= 1000:
            raise InvalidInput("after is an event's position, and limit is 1 to 1,000.")
        return self._store.events.read(
            grant_id=grant_id, kind=kind, owners=owners, clients=clients, after=after, limit=limit
        )
