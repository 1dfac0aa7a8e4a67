"""What trouble at the provider does to a grant, and what a grant's end is called."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from grantkeeper import (
    ConsentRequired,
    GrantStatus,
    Keeper,
    Misconfigured,
    ProviderUnavailable,
    Reason,
)
from grantkeeper.emulator import Emulator
from grantkeeper.store import SqlStore
from grantkeeper.testing import Connect, consent, emulated_keeper, oauth_client
from keeper.people import IDA, refreshes

HOUR = timedelta(hours=1)


TRANSIENT: list[dict[str, Any]] = [
    {"status": 500},
    {"status": 502, "body": "<html>Bad gateway</html>"},
    {"status": 503, "body": ""},
    {"status": 429, "retry_after": timedelta(seconds=30)},
    {"status": 403, "body": "<html>Forbidden by the firewall</html>"},
    {"status": 200, "body": "[]"},
    {"status": 200, "body": {"error": "temporarily_unavailable"}},
    {"status": 400, "body": {"error": "internal_failure"}},
    {"status": 302},
]


@pytest.mark.parametrize("trouble", TRANSIENT, ids=lambda trouble: str(trouble["status"]))
def test_trouble_at_the_provider_kills_no_grant(
    connect: Connect, keeper: Keeper, emulator: Emulator, trouble: dict[str, Any]
) -> None:
    """R-30: 5xx, 429, HTML, empty bodies: wait; the next refresh works."""
    grant = connect("acme", IDA)
    emulator.clock.advance(HOUR)
    emulator.fail(**trouble)
    with pytest.raises(ProviderUnavailable):
        keeper.token(grant.id)

    assert keeper.get(grant.id).status is GrantStatus.ACTIVE
    emulator.clock.advance(trouble.get("retry_after", timedelta()))
    assert keeper.token(grant.id).value


def test_retry_after_reaches_the_caller(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """R-32: as long as the provider asked for."""
    grant = connect("acme", IDA)
    emulator.clock.advance(HOUR)
    emulator.fail(429, retry_after=timedelta(seconds=30))
    with pytest.raises(ProviderUnavailable) as caught:
        keeper.token(grant.id)

    assert caught.value.retry_after == timedelta(seconds=30)


def test_a_lost_answer_is_the_providers_trouble(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """R-11: sent, outcome unknown; with Google the old refresh token still works."""
    grant = connect("acme", IDA)
    emulator.clock.advance(HOUR)
    emulator.lose_answer()
    with pytest.raises(ProviderUnavailable) as caught:
        keeper.token(grant.id)

    assert caught.value.sent
    assert keeper.token(grant.id).value


def test_an_unknown_oauth_client_is_ours_to_mend_and_kills_no_grant(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """R-30: invalid_client and deleted_client never make reconnects."""
    grant = connect("acme", IDA)
    emulator.clock.advance(HOUR)
    emulator.delete_client(keeper.client("google-ads").client_id)
    with pytest.raises(Misconfigured) as caught:
        keeper.token(grant.id)

    assert caught.value.provider is not None
    assert caught.value.provider.error == "deleted_client"
    assert keeper.get(grant.id).status is GrantStatus.ACTIVE


DEATHS: list[tuple[Callable[[Emulator], None], Reason]] = [
    (lambda emulator: emulator.revoke(IDA), Reason.REVOKED_OR_EXPIRED),
    (lambda emulator: emulator.suspend(IDA), Reason.ACCOUNT_GONE),
    (lambda emulator: emulator.rapt(IDA), Reason.REAUTHENTICATION),
    (
        lambda emulator: emulator.admin_block(IDA, "https://www.googleapis.com/auth/adwords"),
        Reason.ADMIN_POLICY,
    ),
]


@pytest.mark.parametrize(("kill", "reason"), DEATHS, ids=[reason.value for _, reason in DEATHS])
def test_a_dead_grant_says_why_and_what_to_do(
    connect: Connect, keeper: Keeper, emulator: Emulator, kill: Callable[[Emulator], None], reason: Reason
) -> None:
    """R-30, O-55r: reason and advice by the provider's words, which stay beside them; asked once, not for ever."""
    grant = connect("acme", IDA)
    kill(emulator)
    emulator.clock.advance(HOUR)
    for _ in range(3):
        with pytest.raises(ConsentRequired) as caught:
            keeper.token(grant.id)
        assert caught.value.reason == reason
        assert caught.value.grant_id == grant.id
        assert caught.value.advice

    assert keeper.get(grant.id).status is GrantStatus.CONSENT_REQUIRED
    assert refreshes(emulator) == 1


def test_seven_days_of_testing_have_a_reason_of_their_own(emulator: Emulator, tmp_path: Path) -> None:
    """O-55r: the provider says "expired or revoked"; that it was Testing, we know from the token's known end."""
    store = SqlStore(f"sqlite:///{tmp_path / 'testing.sqlite3'}")
    store.migrate()
    client = oauth_client(
        emulator, "google-ads", ["adwords"], client_id="2345678901-testing.apps.googleusercontent.com"
    )
    with emulated_keeper(emulator, store, clients=[client]) as keeper:
        grant = consent(keeper, emulator, "acme", IDA)
        assert grant.ends_at is not None
        emulator.clock.advance(timedelta(days=6))
        assert keeper.token(grant.id).value
        emulator.clock.advance(timedelta(days=1))
        with pytest.raises(ConsentRequired) as caught:
            keeper.token(grant.id)

    assert caught.value.reason == Reason.TESTING_EXPIRED
    assert "Publish" in caught.value.advice


def test_access_given_for_a_limited_time_has_a_reason_of_its_own(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """O-55r: time-based access (Google), a known end of any other length."""
    emulator.tamper_token_answer(lambda answer: {**answer, "refresh_token_expires_in": 2 * 86_400})
    grant = connect("acme", IDA)
    emulator.revoke(IDA)
    emulator.clock.advance(timedelta(days=2))
    with pytest.raises(ConsentRequired) as caught:
        keeper.token(grant.id)

    assert caught.value.reason == Reason.TIME_LIMIT_REACHED


@pytest.mark.parametrize(
    "spoil",
    [lambda claims, header: (claims | {"sub": "mallory"}, header), lambda claims, header: "e30.e30.AAAA"],
    ids=["another subject", "nonsense"],
)
def test_a_refresh_for_another_person_stops_the_grant_and_keeps_the_new_refresh_token(
    connect: Connect, keeper: Keeper, emulator: Emulator, spoil: Callable[..., Any]
) -> None:
    """O-56, R-12: quarantined, with a reason; the refresh token that came is stored all the same."""
    grant = connect("acme", IDA)
    emulator.rotate("strict")
    emulator.clock.advance(HOUR)
    emulator.tamper_id_token(spoil)
    with pytest.raises(ConsentRequired) as caught:
        keeper.token(grant.id)

    assert caught.value.reason == Reason.OTHER_ACCOUNT
    assert keeper.get(grant.id).status is GrantStatus.CONSENT_REQUIRED
    assert connect("acme", IDA).status is GrantStatus.ACTIVE


def test_a_token_that_still_lives_is_served_after_the_persons_revocation_here_is_unknown(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """Nobody told us yet: the API will say 401, and report_rejected leads to the truth."""
    grant = connect("acme", IDA)
    emulator.clock.advance(timedelta(minutes=1))
    emulator.revoke(IDA)
    keeper.report_rejected(grant.id, keeper.token(grant.id).value)
    emulator.clock.advance(timedelta(seconds=2))
    with pytest.raises(ConsentRequired):
        keeper.token(grant.id)
