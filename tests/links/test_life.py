"""A link's life: invited, opened, consented, confirmed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from grantkeeper import ConsentDenied, ConsentRequired, GrantStatus, Keeper, NotFound
from grantkeeper.emulator import Emulator
from grantkeeper.model import LinkStatus
from grantkeeper.store import SqlStore
from grantkeeper.testing import emulated_keeper
from links.walking import IDA, RETURN, actions, kinds, token_of, use


def test_whoever_consents_waits_until_the_business_says_that_it_is_them(store: SqlStore, emulator: Emulator) -> None:
    """V-31: no token before; each step is in the link's status, the events and the audit log."""
    with emulated_keeper(emulator, store) as keeper:
        made = keeper.link("acme", "google-ads", by="cli")
        assert (made.link.status, made.url[:32]) == (LinkStatus.INVITED, "https://app.example.com/connect/")
        assert len(token_of(made)) == 43

        grant = use(keeper, emulator, made, IDA)

        link = keeper.links.get(made.link.id)
        assert (grant.status, grant.confirmed, grant.email) == (GrantStatus.PENDING, False, IDA)
        assert (link.status, link.result_grant_id) == (LinkStatus.CONSENTED, grant.id)
        with pytest.raises(ConsentRequired) as refused:
            keeper.token(grant.id)
        assert refused.value.reason == "not_confirmed"

        confirmed = keeper.confirm(grant.id, version=grant.version, by="operator:op_1")

        link = keeper.links.get(made.link.id)
        assert (confirmed.status, confirmed.confirmed) == (GrantStatus.ACTIVE, True)
        assert (link.status, link.confirmed_at) == (LinkStatus.CONFIRMED, emulator.clock.now())
        assert keeper.token(grant.id).value
        assert keeper.confirm(grant.id) == confirmed
        assert kinds(keeper) == ["link.opened", "grant.pending", "grant.connected"]
        assert actions(keeper) == ["link.create", "grant.confirm"]


def test_a_link_is_good_for_one_success(store: SqlStore, emulator: Emulator) -> None:
    """V-33: a person who says no may think again; who consented used it up."""
    with emulated_keeper(emulator, store) as keeper:
        made = keeper.link("acme", "google-ads")
        with pytest.raises(ConsentDenied):
            use(keeper, emulator, made, IDA, deny=True)
        failed = keeper.links.get(made.link.id)
        assert (failed.status, failed.failure) == (LinkStatus.FAILED, "Access was not granted.")

        use(keeper, emulator, made, IDA)

        assert keeper.links.get(made.link.id).failure == ""
        with pytest.raises(NotFound):
            keeper.follow(token_of(made))


def test_a_fetched_link_starts_nothing(keeper: Keeper) -> None:
    """V-32: mail scanners fetch it a hundred times and it is as it was."""
    made = keeper.link("acme", "google-ads")

    assert {keeper.links.show(token_of(made)) for _ in range(100)} == {made.link}
    assert kinds(keeper) == []


def test_it_is_not_said_why_a_link_is_of_no_use(keeper: Keeper, emulator: Emulator) -> None:
    """V-33: unknown, used, expired and withdrawn sound the same to whoever has the address."""
    used, expired, revoked = (
        keeper.link(name, "google-ads", return_to=RETURN, expires_in=timedelta(days=days))
        for name, days in (("a", 7), ("b", 1), ("c", 7))
    )
    use(keeper, emulator, used, IDA)
    emulator.clock.advance(timedelta(days=1))
    keeper.links.revoke(revoked.link.id)

    said = set()
    for token in (token_of(used), token_of(expired), token_of(revoked), "x" * 43, "", "\udcff"):
        for verb in (keeper.links.show, keeper.follow):
            with pytest.raises(NotFound) as refused:
                verb(token)
            said.add(str(refused.value))
    assert len(said) == 1
