"""Every official library, through grantkeeper, against the emulator: fresh, across an expiry, dead, and in a crowd."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta

import pytest

from clients.libraries import GOOGLEADS_WARNINGS, IDA, LIBRARIES, Library, Opened
from clients.sources import CALLERS, at_once
from grantkeeper.clients import google_auth
from grantkeeper.clients.reached import GrantSource
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.emulator.server import Serving
from grantkeeper.errors import ConsentRequired, GrantkeeperError, ProviderUnavailable
from grantkeeper.model import Grant
from grantkeeper.testing import Connect

pytestmark = GOOGLEADS_WARNINGS

HOUR = timedelta(hours=1)
A_WHILE = timedelta(minutes=5)
"""Long enough for the keeper to take a report of a rejected token seriously, short enough for the token to live."""


@pytest.fixture(params=LIBRARIES, ids=lambda each: each.name)
def library(request: pytest.FixtureRequest) -> Library:
    """Each library in turn."""
    assert isinstance(request.param, Library)
    return request.param


@pytest.fixture
def grant(connect: Connect, library: Library) -> Grant:
    """Ida's consent."""
    return connect("nordwind", IDA, library.oauth_client)


@pytest.fixture
def opened(giving: GrantSource, grant: Grant, library: Library, serving: Serving) -> Opened:
    """The library's client for the grant."""
    return library.open(giving, grant.id, serving)


def refreshes(emulator: Emulator) -> int:
    """Count the refreshes that reached the provider."""
    return len(emulator.requests("/token", grant_type="refresh_token"))


def failure(opened: Opened) -> GrantkeeperError:
    """Call, and return the typed error that comes of it."""
    with pytest.raises(GrantkeeperError) as caught, google_auth.api_errors(opened.target):
        opened.call()
    return caught.value


def test_a_fresh_grant_answers(opened: Opened, library: Library, emulator: Emulator) -> None:
    """The token of the consent itself is used; nothing is refreshed."""
    assert opened.call() == library.reached
    assert refreshes(emulator) == 0


def test_one_client_works_across_an_expiry(opened: Opened, library: Library, emulator: Emulator, clock: Clock) -> None:
    """The same client object, two hours later: one refresh, and it goes on."""
    assert opened.call() == library.reached
    clock.advance(2 * HOUR)

    assert [opened.call(), opened.call()] == [library.reached] * 2
    assert refreshes(emulator) == 1


def test_a_grant_revoked_meanwhile_is_a_typed_error(
    opened: Opened, grant: Grant, emulator: Emulator, clock: Clock
) -> None:
    """The person took it back and the token has run out: ConsentRequired, however the library hides it."""
    opened.call()
    emulator.revoke(IDA)
    clock.advance(2 * HOUR)
    error = failure(opened)

    assert isinstance(error, ConsentRequired)
    assert (error.grant_id, error.reason) == (grant.id, "revoked_or_expired")


def test_a_grant_revoked_while_its_token_lives_is_a_typed_error(
    opened: Opened, grant: Grant, emulator: Emulator, clock: Clock
) -> None:
    """R-37: the API refuses a token that should be good; the source is told and finds out why."""
    opened.call()
    clock.advance(A_WHILE)
    emulator.revoke(IDA)
    error = failure(opened)

    assert isinstance(error, ConsentRequired)
    assert (error.grant_id, error.reason) == (grant.id, "revoked_or_expired")


def test_a_token_that_the_api_refuses_is_replaced(
    opened: Opened, library: Library, emulator: Emulator, clock: Clock
) -> None:
    """R-37: the grant lives; at the second call at the latest there is another token."""
    opened.call()
    clock.advance(A_WHILE)
    emulator.expire_tokens()
    asks_again_by_itself = library.name in {"google-auth", "google-ads-admanager"}
    with nullcontext() if asks_again_by_itself else pytest.raises(ProviderUnavailable, match="Call again"):  # noqa: SIM117
        with google_auth.api_errors(opened.target):
            opened.call()

    assert opened.call() == library.reached
    assert refreshes(emulator) == 1


def test_consenting_again_revives_the_same_client(
    opened: Opened, library: Library, connect: Connect, emulator: Emulator, clock: Clock
) -> None:
    """The grant keeps its id, so a client that a worker holds goes on after the person's new consent."""
    opened.call()
    emulator.revoke(IDA)
    clock.advance(2 * HOUR)
    failure(opened)
    connect("nordwind", IDA, library.oauth_client)

    assert opened.call() == library.reached


def test_a_provider_that_is_down_is_provider_unavailable(
    opened: Opened, library: Library, emulator: Emulator, clock: Clock
) -> None:
    """Nobody has to consent again because of an outage, and afterwards the client goes on."""
    opened.call()
    clock.advance(2 * HOUR)
    emulator.fail(503)

    assert isinstance(failure(opened), ProviderUnavailable)
    assert opened.call() == library.reached


def test_many_threads_on_one_client_at_its_expiry_cause_one_refresh(
    opened: Opened, library: Library, emulator: Emulator, clock: Clock
) -> None:
    """32 threads share one client: one refresh between them (google-auth-library-python#1780)."""
    opened.call()
    clock.advance(2 * HOUR)

    assert at_once(opened.call) == [library.reached] * CALLERS
    assert refreshes(emulator) == 1
