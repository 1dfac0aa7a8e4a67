"""A grant's credentials do what google-auth expects of any, and what it forgets."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from google.auth import _helpers
from google.auth.credentials import TokenState
from google.auth.exceptions import RefreshError

from clients.sources import CALLERS, GRANT, ScriptedSource, at_once, dead, down, send
from grantkeeper.clients import google_auth
from grantkeeper.clients.google_auth import GrantCredentials
from grantkeeper.emulator import Clock
from grantkeeper.errors import ConsentRequired, DatabaseUnavailable, Misconfigured, ProviderUnavailable

HOUR = timedelta(hours=1)
NEARLY_OVER = HOUR - timedelta(minutes=2)


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_making_credentials_asks_for_nothing(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """A client for each of 300 grants can be built without one request."""
    assert source.asked == []
    assert credentials.token_state is TokenState.INVALID


def test_the_first_request_asks_and_later_ones_do_not(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """The token is kept while google-auth calls it valid."""
    assert [send(credentials) for _ in range(3)] == ["token-1"] * 3
    assert len(source.asked) == 1


def test_a_token_is_asked_for_that_google_auth_will_not_renew_at_once(
    source: ScriptedSource, credentials: GrantCredentials
) -> None:
    """min_ttl lies above REFRESH_THRESHOLD, or each request would be a refresh."""
    send(credentials)

    assert source.asked[0] >= _helpers.REFRESH_THRESHOLD + timedelta(minutes=1)


def test_the_expiry_is_naive_utc_as_google_auth_compares_it(clock: Clock, credentials: GrantCredentials) -> None:
    """An aware expiry would raise TypeError inside google-auth."""
    send(credentials)

    assert credentials.expiry == (clock.now() + HOUR).replace(tzinfo=None)
    assert credentials.token_state is TokenState.FRESH


def test_a_token_near_its_end_is_replaced_and_not_reported(
    source: ScriptedSource, credentials: GrantCredentials, clock: Clock
) -> None:
    """R-37: an ordinary renewal says nothing against the old token."""
    send(credentials)
    clock.advance(NEARLY_OVER)

    assert send(credentials) == "token-2"
    assert source.rejected == []


def test_a_token_that_lives_too_short_is_used_all_the_same(clock: Clock) -> None:
    """R-39: each request asks once and no more, when the source has nothing better."""
    source = ScriptedSource(clock, life=timedelta(minutes=1))
    credentials = google_auth.credentials(source, GRANT)

    assert send(credentials) == "token-1"
    assert len(source.asked) == 1


def test_the_quota_project_is_sent(source: ScriptedSource) -> None:
    """`x-goog-user-project` is google-auth's header for it."""
    credentials = google_auth.credentials(source, GRANT, quota_project_id="billing")
    headers: dict[str, str] = {}
    credentials.before_request(object(), "GET", "", headers)  # type: ignore[no-untyped-call]

    assert headers["x-goog-user-project"] == "billing"


# --- threads ---------------------------------------------------------------------------------------------------------


