"""The store's contract for accounts and looks, the same on every database."""

from __future__ import annotations

import dataclasses
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from grantkeeper.errors import Conflict, InvalidInput, SealBroken
from grantkeeper.model import Account, Event, GrantStatus, Look, Sharing, Way
from grantkeeper.store import SqlStore, tables
from grantkeeper.store.engine.writing import Landed, Work, Writer
from store.made import NOW, flow_row, grant_row, saved

USUAL = Account(
    grant_id="g1",
    kind="google_ads",
    id="2223334441",
    name="Nordwind Outdoor ⛺",
    status="ENABLED",
    currency="EUR",
    time_zone="Europe/Berlin",
    parents=("1112223330", "1112223331"),
    ways=(Way(root="2223334441", length=0), Way(root="1112223330", length=2)),
    shared=False,
    found_at=NOW,
)
CHOSEN = Event(kind="grant.accounts_shared", at=NOW, grant_id="g1", owner="acme", client="google-ads", data={"n": 1})


def account(**changes: Any) -> Account:
    """Return an account that differs from the usual one in `changes`."""
    return dataclasses.replace(USUAL, **changes)


ALL = Sharing()


@pytest.fixture
def store(store: SqlStore) -> SqlStore:
    """A store with the grants whose accounts these are."""
    for name in ("g1", "g2"):
        store.insert_grant(grant_row(id=name, subject=name))
    return store


def look(version: int = 1, **changes: Any) -> Look:
    """Return a look for Google Ads accounts."""
    usual = Look(grant_id="g1", kind="google_ads", tried_at=NOW, looked_at=NOW, version=version)
    return dataclasses.replace(usual, **changes)


def test_what_a_look_found_comes_back_as_it_was(store: SqlStore) -> None:
    """Every member, in the order of kind and id; another grant's are not among them."""
    site = account(kind="search_console", id="https://müller.example/" + "x" * 400, currency="", ways=(), parents=())
    lost = account(id="1", lost_at=NOW + timedelta(days=1), test=True, manager=True, enabled=False)
    store.accounts.save_look(look(), [USUAL, lost], person="g1", seen=ALL)
    store.accounts.save_look(
        look(kind="search_console", looked_at=None, problem="Not enabled.", advice="Do."), [site], person="g1", seen=ALL
    )
    store.accounts.save_look(look(grant_id="g2"), [account(grant_id="g2")], person="g2", seen=ALL)
    assert store.accounts.of("g1") == [lost, USUAL, site]
    assert store.accounts.of("g1", kind="search_console") == [site]
    assert store.accounts.get("g1", "google_ads", "2223334441") == USUAL
    assert store.accounts.get("g1", "google_ads", "2223334441 ") is None
    assert store.accounts.get("\0", "google_ads", "x") is None
    assert [each.problem for each in store.accounts.looks("g1")] == ["", "Not enabled."]


def test_a_second_look_replaces_what_it_changed_and_leaves_the_rest(store: SqlStore) -> None:
    """Rows that a look does not name stay; those that it names are replaced whole."""
    other = account(id="9998887776")
    store.accounts.save_look(look(), [USUAL, other], person="g1", seen=ALL)
    renamed = account(name="Nordwind")
    store.accounts.save_look(look(2), [renamed], person="g1", seen=ALL)
    assert store.accounts.of("g1") == [renamed, other]


@pytest.mark.parametrize("version", [1, 2, 4])
def test_a_look_that_was_overtaken_is_a_conflict(store: SqlStore, version: int) -> None:
    """Compare-and-swap: two workers that look at once do not undo each other."""
    store.accounts.save_look(look(), [], person="g1", seen=ALL)
    store.accounts.save_look(look(2), [], person="g1", seen=ALL)
    with pytest.raises(Conflict):
        store.accounts.save_look(look(version), [USUAL], person="g1", seen=ALL, event=CHOSEN)
    assert store.accounts.of("g1") == []
    assert store.events.read() == []


