"""Whatever a Keeper answers, a Remote that asks its service answers too: the same values, to the last member."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper import (
    AsyncRemote,
    Conflict,
    ConsentRequired,
    InvalidInput,
    Keeper,
    NotFound,
    Picker,
    Remote,
    TokenSource,
)
from grantkeeper.clients.bearer import AsyncTokenSource
from grantkeeper.emulator import Emulator
from grantkeeper.model import AccountSource, Expectation, Grant, GrantStatus, LinkStatus
from grantkeeper.remote import asking
from grantkeeper.testing import Connect, consent
from service.served import served_keeper

IDA = "ida@nordwind-outdoor.example"
LUCIA = "lucia@casa-verde.example"
SCOPES = ("tokens:read", "grants:read", "grants:write", "links:write", "events:read")


@pytest.fixture
def remote(keeper: Keeper, emulator: Emulator) -> Iterator[Remote]:
    """A Remote that asks a service over the keeper."""
    with served_keeper(keeper) as at, Remote(at.url, at.key(*SCOPES), now=emulator.clock.now) as made:
        yield made


@pytest.fixture
def grant(connect: Connect) -> Grant:
    """Ida's consent."""
    return connect("nordwind", IDA)


def test_a_remote_is_wherever_a_keeper_is(remote: Remote) -> None:
    """The type checker says so, and what asks at run time."""
    tokens: TokenSource = remote
    accounts: AccountSource = remote
    awaited: AsyncTokenSource = AsyncRemote(remote)

    assert isinstance(accounts, AccountSource)
    assert tokens is accounts
    assert awaited is not None


def test_grants_are_the_keepers(remote: Remote, keeper: Keeper, grant: Grant, connect: Connect) -> None:
    """One by its id, one by its owner, all that match."""
    other = connect("casa", LUCIA)
    connect("nordwind", IDA, "ad-manager")

    assert remote.get(grant.id) == keeper.get(grant.id)
    assert remote.find("nordwind", "google-ads") == keeper.find("nordwind", "google-ads")
    assert remote.find("casa", "google-ads", email=LUCIA, subject=other.subject) == keeper.get(other.id)
    assert list(remote.grants()) == list(keeper.grants())
    assert list(remote.grants("nordwind", "ad-manager")) == list(keeper.grants("nordwind", "ad-manager"))
    assert list(remote.grants(status=GrantStatus.REVOKED)) == []
    assert remote.siblings(grant.id) == keeper.siblings(grant.id) != ()


