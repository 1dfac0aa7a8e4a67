"""What else may end when an imported grant is revoked, or another beside one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from grantkeeper import ConsentRequired, Grant, GrantStatus, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.keeper import revoking
from grantkeeper.testing import Connect
from keeper.files.old import old_token
from keeper.people import IDA, SAM


@pytest.fixture
def grant(keeper: Keeper, emulator: Emulator) -> Grant:
    """Acme's imported grant; it is Ida's, which nobody knows."""
    return keeper.adopt("acme", "google-ads", old_token(emulator, keeper.client("google-ads"), IDA)).grant


def test_an_import_counts_beside_every_known_person(
    keeper: Keeper, emulator: Emulator, connect: Connect, grant: Grant
) -> None:
    """O-51: it may be the same person's, and nothing dies unseen."""
    known = connect("globex", IDA)
    assert [each.id for each in keeper.siblings(known.id)] == [grant.id]
    done = keeper.revoke(known.id)

    assert (done.at_provider, done.siblings) == ("kept", 1)
    emulator.clock.advance(timedelta(hours=2))
    assert keeper.token(grant.id).value


def test_every_grant_counts_beside_an_import(
    keeper: Keeper, emulator: Emulator, connect: Connect, grant: Grant
) -> None:
    """O-51: whose it is nobody knows, so it may be anybody's; a second import of one owner, too."""
    known = connect("globex", SAM)
    again = keeper.adopt("acme", "google-ads", old_token(emulator, keeper.client("google-ads"), IDA)).grant
    done = keeper.revoke(grant.id)

    assert {each.id for each in keeper.siblings(grant.id)} == {known.id, again.id}
    assert (done.at_provider, done.siblings) == ("kept", 2)
    emulator.clock.advance(timedelta(hours=2))
    assert keeper.token(again.id).value


def test_one_token_of_two_owners_stays_counted_when_one_becomes_known(
    keeper: Keeper, emulator: Emulator, connect: Connect
) -> None:
    """O-51: acme's person consents, globex still lives from the old token."""
    token = old_token(emulator, keeper.client("google-ads"), IDA)
    acme, globex = (keeper.adopt(owner, "google-ads", token).grant for owner in ("acme", "globex"))
    connect("acme", IDA)

    assert [each.id for each in keeper.siblings(acme.id)] == [globex.id]
    assert keeper.revoke(acme.id).at_provider == "kept"
    emulator.clock.advance(timedelta(hours=2))
    assert keeper.token(globex.id).value


def test_the_provider_is_told_when_that_is_said_and_the_next_refresh_tells_the_rest(
    keeper: Keeper, emulator: Emulator, connect: Connect, grant: Grant
) -> None:
    """O-51: nobody's grant is marked as ended on a guess, and nobody else's token is sent."""
    other = keeper.adopt("initech", "google-ads", old_token(emulator, keeper.client("google-ads"), SAM)).grant
    known = connect("globex", IDA)
    done = keeper.revoke(known.id, siblings="end")

    assert (done.at_provider, done.siblings) == ("revoked", 2)
    assert {keeper.get(each.id).status for each in (grant, other)} == {GrantStatus.ACTIVE}
    assert keeper.refresh(other.id).value
    with pytest.raises(ConsentRequired, match="revoked_or_expired"):
        keeper.refresh(grant.id)


def test_a_token_that_does_not_open_is_not_replaced_by_a_strangers(
    keeper: Keeper, emulator: Emulator, connect: Connect, grant: Grant
) -> None:
    """O-51: what ends at the provider is this person's, or nothing."""
    known = connect("globex", SAM)
    row = keeper._store.grant(known.id)
    assert row is not None
    broken = replace(row, grant=replace(row.grant, version=row.grant.version + 1), generation=row.generation + 7)
    keeper._store.save_grant(broken, expected_version=row.grant.version)

    assert keeper.revoke(known.id, siblings="end").at_provider == "unreadable"
    assert emulator.requests("/revoke") == ()


def test_not_all_grants_of_a_business_are_read_beside_one_import(
    keeper: Keeper, connect: Connect, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A business with a million grants revokes one import without reading them all; that there are some is enough."""
    monkeypatch.setattr(revoking, "PAGE", 1)
    monkeypatch.setattr(revoking, "PERHAPS", 2)
    for number in range(5):
        connect(f"owner-{number}", SAM)

    assert len(keeper.siblings(grant.id)) == 2
    assert keeper.revoke(grant.id).at_provider == "kept"
