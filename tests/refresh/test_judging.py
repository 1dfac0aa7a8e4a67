"""What refusals do: one ends a grant when it is certain, many at once end none, and ours are no grant's fault."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import unquote_plus

import pytest

from grantkeeper import (
    ConsentRequired,
    DatabaseUnavailable,
    GrantStatus,
    Keeper,
    Misconfigured,
    OAuthClient,
    ProviderUnavailable,
    Reason,
    Secret,
)
from grantkeeper.keeper.refresh.leases import LEASE, MARGIN
from grantkeeper.model import Request, Response
from refresh.conftest import NewScene
from refresh.scene import HOUR, SECOND, Scene, Wire, lost

REVOKED = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
VAGUE = {"error": "invalid_grant", "error_description": "Bad Request"}


def refuse(scene: Scene, words: dict[str, str], times: int = 1, status: int = 400) -> None:
    """Let the provider refuse the next refreshes."""
    scene.emulator.fail(status, body=words, times=times)


def asked(scene: Scene) -> int:
    """Return how many refreshes reached the provider."""
    return len(scene.emulator.requests("/token"))


def status(scene: Scene, grant_id: str) -> tuple[GrantStatus, Reason]:
    """Return how the grant stands."""
    grant = scene.row(grant_id).grant
    return grant.status, grant.reason


ALIVE = (GrantStatus.ACTIVE, Reason.NONE)
OVER = (GrantStatus.CONSENT_REQUIRED, Reason.REVOKED_OR_EXPIRED)


def test_certain_words_end_a_grant_at_once(scene: Scene) -> None:
    """R-30: a known permanent answer needs no second one."""
    grant = scene.grant()
    refuse(scene, REVOKED)
    with pytest.raises(ConsentRequired):
        scene.keeper().token(grant)

    assert asked(scene) == 1
    assert status(scene, grant) == OVER
    assert scene.open_ends(grant) == ("", False, 0)


def test_vague_words_end_a_grant_when_they_come_twice(scene: Scene) -> None:
    """R-30: confirmed by a second attempt, after a delay."""
    grant = scene.grant()
    refuse(scene, VAGUE, times=2)
    with pytest.raises(ConsentRequired):
        scene.keeper().token(grant)

    first, second = (each.at for each in scene.emulator.requests("/token"))
    assert second - first >= 2 * SECOND
    assert status(scene, grant) == OVER
    assert scene.open_ends(grant) == ("", False, 0)


def test_vague_words_that_do_not_come_again_mean_nothing(scene: Scene) -> None:
    """R-30: a replica that lags behind, once: the caller gets a token and never learns of it."""
    grant = scene.grant()
    refuse(scene, VAGUE)

    assert scene.keeper().token(grant).value
    assert status(scene, grant) == ALIVE
    assert scene.open_ends(grant) == ("", False, 0)


def test_vague_words_end_nothing_when_the_second_question_comes_too_late(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-30: a holder that was held up does not send, and its lease cannot be given back: one opinion stays one."""
    grant = scene.grant()
    refuse(scene, VAGUE)
    begin, begun = scene.store.begin_refresh, []

    def slowly(*args: Any, **rest: Any) -> bool:
        begun.append(args)
        done = begin(*args, **rest)
        if len(begun) == 2:
            scene.clock.advance(MARGIN + SECOND)
        return done

    def away(*_args: Any, **_rest: Any) -> bool:
        raise DatabaseUnavailable("The database is away.")

    monkeypatch.setattr(scene.store, "begin_refresh", slowly)
    monkeypatch.setattr(scene.store, "end_refresh", away)
    scene.keeper().token(grant)

    assert status(scene, grant) == ALIVE
    assert asked(scene) == 2


