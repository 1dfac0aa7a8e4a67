"""ETag and If-Match (RFC 9110 8.8.3, 13.1.1): what changed since somebody looked is not changed by them."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from api.asking import Asker, Site
from grantkeeper import Grant, GrantStatus, Keeper
from grantkeeper.emulator import Emulator
from links.walking import TOM, use


@pytest.fixture
def pending(keeper: Keeper, emulator: Emulator) -> Grant:
    """A grant that waits for the business's word."""
    return use(keeper, emulator, keeper.link("globex", "google-ads"), TOM)


def confirm(asker: Asker, grant: Grant, **headers: str) -> httpx2.Response:
    """Say that it was the right person."""
    return asker.post(f"/v1/grants/{grant.id}/confirm", **headers)


def revoke(asker: Asker, grant: Grant, **headers: str) -> httpx2.Response:
    """End it."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return asker.ask("DELETE", f"/v1/grants/{grant.id}", headers=sent)


VERBS = pytest.mark.parametrize("verb", [confirm, revoke], ids=["confirm", "revoke"])


def test_the_etag_of_a_grant_is_its_version(asker: Asker, pending: Grant) -> None:
    """Strong, and another after each change; also in the answer to a change."""
    first = asker.get(f"/v1/grants/{pending.id}")
    done = confirm(asker, pending)
    second = asker.get(f"/v1/grants/{pending.id}")

    assert first.headers["etag"] == f'"v{first.json()["version"]}"'
    assert second.headers["etag"] == done.headers["etag"] == f'"v{first.json()["version"] + 1}"'


@VERBS
def test_what_was_looked_at_is_changed(asker: Asker, pending: Grant, verb: Any) -> None:
    """With the ETag that the grant has."""
    etag = asker.get(f"/v1/grants/{pending.id}").headers["etag"]
    assert verb(asker, pending, if_match=etag).status_code == 200


@VERBS
@pytest.mark.parametrize("sent", ['"v999"', '"v0"', 'W/"v1"', "v1", '"1"', '""', "", '"v1", "v2"', "**", "ä"])
def test_what_changed_since_is_left_alone(asker: Asker, keeper: Keeper, pending: Grant, verb: Any, sent: str) -> None:
    """412, and nothing is done; what is no ETag of ours matches nothing."""
    answer = verb(asker, pending, if_match=sent.encode("latin-1"))

    assert (answer.status_code, answer.headers["content-type"]) == (412, "application/problem+json")
    assert answer.json()["type"] == "urn:grantkeeper:problem:changed"
    assert keeper.get(pending.id) == pending


@VERBS
@pytest.mark.parametrize("headers", [{}, {"if_match": "*"}])
def test_without_a_version_it_is_whichever_there_is(
    asker: Asker, pending: Grant, verb: Any, headers: dict[str, str]
) -> None:
    """Who sends no If-Match, or `*`, means the grant as it is."""
    assert verb(asker, pending, **headers).status_code == 200


@VERBS
def test_two_if_matches_are_refused(asker: Asker, keeper: Keeper, pending: Grant, verb: Any) -> None:
    """Nobody can say which one is meant."""
    headers: Any = [("if-match", f'"v{pending.version}"'), ("if-match", "*")]
    path = f"/v1/grants/{pending.id}"
    method, path = ("POST", f"{path}/confirm") if verb is confirm else ("DELETE", path)
    asked = asker.http.request(method, path, headers=[("authorization", f"Bearer {asker.secret}"), *headers])

    assert asker._runner.run(asked).status_code == 400
    assert keeper.get(pending.id) == pending


def test_a_change_between_the_look_and_the_end_is_noticed(
    site: Site, asker: Asker, keeper: Keeper, pending: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version is compared where the row is written, not only before: a race ends nothing."""
    revoke_there = site.api._keeper.revoke

    async def late(*args: Any, **named: Any) -> Any:
        keeper.confirm(pending.id)
        return await revoke_there(*args, **named)

    monkeypatch.setattr(site.api._keeper, "revoke", late)
    answer = revoke(asker, pending, if_match=f'"v{pending.version}"')

    assert answer.status_code == 412
    assert keeper.get(pending.id).status is GrantStatus.ACTIVE


def test_a_version_in_the_body_is_one_too(asker: Asker, keeper: Keeper, pending: Grant) -> None:
    """A stale one is a conflict; one that contradicts If-Match is refused."""
    path = f"/v1/grants/{pending.id}/confirm"
    stale = asker.post(path, {"version": pending.version + 1})
    both = asker.post(path, {"version": pending.version + 1}, if_match=f'"v{pending.version}"')

    assert (stale.status_code, stale.json()["error"]) == (409, "Conflict")
    assert (both.status_code, both.json()["error"]) == (422, "InvalidInput")
    assert keeper.get(pending.id) == pending
    assert asker.post(path, {"version": pending.version}).status_code == 200
