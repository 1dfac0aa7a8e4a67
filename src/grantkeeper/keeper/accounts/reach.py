"""What grants reach: looked for at the provider, kept, searched, shared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias

from ...accounts import discoveries, discovery
from ...accounts.discovery import Discovery
from ...accounts.drift import Drift, matches, merged, told
from ...errors import (
    AccessRefused,
    Conflict,
    GrantkeeperError,
    InvalidInput,
    NotFound,
    ProviderUnavailable,
    printable,
)
from ...model import Account, AccountChanges, Event, FoundAccount, Grant, Look, Sharing
from ...model.event import ACCOUNTS_CHANGED, ACCOUNTS_SHARED
from ..parts import Parts
from .looking import Looking, RefusedError

Include: TypeAlias = Literal["shared", "all"]

SAVE_ATTEMPTS: Final = 5
OLD: Final = timedelta(minutes=10)
"""A flow takes at most this long, so an older look is of before it."""
NAMED: Final = 5
ID_LENGTH: Final = 500
WORD_LENGTH: Final = 64
"""What a row holds of an id and of a word of the provider's (`store.tables`)."""


class Reach:
    """The verbs accounts, account, discover, looks and share of a keeper. Thread-safe."""

    def __init__(self, parts: Parts, *, looking: Looking, get: Callable[[str], Grant]) -> None:
        self._store = parts.store
        self._now = parts.now
        self._looking = looking
        self._get = get

    def accounts(self, grant_id: str, *, kind: str | None, search: str | None, include: Include) -> list[Account]:
        """Return what is shared and there, or all that is known; looks first where no look was answered yet."""
        if include not in ("shared", "all"):
            raise InvalidInput('include is "shared" or "all".')
        self._looked_at(grant_id, kind)
        found = self._store.accounts.of(grant_id, kind=kind)
        if include == "shared":
            found = [account for account in found if account.shared and account.lost_at is None]
        return found if not search else [account for account in found if matches(account, search)]

    def account(self, grant_id: str, *, kind: str, account_id: str | None) -> Account:
        """Return the shared account of this id, or the only one; raises why there is none."""
        if account_id is None:
            return self._only(grant_id, kind)
        self._looked_at(grant_id, kind)
        found = self._store.accounts.get(grant_id, kind, account_id)
        if found is None and "-" in account_id:
            found = self._store.accounts.get(grant_id, kind, account_id.replace("-", ""))
        if found is None:
            raise NotFound(
                f"Grant {grant_id} reaches no {_noun(kind)} {printable(account_id, 80)}.",
                advice="`grantkeeper accounts GRANT --look` looks again; keeper.accounts() lists what there is.",
            )
        return _granted(found)

    def looks(self, grant_id: str) -> list[Look]:
        """Return how the last looks went, one of each kind."""
        self._get(grant_id)
        return self._store.accounts.looks(grant_id)

    def sharing(self, grant_id: str) -> Sharing:
        """Return what the grant shares."""
        return self._store.accounts.sharing(grant_id) or Sharing()

    def discover(self, grant_id: str) -> AccountChanges:
        """Look at every kind of account that the grant's scopes reach, and keep what is found."""
        return self._discovered(self._get(grant_id), None)

    def look_again(self, grant_id: str) -> None:
        """Look once more when what is known may be older than the consent that just ended; trouble is written down."""
        grant, since = self._get(grant_id), self._now() - OLD
        looks = self._store.accounts.looks(grant_id)
        if grant.usable and any(look.tried_at < since for look in looks):
            self._discovered(grant, None)

    def share(self, grant_id: str, accounts: Iterable[tuple[str, str]]) -> list[Account]:
        """Let exactly these accounts (kind, id) be shared from now on."""
        grant = self._get(grant_id)
        wanted = frozenset((kind, account_id) for kind, account_id in accounts)
        known = {each.key: each for each in self._store.accounts.of(grant_id) if each.lost_at is None}
        unknown = sorted(wanted - known.keys())
        if unknown:
            kind, account_id = unknown[0]
            raise InvalidInput(
                f"Grant {grant_id} reaches no {_noun(kind)} {printable(account_id, 80)}, so it cannot be shared.",
                advice="Share what keeper.accounts(grant_id, include='all') lists and has no lost_at.",
            )
        before = {key for key, each in known.items() if each.shared}
        data = {
            "shared_count": len(wanted),
            "added": _keys(sorted(wanted - before)),
            "removed": _keys(sorted(before - wanted)),
        }
        self._store.accounts.share(grant_id, wanted, event=self._event(ACCOUNTS_SHARED, grant, data))
        return [each for each in self._store.accounts.of(grant_id) if each.key in wanted]

    # --- looking ----------------------------------------------------------------------------------------------

    def _looked_at(self, grant_id: str, kind: str | None) -> None:
        """Look at the kinds that were never looked at since the consent; a grant that is over keeps what is known.

        Raises what stood in the way when nothing at all is known of what was asked for.
        """
        grant = self._get(grant_id)
        kinds = {each.kind for each in _reached(grant)}
        if kind is not None and kind not in kinds:
            known = self._store.accounts.looks(grant_id)
            if discovery(kind) is None:
                raise InvalidInput(f"There is no kind of account {printable(kind, 40)!r}.", advice=_kinds_advice())
            if kind not in {look.kind for look in known}:
                raise AccessRefused(
                    f"Grant {grant_id} was not given the permission to see any {_noun(kind)}.",
                    who="person",
                    code="scopes_missing",
                    grant_id=grant_id,
                    advice="Add the API's scope to the OAuth client and connect again.",
                )
            return
        wanted = kinds if kind is None else {kind}
        looks = self._store.accounts.looks(grant_id)
        fresh = {look.kind for look in looks if look.looked_at and look.looked_at >= grant.consented_at}
        if wanted <= fresh or (not grant.usable and any(look.kind in wanted for look in looks)):
            return
        changes = self._discovered(grant, wanted - fresh)
        if changes.problems and not fresh & wanted and wanted <= changes.problems.keys():
            raise next(iter(changes.problems.values()))

    def _discovered(self, grant: Grant, only: set[str] | None) -> AccountChanges:
        appeared: list[Account] = []
        lost: list[Account] = []
        problems: dict[str, GrantkeeperError] = {}
        for kind, found in self._found(grant, only, problems):
            drift = self._saved(grant, kind, found)
            appeared += drift.appeared
            lost += drift.lost
        for kind, problem in problems.items():
            self._note(grant, kind, problem)
        left = sum(each.shared and each.lost_at is None for each in self._store.accounts.of(grant.id))
        return AccountChanges(
            grant_id=grant.id, appeared=tuple(appeared), lost=tuple(lost), shared_left=left, problems=problems
        )

    def _found(
        self, grant: Grant, only: set[str] | None, problems: dict[str, GrantkeeperError]
    ) -> Iterable[tuple[str, list[FoundAccount]]]:
        """Yield what each kind's look finds; a kind whose scope was taken back reaches nothing."""
        reached = {each.kind: each for each in _reached(grant)}
        for kind, each in reached.items():
            if only is not None and kind not in only:
                continue
            try:
                yield kind, _checked(self._looking.look(grant.id, grant.client, each))
            except RefusedError as refused:
                problems[kind] = refused.reason
            except ProviderUnavailable as error:
                problems[kind] = error
        if only is None:
            yield from ((look.kind, []) for look in self._store.accounts.looks(grant.id) if look.kind not in reached)

    def _saved(self, grant: Grant, kind: str, found: Sequence[FoundAccount]) -> Drift:
        """Merge what was found with what is known now, and save both with the event; again when somebody was faster."""
        for _ in range(SAVE_ATTEMPTS):
            before = self._last_look(grant.id, kind)
            everything = self._store.accounts.of(grant.id)
            known = [each for each in everything if each.kind == kind]
            now, first = self._now(), before is None or before.looked_at is None
            drift = merged(known, found, grant_id=grant.id, sharing=self.sharing(grant.id), first=first, now=now)
            look = Look(grant_id=grant.id, kind=kind, tried_at=now, looked_at=now, version=_next(before))
            event = None if first else self._changed(grant, kind, drift, everything)
            try:
                self._store.accounts.save_look(look, drift.changed, event=event)
            except Conflict:
                continue
            return drift
        raise Conflict(f"What grant {grant.id} reaches changes faster than it can be saved.")

    def _changed(self, grant: Grant, kind: str, drift: Drift, everything: Sequence[Account]) -> Event | None:
        if not drift.appeared and not drift.lost:
            return None
        after = {each.key: each for each in (*everything, *drift.changed)}
        left = sum(each.shared and each.lost_at is None for each in after.values())
        return self._event(ACCOUNTS_CHANGED, grant, told(kind, drift, shared_left=left))

    def _note(self, grant: Grant, kind: str, problem: GrantkeeperError) -> None:
        """Write down why a kind could not be looked at; somebody who looked meanwhile knows better."""
        before = self._last_look(grant.id, kind)
        look = Look(
            grant_id=grant.id,
            kind=kind,
            tried_at=self._now(),
            looked_at=before.looked_at if before else None,
            problem=printable(f"{problem.args[0]} {problem.provider or ''}".strip()),
            advice=problem.advice,
            version=_next(before),
        )
        try:
            self._store.accounts.save_look(look, ())
        except Conflict:
            return

    def _last_look(self, grant_id: str, kind: str) -> Look | None:
        return next((look for look in self._store.accounts.looks(grant_id) if look.kind == kind), None)

    def _event(self, kind: str, grant: Grant, data: dict[str, object]) -> Event:
        at: datetime = self._now()
        return Event(kind=kind, at=at, grant_id=grant.id, owner=grant.owner, client=grant.client, data=data)

    # --- choosing one -----------------------------------------------------------------------------------------

    def _only(self, grant_id: str, kind: str) -> Account:
        """Return the one account that is shared, there and enabled: managers count only where nothing else does."""
        shared = self.accounts(grant_id, kind=kind, search=None, include="shared")
        enabled = [account for account in shared if account.enabled]
        found = [account for account in enabled if not account.manager] or enabled
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"{each.id} ({each.name})" if each.name else each.id for each in found[:NAMED])
            more = ", …" if len(found) > NAMED else ""
            raise InvalidInput(
                f"Grant {grant_id} shares {len(found)} of kind {kind}: {names}{more}.",
                advice="Name one of them.",
            )
        raise self._nothing_shared(grant_id, kind, shared)

    def _nothing_shared(self, grant_id: str, kind: str, shared: Sequence[Account]) -> AccessRefused:
        if shared:
            return _not_enabled(shared[0])
        waiting = self.sharing(grant_id).mode == "open"
        said = "its person has not chosen yet what to share" if waiting else f"it shares no {_noun(kind)}"
        return AccessRefused(
            f"Nothing can be called for grant {grant_id}: {said}.",
            who="person",
            code="not_shared",
            grant_id=grant_id,
            advice="Connect again: the page after the consent asks which accounts to share.",
        )


