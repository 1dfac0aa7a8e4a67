"""Google's own libraries, each with one call that says what a grant reaches; the tests treat them all alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from google.auth.transport.requests import AuthorizedSession
from googleads.common import ZeepServiceProxy

from grantkeeper.clients import ad_manager, google_ads, google_auth
from grantkeeper.emulator.server import Serving
from grantkeeper.model import TokenSource

GOOGLEADS_WARNINGS = pytest.mark.filterwarnings(
    # What googleads 51 does in the way of older Pythons: common.py (CommonClient), util.py (ZeepLogger).
    "ignore:'locale.getdefaultlocale' is deprecated:DeprecationWarning:googleads.common",
    "ignore:The 'warn' method is deprecated:DeprecationWarning:googleads.util",
)

IDA = "ida@nordwind-outdoor.example"
ACCOUNTS = ["customers/2223334441", "customers/4445556663"]
NETWORKS = ["21700000001"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A client of a library: `target` is what `api_errors` takes, `call` asks the API what the grant reaches."""

    target: object
    call: Callable[[], list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """An official library, the OAuth client whose scopes it needs, and what Ida reaches through it."""

    name: str
    oauth_client: str
    reached: list[str]
    open: Callable[[TokenSource, str, Serving], Opened]


def _google_auth(source: TokenSource, grant_id: str, at: Serving) -> Opened:
    session = AuthorizedSession(google_auth.credentials(source, grant_id))  # type: ignore[no-untyped-call]

    def call() -> list[str]:
        answer = session.get(f"{at.url}/v26/customers:listAccessibleCustomers")
        answer.raise_for_status()
        return sorted(answer.json()["resourceNames"])

    return Opened(target=session, call=call)


def _google_ads(source: TokenSource, grant_id: str, at: Serving) -> Opened:
    client = google_ads.client(source, grant_id, endpoint=at.grpc_target)
    service = client.get_service("CustomerService")
    return Opened(target=client, call=lambda: sorted(service.list_accessible_customers().resource_names))


def _google_ads_stream(source: TokenSource, grant_id: str, at: Serving) -> Opened:
    client = google_ads.client(source, grant_id, endpoint=at.grpc_target)
    service = client.get_service("GoogleAdsService")

    def call() -> list[str]:
        account = ACCOUNTS[0].removeprefix("customers/")
        stream = service.search_stream(customer_id=account, query="SELECT customer.resource_name FROM customer")
        return [row.customer.resource_name for batch in stream for row in batch.results]

    return Opened(target=client, call=call)


def _googleads(source: TokenSource, grant_id: str, at: Serving) -> Opened:
    client = ad_manager.client(source, grant_id, application_name="Tests", cache=ZeepServiceProxy.NO_CACHE)
    service = client.GetService("NetworkService", server=at.url)
    return Opened(target=client, call=lambda: _codes(service.getAllNetworks()))


def _admanager(source: TokenSource, grant_id: str, at: Serving) -> Opened:
    client = ad_manager.rest_client(source, grant_id, api_endpoint=at.url)
    return Opened(target=client, call=lambda: sorted(each.network_code for each in client.list_networks().networks))


def _codes(networks: Iterable[Any]) -> list[str]:
    return sorted(each["networkCode"] for each in networks)


LIBRARIES = (
    Library(name="google-auth", oauth_client="google-ads", reached=ACCOUNTS, open=_google_auth),
    Library(name="google-ads", oauth_client="google-ads", reached=ACCOUNTS, open=_google_ads),
    Library(name="google-ads-stream", oauth_client="google-ads", reached=ACCOUNTS[:1], open=_google_ads_stream),
    Library(name="googleads", oauth_client="ad-manager", reached=NETWORKS, open=_googleads),
    Library(name="google-ads-admanager", oauth_client="ad-manager", reached=NETWORKS, open=_admanager),
)
