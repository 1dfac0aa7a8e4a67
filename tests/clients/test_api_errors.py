"""What the grant is to blame for becomes our error; what it is not stays what it was."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta

import grpc
import pytest
from google.ads.googleads.client import GoogleAdsClient
from google.ads.googleads.errors import GoogleAdsException
from google.api_core import exceptions
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import AuthorizedSession

from clients.libraries import GOOGLEADS_WARNINGS, IDA
from clients.sources import CALLERS, GRANT, ScriptedSource, at_once, dead, down, send
from grantkeeper.clients import ad_manager, google_ads, google_auth
from grantkeeper.clients.google_auth import GrantCredentials
from grantkeeper.clients.reached import GrantSource
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.emulator.server import Serving
from grantkeeper.errors import AccessRefused, ConsentRequired, InvalidInput, ProviderUnavailable
from grantkeeper.keeper import Keeper
from grantkeeper.testing import Connect

LIST = "/v26/customers:listAccessibleCustomers"
HOUR = timedelta(hours=1)


@pytest.fixture
def ads(source: ScriptedSource, serving: Serving) -> GoogleAdsClient:
    """A Google Ads client whose source of tokens does what it is told."""
    return google_ads.client(source, GRANT, endpoint=serving.grpc_target)


@pytest.fixture
def real_token(source: ScriptedSource, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scripted source hand out tokens that the emulator accepts."""
    made = source._new

    def new() -> object:
        token = made()
        emulator.state.access[token.value.reveal()] = emulator.state.access[
            emulator.mint(IDA, "https://www.googleapis.com/auth/adwords")
        ]
        return token

    monkeypatch.setattr(source, "_new", new)


def accessible(client: GoogleAdsClient) -> list[str]:
    """List what is accessible, over gRPC."""
    return list(client.get_service("CustomerService").list_accessible_customers().resource_names)


# --- gRPC's masked 503 -----------------------------------------------------------------------------------------------


def test_grpc_hides_a_dead_grant_and_the_helper_finds_it(source: ScriptedSource, ads: GoogleAdsClient) -> None:
    """`503 Getting metadata from plugin failed` is ConsentRequired; the original stays as the cause."""
    source.trouble = dead()
    with pytest.raises(ConsentRequired, match="The grant is over") as caught, google_auth.api_errors(ads):
        accessible(ads)

    assert isinstance(caught.value.__cause__, exceptions.ServiceUnavailable)
    assert "Getting metadata from plugin failed" in str(caught.value.__cause__)
    assert caught.value.grant_id == GRANT


def test_the_same_in_an_except_block(source: ScriptedSource, ads: GoogleAdsClient) -> None:
    """raise_api_error is for programs that have an `except` already."""
    source.trouble = down()
    with pytest.raises(ProviderUnavailable) as caught:
        try:
            accessible(ads)
        except exceptions.ServiceUnavailable as error:
            google_auth.raise_api_error(ads, error)
            raise

    assert caught.value.retry_after == timedelta(seconds=30)


@pytest.mark.usefixtures("real_token")
def test_a_503_of_the_api_itself_is_no_dead_grant(
    source: ScriptedSource, ads: GoogleAdsClient, emulator: Emulator
) -> None:
    """An outage of the API must not send a customer to the consent screen."""
    accessible(ads)
    emulator.fail(503, path=LIST)
    with pytest.raises(ProviderUnavailable) as caught, google_auth.api_errors(ads):
        accessible(ads)

    assert isinstance(caught.value.__cause__, exceptions.ServiceUnavailable)
    assert caught.value.provider is not None
    assert caught.value.provider.error == "UNAVAILABLE"
    assert source.rejected == []


@pytest.mark.usefixtures("real_token")
def test_a_503_of_the_api_is_its_own_when_an_earlier_attempt_had_failed(
    source: ScriptedSource, ads: GoogleAdsClient, emulator: Emulator, clock: Clock
) -> None:
    """Only this very attempt's failure counts: last_error may be from another call."""
    accessible(ads)
    clock.advance(HOUR - timedelta(minutes=2))
    source.trouble = down()
    accessible(ads)
    assert isinstance(ads.credentials.last_error, ProviderUnavailable)
    emulator.fail(503, path=LIST)

    with pytest.raises(ProviderUnavailable, match="Google's API is in trouble"), google_auth.api_errors(ads):
        accessible(ads)


def test_a_failure_is_found_although_another_thread_succeeded_since(
    source: ScriptedSource, credentials: GrantCredentials
) -> None:
    """last_error is empty again by then; the text that gRPC passed on still names the attempt."""
    source.trouble = dead()
    with pytest.raises(RefreshError) as caught:
        send(credentials)
    source.trouble = None
    send(credentials)
    masked = exceptions.ServiceUnavailable(f"Getting metadata from plugin failed with error: {caught.value}")  # type: ignore[no-untyped-call]

    with pytest.raises(ConsentRequired):
        google_auth.raise_api_error(credentials, masked)