def test_many_threads_on_expired_credentials_ask_once(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """google-auth itself locks nothing: 20 threads would be 20 refreshes (google-auth-library-python#1780)."""
    outcomes = at_once(lambda: send(credentials))

    assert outcomes == ["token-1"] * CALLERS
    assert len(source.asked) == 1


class Turnstile:
    """A lock that says how many have come to it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._arrived = threading.Semaphore(0)

    def __enter__(self) -> None:
        self._arrived.release()
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def wait_for(self, count: int) -> None:
        """Return when so many have come."""
        assert all(self._arrived.acquire(timeout=20) for _ in range(count))


def queued(source: ScriptedSource, credentials: GrantCredentials, work: Callable[[], object]) -> list[object]:
    """Let many threads do the work; the source answers when all of them wait. Return what each returned or raised."""
    turnstile = Turnstile()
    credentials._lock = turnstile  # type: ignore[assignment]
    source.open.clear()

    def let_in() -> None:
        turnstile.wait_for(CALLERS)
        source.open.set()

    opener = threading.Thread(target=let_in)
    opener.start()
    outcomes = at_once(work)
    opener.join(20)
    return outcomes


def test_threads_that_refresh_by_hand_at_once_ask_once(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """refresh() called directly is under the same lock."""
    assert queued(source, credentials, lambda: credentials.refresh(object())) == [None] * CALLERS
    assert (len(source.asked), source.rejected) == (1, [])


def test_threads_that_wait_for_a_failing_attempt_share_its_failure(
    source: ScriptedSource, credentials: GrantCredentials
) -> None:
    """32 threads do not wait for 32 timeouts in a row when the provider is down; each gets its own exception."""
    source.trouble = down()
    outcomes = queued(source, credentials, lambda: send(credentials))

    assert len(source.asked) == 1
    assert len({id(each) for each in outcomes}) == CALLERS
    assert all(isinstance(each, RefreshError) for each in outcomes)
    assert all(isinstance(each.__cause__, ProviderUnavailable) for each in outcomes if isinstance(each, RefreshError))


def test_a_rejected_token_is_reported_once_however_many_threads_saw_it(
    source: ScriptedSource, credentials: GrantCredentials
) -> None:
    """R-37: 32 threads that got a 401 for one token cause one report and one new token."""
    all_sent = threading.Barrier(CALLERS)

    def rejected_once() -> str:
        first = send(credentials)
        assert first == "token-1"
        all_sent.wait(20)
        credentials.refresh(object())
        return send(credentials)

    assert at_once(rejected_once) == ["token-2"] * CALLERS
    assert source.rejected == ["token-1"]


# --- a 401 -----------------------------------------------------------------------------------------------------------


def test_refresh_of_a_valid_token_reports_it_first(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """R-37: google-auth refreshes a valid token only when an API answered 401; the same one must not come back."""
    send(credentials)
    credentials.refresh(object())

    assert source.rejected == ["token-1"]
    assert send(credentials) == "token-2"


def test_refresh_of_an_expired_token_does_not_report_it(
    source: ScriptedSource, credentials: GrantCredentials, clock: Clock
) -> None:
    """R-37: an API that answers 401 to an expired token is right, and nobody needs to know."""
    send(credentials)
    clock.advance(HOUR)
    credentials.refresh(object())

    assert source.rejected == []
    assert credentials.token == "token-2"


def test_a_thread_late_with_its_401_does_not_report_the_newer_token(
    source: ScriptedSource, credentials: GrantCredentials
) -> None:
    """R-37: the report of an older token causes no refresh."""
    send(credentials)
    other = threading.Thread(target=credentials.refresh, args=(object(),))
    other.start()
    other.join(20)
    assert credentials.token == "token-2"

    credentials.refresh(object())

    assert source.rejected == ["token-1"]
    assert credentials.token == "token-2"


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "kind", "retryable"),
    [
        (dead(), ConsentRequired, False),
        (down(), ProviderUnavailable, True),
        (DatabaseUnavailable("The database is locked."), DatabaseUnavailable, True),
        (Misconfigured("No such client."), Misconfigured, False),
    ],
)
def test_a_failure_is_a_refresh_error_around_ours(
    source: ScriptedSource, credentials: GrantCredentials, trouble: Exception, kind: type[Exception], retryable: bool
) -> None:
    """google-auth's contract, and only what passes by itself is worth another try."""
    source.trouble = trouble
    with pytest.raises(RefreshError) as caught:
        send(credentials)

    assert caught.value.retryable is retryable
    assert caught.value.__cause__ is trouble
    assert type(credentials.last_error) is kind
    assert str(credentials.last_error) == str(trouble)
    with pytest.raises(kind):
        credentials.raise_last_error()


def test_a_failure_says_which_grant_and_why(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """This text is all that gRPC shows."""
    source.trouble = dead()
    with pytest.raises(
        RefreshError, match=f"The grant is over. Ask again. \\[grant {GRANT}, attempt [0-9a-f]{{16}}\\]"
    ):
        send(credentials)


def test_success_clears_the_last_error(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """After a new consent the same client works again."""
    source.trouble = dead()
    with pytest.raises(RefreshError):
        send(credentials)
    source.trouble = None

    assert send(credentials) == "token-1"
    assert credentials.last_error is None
    credentials.raise_last_error()


def test_the_error_that_is_kept_holds_no_frames(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """Credentials live for weeks: what they keep must not keep a stack alive."""
    source.trouble = dead()
    with pytest.raises(RefreshError):
        send(credentials)

    assert credentials.last_error is not None
    assert credentials.last_error.__traceback__ is None


def test_an_error_that_is_not_ours_passes_unchanged(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """A bug in a source is not dressed up as a failed refresh, and the next request asks again."""
    source.trouble = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        send(credentials)
    source.trouble = None

    assert send(credentials) == "token-1"


@pytest.mark.parametrize("trouble", [down(), DatabaseUnavailable("The database is locked.")], ids=["provider", "store"])
def test_a_living_token_is_used_while_the_provider_or_the_store_is_down(
    source: ScriptedSource, credentials: GrantCredentials, clock: Clock, trouble: Exception
) -> None:
    """Trouble elsewhere never stops a token that is still valid."""
    send(credentials)
    source.trouble = trouble
    clock.advance(NEARLY_OVER)
    assert send(credentials) == "token-1"

    clock.advance(timedelta(minutes=3))
    with pytest.raises(RefreshError):
        send(credentials)


def test_a_rejected_token_is_not_used_on_while_the_provider_is_down(
    source: ScriptedSource, credentials: GrantCredentials
) -> None:
    """The API has refused it: sending it again cannot help."""
    send(credentials)
    source.trouble = down()
    with pytest.raises(RefreshError):
        credentials.refresh(object())


def test_the_token_of_a_dead_grant_is_not_sent_again(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """The next request fails before it is sent."""
    send(credentials)
    source.trouble = dead()
    with pytest.raises(RefreshError):
        credentials.refresh(object())

    assert credentials.token_state is TokenState.INVALID
    with pytest.raises(RefreshError):
        send(credentials)


def test_a_grant_that_dies_while_another_thread_is_about_to_send_breaks_nothing_there(
    source: ScriptedSource, credentials: GrantCredentials
) -> None:
    """The other thread sends the old token and gets the API's 401, not an exception about None."""
    send(credentials)
    source.trouble = dead()
    with pytest.raises(RefreshError):
        credentials.refresh(object())
    headers: dict[str, str] = {}
    credentials.apply(headers)

    assert headers == {"authorization": "Bearer token-1"}


# --- refresh in the background (with_non_blocking_refresh) -----------------------------------------------------------


def test_a_background_refresh_replaces_a_stale_token_while_it_is_used(
    source: ScriptedSource, credentials: GrantCredentials, clock: Clock
) -> None:
    """The request goes out with the old token at once; the next has the new one. Nothing is reported."""
    credentials.with_non_blocking_refresh()  # type: ignore[no-untyped-call]
    send(credentials)
    clock.advance(NEARLY_OVER)
    source.open.clear()
    assert send(credentials) == "token-1"
    source.open.set()
    wait_for_background(credentials)

    assert send(credentials) == "token-2"
    assert source.rejected == []


def test_many_threads_ask_once_with_background_refresh_too(
    source: ScriptedSource, credentials: GrantCredentials
) -> None:
    """With no token at all there is nothing to use meanwhile: the lock holds here as well."""
    credentials.with_non_blocking_refresh()  # type: ignore[no-untyped-call]

    assert at_once(lambda: send(credentials)) == ["token-1"] * CALLERS
    assert (len(source.asked), source.rejected) == (1, [])


def test_a_failed_background_refresh_surfaces_when_the_token_is_over(
    source: ScriptedSource, credentials: GrantCredentials, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A grant that died in the background is a typed error at the next request."""
    credentials.with_non_blocking_refresh()  # type: ignore[no-untyped-call]
    send(credentials)
    source.trouble = dead()
    clock.advance(NEARLY_OVER)
    send(credentials)
    wait_for_background(credentials)

    with pytest.raises(RefreshError) as caught:
        send(credentials)
    assert isinstance(caught.value.__cause__, ConsentRequired)
    assert "token-1" not in caplog.text


def wait_for_background(credentials: GrantCredentials) -> None:
    """Return when google-auth's thread has ended."""
    worker = credentials._refresh_worker._worker
    assert worker is not None
    worker.join(20)
