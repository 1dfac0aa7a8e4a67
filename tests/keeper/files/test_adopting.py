"""Taking over refresh tokens that people already have."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import grantkeeper
from grantkeeper import (
    AccountMismatch,
    ConsentRequired,
    GrantStatus,
    InvalidInput,
    Keeper,
    Misconfigured,
    NotFound,
    Picker,
    ProviderUnavailable,
    Reason,
    Secret,
)
from grantkeeper.emulator import Emulator
from grantkeeper.testing import Connect
from keeper.files.old import ADWORDS, DFP, old_token
from keeper.people import IDA, SAM, Two, refreshes


@pytest.fixture
def token(keeper: Keeper, emulator: Emulator) -> Secret:
    """Ida's refresh token of an old script, which does not say whose it is."""
    return old_token(emulator, keeper.client("google-ads"), IDA)


def test_an_old_refresh_token_becomes_a_grant_that_hands_out_tokens(
    keeper: Keeper, emulator: Emulator, token: Secret
) -> None:
    """It is proved by one refresh, and refreshed like any other from then on."""
    done = keeper.adopt("acme", "google-ads", token)

    assert not done.known
    assert (done.grant.status, done.grant.scopes) == (GrantStatus.ACTIVE, frozenset({ADWORDS}))
    assert (done.grant.identified, done.grant.email, done.grant.person) == (False, "", "not known yet")
    assert keeper.find("acme", "google-ads") == done.grant
    first = keeper.token(done.grant.id)
    assert refreshes(emulator) == 1
    emulator.clock.advance(timedelta(hours=2))
    assert keeper.token(done.grant.id).value != first.value


def test_a_token_that_says_whose_it_is_becomes_that_persons_grant(keeper: Keeper, emulator: Emulator) -> None:
    """With the scope openid among its own, the refresh's id_token is validated and believed."""
    token = old_token(emulator, keeper.client("google-ads"), IDA, ADWORDS, "openid", "email")
    grant = keeper.adopt("acme", "google-ads", token, email=IDA.upper()).grant

    assert (grant.identified, grant.email, grant.person) == (True, IDA, IDA)
    assert grant.subject == "104857201938475610293"


def test_the_same_token_again_gives_the_same_grant_and_sends_nothing(
    keeper: Keeper, emulator: Emulator, token: Secret
) -> None:
    """An import that was interrupted is run again."""
    first = keeper.adopt("acme", "google-ads", token)
    sent = refreshes(emulator)
    again = keeper.adopt("acme", "google-ads", token)

    assert again.known
    assert again.grant == first.grant
    assert refreshes(emulator) == sent
    assert len(list(keeper.grants())) == 1


def test_one_token_may_be_several_owners(keeper: Keeper, token: Secret) -> None:
    """An agency's one login, which all of its customers' accounts are reached through."""
    grants = [keeper.adopt(owner, "google-ads", token).grant for owner in ("acme", "globex")]

    assert len({grant.id for grant in grants}) == 2
    assert [each.id for each in keeper.siblings(grants[0].id)] == [grants[1].id]


def test_two_imports_at_once_make_one_grant(emulator: Emulator, tmp_path: Path) -> None:
    """The database takes one row; who comes second returns it."""
    with Two(emulator, tmp_path) as two:
        token = old_token(emulator, two.clients[0], IDA)
        two.hook.after("/token", lambda: two.two.adopt("acme", "google-ads", token))
        done = two.one.adopt("acme", "google-ads", token)

        assert done.known
        assert [grant.id for grant in two.one.grants()] == [done.grant.id]
        assert len(two.one.events(kind="grant.imported")) == 1


def test_a_dead_token_is_refused_and_leaves_nothing(keeper: Keeper, emulator: Emulator, token: Secret) -> None:
    """The reason and what to do are said."""
    emulator.revoke(IDA)

    with pytest.raises(ConsentRequired) as caught:
        keeper.adopt("acme", "google-ads", token)
    assert caught.value.reason == "revoked_or_expired"
    assert "connect the account again" in caught.value.advice
    assert list(keeper.grants()) == []
    assert keeper.events() == []


