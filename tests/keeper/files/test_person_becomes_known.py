"""A consent takes over the grant whose person was not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from grantkeeper import AccountMismatch, Grant, GrantStatus, Keeper, Picker, Redirect, SealBroken, Secret, Sharing
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.vault import Vault
from grantkeeper.testing import Connect, consent
from keeper.accounts.scene import ADS, SHOP, WINTER, ids, walk
from keeper.files.old import ADWORDS, old_token
from keeper.people import IDA, SAM, TOM, Two, asked


@pytest.fixture
def token(keeper: Keeper, emulator: Emulator) -> Secret:
    """Ida's refresh token of an old script, which does not say whose it is."""
    return old_token(emulator, keeper.client("google-ads"), IDA)


@pytest.fixture
def grant(keeper: Keeper, token: Secret) -> Grant:
    """Acme's imported grant."""
    return keeper.adopt("acme", "google-ads", token).grant


def begun(keeper: Keeper, emulator: Emulator, person: str, grant_id: str) -> Grant:
    """Let a person consent to a grant that is named."""
    redirect = keeper.begin("acme", "google-ads", grant_id=grant_id)
    done = keeper.complete(redirect.flow, emulator.consent(redirect.url, person))
    assert not isinstance(done, Redirect)
    return done


def test_the_next_consent_makes_the_person_known_and_keeps_the_id(
    keeper: Keeper, connect: Connect, grant: Grant, emulator: Emulator
) -> None:
    """In one pass, though the person consented before: the token from the file is not taken for theirs."""
    known = connect("acme", IDA)

    assert (known.id, known.email, known.identified) == (grant.id, IDA, True)
    assert known.subject == "104857201938475610293"
    assert [each.id for each in keeper.grants()] == [grant.id]
    assert keeper.refresh(grant.id).value
    assert connect("acme", IDA).id == grant.id


def test_nobody_is_suggested_and_the_person_chooses(keeper: Keeper, grant: Grant) -> None:
    """What stands for the person is no hint for the provider; a refresh token has to come."""
    parameters = asked(keeper.begin("acme", "google-ads"))

    assert "login_hint" not in parameters
    assert parameters["prompt"].split() == ["select_account", "consent"]


def test_the_old_token_is_known_again_after_its_person_consented(
    keeper: Keeper, connect: Connect, grant: Grant, token: Secret
) -> None:
    """Running the import again makes no second grant of somebody who has one."""
    connect("acme", IDA)
    again = keeper.adopt("acme", "google-ads", token)

    assert (again.known, again.grant.id) == (True, grant.id)
    assert len(list(keeper.grants())) == 1


def test_a_dead_grant_is_taken_over_as_well(keeper: Keeper, connect: Connect, grant: Grant, emulator: Emulator) -> None:
    """It is why most people come to consent again."""
    emulator.revoke(IDA)
    with pytest.raises(Exception, match="revoked_or_expired"):
        keeper.refresh(grant.id)

    assert connect("acme", IDA).id == grant.id
    assert keeper.get(grant.id).status is GrantStatus.ACTIVE


def test_in_addition_leaves_the_imported_grant_alone(keeper: Keeper, emulator: Emulator, grant: Grant) -> None:
    """other_account="add" says that it is somebody else."""
    added = consent(keeper, emulator, "acme", TOM, other_account="add")

    assert added.id != grant.id
    assert not keeper.get(grant.id).identified


def test_of_several_the_one_that_is_named_is_taken_over(keeper: Keeper, emulator: Emulator, grant: Grant) -> None:
    """Without a name nothing is guessed."""
    other = keeper.adopt("acme", "google-ads", old_token(emulator, keeper.client("google-ads"), TOM)).grant

    with pytest.raises(AccountMismatch, match=other.id) as caught:
        consent(keeper, emulator, "acme", TOM)
    assert caught.value.expected == ()
    assert begun(keeper, emulator, TOM, other.id).id == other.id
    assert keeper.get(other.id).email == TOM
    assert not keeper.get(grant.id).identified


def test_beside_a_known_person_the_imported_grant_has_to_be_named(
    keeper: Keeper, emulator: Emulator, grant: Grant
) -> None:
    """O-27: a stranger does not slip into the place of somebody nobody knows yet."""
    consent(keeper, emulator, "acme", TOM, other_account="add")

    with pytest.raises(AccountMismatch, match=grant.id) as caught:
        consent(keeper, emulator, "acme", SAM)
    assert caught.value.expected == (TOM,)
    assert begun(keeper, emulator, IDA, grant.id).email == IDA


def test_who_has_a_grant_does_not_take_a_second_one_over(keeper: Keeper, emulator: Emulator, grant: Grant) -> None:
    """One person, one row; the message says what to do with the other."""
    mine = consent(keeper, emulator, "acme", TOM, other_account="add")

    with pytest.raises(AccountMismatch, match=mine.id) as caught:
        begun(keeper, emulator, TOM, grant.id)
    assert caught.value.grant_id == grant.id
    assert "revoke it" in caught.value.advice


def test_two_people_who_consent_at_once_do_not_share_the_grant(emulator: Emulator, tmp_path: Path) -> None:
    """O-27: who comes second finds somebody known."""
    with Two(emulator, tmp_path) as two:
        grant = two.two.adopt("acme", "google-ads", old_token(emulator, two.clients[0], IDA)).grant
        redirect = two.one.begin("acme", "google-ads")
        back = emulator.consent(redirect.url, TOM)
        two.hook.after("/token", lambda: two.connect("acme", IDA))

        with pytest.raises(AccountMismatch) as caught:
            two.one.complete(redirect.flow, back)
        assert caught.value.expected == (IDA,)
        assert two.one.get(grant.id).email == IDA


