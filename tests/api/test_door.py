"""What the API does not tell, and what it does not do twice."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest

from api.asking import Asker, Site
from grantkeeper import Grant, GrantStatus, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.errors import Conflict, DatabaseUnavailable, GrantkeeperError, Misconfigured, ProviderWords, SealBroken
from grantkeeper.testing import Connect
from grantkeeper.web.api.problems import problem_of
from keeper.people import IDA, SAM

if TYPE_CHECKING:
    from starlette.types import Send

SECRET_PLACE = "postgresql host db7.internal"


def test_a_restricted_key_ends_no_grant_that_it_must_not_see(site: Site, keeper: Keeper, connect: Connect) -> None:
    """V-60: `siblings=end` would reach other owners' grants of the same person; such a key may not say it."""
    ours, theirs = connect("acme", SAM), connect("globex", SAM)
    restricted = site.asker("grants:write", owners=["acme"])

    refused = restricted.ask("DELETE", f"/v1/grants/{ours.id}", query={"siblings": "end"})
    assert (refused.status_code, refused.json()["error"]) == (403, "NotAllowed")
    assert "globex" not in refused.text
    assert theirs.id not in refused.text
    assert keeper.get(ours.id).status is GrantStatus.ACTIVE

    kept = restricted.ask("DELETE", f"/v1/grants/{ours.id}")
    assert kept.json()["at_provider"] == "kept"
    assert keeper.get(theirs.id).status is GrantStatus.ACTIVE


def test_a_restricted_key_ends_all_that_it_sees(site: Site, keeper: Keeper, connect: Connect) -> None:
    """The refusal above is about others' grants, not about the word."""
    ours, also_ours = connect("acme", SAM), connect("globex", SAM)
    restricted = site.asker("grants:write", owners=["acme", "globex"])

    done = restricted.ask("DELETE", f"/v1/grants/{ours.id}", query={"siblings": "end"})
    assert done.json()["at_provider"] == "revoked"
    assert keeper.get(also_ours.id).status is GrantStatus.CONSENT_REQUIRED


def test_only_the_version_that_was_looked_at_is_ended(site: Site, keeper: Keeper, connect: Connect) -> None:
    """RFC 9110 13.1.1: If-Match, or `version`; both are compared by the same step that ends the grant."""
    seen, asker = connect("acme", SAM), site.asker("grants:write")
    newer, path = connect("acme", SAM), f"/v1/grants/{seen.id}"
    old, new = f'"v{seen.version}"', f'"v{newer.version}"'

    assert asker.ask("DELETE", path, headers={"if-match": old}).status_code == 412
    assert asker.ask("DELETE", path, query={"version": seen.version}).json()["error"] == "Conflict"
    both = asker.ask("DELETE", path, headers={"if-match": old}, query={"version": newer.version})
    assert both.json()["error"] == "InvalidInput"
    assert keeper.get(seen.id) == newer
    assert asker.ask("DELETE", path, headers={"if-match": new}).json()["grant"]["status"] == "revoked"


@pytest.mark.parametrize("error", [DatabaseUnavailable, SealBroken, Misconfigured], ids=lambda each: each.__name__)
def test_where_the_service_keeps_things_is_not_told(error: type[GrantkeeperError]) -> None:
    """A program hears what to do; files, hosts and users are for the log."""
    told = problem_of(error(f"Trouble at {SECRET_PLACE}.", advice=f"Look at {SECRET_PLACE}."))

    assert SECRET_PLACE not in f"{told.detail} {told.advice}"
    assert told.error == error.__name__
    assert told.detail


def test_what_the_provider_says_of_the_oauth_client_is_told() -> None:
    """Whoever asks sees at once that it is the OAuth client, in the provider's words."""
    said = ProviderWords(error="invalid_client", description="The OAuth client was deleted.")
    told = problem_of(Misconfigured("Google refuses the OAuth client 'google-ads'.", provider=said))

    assert "google-ads" in told.detail
    assert told.provider is not None
    assert told.provider.error == "invalid_client"