@pytest.mark.parametrize("then", ["lost", "503", "429", "invalid_client"])
def test_vague_words_without_a_second_opinion_end_nothing(scene: Scene, then: str) -> None:
    """R-30: nothing confirms them."""
    grant = scene.grant()
    refuse(scene, VAGUE)
    if then == "lost":
        scene.wire.before.extend([lambda: None, lost])
    elif then == "invalid_client":
        refuse(scene, {"error": then}, status=401)
    else:
        scene.emulator.fail(int(then))
    with pytest.raises((ProviderUnavailable, Misconfigured)):
        scene.keeper().token(grant)

    assert status(scene, grant) == ALIVE
    assert scene.open_ends(grant)[1] is (then in {"lost", "503"})


def test_a_token_that_nobody_here_used_and_that_is_used_up_is_a_sign_of_theft(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """R-17: who copied the database used it first; that is said aloud, not only "connect again"."""
    grant = scene.grant()
    with scene.emulator.lock:
        copied = next(iter(scene.emulator.state.refresh.values()))
        scene.emulator.state.refresh[copied.value] = replace(copied, used_up_at=scene.clock.now())
    with caplog.at_level(logging.WARNING), pytest.raises(ConsentRequired):
        scene.keeper().token(grant)

    assert "used elsewhere" in caplog.text
    assert scene.refresh_token(grant) not in caplog.text
    assert status(scene, grant) == OVER


# --- many at once --------------------------------------------------------------------------------------------------


def ask_all(keeper: Keeper, grants: list[str]) -> list[type[Exception]]:
    """Ask for each token once; returns the kinds of what was raised."""
    raised: list[type[Exception]] = []
    for grant in grants:
        try:
            keeper.token(grant)
        except (ConsentRequired, ProviderUnavailable, Misconfigured) as error:
            raised.append(type(error))
    return raised


def test_a_mass_refusal_ends_nothing_and_takes_back_what_it_ended(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """R-31: all grants refused for five minutes: statuses freeze, the operator is told, and afterwards all live."""
    grants = [scene.grant(f"owner-{number}") for number in range(14)]
    keeper = scene.keeper()
    refuse(scene, REVOKED, times=1000)
    with caplog.at_level(logging.ERROR):
        raised = ask_all(keeper, grants)

    assert raised == [ConsentRequired] * 9 + [ProviderUnavailable] * 5
    assert asked(scene) == 10
    assert "refuses most grants" in caplog.text
    assert {status(scene, grant) for grant in grants} == {ALIVE}
    for _ in range(10):
        scene.clock.advance(30 * SECOND)
        assert set(ask_all(keeper, grants)) == {ProviderUnavailable}
    assert {status(scene, grant) for grant in grants} == {ALIVE}
    assert asked(scene) < 10 + 10

    scene.emulator.faults._armed.clear()
    scene.clock.advance(timedelta(minutes=5))
    assert ask_all(keeper, grants) == []
    assert {scene.open_ends(grant) for grant in grants} == {("", False, 0)}


def test_tokens_that_live_are_served_while_statuses_are_frozen(scene: Scene) -> None:
    """R-31, R-51: a breaker stops sends, not tokens."""
    fresh = scene.grant("fresh")
    keeper = scene.keeper()
    token = keeper.token(fresh)
    refuse(scene, REVOKED, times=1000)
    ask_all(keeper, [scene.grant(f"owner-{number}") for number in range(12)])
    scene.clock.advance(timedelta(minutes=10))

    assert keeper.token(fresh).value == token.value


def test_what_a_mass_refusal_ended_is_taken_back_whatever_becomes_of_the_last_one(scene: Scene) -> None:
    """R-31: the refusal that opens the breaker meets a row that was changed meanwhile; the others live again."""
    grants = [scene.grant(f"owner-{number}") for number in range(10)]
    keeper = scene.keeper()
    refuse(scene, REVOKED, times=1000)
    ask_all(keeper, grants[:9])
    assert {status(scene, grant) for grant in grants[:9]} == {OVER}

    def consented_again() -> None:
        row = scene.row(grants[9])
        grant = replace(row.grant, version=row.grant.version + 1)
        scene.store.save_tokens(replace(row, grant=grant), expected_version=row.grant.version, attempt=None)

    scene.wire.after.append(consented_again)
    ask_all(keeper, grants[9:])
    assert {status(scene, grant) for grant in grants} == {ALIVE}


def test_a_mass_refusal_after_an_outage_is_one_too(new_scene: NewScene) -> None:
    """R-31: after an outage many refreshes are open, and each refusal looks like a lost reply: not of all at once."""
    scene = new_scene(rotation="strict")
    grants = [scene.grant(f"owner-{number}") for number in range(14)]
    for grant in grants:
        row = scene.row(grant)
        assert scene.store.begin_refresh(
            grant, version=row.grant.version, attempt="open", at=scene.clock.now(), lease=LEASE
        )
        assert scene.store.end_refresh(grant, attempt="open", sent_at=scene.clock.now(), sends=1)
    refuse(scene, REVOKED, times=1000)
    ask_all(scene.keeper(), grants)

    assert {status(scene, grant) for grant in grants} == {ALIVE}
    assert {scene.row(grant).sends for grant in grants} == {1}


def test_what_is_refused_an_hour_later_is_believed_in_the_end(scene: Scene) -> None:
    """R-31: an installation whose grants really are over comes to rest; those refused just now stay frozen."""
    grants = [scene.grant(f"owner-{number}") for number in range(10)]
    keeper = scene.keeper()
    refuse(scene, REVOKED, times=1000)
    ask_all(keeper, grants)
    scene.clock.advance(HOUR)
    for grant in grants:
        scene.clock.advance(timedelta(minutes=5))
        ask_all(keeper, [grant])

    assert {status(scene, grant) for grant in grants} == {OVER}


def test_a_wrong_client_secret_touches_no_grant(scene: Scene) -> None:
    """R-30: one wrong secret on many connections makes no reconnects, and leaves each row exactly as it was."""
    grants = [scene.grant(f"owner-{number}") for number in range(50)]
    rows = [scene.row(grant) for grant in grants]
    wrong = replace(scene.client, client_secrets=(Secret("wrong-secret"),))

    keeper = scene.keeper(clients=[wrong])
    assert ask_all(keeper, grants) == [Misconfigured] * 50
    assert [scene.row(grant) for grant in grants] == rows
    assert ask_all(scene.keeper(), grants[:3]) == []


def test_a_wrong_client_secret_is_not_tried_all_the_time(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """R-30: providers lock out who does that; when it is mended at the provider, all is well within a minute."""
    grants = [scene.grant(f"owner-{number}") for number in range(5)]
    keeper = scene.keeper()
    refuse(scene, {"error": "invalid_client"}, times=1000, status=401)
    for _ in range(120):
        assert ask_all(keeper, grants) == [Misconfigured] * 5
        scene.clock.advance(SECOND)

    assert 3 < asked(scene) <= 3 + 7
    assert caplog.text.count("does not accept the OAuth client") == 1
    with pytest.raises(Misconfigured, match=r"nothing is sent for 'google-ads' for \d+ s\."):
        keeper.token(grants[0])
    scene.emulator.faults._armed.clear()
    scene.clock.advance(timedelta(minutes=1))
    assert ask_all(keeper, grants) == []


def test_trouble_with_one_grant_stops_no_other(scene: Scene) -> None:
    """R-39, R-51: it is asked for each second and always answered with an error: the others are served at once."""
    bad = scene.grant("bad")
    token = scene.refresh_token(bad)

    class Picky(Wire):
        def send(self, request: Request, *, deadline: timedelta) -> Response:
            if token in unquote_plus(request.body.decode()):
                tries.append(scene.clock.now())
                return Response(status=500, headers={}, body=b"")
            return super().send(request, deadline=deadline)

    tries: list[datetime] = []
    keeper = scene.keeper(transport=Picky(scene.emulator))
    for number in range(120):
        assert ask_all(keeper, [bad]) == [ProviderUnavailable]
        if number % 10 == 0:
            assert ask_all(keeper, [scene.grant(f"good-{number}")]) == []
        scene.clock.advance(SECOND)

    assert len(tries) < 20
    with pytest.raises(ProviderUnavailable, match=f"in trouble with this grant.* for {bad} just now") as caught:
        keeper.token(bad)
    assert caught.value.sent is False
    assert caught.value.retry_after is not None


# --- which provider, which client ----------------------------------------------------------------------------------


def at_another_provider(scene: Scene) -> OAuthClient:
    """Return a client whose provider has another token endpoint, of the same emulator."""
    endpoint = f"{scene.emulator.base_url}/oauth2/v4/token"
    provider = replace(scene.client.provider, name="other", token_endpoint=endpoint)
    return replace(scene.client, name="other-client", provider=provider)


def test_an_outage_of_one_provider_stops_no_other(scene: Scene) -> None:
    """R-51: five in a row without an answer: nothing is sent there for a while, and the others notice nothing."""
    other = at_another_provider(scene)
    grants = [scene.grant(f"owner-{number}") for number in range(6)]
    elsewhere = scene.grant("elsewhere", client=other)
    keeper = scene.keeper(clients=[scene.client, other])
    scene.wire.before.extend([lost] * 20)
    assert ask_all(keeper, grants) == [ProviderUnavailable] * 6
    assert len(scene.wire.before) == 20 - 5 * 2

    with pytest.raises(ProviderUnavailable, match="in trouble") as caught:
        keeper.token(grants[0])
    assert caught.value.sent is False
    scene.wire.before.clear()
    assert keeper.token(elsewhere).value
    scene.clock.advance(3 * SECOND)
    assert ask_all(keeper, grants) == []


class Timed(Wire):
    """A wire that notes the deadline of each send, and takes its time."""

    def __init__(self, *args: Any, takes: timedelta) -> None:
        super().__init__(*args)
        self.takes = takes
        self.deadlines: list[timedelta] = []

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Send."""
        self.deadlines.append(deadline)
        answer = super().send(request, deadline=deadline)
        self._emulator.clock.advance(self.takes)
        return answer


def with_secrets(scene: Scene, *secrets: str) -> OAuthClient:
    """Return the client with these secrets, oldest first; "" stands for the one that works."""
    right = scene.client.client_secrets[0]
    return replace(scene.client, client_secrets=tuple(Secret(each) if each else right for each in secrets))


@pytest.mark.parametrize(
    ("secrets", "sends"), [(["an-old-secret", ""], 1), (["", "a-new-secret"], 2), (["", "a-new-one", "a-newer"], 3)]
)
def test_client_secrets_are_tried_newest_first_within_one_deadline(
    scene: Scene, secrets: list[str], sends: int
) -> None:
    """Issue: rotation of a client secret without downtime, and no call grows longer for it (R-04)."""
    grant = scene.grant()
    wire = Timed(scene.emulator, takes=8 * SECOND)

    assert scene.keeper(clients=[with_secrets(scene, *secrets)], transport=wire).token(grant).value
    assert wire.deadlines == [20 * SECOND, 12 * SECOND, 4 * SECOND][:sends]
    forms = [each.form.get("client_secret") for each in scene.emulator.requests("/token")]
    right = scene.client.client_secrets[0].reveal()
    assert forms == [each or right for each in reversed(secrets)][:sends]
    assert len(scene.sent()) == sends


def test_a_deadline_that_is_over_sends_no_further_secret(scene: Scene) -> None:
    """R-04: the lease counts on it; the refusal that came is what is told."""
    grant = scene.grant()
    wire = Timed(scene.emulator, takes=20 * SECOND)
    with pytest.raises(Misconfigured):
        scene.keeper(clients=[with_secrets(scene, "", "a-new-secret")], transport=wire).token(grant)

    assert len(wire.deadlines) == 1
    assert scene.open_ends(grant) == ("", False, 0)


def test_a_client_without_a_secret_sends_nothing_and_leaves_nothing_open(scene: Scene) -> None:
    """R-11: what was surely not sent has used nothing up."""
    grant = scene.grant()
    before = scene.row(grant)
    with pytest.raises(Misconfigured, match="secret"):
        scene.keeper(clients=[replace(scene.client, client_secrets=())]).token(grant)

    assert asked(scene) == 0
    assert scene.row(grant) == before
