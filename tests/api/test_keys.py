"""Who may ask for what."""

from __future__ import annotations

import asyncio
import secrets
import string
import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from api.asking import Asker, Site
from grantkeeper import Grant, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.errors import InvalidInput, KeyRefused, Misconfigured
from grantkeeper.keeper.service.keys import _written
from grantkeeper.model import NOTHING, Scope
from grantkeeper.testing import Connect
from grantkeeper.web.api.operations import Operation
from grantkeeper.web.api.serving.door import TRYING_AT_ONCE, UNSEEN_AT_ONCE
from grantkeeper.web.api.table import OPERATIONS
from keeper.people import IDA, TOM

TOKENS = pytest.mark.reveals("access token")
BODIES: dict[str, dict[str, Any]] = {
    "makeLink": {"owner": "acme", "client": "google-ads"},
    "reportRejected": {"token": "x"},
    "makeKey": {"name": "made", "scopes": ["grants:read"]},
    "addEndpoint": {"url": "https://books.example.com/hooks"},
    "changeEndpoint": {"description": "the books"},
}


def path_of(
    operation: Operation,
    grant_id: str,
    link_id: str = "lk_none",
    key_id: str = "none",
    endpoint_id: str = "ep_none",
) -> str:
    """Return the path of an operation about these."""
    return operation.path.format(grant_id=grant_id, link_id=link_id, key_id=key_id, endpoint_id=endpoint_id)


def call(asker: Asker, operation: Operation, path: str) -> Any:
    """Ask for an operation, with what it needs."""
    query = {"kind": "google_ads"} if operation.name == "readAccount" else {}
    return asker.ask(operation.method, path, body=BODIES.get(operation.name), query=query)


@TOKENS
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.name)
@pytest.mark.parametrize("scope", list(Scope), ids=str)
def test_a_key_may_do_what_its_scope_says_and_nothing_else(
    site: Site, grant: Grant, operation: Operation, scope: Scope
) -> None:
    """V-41: every operation with every scope; `admin` includes all others."""
    answer = call(site.asker(scope), operation, path_of(operation, grant.id))

    if scope in (operation.scope, Scope.ADMIN):
        assert answer.status_code not in (401, 403)
    else:
        assert answer.status_code == 403
        assert answer.json()["error"] == "NotAllowed"


@TOKENS
@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.places], ids=lambda each: each.name)
@pytest.mark.parametrize("restriction", [{"owners": ["other"]}, {"clients": ["ad-manager"]}])
def test_what_a_key_is_not_for_is_answered_as_what_is_not_there(
    site: Site, keeper: Keeper, connect: Connect, operation: Operation, restriction: dict[str, Any]
) -> None:
    """V-45, V-60: status, body and headers of a foreign id are those of an unknown one."""
    if operation.whole:
        pytest.fail("not reached") if not operation.places else None
    grant, link = connect("acme", IDA), keeper.link("acme", "google-ads").link
    asker = site.asker("admin", **restriction)
    foreign = call(asker, operation, path_of(operation, grant.id, link.id))
    unknown = call(asker, operation, path_of(operation, "gr_unknown", "lk_unknown"))

    assert foreign.status_code == (403 if operation.whole else 404)
    told = foreign.text.replace(grant.id, "ID").replace(link.id, "ID")
    assert told == unknown.text.replace("gr_unknown", "ID").replace("lk_unknown", "ID")
    same = {name: value for name, value in foreign.headers.items() if name != "content-length"}
    assert same == {name: value for name, value in unknown.headers.items() if name != "content-length"}


@TOKENS
@pytest.mark.parametrize("restriction", [{"owners": ["other"]}, {"clients": ["ad-manager"]}])
def test_a_token_in_memory_is_for_no_other_key(
    site: Site, connect: Connect, emulator: Emulator, restriction: dict[str, Any]
) -> None:
    """V-45, V-60: what another key has just read is answered on the event loop; to this one it does not exist."""
    grant = connect("acme", IDA)
    whole, restricted = site.asker("tokens:read"), site.asker("tokens:read", **restriction)
    path = f"/v1/grants/{grant.id}/token"
    for _ in range(2):
        assert whole.get(path).status_code == 200
        assert restricted.get(path).status_code == 404
    counted = site.metrics.text().decode()

    assert 'grantkeeper_token_reads_total{lane="memory"}' in counted


def test_lists_hold_only_what_the_key_is_for(site: Site, keeper: Keeper, connect: Connect) -> None:
    """V-60: grants, links and events of others are not there."""
    mine, _ = connect("acme", IDA), connect("other", TOM)
    link = keeper.link("acme", "google-ads").link
    keeper.link("other", "google-ads")
    asker = site.asker("admin", owners=["acme"])

    assert [each["id"] for each in asker.get("/v1/grants").json()["items"]] == [mine.id]
    assert [each["id"] for each in asker.get("/v1/links").json()["items"]] == [link.id]
    assert {each["owner"] for each in asker.get("/v1/events").json()["items"]} == {"acme"}
    assert asker.get("/v1/grants", owner="other").json()["items"] == []


