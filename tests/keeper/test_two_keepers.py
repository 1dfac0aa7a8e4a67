"""Several keepers over one database: what one does in the middle of another's work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from grantkeeper import (
    AccessToken,
    AccountMismatch,
    BadCallback,
    ConsentRequired,
    Grant,
    GrantStatus,
    Keeper,
    Reason,
    SealBroken,
    Secret,
)
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.consent.invited import sha256
from grantkeeper.model import GrantRow
from grantkeeper.testing import EmulatorTransport, consent
from keeper.people import IDA, SAM, TOM, Two, refreshes

HOUR = timedelta(hours=1)


@pytest.fixture
def both(emulator: Emulator, tmp_path: Path) -> Iterator[Two]:
    """Two keepers; Google does not rotate."""
    with Two(emulator, tmp_path) as made:
        yield made


@pytest.fixture
def rotating(emulator: Emulator, tmp_path: Path) -> Iterator[Two]:
    """Two keepers; the provider rotates strictly."""
    with Two(emulator, tmp_path, rotation=True) as made:
        yield made


def test_an_ordinary_expiry_gives_nobody_a_conflict(both: Two, emulator: Emulator) -> None:
    """Who loses the compare-and-swap reads the row again and hands that token out."""
    grant = both.connect("acme", IDA)
    for _ in range(4):
        emulator.clock.advance(2 * HOUR)

        def ask(keeper: Keeper) -> AccessToken:
            return keeper.token(grant.id)

        with ThreadPoolExecutor(8) as pool:
            tokens = list(pool.map(ask, [both.one, both.two] * 4))
        assert all(emulator.introspect(token.value.reveal()) for token in tokens)


def test_a_consent_that_lands_during_a_refresh_stands(both: Two, emulator: Emulator) -> None:
    """The refresh's caller gets a token that works; the consent's refresh token is kept."""
    grant = both.connect("acme", IDA)
    emulator.clock.advance(2 * HOUR)
    emulator.revoke(IDA)
    again: list[Grant] = []
    both.hook.after("/token", lambda: again.append(both.connect("acme", IDA)))
    token = both.one.token(grant.id)

    assert again[0].id == grant.id
    assert emulator.introspect(token.value.reveal()) is not None
    emulator.clock.advance(2 * HOUR)
    assert both.one.token(grant.id).value


def test_a_rotated_token_is_kept_when_another_process_was_told_that_the_old_one_is_dead(
    rotating: Two, emulator: Emulator
) -> None:
    """R-12: ours is the newer; the other's verdict was about the token that we used up.

    Without reuse detection (grace gone by), so that the family lives: only the loser's verdict is in the way.
    """
    grant = rotating.connect("acme", IDA)
    emulator.clock.advance(2 * HOUR)
    refusal = b'{"error": "invalid_grant", "error_description": "Token has been expired or revoked."}'

    def other_process() -> None:
        emulator.fail(400, body=refusal, content_type="application/json")
        with pytest.raises(ConsentRequired):
            rotating.two.token(grant.id)

    rotating.hook.after("/token", other_process)
    assert rotating.one.token(grant.id).value
    assert rotating.one.get(grant.id).status is GrantStatus.ACTIVE
    emulator.clock.advance(2 * HOUR)
    assert rotating.two.token(grant.id).value


def test_a_refresh_does_not_undo_a_revocation(both: Two, emulator: Emulator) -> None:
    """Revoked is final, also for an answer that was under way."""
    grant = both.connect("acme", IDA)
    emulator.clock.advance(2 * HOUR)
    both.hook.after("/token", lambda: both.two.revoke(grant.id))
    with pytest.raises(ConsentRequired):
        both.one.token(grant.id)

    assert both.one.get(grant.id).status is GrantStatus.REVOKED
    assert both.store.grant(grant.id).sealed is None  # type: ignore[union-attr]


def test_two_who_end_each_others_siblings_leave_both_revoked(both: Two, emulator: Emulator) -> None:
    """A grant that was revoked meanwhile is not marked as one that waits for its owner."""
    one, other = both.connect("acme", IDA), both.connect("globex", IDA)
    both.hook.after("/revoke", lambda: both.two.revoke(other.id, siblings="end"))
    both.one.revoke(one.id, siblings="end")

    assert both.one.get(one.id).status is GrantStatus.REVOKED
    assert both.one.get(other.id).status is GrantStatus.REVOKED


def test_a_sibling_that_consented_again_meanwhile_is_not_marked_dead(both: Two, emulator: Emulator) -> None:
    """What it got since the revocation lives."""
    one, other = both.connect("acme", IDA), both.connect("globex", IDA)
    both.hook.after("/revoke", lambda: both.connect("globex", IDA))
    both.one.revoke(one.id, siblings="end")

    assert both.one.get(other.id).status is GrantStatus.ACTIVE
    emulator.clock.advance(2 * HOUR)
    assert both.one.token(other.id).value


def test_a_revoked_token_is_not_put_back_into_memory_by_a_slow_thread(both: Two, emulator: Emulator) -> None:
    """Unusable here at once: a thread that read the row before the revocation holds nothing after it."""
    grant = both.connect("acme", IDA)
    both.one.token(grant.id)
    row = both.store.grant(grant.id)
    assert row is not None
    both.one.revoke(grant.id)
    both.one._refreshes.memory.hold(row.grant, Secret("read before the revocation"))

    assert both.one.remembered(grant.id) is None


def test_a_dead_sibling_does_not_keep_access_alive_at_the_provider(both: Two, emulator: Emulator) -> None:
    """O-50, O-51: only who still lives from the person's consent counts."""
    one, other = both.connect("acme", IDA), both.connect("globex", IDA)
    emulator.revoke(IDA)
    emulator.clock.advance(2 * HOUR)
    for grant in (one, other):
        with pytest.raises(ConsentRequired):
            both.one.token(grant.id)
    both.connect("acme", IDA)

    assert both.one.revoke(one.id).at_provider == "revoked"
    assert emulator.live_refresh_tokens(IDA, both.clients[0].client_id) == 0


