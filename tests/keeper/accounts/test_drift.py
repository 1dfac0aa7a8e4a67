"""What appeared and what was lost since the last look: kept, and told as an event."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from grantkeeper import AccessRefused, Account, InvalidInput, Keeper, Sharing
from grantkeeper.emulator import Emulator
from grantkeeper.model import Look, Store
from grantkeeper.testing import Connect, oauth_client
from keeper.accounts.scene import ADS, MANAGER, PLANTS, SHOP, WINTER, gain, ids, lose, walk
from keeper.people import IDA, SAM, account_events


def told(keeper: Keeper, grant_id: str) -> dict[str, Any]:
    """Return the data of the one event about changed accounts."""
    (event,) = keeper.events(grant_id=grant_id, kind="grant.accounts_changed")
    assert (event.owner, event.client) == ("acme", "google-ads")
    return dict(event.data)


def test_the_first_look_is_no_drift(connect: Connect, keeper: Keeper) -> None:
    """All of it appeared, and nobody has to be told."""
    grant = connect("acme", IDA)
    assert ids(list(keeper.discover(grant.id).appeared)) == [SHOP, WINTER]
    assert account_events(keeper, grant.id) == []


def test_what_appeared_is_found_and_told(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """With everything shared, the new account is too."""
    grant = connect("acme", IDA)
    keeper.discover(grant.id)
    gain(emulator, IDA, PLANTS)
    changes = keeper.discover(grant.id)
    assert (ids(list(changes.appeared)), changes.lost, changes.shared_left) == ([PLANTS], (), 3)
    assert told(keeper, grant.id)["appeared"] == [{"id": PLANTS, "name": "Casa Verde Plants", "shared": True}]
    assert PLANTS in ids(keeper.accounts(grant.id))


def test_losing_one_of_two_and_losing_the_last_are_told_differently(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """The second stops the business's work."""
    grant = connect("acme", IDA)
    keeper.discover(grant.id)
    lose(emulator, IDA, WINTER)
    first = keeper.discover(grant.id)
    lose(emulator, IDA, SHOP)
    second = keeper.discover(grant.id)
    assert [(each.last_shared_lost, each.shared_left) for each in (first, second)] == [(False, 1), (True, 0)]
    one, last = (event.data for event in account_events(keeper, grant.id))
    assert (one["last_shared_lost"], last["last_shared_lost"]) == (False, True)
    assert last["said"].startswith("The last shared account is gone: Nordwind Outdoor (2223334441).")
    assert keeper.accounts(grant.id) == []
    assert ids(keeper.accounts(grant.id, include="all")) == [SHOP, WINTER]
    with pytest.raises(AccessRefused, match="any more") as refused:
        keeper.account(grant.id, kind=ADS, account_id=SHOP)
    assert refused.value.code == "lost"


def test_a_look_without_a_change_tells_nothing(connect: Connect, keeper: Keeper) -> None:
    """The daily check of a hundred thousand grants writes no event for what stayed."""
    grant = connect("acme", IDA)
    for _ in range(3):
        keeper.discover(grant.id)
    assert account_events(keeper) == []
    assert keeper.looks(grant.id)[0].version == 3


def test_a_scope_that_was_taken_back_takes_its_accounts_with_it(
    emulator: Emulator, connect: Connect, keeper: Keeper
) -> None:
    """What was not granted again is not reached any more, and that is drift."""
    grant = connect("acme", SAM, "ad-manager")
    client = keeper._clients["ad-manager"]
    keeper._clients["ad-manager"] = both = oauth_client(emulator, "ad-manager", ["ad_manager", "adwords"])
    assert both.scopes != client.scopes
    grant = connect("acme", SAM, "ad-manager")
    keeper.discover(grant.id)
    assert {each.kind for each in keeper.accounts(grant.id)} == {"ad_manager", "google_ads"}
    keeper._clients["ad-manager"] = client
    grant = connect("acme", SAM, "ad-manager")
    changes = keeper.discover(grant.id)
    assert {each.kind for each in changes.lost} == {"google_ads"}
    assert {each.kind for each in keeper.accounts(grant.id)} == {"ad_manager"}


def test_what_a_person_allowed_us_for_something_else_is_not_offered(connect: Connect, keeper: Keeper) -> None:
    """Google adds older scopes to each token; a connection for Ad Manager is about networks all the same."""
    connect("acme", SAM)
    grant = connect("acme", SAM, "ad-manager")
    assert "https://www.googleapis.com/auth/adwords" in grant.extra
    assert {each.kind for each in keeper.accounts(grant.id, include="all")} == {"ad_manager"}