def test_nothing_is_made_for_whom_the_key_is_not(site: Site) -> None:
    """V-46: the owner in a body is checked as the one in a path."""
    answer = site.asker("links:write", owners=["acme"]).post("/v1/links", {"owner": "other", "client": "google-ads"})

    assert (answer.status_code, answer.json()["error"]) == (403, "NotAllowed")


@pytest.mark.parametrize(
    "sent", ["", "Basic Zm9vOmJhcg==", "Bearer", "Bearer gk_x", "Bearer ya29.not-a-key", "bearer  "]
)
def test_without_a_key_nothing_is_told(site: Site, grant: Grant, sent: str) -> None:
    """401 for a grant that exists and one that does not, and a word on how to ask (RFC 6750 3)."""
    nobody = site.with_secret("")
    headers = {"authorization": sent} if sent else {}
    answers = [nobody.ask("GET", f"/v1/grants/{each}", headers=headers) for each in (grant.id, "gr_unknown")]

    assert [each.status_code for each in answers] == [401, 401]
    assert answers[0].text == answers[1].text
    assert answers[0].headers["www-authenticate"] == "Bearer"


def test_cookies_are_no_key(site: Site, grant: Grant, keeper: Keeper) -> None:
    """V-37: what a browser sends by itself opens nothing."""
    secret = keeper.keys.create("x", ["admin"]).secret.reveal()
    answer = site.with_secret("").ask("GET", f"/v1/grants/{grant.id}", headers={"cookie": f"authorization={secret}"})

    assert answer.status_code == 401


def test_who_keeps_trying_keys_is_told_to_wait(site: Site) -> None:
    """V-47: requests without a good key are few for each address."""
    for sent in ("gk_nonsense", made_up()):
        nobody = site.with_secret(sent)
        found = [nobody.get("/v1/grants").status_code for _ in range(70)]
        assert found.count(401) == 60
        assert found[-1] == 429


def test_a_good_key_is_not_held_up_by_others_at_its_address(site: Site, emulator: Emulator) -> None:
    """V-47: behind a proxy all programs share one address; a stranger's attempts must close it to none of them.

    Neither to a key that this process hears of for the first time, as of all after a start.
    """
    good, fresh, later = site.asker("grants:read"), site.asker("grants:read"), site.asker("grants:read")
    assert good.get("/v1/grants").status_code == 200
    for _ in range(70):
        site.with_secret("gk_nonsense").get("/v1/grants")
    assert fresh.get("/v1/grants").status_code == 200
    for _ in range(70):
        site.with_secret(made_up()).get("/v1/grants")
    emulator.clock.advance(timedelta(seconds=2))  # a good key is looked at again

    assert [each.get("/v1/grants").status_code for each in (good, fresh, later)] == [200, 200, 200]


@pytest.mark.parametrize(("failures", "at_once"), [(0, UNSEEN_AT_ONCE), (70, TRYING_AT_ONCE)])
def test_a_flood_of_made_up_keys_takes_few_threads_of_the_database(
    site: Site, keeper: Keeper, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, failures: int, at_once: int
) -> None:
    """V-47, R-56: who is known is looked up beside them; and none of the others is refused for having to wait."""
    good, unseen = site.asker("grants:read"), site.asker("grants:read")
    assert good.get("/v1/grants").status_code == 200
    emulator.clock.advance(timedelta(seconds=2))
    for _ in range(failures):
        site.with_secret(made_up()).get("/v1/grants")
    look, working, counts, may = keeper.keys._store.get, [0], [0], threading.Event()

    def slowly(key_id: str) -> Any:
        if key_id != good.secret[3:19]:
            working[0] += 1
            counts.append(working[0])
            assert may.wait(20)
            working[0] -= 1
        return look(key_id)

    async def flood() -> tuple[int, int, set[int]]:
        strangers = [site.with_secret(made_up()) for _ in range(20)]
        tasks = [asyncio.ensure_future(sent(each)) for each in [*strangers, unseen]]
        known = await asyncio.wait_for(sent(good), 10)
        may.set()
        *refused, new = await asyncio.gather(*tasks)
        return known, new, set(refused)

    monkeypatch.setattr(keeper.keys._store, "get", slowly)
    known, new, refused = site._runner.run(flood())

    assert (known, new, max(counts)) == (200, 200, at_once)
    assert refused == ({429} if failures else {401})


async def sent(asker: Asker) -> int:
    """Return the status of the answer to a request."""
    answer = await asker.http.get("/v1/grants", headers={"authorization": f"Bearer {asker.secret}"})
    return answer.status_code


def made_up() -> str:
    """Return what looks like a key, down to its checksum."""
    return _written("a" * 16, "".join(secrets.choice(string.ascii_letters) for _ in range(43))).reveal()