def test_grants_come_page_by_page(
    remote: Remote, keeper: Keeper, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None twice, none left out."""
    monkeypatch.setattr(asking, "PAGE", 2)
    for number in range(5):
        connect(f"owner-{number}", IDA)

    assert [each.id for each in remote.grants()] == sorted(each.id for each in keeper.grants())


def test_tokens_are_the_keepers(remote: Remote, keeper: Keeper, grant: Grant, emulator: Emulator) -> None:
    """With their end and scopes; renewed when they have to be, or when it is wished."""
    assert remote.token(grant.id) == keeper.token(grant.id)
    emulator.clock.advance(timedelta(hours=2))
    second = remote.token(grant.id)
    assert second == keeper.token(grant.id)
    emulator.clock.advance(timedelta(minutes=1))
    third = remote.refresh(grant.id)
    assert (third, remote.remembered(grant.id)) == (keeper.token(grant.id), third)
    assert len({each.value for each in (second, third)}) == 2


def test_a_rejected_token_is_replaced_everywhere(
    remote: Remote, keeper: Keeper, grant: Grant, emulator: Emulator
) -> None:
    """R-37: the service hands it to nobody else either."""
    first = remote.token(grant.id)
    emulator.clock.advance(timedelta(minutes=1))
    remote.report_rejected(grant.id, first.value)

    assert keeper.token(grant.id).value != first.value
    assert remote.token(grant.id) == keeper.token(grant.id)


def test_a_token_that_cannot_live_so_long_is_refused(remote: Remote, grant: Grant) -> None:
    """As by a Keeper."""
    for min_ttl in (timedelta(hours=3), timedelta(days=30)):
        with pytest.raises(InvalidInput, match="min_ttl"):
            remote.token(grant.id, min_ttl=min_ttl)


def test_accounts_and_looks_are_the_keepers(remote: Remote, keeper: Keeper, grant: Grant) -> None:
    """Looked for at the provider where nobody has yet."""
    found = remote.accounts(grant.id)
    assert found == keeper.accounts(grant.id) != []
    assert remote.accounts(grant.id, kind="google_ads", search=found[0].name, include="all") == found[:1]
    keeper.share(grant.id, [found[0].key])

    assert remote.account(grant.id, kind="google_ads") == found[0]
    assert remote.account(grant.id, kind="google_ads", account_id=found[0].id) == found[0]
    assert remote.looks(grant.id) == keeper.looks(grant.id) != []


def test_what_a_keeper_refuses_a_remote_refuses_in_the_same_words(
    remote: Remote, keeper: Keeper, grant: Grant, emulator: Emulator
) -> None:
    """Class, message and attributes."""
    keeper.accounts(grant.id)
    keeper.share(grant.id, [])
    tries: tuple[Callable[[AccountSource], object], ...] = (
        lambda source: source.account(grant.id, kind="google_ads", account_id="2223334441"),
        lambda source: source.account(grant.id, kind="google_ads", account_id="9999999999"),
        lambda source: source.accounts(grant.id, kind="nothing"),
    )
    for attempt in tries:
        with pytest.raises(Exception) as ours:
            attempt(keeper)
        with pytest.raises(type(ours.value)) as theirs:
            attempt(remote)
        assert theirs.value.args == ours.value.args
        assert vars(theirs.value) == vars(ours.value)
    with pytest.raises(NotFound):
        remote.get("0" * 32)
    with pytest.raises(NotFound):
        remote.find("nobody", "google-ads")
    consent(keeper, emulator, "nordwind", LUCIA, other_account="add")
    with pytest.raises(InvalidInput, match=r"has 2 grants at 'google-ads': .*Name one by email"):
        remote.find("nordwind", "google-ads")


def test_an_ended_grant_is_over_here_too(remote: Remote, keeper: Keeper, grant: Grant) -> None:
    """And who ended it is the key."""
    remote.token(grant.id)
    done = remote.revoke(grant.id)

    assert (done.at_provider, done.siblings, done.grant) == ("revoked", 0, keeper.get(grant.id))
    with pytest.raises(ConsentRequired) as caught:
        remote.token(grant.id)
    assert (caught.value.grant_id, caught.value.reason) == (grant.id, "disconnected")


def test_only_the_version_that_was_looked_at_is_ended(
    remote: Remote, keeper: Keeper, grant: Grant, connect: Connect
) -> None:
    """As with a Keeper: another consent came meanwhile."""
    newer = connect(grant.owner, IDA)
    assert newer.id == grant.id
    with pytest.raises(Conflict):
        remote.revoke(grant.id, version=grant.version)
    assert keeper.get(grant.id).usable

    assert remote.revoke(grant.id, version=newer.version).grant.status is GrantStatus.REVOKED


def test_siblings_are_kept_or_ended_as_said(remote: Remote, grant: Grant, connect: Connect) -> None:
    """A revocation at Google ends them all."""
    connect("nordwind", IDA, "ad-manager")
    assert remote.revoke(grant.id).at_provider == "kept"
    other = remote.find("nordwind", "ad-manager")

    assert remote.revoke(other.id, siblings="end").at_provider == "revoked"


def test_words_that_are_none_are_refused_as_by_a_keeper(remote: Remote, keeper: Keeper, grant: Grant) -> None:
    """Nothing is taken for another word on the way."""
    word: Any = "End"
    tries: tuple[Callable[[], object], ...] = (
        lambda: remote.revoke(grant.id, siblings=word),
        lambda: remote.accounts(grant.id, include=word),
        lambda: list(remote.grants(status=word)),
        lambda: remote.link("nordwind", "google-ads", confirm=word),
        lambda: remote.link("nordwind", "google-ads", other_account=word),
        lambda: remote.events(kind=word),
    )
    for attempt in tries:
        with pytest.raises(InvalidInput):
            attempt()
    assert keeper.get(grant.id) == grant


def test_events_are_the_keepers(remote: Remote, keeper: Keeper, grant: Grant) -> None:
    """From a position on."""
    keeper.revoke(grant.id)
    found = remote.events()

    assert found == keeper.events() != []
    assert len(found) > 1
    assert remote.events(grant_id=grant.id, kind=found[-1].kind, after=found[0].position) == found[-1:]
    assert remote.events(limit=1) == found[:1]


def test_an_invitation_is_made_as_a_keeper_makes_it(remote: Remote, keeper: Keeper) -> None:
    """With all that can be said of one; the address comes back, and is not printed."""
    made = remote.link(
        "nordwind",
        "google-ads",
        expires_in=timedelta(hours=3),
        expect=Expectation(kind="email", value=IDA),
        picker=Picker(preselect=("2223334441",), at_least=1),
        language="de",
        message="Bitte verbinden Sie Ihr Konto.",
        code=True,
    )
    link = keeper.links.get(made.link.id)

    assert made.link == link
    assert (link.status, link.language, link.expires_at - link.created_at) == (
        LinkStatus.INVITED,
        "de",
        timedelta(hours=3),
    )
    assert made == keeper.links.invitation(link.id)
    assert made.url not in repr(made)
    assert link.created_by.startswith("key:")


def test_a_pending_grant_is_confirmed(remote: Remote, keeper: Keeper, emulator: Emulator) -> None:
    """Until then nobody gets a token; then the same id is active."""
    made = remote.link("nordwind", "google-ads")
    redirect = keeper.follow(made.url.rpartition("/")[2])
    pending = keeper.complete(redirect.flow, emulator.consent(redirect.url, IDA), client="google-ads")
    assert isinstance(pending, Grant)
    with pytest.raises(ConsentRequired) as caught:
        remote.token(pending.id)
    assert caught.value.reason == "not_confirmed"

    assert remote.confirm(pending.id, version=pending.version) == keeper.get(pending.id)
    assert remote.token(pending.id) == keeper.token(pending.id)
