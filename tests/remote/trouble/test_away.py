"""While the service is away, or in trouble: a token that lives is handed out, and no grant hides another's end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from grantkeeper import (
    ConsentRequired,
    DatabaseUnavailable,
    Misconfigured,
    ProviderUnavailable,
    Remote,
    ServiceUnavailable,
    TooManyRequests,
)
from grantkeeper.emulator import Clock
from grantkeeper.errors import Conflict, GrantkeeperError
from grantkeeper.remote import tokens as held
from remote.conftest import GRANT, MakeRemote
from remote.fake import Answer, Fake, problem, problem_of
from remote.test_tokens import OTHER, SECOND, Held, value

AWAY = {
    "hangs up": Answer(hang_up=True),
    "502": Answer(status=502, body=b"<html>bad gateway</html>"),
    "a stranger": Answer(status=404, body=b"default backend - 404"),
    "garbage": Answer(body=b"<html>sign in</html>"),
    **{
        type(each).__name__: problem_of(each)
        for each in (
            DatabaseUnavailable("Away."),
            ProviderUnavailable("Away."),
            Conflict("Again."),
            TooManyRequests("Slower.", retry_after=SECOND),
        )
    },
}


@pytest.mark.parametrize("away", AWAY.values(), ids=AWAY)
def test_a_token_that_lives_is_handed_out_while_the_service_is_away(
    remote: Remote, fake: Fake, clock: Clock, away: Answer
) -> None:
    """Its trouble stops nobody who has a token, until that ends."""
    first = remote.token(GRANT)
    fake.answering = lambda _: away
    clock.advance(timedelta(minutes=54))

    assert remote.token(GRANT) == first
    clock.advance(timedelta(minutes=1))
    with pytest.raises(GrantkeeperError) as caught:
        remote.token(GRANT)
    assert not isinstance(caught.value, ConsentRequired | Misconfigured)


def test_while_it_is_away_it_is_asked_once_a_second(remote: Remote, fake: Fake, clock: Clock) -> None:
    """And not by each caller; then it is back, and its word counts again."""
    for each in (GRANT, OTHER):
        remote.token(each)
    inner, fake.answering = fake.answering, lambda _: Answer(status=404, body=b"default backend - 404")
    clock.advance(11 * SECOND)
    before = len(fake.calls)
    for each in (GRANT, OTHER) * 50:
        remote.token(each)
    assert len(fake.calls) == before + 2  # the one question, and its repetition

    clock.advance(held.WAIT_FOR_SERVICE)
    fake.answering = inner
    assert value(remote.token(OTHER)) == "made-up-token-3"
    assert value(remote.token(GRANT)) == "made-up-token-4"


ONES_OWN = {
    "refused": problem_of(TooManyRequests("Slower.", retry_after=SECOND)),
    "provider": problem_of(ProviderUnavailable("Away.")),
    "database": problem_of(DatabaseUnavailable("Away.")),
    "conflict": problem_of(Conflict("Again.")),
    "no answer": Answer(hang_up=True),
}


@pytest.mark.parametrize("trouble", ONES_OWN.values(), ids=ONES_OWN)
def test_one_grants_trouble_hides_nothing_of_another(remote: Remote, fake: Fake, clock: Clock, trouble: Answer) -> None:
    """The other is revoked: it is handed out for ten seconds and a few more, though the first is asked of first."""
    for each in (OTHER, GRANT):
        remote.token(each)
    revoked = problem_of(ConsentRequired("Ended.", grant_id=GRANT, reason="disconnected"))
    fake.answering = lambda call: trouble if OTHER in call.path else revoked

    def handed_out() -> bool:
        clock.advance(SECOND)
        assert value(remote.token(OTHER)) == "made-up-token-1"
        try:
            return value(remote.token(GRANT)) == "made-up-token-2"
        except ConsentRequired:
            return False

    assert sum(handed_out() for _ in range(60)) <= 12


def test_many_grants_that_hang_let_each_ask_in_its_turn(remote: Remote, fake: Fake, clock: Clock) -> None:
    """The revoked one comes last in each round: it is not always another's turn."""
    hanging = [f"{number:032d}" for number in range(5)]
    for each in (*hanging, GRANT):
        remote.token(each)
    revoked = problem_of(ConsentRequired("Ended.", grant_id=GRANT, reason="disconnected"))
    fake.answering = lambda call: revoked if GRANT in call.path else Answer(status=502, body=b"")
    clock.advance(10 * SECOND)

    def round_of_all() -> None:
        clock.advance(SECOND)
        for each in (*hanging, GRANT):
            remote.token(each)

    with pytest.raises(ConsentRequired):
        for _ in range(8):
            round_of_all()


def test_a_turn_that_nobody_takes_passes(remote: Remote, fake: Fake, clock: Clock) -> None:
    """Whoever waited is gone: another asks a second later."""
    for each in (GRANT, OTHER):
        remote.token(each)
    fake.answering = lambda _: Answer(status=404, body=b"")
    clock.advance(11 * SECOND)
    for each in (GRANT, OTHER):
        remote.token(each)
    before = len(fake.calls)
    clock.advance(SECOND)
    remote.token(GRANT)
    assert len(fake.calls) == before

    clock.advance(SECOND)
    remote.token(GRANT)
    assert len(fake.calls) > before


def test_a_token_is_not_handed_out_for_ever_without_a_word(make_remote: MakeRemote, fake: Fake, clock: Clock) -> None:
    """Whatever life it has left: nobody knows any more whether its grant is there."""
    remote = make_remote(max_away=timedelta(minutes=15))
    first = remote.token(GRANT)
    fake.answering = lambda _: Answer(hang_up=True)
    clock.advance(timedelta(minutes=14))
    assert remote.token(GRANT) == first

    clock.advance(timedelta(minutes=1))
    with pytest.raises(ServiceUnavailable):
        remote.token(GRANT)


def test_whoever_has_no_token_asks_whatever_came_before(remote: Remote, fake: Fake, clock: Clock) -> None:
    """The pause is for those who lose nothing by it."""
    remote.token(GRANT)
    inner, fake.answering = fake.answering, lambda _: problem_of(DatabaseUnavailable("Away."))
    clock.advance(11 * SECOND)
    remote.token(GRANT)
    fake.answering = inner

    assert value(remote.token(OTHER)) == "made-up-token-2"


def test_a_service_that_hangs_is_waited_for_a_moment_when_a_token_lives(
    make_remote: MakeRemote, fake: Fake, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look only asks whether it was revoked: not for as long as a refresh may take."""
    monkeypatch.setattr(held, "LOOK_PATIENCE", timedelta(milliseconds=50))
    remote = make_remote(timeout=timedelta(minutes=5))
    first = remote.token(GRANT)
    gate = Held(fake)
    clock.advance(11 * SECOND)

    assert remote.token(GRANT) == first
    gate.open.set()


def test_a_refused_key_ends_what_is_in_memory(remote: Remote, fake: Fake, clock: Clock) -> None:
    """Whoever takes a key away means it."""
    remote.token(GRANT)
    fake.answering = lambda _: problem("KeyRefused", 401, detail="The key was withdrawn.")
    clock.advance(11 * SECOND)
    for _ in range(2):
        with pytest.raises(Misconfigured):
            remote.token(GRANT)
