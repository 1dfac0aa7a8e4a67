"""V-31: somebody sends their own link to somebody else, whose accounts would end up under their name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from grantkeeper import AccountMismatch, BadCallback, ConsentRequired, GrantStatus, InvalidInput, Keeper, NotFound
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.consent.invited import sha256
from grantkeeper.model import Grant, LinkStatus, Redirect
from grantkeeper.store import SqlStore
from grantkeeper.testing import emulated_keeper, oauth_client
from keeper.people import asked
from links.walking import IDA, MATEO, RETURN, TOM, actions, come_back, kinds, token_of, use


def proving(keeper: Keeper, emulator: Emulator) -> tuple[Grant, Redirect, str]:
    """Let Ida consent in her browser by a link that needs a proof: the grant, her browser, the link."""
    made = keeper.link("mallory", "google-ads", confirm="proof", return_to=RETURN)
    away = keeper.follow(token_of(made))
    return come_back(keeper, emulator, away, IDA), away, made.link.id


def test_a_strangers_consent_by_a_link_is_of_no_use_to_its_sender(store: SqlStore, emulator: Emulator) -> None:
    """V-31: Mallory's browser opens the link, Ida consents: pending, no token, and only Ida's browser has the proof."""
    with emulated_keeper(emulator, store) as keeper:
        made = keeper.link("mallory", "google-ads", confirm="proof", return_to=RETURN)
        mallory = keeper.follow(token_of(made))
        ida = keeper.follow(token_of(made))

        grant = come_back(keeper, emulator, ida, IDA)

        assert grant.status is GrantStatus.PENDING
        with pytest.raises(ConsentRequired) as refused:
            keeper.token(grant.id)
        assert refused.value.reason == "not_confirmed"
        with pytest.raises(BadCallback, match="Another browser"):
            keeper.confirm(grant.id, proof=keeper.links.proof(mallory.flow, made.link.id))
        with pytest.raises(InvalidInput, match="proof"):
            keeper.confirm(grant.id, by="operator:op_1")
        assert keeper.get(grant.id).status is GrantStatus.PENDING

        assert keeper.confirm(grant.id, proof=keeper.links.proof(ida.flow, made.link.id)).usable
        assert kinds(keeper)[-1] == "grant.connected"
        assert actions(keeper) == ["link.create", "grant.confirm"]


def test_a_stranger_who_waits_makes_nobody_ambiguous(keeper: Keeper, emulator: Emulator) -> None:
    """V-31: whoever got hold of a link consents by it; the business's script finds the grant that is confirmed."""
    stranger = come_back(keeper, emulator, keeper.follow(token_of(keeper.link("acme", "google-ads"))), TOM)
    grant = come_back(keeper, emulator, keeper.begin("acme", "google-ads"), IDA)

    assert stranger.status is GrantStatus.PENDING
    assert keeper.find("acme", "google-ads").id == grant.id
    assert keeper.find("acme", "google-ads", email=TOM).id == stranger.id
    keeper.revoke(grant.id)
    assert keeper.find("acme", "google-ads").id == stranger.id


def test_the_providers_address_of_one_browser_is_refused_in_another(keeper: Keeper, emulator: Emulator) -> None:
    """O-01: Mallory presses the button and sends on where that led; what Ida's browser brings back is not taken."""
    made = keeper.link("mallory", "google-ads")
    mallory, ida = keeper.follow(token_of(made)), keeper.begin("ida", "google-ads")

    with pytest.raises(BadCallback, match="another browser"):
        keeper.complete(ida.flow, emulator.consent(mallory.url, IDA))
    assert list(keeper.grants()) == []


def test_a_proof_is_good_once_and_for_ten_minutes(keeper: Keeper, emulator: Emulator) -> None:
    """V-31: too late, it confirms nothing."""
    grant, ida, link_id = proving(keeper, emulator)
    emulator.clock.advance(timedelta(minutes=10))

    with pytest.raises(BadCallback, match="no proof"):
        keeper.confirm(grant.id, proof=keeper.links.proof(ida.flow, link_id))