def _reached(grant: Grant) -> tuple[Discovery, ...]:
    """Return what the grant was given for: not what its person allowed us at other times for other things."""
    return discoveries(grant.scopes - grant.extra)


def _granted(account: Account) -> Account:
    """Return the account when it is shared and there; raises AccessRefused."""
    called = f"{account.id} ({account.name})" if account.name else account.id
    if account.lost_at is not None:
        raise AccessRefused(
            f"Grant {account.grant_id} does not reach {_noun(account.kind)} {called} any more.",
            who="account",
            code="lost",
            grant_id=account.grant_id,
            account_id=account.id,
            advice="Somebody ended the person's access to it, or its link to their manager account; ask them for it.",
        )
    if not account.shared:
        raise AccessRefused(
            f"The {_noun(account.kind)} {called} was not shared by grant {account.grant_id}.",
            who="person",
            code="not_shared",
            grant_id=account.grant_id,
            account_id=account.id,
            advice="Its person can share it: connect again and tick it.",
        )
    return account


def _not_enabled(account: Account) -> AccessRefused:
    return AccessRefused(
        f"The {_noun(account.kind)} {account.id} of grant {account.grant_id} is {account.status or 'not enabled'}.",
        who="account",
        code="not_enabled",
        grant_id=account.grant_id,
        account_id=account.id,
        advice="Its owner can reactivate it, or share another one.",
    )


def _checked(found: Sequence[FoundAccount]) -> list[FoundAccount]:
    """Return what was found when it fits into rows: ids and words come from outside."""
    for each in found:
        words = (each.status, each.currency, each.time_zone)
        if not 0 < len(each.id) <= ID_LENGTH or not each.id.isprintable() or max(map(len, words)) > WORD_LENGTH:
            raise ProviderUnavailable(f"The API names a {_noun(each.kind)} in a way that no account is named.")
    return list(found)


def _noun(kind: str) -> str:
    found = discovery(kind)
    return f"{found.title} {found.noun}" if found else kind


def _kinds_advice() -> str:
    from ...accounts import DISCOVERIES

    return f"Known are: {', '.join(each.kind for each in DISCOVERIES)}."


def _next(before: Look | None) -> int:
    return before.version + 1 if before else 1


def _keys(keys: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [list(key) for key in keys[:100]]