def test_ending_siblings_after_all_uses_a_siblings_token(both: Two, emulator: Emulator) -> None:
    """First kept for the siblings, then ended with them: the own token is erased by then."""
    one, other = both.connect("acme", IDA), both.connect("globex", IDA)
    assert both.one.revoke(one.id).at_provider == "kept"

    assert both.one.revoke(one.id, siblings="end").at_provider == "revoked"
    assert both.one.get(other.id).reason is Reason.SIBLING_REVOKED


def test_revoking_without_its_oauth_client_keeps_the_token_for_later(both: Two, emulator: Emulator) -> None:
    """Not "nothing to revoke": unusable here, and revoked once the client is configured again."""
    grant = both.connect("acme", IDA)
    with both.keeper(both.clients[1:], EmulatorTransport(emulator)) as without:
        assert without.revoke(grant.id).at_provider == "pending"

    assert both.one.revoke(grant.id).at_provider == "revoked"


def test_two_browsers_of_two_people_at_once_leave_one_connected(both: Two, emulator: Emulator) -> None:
    """O-27: both looked when nobody was connected; the second is taken back."""
    redirect = both.one.begin("acme", "google-ads")
    back = emulator.consent(redirect.url, IDA)
    emulator.clock.advance(timedelta(seconds=1))

    def tom_first() -> None:
        emulator.clock.advance(timedelta(seconds=-1))
        both.connect("acme", TOM)
        emulator.clock.advance(timedelta(seconds=1))

    insert = both.store.insert_grant

    def after_tom(row: GrantRow, **rest: Any) -> None:
        both.store.insert_grant = insert  # type: ignore[method-assign]
        tom_first()
        insert(row, **rest)

    both.store.insert_grant = after_tom  # type: ignore[method-assign]
    with pytest.raises(AccountMismatch):
        both.one.complete(redirect.flow, back)

    assert both.one.find("acme", "google-ads").email == TOM


def test_a_named_grant_that_was_revoked_meanwhile_lets_nobody_else_in(both: Two, emulator: Emulator) -> None:
    """O-27: the consent was for that grant."""
    grant = both.connect("acme", TOM)
    redirect = both.one.begin("acme", "google-ads", grant_id=grant.id)
    back = emulator.consent(redirect.url, SAM)
    both.two.revoke(grant.id)
    with pytest.raises(BadCallback, match="ended"):
        both.one.complete(redirect.flow, back)

    assert list(both.one.grants("acme", status=GrantStatus.ACTIVE)) == []


def test_a_kept_refresh_token_that_is_dead_leads_to_a_new_consent(both: Two, emulator: Emulator) -> None:
    """O-28, O-29: pushed out by the cap, it looks alive in the row; one refresh tells, and the second pass mends."""
    grant = both.connect("acme", IDA)
    emulator.clock.advance(2 * HOUR)
    now = emulator.clock.now()
    with emulator.lock:
        for token in emulator.state.live(grant.subject, both.clients[0].client_id, now):
            emulator.state.refresh[token.value] = replace(token, died_at=now)
    again = both.connect("acme", IDA)
    emulator.clock.advance(2 * HOUR)

    assert again.id == grant.id
    assert both.one.token(grant.id).value


def test_a_living_sibling_spares_the_forced_consent(both: Two, emulator: Emulator) -> None:
    """Consent is forced only when there is no live refresh token for that person and OAuthClient."""
    one, other = both.connect("acme", IDA), both.connect("globex", IDA)
    emulator.revoke(IDA)
    emulator.clock.advance(2 * HOUR)
    for grant in (one, other):
        with pytest.raises(ConsentRequired):
            both.one.token(grant.id)
    both.connect("acme", IDA)

    assert "prompt=consent" not in both.one.begin("globex", "google-ads").url
    assert both.connect("globex", IDA).usable
    assert refreshes(emulator) >= 1