def test_two_looks_at_once_are_one_drift(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """Whoever saves second reads again, and finds nothing new to tell."""
    grant = connect("acme", IDA)
    keeper.discover(grant.id)
    gain(emulator, IDA, PLANTS)
    start = threading.Barrier(4)

    def look() -> None:
        start.wait(20)
        keeper.discover(grant.id)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(account_events(keeper, grant.id)) == 1
    assert keeper.looks(grant.id)[0].version == 5


def test_a_choice_during_a_look_is_not_undone(
    connect: Connect, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look merges again, with the ticks that came meanwhile."""
    grant = connect("acme", IDA)
    keeper.discover(grant.id)
    store: Store = keeper._store
    saved = store.accounts.save_look

    def after_a_choice(look: Look, changed: tuple[Account, ...], **more: Any) -> None:
        monkeypatch.setattr(store.accounts, "save_look", saved)
        keeper.share(grant.id, [(ADS, WINTER)])
        saved(look, changed, **more)

    monkeypatch.setattr(store.accounts, "save_look", after_a_choice)
    keeper.discover(grant.id)
    assert ids(keeper.accounts(grant.id)) == [WINTER]
    assert store.accounts.sharing(grant.id) == Sharing(mode="chosen")


def test_a_choice_during_the_first_look_of_another_kind_is_not_undone(
    keeper: Keeper, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Networks that were found while everything was shared are not, once the person has chosen."""
    keeper._clients["both"] = oauth_client(emulator, "both", ["ad_manager_rest", "adwords"])
    grant = walk(keeper, emulator, IDA, client="both")[0]
    keeper.accounts(grant.id, kind=ADS)
    store: Store = keeper._store
    saved = store.accounts.save_look

    def after_a_choice(look: Look, changed: tuple[Account, ...], **more: Any) -> None:
        monkeypatch.setattr(store.accounts, "save_look", saved)
        keeper.share(grant.id, [(ADS, WINTER)])
        saved(look, changed, **more)

    monkeypatch.setattr(store.accounts, "save_look", after_a_choice)
    assert keeper.accounts(grant.id, kind="ad_manager") == []
    assert [each.shared for each in keeper.accounts(grant.id, kind="ad_manager", include="all")] == [False]


def test_a_look_during_a_revocation_brings_nothing_back(
    connect: Connect, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O-54r: who was disconnected is not written down again by a look that was under way."""
    grant = connect("acme", IDA)
    keeper.discover(grant.id)
    store: Store = keeper._store
    saved = store.accounts.save_look

    def after_revoking(look: Look, changed: tuple[Account, ...], **more: Any) -> None:
        monkeypatch.setattr(store.accounts, "save_look", saved)
        keeper.revoke(grant.id)
        saved(look, changed, **more)

    monkeypatch.setattr(store.accounts, "save_look", after_revoking)
    assert keeper.discover(grant.id).appeared == ()
    assert keeper._store.accounts.of(grant.id) == []
    with pytest.raises(InvalidInput, match="revoked for good"):
        keeper.share(grant.id, [])


def test_revoking_forgets_what_was_reached(connect: Connect, keeper: Keeper) -> None:
    """O-54r: names of accounts go with the grant."""
    grant = connect("acme", IDA)
    keeper.discover(grant.id)
    keeper.revoke(grant.id)
    assert keeper._store.accounts.of(grant.id) == []
    assert keeper._store.accounts.looks(grant.id) == []


def test_a_lost_account_is_given_up_or_kept_by_the_same_list(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """Whoever leaves it ticked shares it again when it comes back; whoever unticks it does not."""
    grant = connect("acme", IDA)
    keeper.discover(grant.id)
    for kept in (True, False):
        keeper.share(grant.id, [(ADS, SHOP), (ADS, WINTER)])
        lose(emulator, IDA, WINTER)
        keeper.discover(grant.id)
        keeper.share(grant.id, [(ADS, SHOP), (ADS, WINTER)] if kept else [(ADS, SHOP)])
        gain(emulator, IDA, WINTER)
        keeper.discover(grant.id)
        assert (WINTER in ids(keeper.accounts(grant.id))) is kept
    lose(emulator, IDA, WINTER)
    keeper.discover(grant.id)
    with pytest.raises(InvalidInput):
        keeper.share(grant.id, [(ADS, WINTER)])


def test_what_hung_below_an_account_that_was_closed_says_so(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """Nobody unlinked it: the manager above it has to be opened again."""
    grant = connect("acme", SAM)
    keeper.discover(grant.id)
    closed = tuple(
        replace(each, status="CANCELED") if each.id == MANAGER else each for each in emulator.world.ads_accounts
    )
    emulator.world = replace(emulator.world, ads_accounts=closed)
    assert SHOP in ids(list(keeper.discover(grant.id).lost))
    with pytest.raises(AccessRefused, match=f"reached through {MANAGER}, which is NOT_ENABLED"):
        keeper.account(grant.id, kind=ADS, account_id=SHOP)
