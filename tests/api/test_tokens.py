"""Tokens over HTTP: valid, counted, and only for who may have them."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import httpx2
import msgspec
import pytest

from api.asking import Asker, Site
from grantkeeper import DatabaseUnavailable, Grant, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.testing import Connect
from grantkeeper.web.api.table import OPERATIONS
from grantkeeper.web.api.values import Token
from keeper.people import IDA, TOM, refreshes
from service.served import served_keeper

pytestmark = pytest.mark.reveals("access token")


def test_a_token_is_read_and_works(site: Site, grant: Grant, emulator: Emulator) -> None:
    """V-26, V-44: the access token and nothing else, never to be cached."""
    answer = site.asker("tokens:read").get(f"/v1/grants/{grant.id}/token")

    assert answer.status_code == 200
    assert emulator.introspect(answer.json()["access_token"]) is not None
    assert set(answer.json()) == {"access_token", "expires_at", "scopes", "token_type"}
    assert answer.headers["cache-control"] == "no-store"


def test_both_lanes_answer_alike(site: Site, grant: Grant) -> None:
    """The first is read from the database, the second from memory; to who asks they are the same."""
    asker = site.asker("tokens:read")
    first = asker.get(f"/v1/grants/{grant.id}/token")
    second = asker.get(f"/v1/grants/{grant.id}/token")
    headers = {"authorization": f"bearer {asker.secret}"}  # RFC 9110 11.1: the scheme's case is free, and rare
    slow = asker.ask("GET", f"/v1/grants/{grant.id}/token", headers=headers)

    counted = site.metrics.text().decode()
    assert 'grantkeeper_token_reads_total{lane="memory"} 1.0' in counted
    assert 'grantkeeper_token_reads_total{lane="database"} 2.0' in counted
    assert first.json() == second.json() == slow.json()
    assert dict(first.headers) == dict(second.headers) == dict(slow.headers)


def test_a_token_is_refreshed_when_it_would_live_too_short(asker: Asker, grant: Grant, emulator: Emulator) -> None:
    """R-08: `min_ttl` is what the caller needs, in seconds."""
    path, first = f"/v1/grants/{grant.id}/token", refreshes(emulator)
    emulator.clock.advance(timedelta(minutes=50))
    assert asker.get(path, min_ttl=60).status_code == 200
    assert refreshes(emulator) == first
    old = asker.get(path, min_ttl=60).json()["access_token"]
    new = asker.get(path, min_ttl=1800).json()["access_token"]

    assert refreshes(emulator) == first + 1
    assert new != old


def test_a_dead_grant_says_who_has_to_act(asker: Asker, grant: Grant, emulator: Emulator) -> None:
    """RFC 9457: the error's name, the reason, the advice and the provider's own words."""
    emulator.revoke(IDA)
    emulator.clock.advance(timedelta(hours=2))
    answer = asker.get(f"/v1/grants/{grant.id}/token")

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["error"], problem["grant_id"]) == ("ConsentRequired", grant.id)
    assert problem["type"] == "urn:grantkeeper:problem:consent_required"
    assert problem["reason"] == "revoked_or_expired"
    assert "connect the account again" in problem["advice"]
    assert problem["provider"]["error"] == "invalid_grant"


def test_trouble_at_the_provider_says_when_to_come_again(asker: Asker, grant: Grant, emulator: Emulator) -> None:
    """503 with Retry-After; no status of the grant changes."""
    emulator.clock.advance(timedelta(hours=2))
    emulator.fail(503, times=9)
    answer = asker.get(f"/v1/grants/{grant.id}/token")

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["error"] == "ProviderUnavailable"


def test_a_reported_token_is_not_handed_out_again(asker: Asker, grant: Grant, emulator: Emulator) -> None:
    """R-37: over HTTP, too."""
    path = f"/v1/grants/{grant.id}"
    old = asker.get(f"{path}/token").json()["access_token"]
    emulator.clock.advance(timedelta(minutes=1))

    assert asker.post(f"{path}/rejected", {"token": old}).status_code == 204
    assert asker.get(f"{path}/token").json()["access_token"] != old


def test_a_revoked_grant_has_no_token(asker: Asker, grant: Grant) -> None:
    """Not even one that is in memory."""
    path = f"/v1/grants/{grant.id}"
    asker.get(f"{path}/token")

    done = asker.ask("DELETE", path)
    assert (done.status_code, done.json()["at_provider"]) == (200, "revoked")
    assert asker.get(f"{path}/token").json()["reason"] == "disconnected"


@pytest.mark.parametrize("lane", ["memory", "database"])
def test_who_reads_everybody_is_stopped(
    site: Site, keeper: Keeper, connect: Connect, emulator: Emulator, lane: str
) -> None:
    """V-43: different grants a minute, from memory or not; it is written down once, and the next minute is another."""
    grants = [connect(f"owner-{number}", person) for number, person in enumerate((IDA, TOM, IDA))]
    if lane == "memory":
        for grant in grants:
            keeper.token(grant.id)
    asker = site.asker("tokens:read", distinct_per_minute=2)
    asker.get(f"/v1/grants/{grants[0].id}/token")
    found = [asker.get(f"/v1/grants/{each.id}/token").status_code for each in (*grants, *grants)]

    assert found == [200, 200, 429, 200, 200, 429]
    assert [each.entry.action for each in keeper._store.audit.read()].count("key.budget_exceeded") == 1
    emulator.clock.advance(timedelta(minutes=1))
    assert asker.get(f"/v1/grants/{grants[2].id}/token").status_code == 200


def test_that_somebody_reads_everybody_is_written_down_when_it_can_be(
    site: Site, keeper: Keeper, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V-43: while the database cannot take it the answer is the same, and the next one writes it down."""
    asker = site.asker("tokens:read", distinct_per_minute=1)
    asker.get(f"/v1/grants/{grant.id}/token")
    threads: list[threading.Thread] = []

    def away(*_: object) -> None:
        threads.append(threading.current_thread())
        raise DatabaseUnavailable("away")

    with monkeypatch.context() as patched:
        patched.setattr(keeper._store.keys, "tell", away)
        assert asker.get("/v1/grants/gr_other/token").status_code == 429
    assert asker.get("/v1/grants/gr_other/token").status_code == 429

    assert [each.entry.action for each in keeper._store.audit.read()].count("key.budget_exceeded") == 1
    assert threads != [threading.current_thread()], "the event loop waits for no database"


