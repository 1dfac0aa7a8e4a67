"""A refresh token from a file that is better than what a grant has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grantkeeper import ConsentRequired, DatabaseUnavailable, Grant, GrantStatus, Keeper, Reason, Secret
from grantkeeper.emulator import Emulator
from grantkeeper.model import NOTHING, Beside, Event
from grantkeeper.store import SqlStore
from grantkeeper.testing import consent, emulated_keeper, oauth_client
from keeper.files.old import ADWORDS, DFP, old_token
from keeper.people import IDA, Two, refreshes

LUCIA = "lucia@casa-verde.example"


@pytest.fixture
def two(emulator: Emulator, tmp_path: Path) -> Two:
    """Keepers over one database."""
    return Two(emulator, tmp_path)


@pytest.fixture
def both(emulator: Emulator, tmp_path: Path) -> Iterator[Keeper]:
    """A keeper whose OAuth client asks for both APIs."""
    store = SqlStore(f"sqlite:///{tmp_path / 'both.sqlite3'}")
    store.migrate()
    with emulated_keeper(
        emulator, store, clients=(oauth_client(emulator, "both", ["adwords", "ad_manager"]),)
    ) as keeper:
        yield keeper


@pytest.fixture
def partial(both: Keeper, emulator: Emulator) -> Grant:
    """The grant of somebody who left a box unticked."""
    grant = consent(both, emulator, "acme", LUCIA, "both", allow=[ADWORDS])
    assert grant.reason is Reason.SCOPES_MISSING
    return grant


def test_a_grant_that_lacks_scopes_takes_a_token_that_has_more(
    both: Keeper, emulator: Emulator, partial: Grant
) -> None:
    """Nobody has to be asked again."""
    token = old_token(emulator, both.client("both"), LUCIA, "openid", "email", *both.client("both").scopes)
    done = both.adopt("acme", "both", token)

    assert (done.known, done.grant.id, done.grant.status) == (False, partial.id, GrantStatus.ACTIVE)
    assert both.refresh(partial.id).scopes > partial.scopes


@pytest.mark.parametrize("scope", [ADWORDS, DFP])
def test_a_token_that_lacks_as_much_changes_nothing(
    both: Keeper, emulator: Emulator, partial: Grant, scope: str
) -> None:
    """The person's own consent is the newer word."""
    token = old_token(emulator, both.client("both"), LUCIA, "openid", scope)
    done = both.adopt("acme", "both", token)

    assert (done.known, done.grant) == (True, partial)


def dead(keeper: Keeper, emulator: Emulator, token: Secret) -> Grant:
    """Let an imported grant die of something that passes, as an administrator's policy does."""
    grant = keeper.adopt("acme", "google-ads", token).grant
    emulator.fail(400, body={"error": "admin_policy_enforced"})
    with pytest.raises(ConsentRequired):
        keeper.refresh(grant.id)
    assert keeper.get(grant.id).status is GrantStatus.CONSENT_REQUIRED
    return grant


def test_a_dead_grant_whose_person_is_not_known_lives_again_with_its_token(keeper: Keeper, emulator: Emulator) -> None:
    """What ended it may be over; one refresh tells."""
    token = old_token(emulator, keeper.client("google-ads"), IDA)
    grant = dead(keeper, emulator, token)
    assert keeper.taken_over("acme", "google-ads", token) is None
    done = keeper.adopt("acme", "google-ads", token)

    assert (done.known, done.grant.id, done.grant.usable) == (False, grant.id, True)
    assert keeper.refresh(grant.id).value


def test_a_dead_grant_whose_token_is_dead_stays_as_it_is(keeper: Keeper, emulator: Emulator) -> None:
    """Importing the file again says so again."""
    token = old_token(emulator, keeper.client("google-ads"), IDA)
    grant = dead(keeper, emulator, token)
    emulator.revoke(IDA)

    with pytest.raises(ConsentRequired) as caught:
        keeper.adopt("acme", "google-ads", token)
    assert caught.value.grant_id == grant.id
    assert [each.id for each in keeper.grants()] == [grant.id]


def test_a_token_that_does_not_say_whose_it_is_is_not_put_into_a_known_persons_grant(
    keeper: Keeper, emulator: Emulator
) -> None:
    """Who took the import over need not be who gave the old token."""
    token = old_token(emulator, keeper.client("google-ads"), IDA)
    grant = keeper.adopt("acme", "google-ads", token).grant
    consent(keeper, emulator, "acme", LUCIA)
    emulator.revoke(LUCIA)
    with pytest.raises(ConsentRequired):
        keeper.refresh(grant.id)
    done = keeper.adopt("acme", "google-ads", token)

    assert (done.known, done.grant.id, done.grant.email, done.grant.usable) == (True, grant.id, LUCIA, False)
    assert len(list(keeper.grants())) == 1


def test_the_token_that_mends_a_grant_is_written_with_its_event(two: Two) -> None:
    """V-20: killed in between, a grant would have a token of which nobody knows where it comes from."""

    class Away:
        def add(self, event: Event, beside: Beside = NOTHING) -> None:
            raise DatabaseUnavailable("Gone.")

    with two:
        grant = two.connect("acme", IDA)
        two.emulator.revoke(IDA)
        with pytest.raises(ConsentRequired):
            two.one.refresh(grant.id)
        token = old_token(two.emulator, two.clients[0], IDA, ADWORDS, "openid", "email")
        events, two.store.events = two.store.events, Away()  # type: ignore[assignment]
        assert two.one.adopt("acme", "google-ads", token).grant.usable
        two.store.events = events
        sent = refreshes(two.emulator)

        kinds = [event.kind for event in two.one.events(grant_id=grant.id)]
        assert kinds == ["grant.connected", "grant.consent_required", "grant.imported", "grant.reconnected"]
        assert two.one.adopt("acme", "google-ads", token).known
        assert refreshes(two.emulator) == sent


def test_an_import_reads_no_other_grant_of_its_owner(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agency's thousandth token costs what its first did."""
    real, read = two.store.grants, []

    def counted(**wanted: object) -> list[object]:
        rows = real(**wanted)  # type: ignore[arg-type]
        read.extend(rows)
        return list(rows)

    with two:
        for _ in range(3):
            two.one.adopt("agency", "google-ads", old_token(two.emulator, two.clients[0], IDA))
        token = old_token(two.emulator, two.clients[0], IDA)
        monkeypatch.setattr(two.store, "grants", counted)
        assert not two.one.adopt("agency", "google-ads", token).known
        assert read == []
        assert two.one.adopt("agency", "google-ads", token).known
        assert len(read) == 1