def test_the_failure_of_another_grant_is_not_found(source: ScriptedSource, credentials: GrantCredentials) -> None:
    """Each client answers for its own grant."""
    other = google_auth.credentials(source, GRANT)
    source.trouble = dead()
    with pytest.raises(RefreshError) as caught:
        send(other)
    masked = exceptions.ServiceUnavailable(f"Getting metadata from plugin failed with error: {caught.value}")  # type: ignore[no-untyped-call]

    google_auth.raise_api_error(credentials, masked)


def test_each_thread_gets_an_error_of_its_own(source: ScriptedSource, ads: GoogleAdsClient) -> None:
    """One exception object in many threads would mix their tracebacks and causes."""
    source.trouble = dead()

    def call() -> None:
        with google_auth.api_errors(ads):
            accessible(ads)

    outcomes = at_once(call)

    assert [type(each) for each in outcomes] == [ConsentRequired] * CALLERS
    assert len({id(each) for each in outcomes}) == CALLERS
    assert len({id(each.__cause__) for each in outcomes if isinstance(each, ConsentRequired)}) == CALLERS


@pytest.mark.usefixtures("real_token")
def test_the_async_client_works_with_the_same_credentials(ads: GoogleAdsClient) -> None:
    """google-ads' async services take them as they are."""

    async def call() -> list[str]:
        service = ads.get_service("CustomerService", is_async=True)
        try:
            answer = await service.list_accessible_customers()
            return list(answer.resource_names)
        finally:
            await service.transport.close()

    assert len(asyncio.run(call())) == 2


def test_a_dead_grant_behind_the_async_client_is_found_too(source: ScriptedSource, ads: GoogleAdsClient) -> None:
    """The block may hold an `await`."""
    source.trouble = dead()

    async def call() -> None:
        # The library's logging interceptor leaves a task behind whose failure nobody fetches; asyncio says so.
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        service = ads.get_service("CustomerService", is_async=True)
        try:
            with google_auth.api_errors(ads):
                await service.list_accessible_customers()
        finally:
            await service.transport.close()

    with pytest.raises(ConsentRequired):
        asyncio.run(call())


# --- a token that the API rejects ------------------------------------------------------------------------------------


def test_a_token_rejected_over_grpc_is_reported_and_replaced(source: ScriptedSource, ads: GoogleAdsClient) -> None:
    """R-37: google-auth never hears of gRPC's UNAUTHENTICATED; the helper does. The call itself still failed."""
    with (
        pytest.raises(ProviderUnavailable, match=r"another token was asked for.*Call again"),
        google_auth.api_errors(ads),
    ):
        accessible(ads)

    assert source.rejected == ["token-1"]
    assert ads.credentials.token == "token-2"


@pytest.mark.usefixtures("real_token")
def test_other_authentication_errors_say_nothing_against_the_token(
    source: ScriptedSource, ads: GoogleAdsClient, emulator: Emulator
) -> None:
    """R-37: NOT_ADS_USER has the same status; another token would not help, and a refresh per call would hurt."""
    emulator.fail(401, path=LIST, body=ads_failure("NOT_ADS_USER"))
    with pytest.raises(AccessRefused) as caught, google_auth.api_errors(ads):
        accessible(ads)

    assert isinstance(caught.value.__cause__, GoogleAdsException)
    assert caught.value.__cause__.error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert source.rejected == []


@pytest.mark.usefixtures("real_token")
@pytest.mark.parametrize("use_proto_plus", [True, False])
@pytest.mark.parametrize(
    "code", ["OAUTH_TOKEN_REVOKED", "OAUTH_TOKEN_INVALID", "OAUTH_TOKEN_EXPIRED", "OAUTH_TOKEN_DISABLED"]
)
def test_the_ads_apis_own_words_for_a_bad_token_count(
    source: ScriptedSource, serving: Serving, emulator: Emulator, code: str, use_proto_plus: bool
) -> None:
    """R-37: as enum and as plain number."""
    ads = google_ads.client(source, GRANT, endpoint=serving.grpc_target, use_proto_plus=use_proto_plus)
    emulator.fail(401, path=LIST, body=ads_failure(code))
    with pytest.raises(ProviderUnavailable, match="Call again"), google_auth.api_errors(ads):
        accessible(ads)

    assert source.rejected == ["token-1"]


def ads_failure(code: str) -> dict[str, object]:
    """Return the body of a Google Ads error over REST, which the emulator's gRPC side translates."""
    failure = {
        "@type": "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure",
        "errors": [{"errorCode": {"authenticationError": code}, "message": code}],
    }
    return {"error": {"code": 401, "message": code, "status": "UNAUTHENTICATED", "details": [failure]}}