def test_a_conflict_may_be_tried_again_under_the_same_key(
    asker: Asker, grant: Grant, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What passes by itself is not kept for a day: the same request succeeds a moment later."""

    def beaten(*_args: object, **_named: object) -> Any:
        raise Conflict("Somebody saved first.", advice="Read it again.")

    with monkeypatch.context() as patched:
        patched.setattr(keeper, "confirm", beaten)
        first = asker.post(f"/v1/grants/{grant.id}/confirm", idempotency_key="once")
    again = asker.post(f"/v1/grants/{grant.id}/confirm", idempotency_key="once")

    assert (first.status_code, again.status_code) == (409, 200)


def test_what_was_cut_off_is_not_begun_again(
    site: Site, asker: Asker, grant: Grant, keeper: Keeper, emulator: Emulator
) -> None:
    """A caller that is cut off does not know what became of it; its repetition must not do it a second time."""
    begun: list[str] = []

    async def cut_off(*_args: object, **_named: object) -> Any:
        begun.append("confirm")
        raise asyncio.CancelledError

    _replace(site, "confirm", cut_off)
    with pytest.raises(asyncio.CancelledError):
        asker.post(f"/v1/grants/{grant.id}/confirm", idempotency_key="cut")
    again = asker.post(f"/v1/grants/{grant.id}/confirm", idempotency_key="cut")

    assert (again.status_code, again.json()["error"], begun) == (409, "Conflict", ["confirm"])
    assert "under way" in again.json()["detail"]
    emulator.clock.advance(timedelta(minutes=6))
    later = asker.post(f"/v1/grants/{grant.id}/confirm", idempotency_key="cut")
    assert (later.status_code, begun) == (409, ["confirm"])
    assert "interrupted" in later.json()["detail"]
    assert "new Idempotency-Key" in later.json()["advice"]


def test_what_two_programs_call_alike_is_not_the_same(site: Site, keeper: Keeper) -> None:
    """V-62: an Idempotency-Key belongs to the API key that sent it; nobody gets another's answer."""
    askers = [site.asker("links:write", owners=[owner]) for owner in ("acme", "umbrella")]
    bodies = [{"owner": owner, "client": "google-ads"} for owner in ("acme", "umbrella")]

    first, second = (
        asker.post("/v1/links", body, idempotency_key="today") for asker, body in zip(askers, bodies, strict=True)
    )
    stolen = askers[1].post("/v1/links", bodies[0], idempotency_key="today")

    assert (first.status_code, second.status_code) == (201, 201)
    assert [each.json()["link"]["owner"] for each in (first, second)] == ["acme", "umbrella"]
    assert stolen.status_code in (403, 404, 422)
    assert len(keeper.links.page()) == 2


def test_a_stream_ends_with_its_key(site: Site, keeper: Keeper, connect: Connect) -> None:
    """V-42: who listens hears nothing any more once the key is revoked, however long ago the stream began."""
    connect("acme", IDA)
    listener = site.asker("events:read")
    (key,) = [each for each in keeper.keys.all() if each.revoked_at is None]
    heard = listen_until(site, listener, lambda: keeper.keys.revoke(key.id), lambda: connect("globex", SAM))

    assert b"acme" in heard
    assert b"globex" not in heard


def _replace(site: Site, verb: str, by: Callable[..., Awaitable[Any]]) -> None:
    """Let a verb of the API's own keeper be another."""
    setattr(site.api._keeper, verb, by)


def listen_until(site: Site, listener: Asker, *then: Callable[[], object]) -> bytes:
    """Listen; when the first event has come do the rest, and return all that comes until the stream ends."""
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/v1/events",
        "query_string": b"",
        "client": ("203.0.113.9", 1),
        "headers": [
            (b"authorization", f"Bearer {listener.secret}".encode()),
            (b"accept", b"text/event-stream"),
        ],
    }
    heard, waiting = bytearray(), list(then)

    async def send(message: dict[str, Any]) -> None:
        heard.extend(message.get("body", b""))
        if b"data:" in heard:
            while waiting:
                await asyncio.to_thread(waiting.pop(0))

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def listen() -> None:
        async with asyncio.timeout(20):
            await site.app(scope, receive, cast("Send", send))

    site._runner.run(listen())
    return bytes(heard)