def test_a_grant_of_the_same_person_that_comes_first_is_the_one(emulator: Emulator, tmp_path: Path) -> None:
    """The database takes one row of a person; the imported one then stays as it is."""
    with Two(emulator, tmp_path) as two:
        grant = two.two.adopt("acme", "google-ads", old_token(emulator, two.clients[0], IDA)).grant
        redirect = two.one.begin("acme", "google-ads")
        back = emulator.consent(redirect.url, IDA)
        real = two.store.take_over

        def first(*args: object, **options: object) -> None:
            two.store.take_over = real  # type: ignore[method-assign]
            consent(two.two, emulator, "acme", IDA, other_account="add")
            real(*args, **options)  # type: ignore[arg-type]

        two.store.take_over = first  # type: ignore[method-assign]
        done = two.one.complete(redirect.flow, back)

        assert isinstance(done, Grant)
        assert done.id != grant.id
        assert [each.identified for each in two.one.grants() if each.id == grant.id] == [False]


@pytest.mark.parametrize("chosen", [False, True], ids=["everything", "one"])
def test_nothing_is_shared_before_the_person_chose_who_is_to_be_asked(
    keeper: Keeper, emulator: Emulator, grant: Grant, chosen: bool
) -> None:
    """An import asks nobody; neither what it shared nor what was chosen for it is this person's word."""
    assert set(ids(keeper.accounts(grant.id))) == {SHOP, WINTER}
    if chosen:
        keeper.share(grant.id, [(ADS, SHOP)])
    emulator.clock.advance(timedelta(minutes=30))
    taken, flow, ref = walk(keeper, emulator, SAM, picker=Picker())

    assert (taken.id, taken.email) == (grant.id, SAM)
    assert keeper.choice(flow, ref)[2] == Sharing(mode="open")
    assert keeper.accounts(grant.id) == []
    assert WINTER not in ids(keeper.accounts(grant.id, include="all"))


def test_the_accounts_that_a_file_named_stay_shared_when_nobody_is_asked(
    keeper: Keeper, emulator: Emulator, connect: Connect, token: Secret
) -> None:
    """As far as this person reaches them; what they reach beside is not shared."""
    picker = Picker(page="skip", preselect=(SHOP, WINTER))
    grant = keeper.adopt("globex", "google-ads", token, picker=picker).grant
    assert set(ids(keeper.accounts(grant.id))) == {SHOP, WINTER}
    emulator.clock.advance(timedelta(minutes=30))
    assert connect("globex", SAM).id == grant.id

    assert ids(keeper.accounts(grant.id)) == [SHOP]
    assert len(keeper.accounts(grant.id, include="all")) > 1


def test_what_was_chosen_for_an_import_stays_chosen_when_nobody_is_asked(
    keeper: Keeper, emulator: Emulator, connect: Connect, grant: Grant
) -> None:
    """A consent without a picker never shares more."""
    keeper.accounts(grant.id)
    keeper.share(grant.id, [(ADS, SHOP)])
    emulator.clock.advance(timedelta(minutes=30))
    connect("acme", IDA)

    assert ids(keeper.accounts(grant.id)) == [SHOP]
    assert set(ids(keeper.accounts(grant.id, include="all"))) == {SHOP, WINTER}


def test_the_tokens_of_a_taken_over_grant_open_in_their_place_only(emulator: Emulator, tmp_path: Path) -> None:
    """V-02: sealed anew under the next generation, for the same owner, OAuth client and id."""
    with Two(emulator, tmp_path) as two:
        vault = Vault(two._ring, two.store.installation())
        grant = two.one.adopt("acme", "google-ads", old_token(emulator, two.clients[0], IDA)).grant
        before = two.store.grant(grant.id)
        two.connect("acme", IDA)
        after = two.store.grant(grant.id)
        assert before is not None
        assert after is not None

        assert after.generation == before.generation + 1
        assert vault.open_tokens(after).refresh_token != vault.open_tokens(before).refresh_token
        elsewhere = replace(after, grant=replace(after.grant, owner="globex"))
        for moved in (replace(after, generation=1), replace(after, sealed=before.sealed), elsewhere):
            with pytest.raises(SealBroken):
                vault.open_tokens(moved)


def test_an_identity_provider_cannot_call_somebody_unidentified(emulator: Emulator, connect: Connect) -> None:
    """Nobody's sub makes a grant that anybody's consent takes over."""
    emulator.tamper_id_token(lambda claims, header: (claims | {"sub": "unidentified:somebody"}, header))

    with pytest.raises(Exception, match="id_token is not valid"):
        connect("acme", IDA)


def test_revoking_an_unknown_persons_grant_tells_the_provider(keeper: Keeper, emulator: Emulator, grant: Grant) -> None:
    """O-50: and counts only those that are known to have the same token."""
    done = keeper.revoke(grant.id)

    assert (done.at_provider, done.siblings) == ("revoked", 0)
    assert emulator.live_refresh_tokens(IDA, keeper.client("google-ads").client_id) == 0
    assert ADWORDS in done.grant.scopes