def test_a_key_that_ends_while_it_is_looked_up_is_not_kept(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """V-42: what a slow database still answers is older than the revocation here."""
    made = keeper.keys.create("x", ["admin"])
    look = keeper._store.keys.get

    def slowly(key_id: str) -> Any:
        found = look(key_id)
        monkeypatch.undo()
        keeper.keys.revoke(made.key.id)
        return found

    monkeypatch.setattr(keeper._store.keys, "get", slowly)
    with suppress(KeyRefused):
        keeper.keys.check(made.secret.reveal())

    assert keeper.keys.known(made.secret.reveal()) is None


def test_a_key_is_checked_before_anybody_is_asked(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    """V-40: a typing error is seen by the checksum, without the database."""
    secret = keeper.keys.create("x", ["admin"]).secret.reveal()
    monkeypatch.setattr(keeper.keys, "_store", None)
    for place in (5, 25, 50, 65):
        other = "a" if secret[place] != "a" else "b"
        with pytest.raises(KeyRefused, match="mistyped"):
            keeper.keys.check(secret[:place] + other + secret[place + 1 :])


def test_a_key_is_kept_as_a_hash(keeper: Keeper) -> None:
    """V-10, V-40: the database holds nothing that could be sent."""
    made = keeper.keys.create("x", ["admin"])
    found = keeper._store.keys.get(made.key.id)

    assert found is not None
    assert len(found[1]) == 64
    assert made.secret.reveal()[20:50] not in str(found)
    assert "gk_" not in repr(made)


def test_another_secret_of_a_known_key_is_refused(keeper: Keeper) -> None:
    """V-40: whoever knows the id knows nothing."""
    first, second = (keeper.keys.create("x", ["admin"]).secret.reveal() for _ in range(2))
    from grantkeeper.keeper.service import keys

    forged = keys._written(first[3:19], second[20:63]).reveal()
    with pytest.raises(KeyRefused, match="not known here"):
        keeper.keys.check(forged)


def test_an_ended_key_is_refused(site: Site, keeper: Keeper, emulator: Emulator, grant: Grant) -> None:
    """V-42: revoked here at once, also for what is in memory; an expired one by itself."""
    asker, short = site.asker("admin"), site.asker("admin", expires_in=timedelta(minutes=5))
    assert asker.get("/v1/grants").status_code == short.get("/v1/grants").status_code == 200
    keeper.keys.revoke(asker.secret[3:19])
    emulator.clock.advance(timedelta(minutes=5))

    assert asker.get("/v1/grants").status_code == 401
    assert short.get("/v1/grants").status_code == 401


def test_a_living_token_is_handed_out_while_the_database_lets_nobody_in(
    site: Site, keeper: Keeper, emulator: Emulator, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-14, V-43: its password was changed: key and token are known here, and what is read is still counted."""
    asker = site.asker("tokens:read")
    path = f"/v1/grants/{grant.id}/token"
    before = asker.get(path).json()["access_token"]

    def refused(*_args: object, **_rest: object) -> None:
        raise Misconfigured("The database refuses the password.")

    with monkeypatch.context() as patch:
        patch.setattr(keeper._store, "grant", refused)
        for name in ("get", "note_used"):
            patch.setattr(keeper.keys._store, name, refused)
        for _ in range(3):
            emulator.clock.advance(timedelta(seconds=10))
            answer = asker.get(path)
            assert (answer.status_code, answer.json().get("access_token")) == (200, before)
    keeper.keys.flush()
    assert sum(each.reads for each in keeper.keys.uses(grant_id=grant.id)) == 4


def test_a_key_that_is_revoked_elsewhere_ends_within_a_second(site: Site, keeper: Keeper, emulator: Emulator) -> None:
    """V-42: another process writes the row; this one looks again."""
    asker = site.asker("admin")
    asker.get("/v1/grants")
    now = emulator.clock.now()
    keeper._store.keys.revoke(asker.secret[3:19], at=now, beside=NOTHING)
    emulator.clock.advance(timedelta(seconds=1))

    assert asker.get("/v1/grants").status_code == 401


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"scopes": []}, "without a scope"),
        ({"scopes": ["grants:reed"]}, "no scope 'grants:reed'"),
        ({"scopes": "admin"}, "several texts"),
        ({"owners": "acme"}, "several texts"),
        ({"expires_in": timedelta()}, "expires_in"),
        ({"distinct_per_minute": 0}, "distinct_per_minute"),
    ],
)
def test_a_key_that_nobody_can_mean_is_not_made(keeper: Keeper, values: dict[str, Any], said: str) -> None:
    """Each value that is not usable is named."""
    with pytest.raises(InvalidInput, match=said):
        keeper.keys.create(**{"name": "x", "scopes": ["admin"], **values})


def test_making_and_ending_a_key_is_in_the_audit_log(keeper: Keeper) -> None:
    """V-65: who made it, what it may do, who ended it; never its secret."""
    made = keeper.keys.create("nightly", ["tokens:read"], owners=["acme"], by="cli")
    keeper.keys.revoke(made.key.id, by="operator:op_1")
    entries = [each.entry for each in keeper._store.audit.read(target=f"key:{made.key.id}")]

    assert [(each.action, each.actor) for each in entries] == [("key.create", "cli"), ("key.revoke", "operator:op_1")]
    assert entries[0].data == {"name": "nightly", "scopes": ["tokens:read"], "owners": ["acme"]}
