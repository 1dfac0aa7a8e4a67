"""The store's contract for grants that are taken over, the same on every database."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from grantkeeper.errors import Conflict, InvalidInput
from grantkeeper.model import UNIDENTIFIED, Account, Event, GrantStatus, Imported, Look, Sharing
from grantkeeper.store import SqlStore
from store.made import NOW, grant_row, saved

TOKEN = "a" * 32
SHOP = Account(
    grant_id="g1", kind="google_ads", id="2223334441", name="Shop", status="ENABLED", shared=True, found_at=NOW
)


def imported(token: str = TOKEN, *, alone: bool = False, **event: Any) -> Imported:
    """Return what is kept of a token."""
    usual: dict[str, Any] = {"kind": "grant.imported", "grant_id": "g1"}
    told = Event(at=NOW, owner="acme", client="google-ads", data={"token": token}, **(usual | event))
    return Imported(token=token, alone=alone, event=told)


def looked(store: SqlStore) -> None:
    """Let one account of g1 be known."""
    look = Look(grant_id="g1", kind="google_ads", tried_at=NOW, looked_at=NOW, version=1)
    sharing = store.accounts.sharing("g1")
    assert sharing is not None
    store.accounts.save_look(look, [SHOP], person="1001", seen=sharing)


def ids(store: SqlStore, **wanted: Any) -> list[str]:
    """Return the ids of the grants that match."""
    return [row.grant.id for row in store.grants(**wanted)]


def test_a_grant_is_found_by_the_token_that_it_was_imported_with(store: SqlStore) -> None:
    """Whatever is saved afterwards: a refresh, a consent."""
    store.insert_grant(grant_row(), imported=imported())
    store.insert_grant(grant_row(id="g2", owner="globex"), imported=imported(grant_id="g2"))
    store.insert_grant(grant_row(id="g3", subject="3"), imported=imported("b" * 32))
    store.insert_grant(grant_row(id="g4", subject="4"))
    row = saved(grant_row())
    store.save_tokens(row, expected_version=1, attempt=None)
    store.take_over(saved(row, subject="known"), expected_version=2)

    assert ids(store, imported=TOKEN) == ["g1", "g2"]
    assert ids(store, imported=TOKEN, owner="acme") == ["g1"]
    assert [event.grant_id for event in store.events.read(kind="grant.imported")] == ["g1", "g2", "g1"]


def test_what_is_imported_first_names_the_grant(store: SqlStore) -> None:
    """A later token of an identified person is told by who it is."""
    store.insert_grant(grant_row())
    row = saved(grant_row())
    store.take_over(row, expected_version=1, imported=imported())
    store.take_over(saved(row), expected_version=2, imported=imported("b" * 32))

    assert (ids(store, imported=TOKEN), ids(store, imported="b" * 32)) == (["g1"], [])


def test_one_token_is_one_living_grants_where_it_may_be_replaced(store: SqlStore) -> None:
    """Two that look at the same time are told apart by the database; what is revoked makes room."""
    store.insert_grant(grant_row(), imported=imported(alone=True))
    other = grant_row(id="g2", owner="globex")
    with pytest.raises(Conflict):
        store.insert_grant(other, imported=imported(alone=True, grant_id="g2"))
    assert store.events.read(grant_id="g2") == []
    store.save_grant(saved(grant_row(), status=GrantStatus.REVOKED), expected_version=1)
    store.insert_grant(other, imported=imported(alone=True, grant_id="g2"))

    assert ids(store, imported=TOKEN) == ["g1", "g2"]


def test_a_takeover_says_anew_what_is_shared_and_forgets_what_was_known(store: SqlStore) -> None:
    """Another person reaches other accounts."""
    store.insert_grant(grant_row())
    looked(store)
    store.take_over(saved(grant_row(), email="sam@acme.example"), expected_version=1, sharing=Sharing(mode="open"))

    assert store.accounts.sharing("g1") == Sharing(mode="open")
    assert (store.accounts.of("g1"), store.accounts.looks("g1")) == ([], [])
    row = store.grant("g1")
    assert row is not None
    assert (row.grant.email, row.generation) == ("sam@acme.example", 2)


def test_a_takeover_that_says_nothing_of_accounts_leaves_them(store: SqlStore) -> None:
    """A dead grant that gets a new token is still the same person's."""
    store.insert_grant(grant_row(), sharing=Sharing(mode="open"))
    looked(store)
    store.take_over(saved(grant_row()), expected_version=1, imported=imported())

    assert store.accounts.sharing("g1") == Sharing(mode="open")
    assert store.accounts.of("g1") == [SHOP]


@pytest.mark.parametrize("why", ["the row changed", "the event cannot be written"])
def test_a_takeover_is_made_whole_or_not_at_all(store: SqlStore, why: str) -> None:
    """The tokens, what is shared and the event are one transaction."""
    store.insert_grant(grant_row())
    looked(store)
    row, version, kept = saved(grant_row()), 1, imported()
    if why == "the row changed":
        version, row = 5, dataclasses.replace(row, grant=dataclasses.replace(row.grant, version=6))
    else:
        kept = imported(kind="x" * 100)
    with pytest.raises(Conflict if why == "the row changed" else InvalidInput):
        store.take_over(row, expected_version=version, sharing=Sharing(mode="open"), imported=kept)

    assert store.grant("g1") == grant_row()
    assert (store.accounts.of("g1"), store.accounts.sharing("g1")) == ([SHOP], Sharing())
    assert (store.events.read(), ids(store, imported=TOKEN)) == ([], [])


def test_grants_whose_person_is_not_known_are_listed_alone(store: SqlStore) -> None:
    """By the beginning of the subject, and by nothing that looks like it."""
    for number, subject in enumerate(
        (UNIDENTIFIED + "0", UNIDENTIFIED + "f" * 32, "unidentified", "unidentified;", "1")
    ):
        store.insert_grant(grant_row(id=f"g{number}", subject=subject))

    assert ids(store, unidentified=True) == ["g0", "g1"]
    assert len(ids(store)) == 5
