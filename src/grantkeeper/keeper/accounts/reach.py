"""What grants reach: looked for at the provider, kept, searched, shared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Final, Literal, TypeAlias, get_args

from ...accounts import discovery
from ...accounts.drift import matches
from ...errors import (
    AccessRefused,
    InvalidInput,
    NotFound,
    ProviderUnavailable,
    check_word,
    printable,
)
from ...model import Account, AccountChanges, AuditEntry, Grant, GrantStatus, Look, Sharing
from ...model.event import ACCOUNTS_SHARED
from ..parts import Parts
from .discovering import Discovering, event_of, noun, reached
from .looking import Looking
from .waiting import refuse_unconfirmed, waits_or_works

Include: TypeAlias = Literal["shared", "all"]

OLD: Final = timedelta(minutes=10)
"""A flow takes at most this long, so an older look is of before it."""
NAMED: Final = 5

AGAIN: Final = timedelta(seconds=30)
"""An API that did not answer is not asked again for so long by who only wants to know; `discover` always asks."""


class Reach:
    """The verbs accounts, account, discover, looks and share of a keeper. Thread-safe."""

    def __init__(self, parts: Parts, *, looking: Looking, get: Callable[[str], Grant]) -> None:
        self._parts = parts
        self._store = parts.store
        self._now = parts.now
        self._discovering = Discovering(parts, looking=looking)
        self._found_grant = get

    def accounts(self, grant_id: str, *, kind: str | None, search: str | None, include: Include) -> list[Account]:
        """Return what is shared and there, or all that is known; looks first where no look was answered yet."""
        check_word("include", include, get_args(Include))
        if not isinstance(search, str | None):
            raise InvalidInput("search is a part of a name or an id.")
        self._looked_at(grant_id, kind)
        found = self._store.accounts.of(grant_id, kind=kind)
        if include == "shared":
            found = [account for account in found if account.shared and account.lost_at is None]
        return found if not search else [account for account in found if matches(account, search)]

    def to_choose(self, grant_id: str, *, look: bool) -> list[Account]:
        """Return all that is known, for the person who consented to choose from; `look` asks again before."""
        grant = self._get(grant_id)
        if look:
            self._discovering.discover(grant, None)
        self._look_at(grant, None)
        return self._store.accounts.of(grant_id)

    def account(self, grant_id: str, *, kind: str, account_id: str | None) -> Account:
        """Return the shared account of this id, or the only one; raises why there is none."""
        if account_id is None:
            return self._only(grant_id, kind)
        account_id = str(account_id)  # a customer id is often a number
        self._looked_at(grant_id, kind)
        found = self._store.accounts.get(grant_id, kind, account_id)
        if found is None and "-" in account_id:
            found = self._store.accounts.get(grant_id, kind, account_id.replace("-", ""))
        if found is None:
            raise NotFound(
                f"Grant {grant_id} reaches no {noun(kind)} {printable(account_id, 80)}.",
                advice="`grantkeeper accounts GRANT --look` looks again; keeper.accounts() lists what there is.",
            )
        return _granted(found, self._above(found))

    def _above(self, account: Account) -> Account | None:
        """Return the account through which a lost one was reached, if it is another that calls cannot use now."""
        root = account.ways[0].root if account.ways and account.lost_at is not None else account.id
        found = self._store.accounts.get(account.grant_id, account.kind, root) if root != account.id else None
        return None if found is None or found.enabled else found

    def looks(self, grant_id: str) -> list[Look]:
        """Return how the last looks went, one of each kind."""
        self._get(grant_id)
        return self._store.accounts.looks(grant_id)

    def sharing(self, grant_id: str) -> Sharing:
        """Return what the grant shares."""
        return self._discovering.sharing(grant_id)

    def discover(self, grant_id: str) -> AccountChanges:
        """Look at every kind of account that the grant's scopes reach, and keep what is found."""
        grant = self._get(grant_id)
        refuse_unconfirmed(grant)
        return self._discovering.discover(grant, None)

    def look_again(self, grant_id: str) -> None:
        """Look once more when what is known may be older than the consent that just ended; trouble is written down."""
        grant, since = self._get(grant_id), self._now() - OLD
        looks = self._store.accounts.looks(grant_id)
        if waits_or_works(grant) and any(look.tried_at < since for look in looks):
            self._discovering.discover(grant, None)

    def share(self, grant_id: str, accounts: Iterable[tuple[str, str]], *, by: str) -> list[Account]:
        """Let exactly these accounts (kind, id) be shared from now on."""
        grant = self._living(grant_id)
        wanted = _wanted(accounts)
        # What is lost and was shared keeps its mark or loses it by the same list: it may come back.
        known = {each.key: each for each in self._store.accounts.of(grant_id) if each.lost_at is None or each.shared}
        unknown = sorted(wanted - known.keys())
        if unknown:
            kind, account_id = unknown[0]
            raise InvalidInput(
                f"Grant {grant_id} reaches no {noun(kind)} {printable(account_id, 80)}, so it cannot be shared.",
                advice="Share what keeper.accounts(grant_id, include='all') lists and has no lost_at.",
            )
        before = {key for key, each in known.items() if each.shared}
        if before == wanted and self.sharing(grant_id).mode == "chosen":
            return [each for each in known.values() if each.shared]
        data = {
            "shared_count": len(wanted),
            "added": _keys(sorted(wanted - before)),
            "removed": _keys(sorted(before - wanted)),
        }
        event = event_of(ACCOUNTS_SHARED, grant, data, at=self._now())
        entry = AuditEntry(
            at=event.at,
            actor=by,
            action="grant.share",
            target=f"grant:{grant.id}",
            owner=grant.owner,
            data={"client": grant.client, "shared": len(wanted)},
            personal={"person": grant.person},
        )
        self._store.accounts.share(grant_id, wanted, event=event, beside=self._parts.beside(entry))
        return [each for each in self._store.accounts.of(grant_id) if each.key in wanted]

    # --- looking ----------------------------------------------------------------------------------------------

    def _looked_at(self, grant_id: str, kind: str | None) -> None:
        """Look at the kinds that were never looked at since the consent; a grant that is over keeps what is known.

        Raises what stood in the way of a kind of which nothing at all is known. Nobody asks an API again at once that
        did not answer a moment ago.
        """
        if not isinstance(kind, str | None):
            raise InvalidInput("kind is a text.", advice=_kinds_advice())
        grant = self._get(grant_id)
        refuse_unconfirmed(grant)
        self._look_at(grant, kind)

    def _look_at(self, grant: Grant, kind: str | None) -> None:
        grant_id, kinds = grant.id, {each.kind for each in reached(grant)}
        if kind is not None and kind not in kinds:
            known = self._store.accounts.looks(grant_id)
            if discovery(kind) is None:
                raise InvalidInput(f"There is no kind of account {printable(kind, 40)!r}.", advice=_kinds_advice())
            if kind not in {look.kind for look in known}:
                raise AccessRefused(
                    f"Grant {grant_id} was not given the permission to see any {noun(kind)}.",
                    who="person",
                    code="scopes_missing",
                    grant_id=grant_id,
                    advice="Add the API's scope to the OAuth client and connect again.",
                )
            return
        wanted = kinds if kind is None else {kind}
        looks = {look.kind: look for look in self._store.accounts.looks(grant_id) if look.kind in wanted}
        fresh = {each.kind for each in looks.values() if each.looked_at and each.looked_at >= grant.consented_at}
        if wanted <= fresh or (not waits_or_works(grant) and looks):
            return
        late = {each for each in wanted - fresh if each not in looks or not self._failed_just_now(looks[each])}
        changes = self._discovering.discover(grant, late) if late else AccountChanges(grant_id=grant_id)
        answered = {each.kind for each in looks.values() if each.looked_at} | (late - changes.problems.keys())
        if not answered:
            unknown = min(wanted)
            raise changes.problems.get(unknown) or _still_failing(looks[unknown])

    def _failed_just_now(self, look: Look) -> bool:
        return bool(look.problem) and self._now() - look.tried_at < AGAIN

    def _get(self, grant_id: str) -> Grant:
        if not isinstance(grant_id, str):
            raise InvalidInput("A grant's id is a text.")
        return self._found_grant(grant_id)

    def _living(self, grant_id: str) -> Grant:
        grant = self._get(grant_id)
        if grant.status is GrantStatus.REVOKED:
            raise InvalidInput(f"Grant {grant_id} is revoked for good.", advice="Begin a new one.")
        return grant

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
        said = "its person has not chosen yet what to share" if waiting else f"it shares no {noun(kind)}"
        return AccessRefused(
            f"Nothing can be called for grant {grant_id}: {said}.",
            who="person",
            code="not_shared",
            grant_id=grant_id,
            advice="Connect again: the page after the consent asks which accounts to share.",
        )