def test_a_vague_refusal_is_asked_for_once_more(keeper: Keeper, emulator: Emulator, token: Secret) -> None:
    """R-30: Google's bare "Bad Request" says nothing for sure."""
    emulator.fail(400, body={"error": "invalid_grant", "error_description": "Bad Request"})

    assert keeper.adopt("acme", "google-ads", token).grant.usable
    with pytest.raises(ConsentRequired):
        keeper.adopt("acme", "google-ads", Secret("1//0never-given-by-anybody-at-all"))


def test_a_token_of_another_oauth_client_is_not_taken(keeper: Keeper, emulator: Emulator) -> None:
    """It is ours to put right: no person is asked to consent for it."""
    other = emulator.add_client("https://app.example.com/callback/google-ads")
    theirs = keeper.client("google-ads")
    foreign = type(theirs)(
        name="other",
        provider=theirs.provider,
        client_id=other.id,
        client_secrets=(Secret(other.secret),),
        redirect_uri=theirs.redirect_uri,
        scopes=theirs.scopes,
    )

    with pytest.raises(Misconfigured, match="client id"):
        keeper.adopt("acme", "google-ads", old_token(emulator, foreign, IDA))


def test_missing_scopes_ask_for_consent_as_after_a_partial_one(keeper: Keeper, emulator: Emulator) -> None:
    """The grant is there, so that its person can be asked; no token is handed out."""
    token = old_token(emulator, keeper.client("google-ads"), IDA, DFP)
    grant = keeper.adopt("acme", "google-ads", token).grant

    assert (grant.status, grant.reason) == (GrantStatus.CONSENT_REQUIRED, Reason.SCOPES_MISSING)
    assert grant.missing == {ADWORDS}
    with pytest.raises(ConsentRequired):
        keeper.token(grant.id)
    assert keeper.adopt("acme", "google-ads", token).known


def test_a_known_end_of_the_token_is_kept(keeper: Keeper, emulator: Emulator, token: Secret) -> None:
    """refresh_token_expires_in, as Google says it while an application is tested."""
    emulator.tamper_token_answer(lambda answer: answer | {"refresh_token_expires_in": 3600})
    grant = keeper.adopt("acme", "google-ads", token).grant

    assert grant.ends_at == emulator.clock.now() + timedelta(hours=1)


def test_the_token_of_somebody_who_is_connected_changes_nothing(
    keeper: Keeper, emulator: Emulator, connect: Connect
) -> None:
    """Their own consent is the newer word."""
    grant = connect("acme", IDA)
    token = old_token(emulator, keeper.client("google-ads"), IDA, ADWORDS, "openid")
    done = keeper.adopt("acme", "google-ads", token)

    assert (done.known, done.grant) == (True, grant)


def test_the_living_token_of_somebody_whose_grant_is_dead_mends_the_grant(
    keeper: Keeper, emulator: Emulator, connect: Connect
) -> None:
    """Its id stays good."""
    grant = connect("acme", IDA)
    emulator.revoke(IDA)
    with pytest.raises(ConsentRequired):
        keeper.refresh(grant.id)
    token = old_token(emulator, keeper.client("google-ads"), IDA, ADWORDS, "openid", "email")
    done = keeper.adopt("acme", "google-ads", token)

    assert (done.known, done.grant.id, done.grant.usable) == (False, grant.id, True)
    assert keeper.refresh(grant.id).value


def test_another_persons_token_than_believed_is_refused(keeper: Keeper, emulator: Emulator) -> None:
    """A file whose lines were mixed up is noticed where the provider says whose a token is."""
    token = old_token(emulator, keeper.client("google-ads"), SAM, ADWORDS, "openid", "email")

    with pytest.raises(AccountMismatch) as caught:
        keeper.adopt("acme", "google-ads", token, email=IDA)
    assert (caught.value.expected, caught.value.actual) == ((IDA,), SAM)
    assert list(keeper.grants()) == []


def test_trouble_at_the_provider_keeps_nothing(keeper: Keeper, emulator: Emulator, token: Secret) -> None:
    """It can be tried again."""
    emulator.fail(503)

    with pytest.raises(ProviderUnavailable):
        keeper.adopt("acme", "google-ads", token)
    assert list(keeper.grants()) == []
    assert not keeper.adopt("acme", "google-ads", token).known