def test_grants_that_do_not_exist_count_for_nothing(site: Site, keeper: Keeper, grant: Grant) -> None:
    """V-43: made-up ids use up no budget, and leave no rows."""
    asker = site.asker("tokens:read", distinct_per_minute=2)
    found = [asker.get(f"/v1/grants/gr_made_up_{number}/token").status_code for number in range(5)]
    assert found == [404] * 5
    assert asker.get(f"/v1/grants/{grant.id}/token").status_code == 200
    keeper.keys.flush()

    assert [each.grant_id for each in keeper.keys.uses()] == [grant.id]


def test_a_query_of_many_parameters_is_refused_at_once(asker: Asker) -> None:
    """What comes from a key's holder costs what it is worth."""
    answer = asker.ask("GET", "/v1/grants", query={f"p{number}": "x" for number in range(51)})

    assert answer.status_code == 422
    assert "parameters" in answer.json()["detail"]


def test_who_read_which_token_is_counted(site: Site, keeper: Keeper, grant: Grant) -> None:
    """V-65: by key, grant and day, whichever lane."""
    asker = site.asker("tokens:read")
    for _ in range(5):
        asker.get(f"/v1/grants/{grant.id}/token")
    keeper.keys.flush()
    asker.get(f"/v1/grants/{grant.id}/token")
    keeper.keys.flush()

    (use,) = keeper.keys.uses(grant_id=grant.id)
    assert use.reads == 6
    assert next(key for key in keeper.keys.all() if key.id == use.key_id).last_used_at is not None


