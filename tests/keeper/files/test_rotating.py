"""Taking over refresh tokens of a provider that replaces them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grantkeeper import ConsentRequired, GrantStatus, InvalidInput, ProviderUnavailable, Reason, Secret
from grantkeeper.emulator import Emulator
from grantkeeper.model import GrantRow
from keeper.files.old import ADWORDS, DFP, old_token
from keeper.people import IDA, SAM, Two, refreshes


@pytest.fixture
def two(emulator: Emulator, tmp_path: Path) -> Two:
    """Two keepers on a provider that replaces refresh tokens strictly."""
    return Two(emulator, tmp_path, rotation=True)


def test_what_replaces_the_token_is_what_is_kept(two: Two) -> None:
    """R-12: the file's token is used up by the proof, the new one lives in the database."""
    token = old_token(two.emulator, two.clients[0], IDA)
    with two:
        grant = two.one.adopt("acme", "google-ads", token).grant
        assert grant.usable
        assert two.two.refresh(grant.id).value
        sent = refreshes(two.emulator)
        again = two.two.adopt("acme", "google-ads", token)

        assert (again.known, again.grant.id, refreshes(two.emulator)) == (True, grant.id, sent)
        assert two.one.refresh(grant.id).value


def test_an_outage_leaves_a_grant_to_go_on_with(two: Two) -> None:
    """R-12: the token is in the database before it is sent; the next try proves what is there."""
    token = old_token(two.emulator, two.clients[0], IDA)
    two.emulator.fail(503, times=2)
    with two:
        with pytest.raises(ProviderUnavailable):
            two.one.adopt("acme", "google-ads", token)
        (grant,) = two.one.grants()
        assert grant.refreshed_at is None
        done = two.two.adopt("acme", "google-ads", token)

        assert (done.known, done.grant.id, done.grant.usable) == (False, grant.id, True)
        assert two.one.refresh(grant.id).value


def test_missing_scopes_are_said_and_the_new_token_kept(two: Two) -> None:
    """The person is asked; what they gave before is not lost."""
    token = old_token(two.emulator, two.clients[0], IDA, DFP)
    with two:
        grant = two.one.adopt("acme", "google-ads", token).grant

        assert (grant.status, grant.reason) == (GrantStatus.CONSENT_REQUIRED, Reason.SCOPES_MISSING)


def test_an_id_token_in_a_later_answer_is_nobody_elses(two: Two) -> None:
    """Until its person consents a taken-over grant has nobody to be mistaken for."""
    token = old_token(two.emulator, two.clients[0], IDA, ADWORDS, "openid")
    with two:
        grant = two.one.adopt("acme", "google-ads", token).grant

        assert (grant.usable, grant.identified) == (True, False)
        assert two.two.refresh(grant.id).value


def test_a_dead_token_is_ended_again(two: Two) -> None:
    """A grant that never was is not listed as one that wants consent."""
    token = old_token(two.emulator, two.clients[0], IDA)
    two.emulator.revoke(IDA)
    with two:
        with pytest.raises(ConsentRequired):
            two.one.adopt("acme", "google-ads", token)

        assert [grant.status for grant in two.one.grants()] == [GrantStatus.REVOKED]


def test_one_token_cannot_be_two_owners(two: Two) -> None:
    """They would end each other's."""
    token = old_token(two.emulator, two.clients[0], IDA)
    with two:
        two.one.adopt("acme", "google-ads", token)

        with pytest.raises(InvalidInput, match="another grant's already"):
            two.two.adopt("globex", "google-ads", token)


def test_of_two_owners_who_import_one_token_at_once_one_gets_it(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have looked and found nothing; what comes second is refused before the token is sent again."""
    token, insert = old_token(two.emulator, two.clients[0], IDA), two.store.insert_grant
    first = []

    def overtaken(row: GrantRow, **rest: Any) -> None:
        monkeypatch.setattr(two.store, "insert_grant", insert)
        first.append(two.two.adopt("globex", "google-ads", token).grant)
        insert(row, **rest)

    with two:
        monkeypatch.setattr(two.store, "insert_grant", overtaken)
        with pytest.raises(InvalidInput, match="another grant's already"):
            two.one.adopt("acme", "google-ads", token)

        assert [grant.id for grant in two.one.grants()] == [first[0].id]
        assert refreshes(two.emulator) == 1
        assert two.one.refresh(first[0].id).value


def test_one_token_stays_one_owners_after_its_person_consented(two: Two) -> None:
    """To send a used one again can end what came of it."""
    token = old_token(two.emulator, two.clients[0], IDA)
    with two:
        two.one.adopt("acme", "google-ads", token)
        two.connect("acme", IDA)

        with pytest.raises(InvalidInput, match="another grant's already"):
            two.two.adopt("globex", "google-ads", token)


def test_an_e_mail_address_that_cannot_be_compared_is_refused(two: Two) -> None:
    """Nothing is sent: afterwards it would be too late."""
    token = old_token(two.emulator, two.clients[0], SAM, ADWORDS, "openid", "email")
    with two:
        with pytest.raises(InvalidInput, match="e-mail address") as caught:
            two.one.adopt("acme", "google-ads", token, email=IDA)

        assert "Leave the e-mail address out" in caught.value.advice
        assert (list(two.one.grants()), refreshes(two.emulator)) == ([], 0)


def test_a_look_is_refused_because_it_would_use_the_token_up(two: Two) -> None:
    """Nothing is sent."""
    with two, pytest.raises(InvalidInput, match="use it up"):
        two.one.examine("google-ads", Secret("1//0a-refresh-token-of-somebody"))
    assert refreshes(two.emulator) == 0