def test_a_broken_row_is_mended_by_a_new_consent_and_breaks_no_other_owners(both: Two, emulator: Emulator) -> None:
    """V-08: what SealBroken advises works; an unreadable sibling is no source, and its revocation ends here."""
    grant = both.connect("acme", IDA)
    row = both.store.grant(grant.id)
    assert row is not None
    assert row.sealed is not None
    for broken in (replace(row.sealed, key=bytes(len(row.sealed.key))), replace(row.sealed, data=bytes(99))):
        now = both.store.grant(grant.id)
        assert now is not None
        altered = replace(now, sealed=broken, grant=replace(now.grant, version=now.grant.version + 1))
        both.store.save_grant(altered, expected_version=now.grant.version)
        assert both.connect("globex", IDA).usable
        assert both.connect("acme", IDA).id == grant.id
        emulator.clock.advance(2 * HOUR)
        assert both.one.token(grant.id).value


def test_revoking_a_broken_row_erases_it_and_says_so(both: Two) -> None:
    """The provider cannot be told, the person can; nothing unreadable is kept."""
    grant = both.connect("acme", IDA)
    row = both.store.grant(grant.id)
    assert row is not None
    assert row.sealed is not None
    altered = replace(
        row, sealed=replace(row.sealed, data=bytes(99)), grant=replace(row.grant, version=row.grant.version + 1)
    )
    both.store.save_grant(altered, expected_version=row.grant.version)

    assert both.one.revoke(grant.id).at_provider == "unreadable"
    assert both.store.grant(grant.id).sealed is None  # type: ignore[union-attr]


def test_a_row_given_to_another_owner_does_not_open(both: Two, emulator: Emulator) -> None:
    """V-02: the seal is bound to owner and client."""
    grant = both.connect("acme", IDA)
    row = both.store.grant(grant.id)
    assert row is not None
    stolen = replace(row, grant=replace(row.grant, owner="mallory", version=row.grant.version + 1))
    both.store.save_grant(stolen, expected_version=row.grant.version)
    emulator.clock.advance(timedelta(seconds=2))
    with pytest.raises(SealBroken):
        both.two.token(grant.id)


def test_many_grants_are_all_found_counted_and_ended(both: Two, emulator: Emulator) -> None:
    """No limit of a page cuts a result."""
    first = both.connect("acme", IDA)
    row = both.store.grant(first.id)
    assert row is not None
    for number in range(620):
        grant = replace(row.grant, id=f"gr_{number:04}", owner=f"owner-{number}")
        sealed = both.one._tokens._vault.seal_tokens(
            both.one._tokens._vault.open_tokens(row), grant=grant, generation=row.generation, key=None
        )
        both.store.insert_grant(replace(row, grant=grant, sealed=sealed))

    assert len(both.one.siblings(first.id)) == 620
    assert both.one.revoke(first.id, siblings="end").siblings == 620
    assert list(both.one.grants(status=GrantStatus.ACTIVE)) == []


def test_find_by_email_looks_at_every_grant_of_the_owner(both: Two, emulator: Emulator) -> None:
    """An owner may have hundreds."""
    first = both.connect("acme", IDA)
    row = both.store.grant(first.id)
    assert row is not None
    for number in range(250):
        grant = replace(row.grant, id=f"gr_{number:04}", subject=f"{number}", email=f"{number}@example.com")
        both.store.insert_grant(replace(row, grant=grant, sealed=None))

    assert both.one.find("acme", "google-ads", email="249@example.com").subject == "249"
    assert both.one.find("acme", "google-ads", email=IDA).id == first.id
    assert consent(both.one, emulator, "acme", IDA).id == first.id


def test_sweep_takes_every_expired_flow(both: Two, emulator: Emulator) -> None:
    """However many browsers never came back."""
    redirect = both.one.begin("acme", "google-ads")
    row = both.store.flow(_state_hash(redirect.url))
    assert row is not None
    for number in range(1500):
        both.store.add_flow(replace(row, state_hash=f"{number}"))
    emulator.clock.advance(HOUR)

    assert both.one.sweep() == 1501


def _state_hash(url: str) -> str:
    return sha256(parse_qs(urlsplit(url).query)["state"][0])


def test_a_silent_consent_throws_no_refresh_under_way_away(rotating: Two, emulator: Emulator) -> None:
    """R-12: the consent brings no refresh token and keeps the row's, while a refresh that replaces it is under way."""
    grant = rotating.connect("acme", IDA)
    emulator.clock.advance(2 * HOUR)

    def consents() -> None:
        emulator.omit_refresh_token()
        assert rotating.connect("acme", IDA, rotating.two).id == grant.id

    rotating.hook.after("/token", consents)
    assert rotating.one.token(grant.id).value
    emulator.clock.advance(2 * HOUR)
    assert rotating.two.token(grant.id).value
    assert rotating.one.get(grant.id).status is GrantStatus.ACTIVE