def _granted(account: Account, above: Account | None) -> Account:
    """Return the account when it is shared and there; raises AccessRefused, which names what is wrong `above` it."""
    called = f"{account.id} ({account.name})" if account.name else account.id
    if account.lost_at is not None:
        raise AccessRefused(
            f"Grant {account.grant_id} does not reach {noun(account.kind)} {called} any more.",
            who="account",
            code="lost",
            grant_id=account.grant_id,
            account_id=account.id,
            advice=f"It was reached through {above.id}, which is {above.status}: that has to be mended first."
            if above
            else "Somebody ended the person's access to it, or its link to their manager account.",
        )
    if not account.shared:
        raise AccessRefused(
            f"The {noun(account.kind)} {called} was not shared by grant {account.grant_id}.",
            who="person",
            code="not_shared",
            grant_id=account.grant_id,
            account_id=account.id,
            advice="Its person can share it: connect again and tick it.",
        )
    return account


def _still_failing(look: Look) -> ProviderUnavailable:
    return ProviderUnavailable(f"It was tried a moment ago: {look.problem}", advice=look.advice, retry_after=AGAIN)


def _wanted(accounts: object) -> frozenset[tuple[str, str]]:
    """Return the keys; raises InvalidInput when they are none."""
    wrong = InvalidInput("What is to be shared are pairs of texts: (account.kind, account.id).")
    keys = set()
    for key in accounts if isinstance(accounts, Iterable) else (None,):
        if not isinstance(key, tuple | list) or [type(word) for word in key] != [str, str]:
            raise wrong
        keys.add((key[0], key[1]))
    return frozenset(keys)


def _not_enabled(account: Account) -> AccessRefused:
    return AccessRefused(
        f"The {noun(account.kind)} {account.id} of grant {account.grant_id} is {account.status or 'not enabled'}.",
        who="account",
        code="not_enabled",
        grant_id=account.grant_id,
        account_id=account.id,
        advice="Its owner can reactivate it, or share another one.",
    )


def _kinds_advice() -> str:
    from ...accounts import DISCOVERIES

    return f"Known are: {', '.join(each.kind for each in DISCOVERIES)}."


def _keys(keys: Sequence[tuple[str, str]]) -> list[list[str]]:
    return [list(key) for key in keys[:100]]