def test_an_import_is_an_event_that_names_no_token(keeper: Keeper, token: Secret) -> None:
    """V-20: by a hash of it the same token is known again, nothing else."""
    grant = keeper.adopt("acme", "google-ads", token).grant
    (event,) = keeper.events(grant_id=grant.id)

    assert (event.kind, event.owner, event.client) == ("grant.imported", "acme", "google-ads")
    assert event.data["identified"] is False
    assert token.reveal() not in str(event.data)


def test_the_accounts_that_are_named_are_what_is_shared(keeper: Keeper, emulator: Emulator, token: Secret) -> None:
    """As with a consent whose page is skipped."""
    picker = Picker(page="skip", preselect=("2223334441",))
    grant = keeper.adopt("acme", "google-ads", token, picker=picker).grant

    assert [each.id for each in keeper.accounts(grant.id)] == ["2223334441"]
    other = keeper.adopt("globex", "google-ads", token).grant
    assert len(keeper.accounts(other.id)) == 2


@pytest.mark.parametrize("value", ["", "with a space", "bell\a", "é", "x" * 5000])
def test_what_is_no_refresh_token_is_not_sent(keeper: Keeper, emulator: Emulator, value: str) -> None:
    """RFC 6749 A.17; the message does not quote it."""
    with pytest.raises(InvalidInput) as caught:
        keeper.adopt("acme", "google-ads", Secret(value))
    assert not value or value not in str(caught.value)
    assert refreshes(emulator) == 0


@pytest.mark.parametrize(
    "wrong", [{"refresh_token": "1//0-a-text"}, {"refresh_token": None}, {"email": 5}, {"picker": {"page": "show"}}]
)
def test_a_value_of_another_type_is_refused(
    keeper: Keeper, emulator: Emulator, token: Secret, wrong: dict[str, Any]
) -> None:
    """Before anything is sent, and the message says what is meant."""
    values: dict[str, Any] = {"owner": "acme", "client": "google-ads", "refresh_token": token}
    with pytest.raises(InvalidInput) as caught:
        keeper.adopt(**(values | wrong))
    assert "a-text" not in str(caught.value)
    assert refreshes(emulator) == 0
    assert list(keeper.grants()) == []


@pytest.mark.parametrize("wrong", [None, "1//0-a-text"])
def test_an_examination_takes_a_secret_only(keeper: Keeper, emulator: Emulator, wrong: Any) -> None:
    """A refresh token that is a plain text is printed sooner or later."""
    with pytest.raises(InvalidInput, match="Secret"):
        keeper.examine("google-ads", wrong)
    assert refreshes(emulator) == 0


def test_every_public_word_can_be_imported() -> None:
    """Those of imports among them."""
    names: dict[str, Any] = {}
    exec("from grantkeeper import *", names)
    assert {"Adoption", "Examination", *grantkeeper.__all__} <= names.keys()


def test_an_unknown_client_is_not_found(keeper: Keeper, token: Secret) -> None:
    """As everywhere."""
    with pytest.raises(NotFound):
        keeper.adopt("acme", "no-such-client", token)


def test_an_examination_tells_and_keeps_nothing(keeper: Keeper, emulator: Emulator, token: Secret) -> None:
    """Alive, with its scopes; dead, with reason, advice and the provider's words."""
    found = keeper.examine("google-ads", token)
    assert (found.alive, found.scopes, found.missing, found.email) == (True, frozenset({ADWORDS}), frozenset(), "")
    whose = keeper.examine("google-ads", old_token(emulator, keeper.client("google-ads"), IDA, DFP, "openid", "email"))
    assert (whose.email, whose.missing, whose.reason) == (IDA, frozenset({ADWORDS}), Reason.SCOPES_MISSING)
    emulator.revoke(IDA)
    dead = keeper.examine("google-ads", token)

    assert (dead.alive, dead.reason) == (False, Reason.REVOKED_OR_EXPIRED)
    assert dead.words is not None
    assert "connect the account again" in dead.advice
    assert list(keeper.grants()) == []