def test_many_threads_with_one_rejected_token_cause_one_report(
    source: ScriptedSource, credentials: GrantCredentials
) -> None:
    """R-37: also where the helper reports; a late thread does not report the new token."""
    all_in = threading.Barrier(CALLERS)
    send(credentials)

    def call() -> None:
        with pytest.raises(ProviderUnavailable), google_auth.api_errors(credentials):
            all_in.wait(20)
            raise exceptions.Unauthenticated("no")  # type: ignore[no-untyped-call]

    at_once(call)

    assert source.rejected == ["token-1"]


def test_a_rest_401_is_retried_by_google_auth_and_reported_by_it_alone(
    source: ScriptedSource, serving: Serving, emulator: Emulator
) -> None:
    """R-37: google-ads-admanager asks three times, with a new token each time; a fourth would not help."""
    client = ad_manager.rest_client(source, GRANT, api_endpoint=serving.url)
    with pytest.raises(ProviderUnavailable) as caught, google_auth.api_errors(client):
        client.list_networks()

    assert isinstance(caught.value.__cause__, exceptions.Unauthorized)
    assert len(emulator.requests("/v1/networks")) == 3
    assert source.rejected == ["token-1", "token-2"]


# --- what passes unchanged -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [dead(), down()], ids=["consent", "unavailable"])
@GOOGLEADS_WARNINGS
def test_the_soap_client_raises_our_errors_by_itself(
    source: ScriptedSource, serving: Serving, error: Exception
) -> None:
    """Googleads passes on what CreateHttpHeader raises: no helper needed."""
    source.trouble = error
    client = ad_manager.client(source, GRANT, application_name="Tests")
    service = client.GetService("NetworkService", server=serving.url)
    with pytest.raises(type(error), match=str(error)):
        service.getAllNetworks()


def test_our_own_errors_and_foreign_ones_pass_unchanged(credentials: GrantCredentials) -> None:
    """The very same objects."""
    for error in (dead(), ZeroDivisionError("theirs"), KeyError("reason")):
        with pytest.raises(type(error)) as caught, google_auth.api_errors(credentials):
            raise error
        assert caught.value is error


def test_an_error_handled_earlier_is_not_mistaken_for_the_cause(credentials: GrantCredentials) -> None:
    """`__context__` is what was being handled by chance; only `__cause__` is a cause."""
    with pytest.raises(ZeroDivisionError), google_auth.api_errors(credentials):
        try:
            raise dead()
        except ConsentRequired:
            _ = 1 / 0


@GOOGLEADS_WARNINGS
@pytest.mark.parametrize(
    "target",
    [
        lambda source: google_auth.credentials(source, GRANT),
        lambda source: AuthorizedSession(google_auth.credentials(source, GRANT)),  # type: ignore[no-untyped-call]
        lambda source: google_ads.client(source, GRANT),
        lambda source: ad_manager.oauth2_client(source, GRANT),
        lambda source: ad_manager.client(source, GRANT, application_name="Tests"),
        lambda source: ad_manager.rest_client(source, GRANT),
    ],
    ids=["credentials", "AuthorizedSession", "GoogleAdsClient", "oauth2_client", "AdManagerClient", "rest_client"],
)
def test_the_helper_takes_every_client_that_we_make(
    source: ScriptedSource, target: Callable[[ScriptedSource], object]
) -> None:
    """One helper, whatever the library."""
    made = target(source)
    with pytest.raises(ZeroDivisionError), google_auth.api_errors(made):
        _ = 1 / 0


def test_the_helper_says_what_it_takes(source: ScriptedSource) -> None:
    """A service of google-ads does not know its credentials; the message says what to pass."""
    service = google_ads.client(source, GRANT).get_service("CustomerService")
    with (
        pytest.raises(InvalidInput, match="for a service of google-ads: its client"),
        google_auth.api_errors(service),
    ):
        pass


def test_a_revoked_grant_is_marked_by_the_call_that_found_out(
    giving: GrantSource, keeper: Keeper, connect: Connect, emulator: Emulator, clock: Clock, serving: Serving
) -> None:
    """The keeper knows afterwards, so the next page can ask for consent without another call."""
    grant = connect("nordwind", IDA, "google-ads")
    ads = google_ads.client(giving, grant.id, endpoint=serving.grpc_target)
    accessible(ads)
    clock.advance(timedelta(minutes=5))
    emulator.revoke(IDA)
    with pytest.raises(ConsentRequired), google_auth.api_errors(ads):
        accessible(ads)

    assert keeper.get(grant.id).status == "consent_required"