def test_a_proof_is_kept_no_longer_than_it_takes(keeper: Keeper, emulator: Emulator) -> None:
    """What confirmed a grant is gone from the link's row."""
    grant, ida, link_id = proving(keeper, emulator)
    keeper.confirm(grant.id, proof=keeper.links.proof(ida.flow, link_id))

    row = keeper._store.links.get(link_id)
    assert row is not None
    assert (row.proof_hash, row.proof_until, row.sealed) == ("", None, None)


def test_after_five_wrong_proofs_there_is_none(keeper: Keeper, emulator: Emulator) -> None:
    """Somebody is trying: the right one comes too late, a new consent brings another."""
    grant, ida, link_id = proving(keeper, emulator)
    for number in range(5):
        with pytest.raises(BadCallback, match="Another browser"):
            keeper.confirm(grant.id, proof=f"guess {number}")

    with pytest.raises(BadCallback, match="no proof"):
        keeper.confirm(grant.id, proof=keeper.links.proof(ida.flow, link_id))

    emulator.clock.advance(timedelta(minutes=1))
    made = keeper.link("mallory", "google-ads", confirm="proof", return_to=RETURN)
    again = keeper.follow(token_of(made))
    assert come_back(keeper, emulator, again, IDA).id == grant.id
    assert keeper.confirm(grant.id, proof=keeper.links.proof(again.flow, made.link.id)).usable


def test_the_link_that_was_used_last_says_how_to_confirm(keeper: Keeper, emulator: Emulator) -> None:
    """Not the one that was made last: that may have been used before."""
    first = keeper.link("acme", "google-ads", confirm="proof", return_to=RETURN)
    emulator.clock.advance(timedelta(minutes=1))
    second = keeper.link("acme", "google-ads")
    grant = use(keeper, emulator, second, IDA)
    emulator.clock.advance(timedelta(minutes=1))
    away = keeper.follow(token_of(first))
    come_back(keeper, emulator, away, IDA)

    with pytest.raises(InvalidInput, match="proof"):
        keeper.confirm(grant.id)
    keeper.confirm(grant.id, proof=keeper.links.proof(away.flow, first.link.id))
    assert {link.status for link in keeper.links.page()} == {LinkStatus.CONFIRMED}


def test_the_browser_of_a_flow_knows_its_link(keeper: Keeper, emulator: Emulator) -> None:
    """Another browser is told nothing."""
    made = keeper.link("acme", "google-ads")
    away, other = keeper.follow(token_of(made)), keeper.begin("acme", "google-ads")
    ref, plain = sha256(asked(away)["state"]), sha256(asked(other)["state"])

    found = keeper.links.of_flow(away.flow, ref)
    assert found is not None
    assert found.id == made.link.id
    assert keeper.links.of_flow(other.flow, ref) is None
    assert keeper.links.of_flow(None, ref) is None
    assert keeper.links.of_flow(other.flow, plain) is None


def test_the_wrong_person_confirms_nothing_by_being_declined(keeper: Keeper, emulator: Emulator) -> None:
    """A pending grant is declined by revoking it; after that nothing confirms it."""
    grant = use(keeper, emulator, keeper.link("acme", "google-ads"), TOM)
    keeper.revoke(grant.id)

    with pytest.raises(InvalidInput, match="revoked"):
        keeper.confirm(grant.id)
    with pytest.raises(NotFound):
        keeper.confirm("gr_unknown")


def test_another_persons_consent_by_a_second_link_is_refused(keeper: Keeper, emulator: Emulator) -> None:
    """O-27: nobody changes places in silence."""
    grant = use(keeper, emulator, keeper.link("acme", "google-ads", confirm="auto"), IDA)
    made = keeper.link("acme", "google-ads", grant_id=grant.id)

    with pytest.raises(AccountMismatch):
        use(keeper, emulator, made, TOM)
    assert keeper.get(grant.id) == grant
    assert keeper.links.get(made.link.id).status is LinkStatus.FAILED


