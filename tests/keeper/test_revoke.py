"""Ending a grant: here at once, at the provider when nobody else lives from it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from grantkeeper import Conflict, ConsentRequired, GrantStatus, InvalidInput, Keeper, NotFound, Reason
from grantkeeper.emulator import Emulator
from grantkeeper.model import GrantRow
from grantkeeper.testing import Connect, consent

IDA = "ida@nordwind-outdoor.example"
SAM = "sam@fjord-media.example"


def test_the_last_grant_of_a_person_is_revoked_at_the_provider(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """O-50: unusable here at once, erased, and revoked there."""
    grant = connect("acme", IDA)
    done = keeper.revoke(grant.id)

    assert (done.at_provider, done.siblings) == ("revoked", 0)
    assert (done.grant.status, done.grant.reason) == (GrantStatus.REVOKED, Reason.DISCONNECTED)
    assert emulator.live_refresh_tokens(IDA, keeper.client("google-ads").client_id) == 0
    with pytest.raises(ConsentRequired):
        keeper.token(grant.id)
    with pytest.raises(NotFound):
        keeper.find("acme", "google-ads")


def test_a_grant_with_living_siblings_is_ended_here_only(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """O-51: Google ends a person's grants for the whole project, so every client of the project counts."""
    one = connect("acme", SAM)
    other = consent(keeper, emulator, "globex", SAM, "ad-manager")
    done = keeper.revoke(one.id)

    assert (done.at_provider, done.siblings) == ("kept", 1)
    assert emulator.requests("/revoke") == ()
    emulator.clock.advance(timedelta(hours=2))
    assert keeper.token(other.id).value

    assert keeper.revoke(other.id).at_provider == "revoked"


def test_only_the_version_that_was_looked_at_is_ended(connect: Connect, keeper: Keeper) -> None:
    """Somebody consented meanwhile: the newer consent stays. Once it is over, asking again is no mistake."""
    seen = connect("acme", IDA)
    newer = connect("acme", IDA)
    assert newer.id == seen.id
    with pytest.raises(Conflict):
        keeper.revoke(seen.id, version=seen.version)
    assert keeper.get(seen.id) == newer

    assert keeper.revoke(seen.id, version=newer.version).grant.status is GrantStatus.REVOKED
    assert keeper.revoke(seen.id, version=newer.version).grant.status is GrantStatus.REVOKED


def test_a_consent_while_the_grant_is_ended_is_not_ended_with_it(
    connect: Connect, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compared and ended in one step: whoever saves between the look and the end wins."""
    seen = connect("acme", IDA)
    save = keeper._store.save_grant

    def late(row: GrantRow, **more: Any) -> None:
        monkeypatch.undo()
        connect("acme", IDA)
        save(row, **more)

    monkeypatch.setattr(keeper._store, "save_grant", late)
    with pytest.raises(Conflict):
        keeper.revoke(seen.id, version=seen.version)

    assert keeper.get(seen.id).usable


def test_ending_siblings_too_has_to_be_said_and_marks_each(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """O-51: explicit, and nobody is left to find out by a failing report at night."""
    one, other = connect("acme", SAM), connect("globex", SAM)
    assert [grant.id for grant in keeper.siblings(one.id)] == [other.id]
    done = keeper.revoke(one.id, siblings="end")

    assert (done.at_provider, done.siblings) == ("revoked", 1)
    ended = keeper.get(other.id)
    assert (ended.status, ended.reason) == (GrantStatus.CONSENT_REQUIRED, Reason.SIBLING_REVOKED)


@pytest.mark.parametrize("word", ["Keep", "all", "", "ends", None, True])
def test_a_word_that_is_none_ends_nothing(connect: Connect, keeper: Keeper, word: Any) -> None:
    """O-51: what is not `keep` is not `end` for that."""
    one, other = connect("acme", SAM), connect("globex", SAM)
    with pytest.raises(InvalidInput, match='siblings is "keep" or "end"'):
        keeper.revoke(one.id, siblings=word)

    assert (keeper.get(one.id), keeper.get(other.id)) == (one, other)


def test_a_grant_whose_client_is_gone_waits_for_it_only_while_it_has_a_token(
    connect: Connect, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is left to be revoked, nobody comes back for it."""
    grant = connect("acme", IDA)
    with monkeypatch.context() as without:
        without.delitem(keeper._clients, "google-ads")
        assert keeper.revoke(grant.id).at_provider == "pending"
        assert keeper.erase("acme").untold == (grant.id,)
        assert keeper.revoke(grant.id).at_provider == "nothing_to_revoke"


def test_with_the_provider_down_it_is_unusable_here_and_revoked_later(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """O-50: revocation 503 five times, then 200; no token is readable meanwhile."""
    grant = connect("acme", IDA)
    emulator.fail(503, times=5, path="/revoke")
    for _ in range(5):
        assert keeper.revoke(grant.id).at_provider == "pending"
        with pytest.raises(ConsentRequired):
            keeper.token(grant.id)

    assert keeper.revoke(grant.id).at_provider == "revoked"
    assert keeper.revoke(grant.id).at_provider == "nothing_to_revoke"


def test_a_grant_that_the_person_ended_already_counts_as_revoked(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """RFC 7009 2.2: an invalid token is a revoked token; Google says invalid_token."""
    grant = connect("acme", IDA)
    emulator.revoke(IDA)

    assert keeper.revoke(grant.id).at_provider == "revoked"


def test_a_revoked_grant_leaves_no_ciphertext_behind(
    connect: Connect, keeper: Keeper, emulator: Emulator, tmp_path: Path
) -> None:
    """O-50: data key and sealed tokens are gone from the database's file."""
    from grantkeeper.store import SqlStore

    grant = connect("acme", IDA)
    file = tmp_path / "grantkeeper.sqlite3"
    store = SqlStore(f"sqlite:///{file}")
    row = store.grant(grant.id)
    assert row is not None
    assert row.sealed is not None
    sealed = row.sealed
    assert sealed.data in file.read_bytes()
    keeper.revoke(grant.id)
    after = store.grant(grant.id)
    store.close()

    assert after is not None
    assert after.sealed is None
    for part in (sealed.key, sealed.data):
        assert part not in file.read_bytes()


def test_a_new_consent_after_revocation_is_a_new_grant(connect: Connect, keeper: Keeper) -> None:
    """Revoked is final: an old id stays ended, a new consent gets a new one."""
    old = connect("acme", IDA)
    keeper.revoke(old.id)
    new = connect("acme", IDA)

    assert new.id != old.id
    assert keeper.find("acme", "google-ads").id == new.id
    assert keeper.get(old.id).status is GrantStatus.REVOKED
    keeper.revoke(new.id)
    assert connect("acme", IDA).id not in (old.id, new.id)
