"""A provider that asks us to wait, or whose tokens are odd: how often it is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from grantkeeper import InvalidInput, ProviderUnavailable
from refresh.provider.misbehaving import GOOD, NEW, PLAIN, Short, at, js, misbehaving, told
from refresh.scene import HOUR, SECOND, Scene
from transport.rawserver import answering, raw_server, response

CAP = timedelta(minutes=5)
WAITS: dict[str, tuple[str, timedelta]] = {
    "seconds": ("120", 120 * SECOND),
    "date": ("", 90 * SECOND),
    "zero": ("0", timedelta()),
    "negative": ("-5", timedelta()),
    "a billion": ("1000000000", CAP),
    "garbage": ("soon, \xfc", timedelta()),
}


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
@pytest.mark.parametrize(("value", "wait"), WAITS.values(), ids=WAITS)
def test_retry_after_is_kept_to_by_the_whole_client(scene: Scene, status: str, value: str, wait: timedelta) -> None:
    """R-32: no grant of it is asked for before the time is up, five minutes at most; another client is not held up."""
    value = value or format_datetime(scene.clock.now() + wait + SECOND, usegmt=True)
    grants = [scene.grant("ada"), scene.grant("bob")]
    body = json.dumps({"error": "rate_limit_exceeded"}).encode()
    answer = (
        f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\nretry-after: {value}\r\n\r\n".encode("latin-1") + body
    )
    with raw_server(answering(answer)) as server:
        ours = at(scene.client, server.url)
        other = replace(ours, name="other-client")
        elsewhere = scene.grant("elsewhere", client=other)
        keeper = scene.keeper(clients=[ours, other], transport=Short(5))
        told(keeper, scene, grants[0])
        asked = len(server.received)
        began = scene.clock.now()
        if wait:
            assert asked == 1
            for step in (timedelta(), wait - 2 * SECOND):
                scene.clock.advance(step)
                error = told(keeper, scene, grants[1])
                assert isinstance(error, ProviderUnavailable)
                assert error.retry_after is not None
                assert timedelta() < error.retry_after <= began + wait + SECOND - scene.clock.now()
                assert len(server.received) == asked
            told(keeper, scene, elsewhere)
            assert len(server.received) > asked
            asked = len(server.received)
            scene.clock.advance(4 * SECOND)
        told(keeper, scene, grants[1])
        assert len(server.received) > asked


def test_a_token_that_lives_is_served_while_we_are_asked_to_wait(scene: Scene) -> None:
    """R-32, R-51: waiting is for sends."""
    fresh, over = scene.grant("fresh"), scene.grant("over")
    token = scene.keeper().token(fresh)
    with misbehaving(scene, answering(js({}, "429 x", "retry-after: 100\r\n"))) as (keeper, server):
        told(keeper, scene, over)
        told(keeper, scene, over)
        assert keeper.token(fresh).value == token.value
        assert len(server.received) == 1


def test_reports_of_one_token_from_two_processes_cause_one_refresh(scene: Scene) -> None:
    """R-37: a hundred complaints, half of them in another process, one send; complaints about older tokens, none."""
    grant = scene.grant()
    keepers = [scene.keeper(), scene.keeper(store=scene.database())]
    old = keepers[0].token(grant).value
    scene.clock.advance(timedelta(minutes=1))
    for number in range(100):
        keepers[number % 2].report_rejected(grant, old)
    new = keepers[1].token(grant).value
    assert scene.sent() == [1, 2]
    for number in range(100):
        scene.clock.advance(SECOND)
        keepers[number % 2].report_rejected(grant, old)

    assert keepers[0].token(grant).value == keepers[1].token(grant).value == new
    assert scene.sent() == [1, 2]


def test_a_provider_that_gives_the_same_token_again_causes_no_hot_loop(scene: Scene) -> None:
    """R-39: reported as refused, refreshed, the same again: once in thirty seconds, not more, however often asked."""
    grant = scene.grant()
    with misbehaving(scene, answering(response(PLAIN))) as (keeper, server):
        for _ in range(100):
            scene.clock.advance(3 * SECOND)
            keeper.report_rejected(grant, keeper.token(grant).value)
        assert 5 <= len(server.received) <= 11

    assert scene.row(grant).grant.usable


@pytest.mark.parametrize("lifetime", [1, 29, 120, 299])
def test_a_token_shorter_than_the_margin_causes_no_hot_loop(scene: Scene, lifetime: int) -> None:
    """R-39: two processes ask all the time: while it lives nothing is sent within thirty seconds of the last time."""
    grant = scene.grant()
    body = json.dumps(GOOD | {"expires_in": lifetime}).encode()
    with misbehaving(scene, answering(response(body))) as (keeper, server):
        other = scene.keeper(
            clients=[at(scene.client, server.url)], transport=Short(5), store=scene.database(), pause=scene.pauses
        )
        for number in range(40):
            with pytest.raises(InvalidInput, match="min_ttl"):
                (keeper, other)[number % 2].token(grant)
        assert len(server.received) == 1
        scene.clock.advance(timedelta(seconds=min(lifetime, 30)))
        with pytest.raises(InvalidInput, match="min_ttl"):
            keeper.token(grant)
        assert len(server.received) == 2
        assert keeper.token(grant, min_ttl=timedelta()).value

    assert scene.row(grant).grant.expires_at - scene.clock.now() < HOUR  # type: ignore[operator]


@pytest.mark.parametrize("odd", [{"expires_in": 0}, {"expires_in": -5}, {"token_type": "mac"}, {"access_token": ""}])
def test_tokens_that_cannot_be_used_cause_no_hot_loop(scene: Scene, odd: dict[str, Any]) -> None:
    """R-39: its new refresh tokens are saved, each; after five in a row it counts as trouble, and is left in peace."""
    grant = scene.grant()
    answer = response(json.dumps(GOOD | odd).encode())
    with misbehaving(scene, answering(answer)) as (keeper, server):
        for _ in range(40):
            told(keeper, scene, grant)
        assert len(server.received) == 5
        scene.clock.advance(timedelta(seconds=2))
        told(keeper, scene, grant)
        assert len(server.received) == 6

    assert scene.refresh_token(grant) == NEW
    assert scene.row(grant).grant.usable