# --- the wrong account first -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("again", ["the same link", "a new link", "a link for the wrong grant", "a pinned link"])
def test_a_strangers_partial_consent_blocks_nobody(store: SqlStore, emulator: Emulator, again: str) -> None:
    """O-27: whom nobody confirmed is not connected: the right person connects beside them; the operator sees both."""
    both = oauth_client(emulator, "google-ads", ["adwords", "ad_manager"])
    with emulated_keeper(emulator, store, clients=[both]) as keeper:
        first = keeper.link("acme", "google-ads")
        wrong = use(keeper, emulator, first, TOM, allow=["adwords"])
        made = {
            "the same link": lambda: first,
            "a new link": lambda: keeper.link("acme", "google-ads"),
            "a link for the wrong grant": lambda: keeper.link("acme", "google-ads", grant_id=wrong.id),
            "a pinned link": lambda: keeper.link("acme", "google-ads", expect=IDA),
        }[again]()

        right = use(keeper, emulator, made, IDA)

        pinned = again == "a pinned link"
        assert right.id != wrong.id
        assert right.status is (GrantStatus.ACTIVE if pinned else GrantStatus.PENDING)
        assert keeper.links.get(made.link.id).result_grant_id == right.id
        assert keeper.confirm(right.id).usable
        shown = {each.email: (each.status, each.confirmed) for each in keeper.grants("acme")}
        assert shown == {TOM: (GrantStatus.CONSENT_REQUIRED, False), IDA: (GrantStatus.ACTIVE, True)}


def test_a_stranger_who_waits_blocks_nobody_and_is_not_confirmed_beside_the_right_person(
    keeper: Keeper, emulator: Emulator
) -> None:
    """O-27: of two who wait the business takes one; the other only where both were asked for."""
    wrong = use(keeper, emulator, keeper.link("acme", "google-ads"), TOM)
    right = use(keeper, emulator, keeper.link("acme", "google-ads"), IDA)
    assert {each.status for each in keeper.grants("acme")} == {GrantStatus.PENDING}

    assert keeper.confirm(right.id).usable

    with pytest.raises(InvalidInput, match=f"connected as {IDA} already"):
        keeper.confirm(wrong.id)
    with pytest.raises(AccountMismatch):
        use(keeper, emulator, keeper.link("acme", "google-ads", expect=TOM), TOM)
    assert keeper.get(wrong.id).status is GrantStatus.PENDING
    emulator.clock.advance(timedelta(minutes=1))
    use(keeper, emulator, keeper.link("acme", "google-ads", other_account="add"), TOM)
    assert keeper.confirm(wrong.id).usable


def test_the_business_itself_is_not_held_up_by_a_stranger(keeper: Keeper, emulator: Emulator) -> None:
    """Whoever is signed in at the business connects at once; the provider is asked for nobody in particular."""
    use(keeper, emulator, keeper.link("acme", "google-ads"), TOM)

    away = keeper.begin("acme", "google-ads")

    assert "login_hint" not in asked(away)
    assert come_back(keeper, emulator, away, IDA).usable


def test_whoever_has_a_link_is_not_told_whose_account_is_connected(keeper: Keeper, emulator: Emulator) -> None:
    """V-31: not by the provider's address either, unless the link is for that very grant."""
    grant = use(keeper, emulator, keeper.link("acme", "google-ads", confirm="auto"), IDA)

    plain = asked(keeper.follow(token_of(keeper.link("acme", "google-ads"))))
    named = asked(keeper.follow(token_of(keeper.link("acme", "google-ads", grant_id=grant.id))))

    assert ("login_hint" in plain, "select_account" in plain["prompt"]) == (False, True)
    assert named["login_hint"] == IDA


def test_a_link_that_is_passed_on_fills_no_table_with_strangers(store: SqlStore, emulator: Emulator) -> None:
    """V-33: twenty people wait; the next is refused, and who is confirmed by the link itself is not."""
    both = oauth_client(emulator, "google-ads", ["adwords", "ad_manager"])
    with emulated_keeper(emulator, store, clients=[both]) as keeper:
        made = keeper.link("acme", "google-ads")
        row = keeper._store.grant(use(keeper, emulator, made, TOM, allow=["adwords"]).id)
        assert row is not None
        for number in range(1, 20):
            other = replace(row.grant, id=f"gr_{number}", subject=f"s{number}", version=1)
            keeper._store.insert_grant(replace(row, grant=other))

        with pytest.raises(BadCallback, match="Too many people"):
            use(keeper, emulator, made, MATEO)
        assert use(keeper, emulator, keeper.link("acme", "google-ads", expect=IDA), IDA).usable