@pytest.mark.parametrize("min_ttl", ["-1", "86401", "1.5", "x", "", " 5", "null", "1e9", "0x10", "9" * 40])
def test_min_ttl_is_from_nothing_to_a_day(asker: Asker, grant: Grant, emulator: Emulator, min_ttl: str) -> None:
    """In seconds; anything else is refused, from memory and from the database, and nothing is refreshed for it."""
    path, before = f"/v1/grants/{grant.id}/token", refreshes(emulator)
    for _ in ("database", "memory"):
        answer = asker.get(path, min_ttl=min_ttl)
        assert (answer.status_code, answer.json()["error"]) == (422, "InvalidInput")
        assert asker.get(path).status_code == 200
    assert refreshes(emulator) == before


@pytest.mark.parametrize("min_ttl", [0, 1, 3000])
def test_a_token_lives_as_long_as_was_asked_for(asker: Asker, grant: Grant, emulator: Emulator, min_ttl: int) -> None:
    """R-08: at least."""
    emulator.clock.advance(timedelta(minutes=30))
    answer = asker.get(f"/v1/grants/{grant.id}/token", min_ttl=min_ttl)

    assert answer.status_code == 200
    left = datetime.fromisoformat(answer.json()["expires_at"]) - emulator.clock.now()
    assert left >= timedelta(seconds=min_ttl)


def test_a_token_cannot_be_had_for_longer_than_the_provider_gives(asker: Asker, grant: Grant) -> None:
    """A day is a good number of seconds, and more than Google's hour: a problem that says so, and never a 5xx."""
    answer = asker.get(f"/v1/grants/{grant.id}/token", min_ttl=86_400)

    assert answer.status_code == 422
    assert answer.headers["cache-control"] == "no-store"


def test_no_other_answer_has_a_token() -> None:
    """V-43, V-44: there is no list with tokens, and no answer that could hold a refresh token."""
    _, schemas = msgspec.json.schema_components([each.answers for each in OPERATIONS if each.answers is not None])
    named = {
        name
        for name, schema in schemas.items()
        if {"access_token", "refresh_token"} & set(schema.get("properties", ()))
    }

    assert named == {"Token"}
    assert "refresh_token" not in schemas["Token"]["properties"]
    assert {each.name for each in OPERATIONS if each.answers is Token} == {"readToken", "refreshToken"}


def test_reading_everybody_is_stopped_and_written_down_over_a_connection(keeper: Keeper, connect: Connect) -> None:
    """V-43, V-65: at the service's own limit, whichever operation reads; the audit log says which key it was."""
    grants = [connect(f"owner-{number}", person) for number, person in enumerate((IDA, TOM, IDA, TOM))]
    with served_keeper(keeper) as at:
        keeper.keys.reads.distinct_per_minute = 3
        reader, admin = at.key("tokens:read").reveal(), at.key("admin").reveal()
        with httpx2.Client(base_url=at.url, headers={"authorization": f"Bearer {reader}"}) as http:
            found = [http.get(f"/v1/grants/{each.id}/token") for each in grants[:2]]
            found += [http.post(f"/v1/grants/{each.id}/refresh") for each in grants[2:]]
            again = http.get(f"/v1/grants/{grants[3].id}/token")
        entries = httpx2.get(
            f"{at.url}/v1/audit", params={"target": f"key:{reader[3:19]}"}, headers={"authorization": f"Bearer {admin}"}
        ).json()["items"]

    assert [each.status_code for each in found] == [200, 200, 200, 429]
    assert again.status_code == 429
    assert 1 <= int(again.headers["retry-after"]) <= 60
    told = [each for each in entries if each["action"] == "key.budget_exceeded"]
    assert [each["actor"] for each in told] == [f"key:{reader[3:19]}"]
    keeper.keys.flush()
    assert {use.grant_id: use.reads for use in keeper.keys.uses(key_id=reader[3:19])} == {
        each.id: 1 for each in grants[:3]
    }