def test_of_looks_at_once_one_is_saved(store: SqlStore) -> None:
    """The first look of a kind, by several processes at the same time: one wins, the others read again."""
    outcomes: list[str] = []
    start = threading.Barrier(6)

    def save(number: int) -> None:
        start.wait(20)
        try:
            store.accounts.save_look(look(), [account(id=str(number))], person="g1", seen=ALL)
            outcomes.append("saved")
        except Conflict:
            outcomes.append("conflict")

    threads = [threading.Thread(target=save, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(outcomes) == ["conflict"] * 5 + ["saved"]
    assert len(store.accounts.of("g1")) == 1


def test_sharing_marks_exactly_what_was_chosen(store: SqlStore) -> None:
    """In one transaction with its event; the grant's mode is `chosen` from then on."""
    first, second = account(id="1", shared=True), account(id="2")
    store.accounts.save_look(look(), [first, second], person="g1", seen=ALL)
    store.accounts.share("g1", frozenset({("google_ads", "2")}), event=CHOSEN)
    assert [each.shared for each in store.accounts.of("g1")] == [False, True]
    assert store.accounts.sharing("g1") == Sharing(mode="chosen")
    assert [each.data for each in store.events.read()] == [{"n": 1}]


def test_a_choice_overtakes_a_look_that_is_under_way(store: SqlStore) -> None:
    """What the look read before, without the ticks, must not be written over them."""
    store.accounts.save_look(look(), [USUAL], person="g1", seen=ALL)
    store.accounts.share("g1", frozenset({USUAL.key}), event=CHOSEN)
    with pytest.raises(Conflict):
        store.accounts.save_look(look(2), [account(name="Other")], person="g1", seen=ALL)
    assert store.accounts.of("g1") == [account(shared=True)]


def test_a_second_choice_overtakes_a_look_that_is_under_way_too(store: SqlStore) -> None:
    """What the grant shares is `chosen` before and after: only the count of looks tells that the ticks changed."""
    chosen = Sharing(mode="chosen")
    store.accounts.save_look(look(), [USUAL], person="g1", seen=ALL)
    store.accounts.share("g1", frozenset({USUAL.key}), event=CHOSEN)
    read = store.accounts.looks("g1")[0].version
    store.accounts.share("g1", frozenset(), event=dataclasses.replace(CHOSEN, at=NOW + timedelta(seconds=1)))
    with pytest.raises(Conflict):
        store.accounts.save_look(look(read + 1), [account(shared=True)], person="g1", seen=chosen)
    assert store.accounts.of("g1") == [USUAL]


@pytest.mark.parametrize(
    "sharing",
    [
        Sharing(),
        Sharing(mode="open"),
        Sharing(mode="preselect", preselect="enabled"),
        Sharing(mode="preselect", preselect=("1112223330", "ü")),
        Sharing(mode="chosen"),
    ],
)
def test_what_a_grant_shares_is_kept_with_it(store: SqlStore, sharing: Sharing) -> None:
    """It is written with the grant, so that no moment exists in which more is shared."""
    store.insert_grant(grant_row(id="g3", subject="3"), sharing=sharing)
    assert store.accounts.sharing("g3") == sharing
    assert store.accounts.sharing("g4") is None


def test_grants_of_before_share_all(store: SqlStore) -> None:
    """Nobody was asked then; NULL is what older code leaves there."""
    with store._writing.begin() as connection:
        connection.execute(update(tables.grant).values(sharing=None))
    assert store.accounts.sharing("g1") == Sharing()


def test_forgetting_leaves_no_account_and_no_look(store: SqlStore) -> None:
    """O-54r: what a revoked grant reached is nobody's business any more; another grant's stays."""
    store.accounts.save_look(look(), [USUAL], person="g1", seen=ALL)
    store.accounts.save_look(look(grant_id="g2"), [account(grant_id="g2")], person="g2", seen=ALL)
    store.accounts.forget("g1")
    assert (store.accounts.of("g1"), store.accounts.looks("g1")) == ([], [])
    assert len(store.accounts.of("g2")) == 1


@pytest.mark.parametrize("change", [{"id": "x" * 501}, {"name": "\0"}, {"status": "y" * 65}])
def test_what_no_row_can_hold_is_refused_whole(store: SqlStore, change: dict[str, str]) -> None:
    """Before anything is written; by themselves databases differ in what they cut off."""
    with pytest.raises(InvalidInput):
        store.accounts.save_look(look(), [USUAL, account(**change)], person="g1", seen=ALL)
    assert store.accounts.of("g1") == []


@pytest.mark.parametrize("column", [{"ways": "no"}, {"parents": "{}"}, {"ways": '[["1"]]'}])
def test_an_altered_account_is_said_and_not_guessed(store: SqlStore, column: dict[str, str]) -> None:
    """V-02: the message names the grant and repeats nothing of the row."""
    store.accounts.save_look(look(), [USUAL], person="g1", seen=ALL)
    with store._writing.begin() as connection:
        connection.execute(update(tables.account).values(**column))
    with pytest.raises(SealBroken, match="An account of grant g1 cannot be read"):
        store.accounts.of("g1")


@pytest.mark.parametrize("written", ["", "{}", '{"mode":"everything"}', "7"])
def test_an_altered_sharing_shares_nothing_by_accident(store: SqlStore, written: str) -> None:
    """V-02: what cannot be read is not taken for `all`."""
    with store._writing.begin() as connection:
        connection.execute(update(tables.grant).values(sharing=written))
    with pytest.raises(SealBroken):
        store.accounts.sharing("g1")


def test_a_large_tree_is_saved_at_once(store: SqlStore) -> None:
    """5,000 accounts are one transaction of a few statements."""
    many = [account(id=f"{number:010}") for number in range(5000)]
    store.accounts.save_look(look(), many, person="g1", seen=ALL)
    assert store.accounts.of("g1") == many


def test_how_long_the_pages_of_a_flow_can_be_read_is_set_at_its_end(store: SqlStore) -> None:
    """Choosing among thousands of accounts takes longer than a flow lives."""
    store.add_flow(flow_row())
    store.finish_flow(flow_row().state_hash, outcome="connected", until=NOW + timedelta(hours=1))
    found = store.flow(flow_row().state_hash)
    assert found is not None
    assert found.expires_at == NOW + timedelta(hours=1)


def test_a_look_that_was_merged_under_another_choice_is_a_conflict(store: SqlStore) -> None:
    """The first look of a kind: what it marked as shared, when everything was, the person has since not chosen."""
    networks = look(kind="ad_manager")
    store.accounts.share("g1", frozenset(), event=CHOSEN)
    with pytest.raises(Conflict):
        store.accounts.save_look(networks, [account(kind="ad_manager", shared=True)], person="g1", seen=ALL)
    store.accounts.save_look(networks, [account(kind="ad_manager")], person="g1", seen=Sharing(mode="chosen"))


def test_a_revoked_grant_gets_no_accounts_back(store: SqlStore) -> None:
    """O-54r: a look, or a choice, that was under way when it was revoked ends in a conflict."""
    row = grant_row(id="g1", subject="g1")
    store.save_grant(saved(row, status=GrantStatus.REVOKED), expected_version=1)
    with pytest.raises(Conflict):
        store.accounts.save_look(look(), [USUAL], person="g1", seen=ALL)
    with pytest.raises(Conflict):
        store.accounts.share("g1", frozenset(), event=CHOSEN)
    assert (store.accounts.of("g1"), store.events.read()) == ([], [])


def test_a_choice_whose_commit_was_not_answered_is_not_made_twice(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-40: a later choice, made meanwhile, is not written over."""
    store.accounts.save_look(look(), [USUAL, account(id="1")], person="g1", seen=ALL)
    later = dataclasses.replace(CHOSEN, at=NOW + timedelta(seconds=1))
    change = Writer.change

    def unanswered(self: Writer, work: Work, landed: Landed | None = None, *, doubt: bool = False) -> int:
        monkeypatch.setattr(Writer, "change", change)
        change(self, work, landed)
        store.accounts.share("g1", frozenset({("google_ads", "1")}), event=later)
        return change(self, work, landed, doubt=True)

    monkeypatch.setattr(Writer, "change", unanswered)
    store.accounts.share("g1", frozenset({USUAL.key}), event=CHOSEN)
    assert [each.id for each in store.accounts.of("g1") if each.shared] == ["1"]
    assert len(store.events.read()) == 2


def test_a_look_for_somebody_else_is_a_conflict(store: SqlStore) -> None:
    """A grant whose person was not known became a person's meanwhile: what the look found may be another's."""
    with pytest.raises(Conflict):
        store.accounts.save_look(look(), [USUAL], person="unidentified:1", seen=ALL)
    assert store.accounts.of("g1") == []
