"""Access tokens: from memory, from the row, or by one refresh."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from grantkeeper import (
    AccessToken,
    ConsentRequired,
    Grant,
    GrantStatus,
    InvalidInput,
    Keeper,
    NotFound,
    ProviderUnavailable,
    Reason,
    SealBroken,
    Secret,
)
from grantkeeper.emulator import Emulator
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import Connect, EmulatorTransport, emulated_keeper, oauth_client
from keeper.people import IDA, refreshes

HOUR = timedelta(hours=1)


def test_a_fresh_token_is_handed_out_without_a_refresh(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """The token of the exchange is used until it ends."""
    grant = connect("acme", IDA)
    token = keeper.token(grant.id)

    assert emulator.introspect(token.value.reveal()) is not None
    assert token.expires_at - emulator.clock.now() > timedelta(minutes=55)
    assert refreshes(emulator) == 0


def test_an_expired_token_is_refreshed_once_and_the_new_one_kept(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """RFC 6749 6; the second call is answered from memory or row."""
    grant = connect("acme", IDA)
    old = keeper.token(grant.id)
    emulator.clock.advance(HOUR)
    new = keeper.token(grant.id)

    assert new.value != old.value
    assert keeper.token(grant.id) == new
    assert refreshes(emulator) == 1


def test_a_refreshed_token_is_seen_by_another_keeper_of_the_database(
    connect: Connect, keeper: Keeper, emulator: Emulator, tmp_path: Path
) -> None:
    """What one process refreshed, the next one reads."""
    ring = KeyRing.parse(new_key())
    store = SqlStore(f"sqlite:///{tmp_path / 'shared.sqlite3'}")
    store.migrate()
    clients = [oauth_client(emulator, "google-ads", ["adwords"])]

    def another() -> Keeper:
        return Keeper(
            store=store, sealer=ring, clients=clients, transport=EmulatorTransport(emulator), now=emulator.clock.now
        )

    one, two = another(), another()
    redirect = one.begin("acme", "google-ads")
    grant = one.complete(redirect.flow, emulator.consent(redirect.url, IDA))
    assert isinstance(grant, Grant)
    emulator.clock.advance(HOUR)

    assert one.token(grant.id) == two.token(grant.id)
    assert refreshes(emulator) == 1
    one.close()


@pytest.mark.parametrize(("left", "expected"), [(timedelta(minutes=5), 1), (timedelta(minutes=5, seconds=1), 0)])
def test_min_ttl_is_a_promise(
    connect: Connect, keeper: Keeper, emulator: Emulator, left: timedelta, expected: int
) -> None:
    """R-08: a token with no more than min_ttl left is refreshed; boundary of a second."""
    grant = connect("acme", IDA)
    expires_at = keeper.token(grant.id).expires_at
    emulator.clock.set(expires_at - left)
    token = keeper.token(grant.id, min_ttl=timedelta(minutes=5))

    assert token.expires_at - emulator.clock.now() > timedelta(minutes=5)
    assert refreshes(emulator) == expected


def test_a_min_ttl_beyond_the_providers_lifetime_is_said_and_does_not_loop(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """R-08, R-39: one refresh to find out, then none within the interval."""
    grant = connect("acme", IDA)
    emulator.clock.advance(timedelta(minutes=1))
    for _ in range(5):
        with pytest.raises(InvalidInput, match="min_ttl"):
            keeper.token(grant.id, min_ttl=timedelta(hours=2))

    assert refreshes(emulator) == 1


def test_32_threads_asking_for_an_expired_token_cause_one_refresh(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """R-02: all get the same new token, nobody an error."""
    grant = connect("acme", IDA)
    emulator.clock.advance(HOUR)
    gate = threading.Barrier(32)

    def ask(_: int) -> AccessToken:
        gate.wait()
        return keeper.token(grant.id)

    with ThreadPoolExecutor(32) as pool:
        tokens = list(pool.map(ask, range(32)))

    assert len(set(tokens)) == 1
    assert refreshes(emulator) == 1


def test_who_waits_for_a_refresh_learns_of_its_failure(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """R-02: one failing refresh, not 16 in a row."""
    grant = connect("acme", IDA)
    emulator.clock.advance(HOUR)
    emulator.fail(503, times=100)
    started, release = threading.Event(), threading.Event()
    emulator.wait = lambda _: (started.set(), release.wait(10), None)[2]  # type: ignore[func-returns-value]
    emulator.slow(timedelta(seconds=5))
    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(keeper.token, grant.id)
        assert started.wait(10)
        others = [pool.submit(keeper.token, grant.id) for _ in range(15)]
        release.set()
        errors = [call.exception(10) for call in (first, *others)]

    assert all(isinstance(error, ProviderUnavailable) for error in errors)
    assert refreshes(emulator) <= 16


def test_a_fresh_token_is_served_while_a_refresh_hangs(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """R-07: readers of what still lives never wait for the provider."""
    grant = connect("acme", IDA)
    started, release = threading.Event(), threading.Event()
    emulator.wait = lambda _: (started.set(), release.wait(10), None)[2]  # type: ignore[func-returns-value]
    emulator.slow(timedelta(seconds=5))
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(keeper.refresh, grant.id)
        assert started.wait(10)
        assert keeper.token(grant.id).value
        release.set()
        assert call.result(10).value


# --- what the answer brings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        lambda answer: {**answer, "expires_in": -5},
        lambda answer: {**answer, "token_type": "mac"},
        lambda answer: {k: v for k, v in answer.items() if k != "access_token"},
        lambda answer: {**answer, "error": "server_error"},
    ],
    ids=["expires_in", "token_type", "no access token", "error beside"],
)
def test_a_rotated_refresh_token_is_saved_even_when_the_rest_is_bad(
    connect: Connect,
    keeper: Keeper,
    emulator: Emulator,
    spoil: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """R-12: with a strictly rotating provider the next refresh works only if the new token was saved."""
    grant = connect("acme", IDA)
    emulator.rotate("strict")
    emulator.clock.advance(HOUR)
    emulator.tamper_token_answer(spoil)
    with pytest.raises(ProviderUnavailable):
        keeper.token(grant.id)

    assert keeper.token(grant.id).value


@pytest.mark.parametrize("refresh_token", ["", None, 7])
def test_an_empty_refresh_token_in_an_answer_replaces_nothing(
    connect: Connect, keeper: Keeper, emulator: Emulator, refresh_token: object
) -> None:
    """O-35: absent, empty, null or nonsense: the stored one is kept."""
    grant = connect("acme", IDA)
    for _ in range(2):
        emulator.clock.advance(HOUR)
        emulator.tamper_token_answer(lambda answer: {**answer, "refresh_token": refresh_token})
        try:
            keeper.token(grant.id)
        except ProviderUnavailable:
            keeper.refresh(grant.id)

    emulator.clock.advance(HOUR)
    assert keeper.token(grant.id).value


def test_rotation_is_followed(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """O-35: each refresh sends the newest refresh token (a strict server would end the grant otherwise)."""
    grant = connect("acme", IDA)
    emulator.rotate("strict")
    for _ in range(4):
        emulator.clock.advance(HOUR)
        assert keeper.token(grant.id).value

    sent = [each.form.get("refresh_token") for each in emulator.requests("/token", grant_type="refresh_token")]
    assert len(set(sent)) == 4


def test_a_refresh_that_shrinks_the_scopes_is_noticed(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """O-24: required scopes gone: consent_required, scopes_missing."""
    grant = connect("acme", IDA)
    emulator.clock.advance(HOUR)
    emulator.tamper_token_answer(lambda answer: {**answer, "scope": "openid"})
    with pytest.raises(ConsentRequired) as caught:
        keeper.token(grant.id)

    assert caught.value.reason == Reason.SCOPES_MISSING
    assert keeper.get(grant.id).missing == {"https://www.googleapis.com/auth/adwords"}


@pytest.mark.parametrize("lifetime", [1, 60, 299])
def test_a_token_that_never_lives_long_enough_causes_no_hot_loop(
    connect: Connect, keeper: Keeper, emulator: Emulator, lifetime: int
) -> None:
    """R-39: the caller is told; within the interval nothing more is sent while the token lives."""
    grant = connect("acme", IDA)
    emulator.clock.advance(HOUR)
    emulator.tamper_token_answer(lambda answer: {**answer, "expires_in": lifetime}, times=100)
    for _ in range(10):
        with pytest.raises(InvalidInput, match="min_ttl"):
            keeper.token(grant.id)

    assert refreshes(emulator) == 1


# --- report_rejected -----------------------------------------------------------------------------------------------


def test_a_hundred_reports_of_one_token_cause_one_refresh(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """R-37: and reports of an older token cause none."""
    grant = connect("acme", IDA)
    emulator.clock.advance(timedelta(minutes=1))
    old = keeper.token(grant.id).value
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda _: keeper.report_rejected(grant.id, old), range(100)))
    new = keeper.token(grant.id).value
    assert new != old
    assert refreshes(emulator) == 1

    emulator.clock.advance(timedelta(minutes=1))
    keeper.report_rejected(grant.id, old)
    keeper.report_rejected(grant.id, Secret("something else"))
    assert keeper.token(grant.id).value == new
    assert refreshes(emulator) == 1


def test_an_api_that_refuses_every_token_causes_no_hot_loop(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """R-37, R-39: a token of a moment ago is not replaced again."""
    grant = connect("acme", IDA)
    emulator.clock.advance(timedelta(minutes=1))
    for _ in range(50):
        keeper.report_rejected(grant.id, keeper.token(grant.id).value)

    assert refreshes(emulator) == 1


# --- the row -------------------------------------------------------------------------------------------------------


def test_an_unknown_grant_is_not_found(keeper: Keeper) -> None:
    """No token, no refresh, no crash."""
    for verb in (keeper.token, keeper.refresh, keeper.get, keeper.revoke):
        with pytest.raises(NotFound):
            verb("gr_unknown")


def test_another_key_opens_nothing_and_marks_nothing_dead(
    connect: Connect, keeper: Keeper, emulator: Emulator, tmp_path: Path
) -> None:
    """V-08: SealBroken, the row stays as it is, and the right key still opens it."""
    grant = connect("acme", IDA)
    store = SqlStore(f"sqlite:///{tmp_path / 'grantkeeper.sqlite3'}")
    with emulated_keeper(emulator, store, clients=keeper.clients) as stranger:
        with pytest.raises(SealBroken):
            stranger.token(grant.id)
        assert stranger.get(grant.id) == grant

    emulator.clock.advance(HOUR)
    assert keeper.token(grant.id).value


@pytest.mark.parametrize("swap", ["rows", "rollback"])
def test_swapped_and_rolled_back_ciphertext_is_detected(
    connect: Connect, keeper: Keeper, emulator: Emulator, tmp_path: Path, swap: str
) -> None:
    """V-02, V-04: sealed tokens open in their own row and generation only."""
    store = SqlStore(f"sqlite:///{tmp_path / 'grantkeeper.sqlite3'}")
    one, other = connect("acme", IDA), connect("globex", "sam@fjord-media.example")
    row, stranger = store.grant(one.id), store.grant(other.id)
    assert row is not None
    assert stranger is not None
    emulator.clock.advance(HOUR)
    keeper.token(one.id)
    now = store.grant(one.id)
    assert now is not None
    sealed = stranger.sealed if swap == "rows" else row.sealed
    altered = replace(now, sealed=sealed, grant=replace(now.grant, version=now.grant.version + 1))
    store.save_grant(altered, expected_version=now.grant.version)
    store.close()

    emulator.clock.advance(HOUR)
    with pytest.raises(SealBroken):
        keeper.token(one.id)


def test_memory_is_looked_at_no_longer_than_max_stale(
    connect: Connect, keeper: Keeper, emulator: Emulator, tmp_path: Path
) -> None:
    """R-55: a revocation by another process is seen within a second, and after a clock set back at once."""
    store = SqlStore(f"sqlite:///{tmp_path / 'grantkeeper.sqlite3'}")
    grant = connect("acme", IDA)
    keeper.token(grant.id)
    with emulated_keeper(emulator, store, clients=keeper.clients) as elsewhere:
        row = store.grant(grant.id)
        assert row is not None
        ended = replace(row.grant, status=GrantStatus.REVOKED, version=row.grant.version + 1)
        store.save_grant(replace(row, grant=ended), expected_version=row.grant.version)
        assert elsewhere.get(grant.id).status is GrantStatus.REVOKED

    assert keeper.remembered(grant.id) is not None
    emulator.clock.advance(timedelta(hours=-1))
    assert keeper.remembered(grant.id) is None
    emulator.clock.advance(HOUR + timedelta(seconds=1))
    with pytest.raises(ConsentRequired):
        keeper.token(grant.id)
