"""Where APIs refuse: an emulator that is served, a consent for each scope, and every official client."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.auth.transport.requests import AuthorizedSession
from googleads.common import ZeepServiceProxy

import grpc_roots  # noqa: F401 - first of all: gRPC reads its roots once
from clients.libraries import IDA
from grantkeeper import Remote
from grantkeeper.accounts.refusals import TABLE
from grantkeeper.clients import ad_manager, google_ads, google_api, google_auth
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.emulator.apis.reasons import OLD_NAMES
from grantkeeper.emulator.server import Serving, serve
from grantkeeper.keeper import Keeper
from grantkeeper.model import AccountSource, Grant
from grantkeeper.store import SqlStore
from grantkeeper.testing import consent, emulated_keeper, oauth_client
from service.served import served_keeper

CUSTOMER = "2223334441"
SCOPES = {"google-ads": "adwords", "ad-manager": "ad_manager", "search-console": "webmasters.readonly"}
QUERY = "SELECT customer.resource_name FROM customer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One way to call an API through an official client: `target` is what api_errors takes."""

    target: object
    call: Callable[[], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """An emulator that is served, a keeper on it, a Remote for it, Ida's grants by the name of their OAuth client."""

    emulator: Emulator
    serving: Serving
    keeper: Keeper
    remote: Remote
    grants: Mapping[str, Grant]


@contextmanager
def staged() -> Iterator[Stage]:
    """Set the stage, at a clock that runs: google-auth's own."""
    emulator = Emulator(clock=Clock.running())
    with tempfile.TemporaryDirectory() as folder, serve(emulator, grpc=True) as serving:
        store = SqlStore(f"sqlite:///{Path(folder) / 'grantkeeper.sqlite3'}")
        store.migrate()
        clients = [oauth_client(emulator, name, [scope]) for name, scope in SCOPES.items()]
        with emulated_keeper(emulator, store, clients=clients) as keeper:
            grants = {name: consent(keeper, emulator, "nordwind", IDA, name) for name in SCOPES}
            with served_keeper(keeper) as at, Remote(at.url, at.key()) as remote:
                yield Stage(emulator=emulator, serving=serving, keeper=keeper, remote=remote, grants=grants)


def _ads(source: AccountSource, stage: Stage, *, stream: bool, use_proto_plus: bool) -> Caller:
    client = google_ads.client(
        source,
        stage.grants["google-ads"].id,
        customer_id=CUSTOMER,
        endpoint=stage.serving.grpc_target,
        use_proto_plus=use_proto_plus,
    )
    service = client.get_service("GoogleAdsService")
    if stream:
        return Caller(target=client, call=lambda: list(service.search_stream(customer_id=CUSTOMER, query=QUERY)))
    return Caller(target=client, call=lambda: service.search(customer_id=CUSTOMER, query=QUERY))


def _ads_rest(source: AccountSource, stage: Stage) -> Caller:
    credentials = google_auth.credentials(source, stage.grants["google-ads"].id)
    session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]
    url = f"{stage.serving.url}/v26/customers/{CUSTOMER}/googleAds:search"
    return Caller(target=session, call=lambda: session.post(url, json={"query": QUERY}).raise_for_status())


def _soap(source: AccountSource, stage: Stage) -> Caller:
    client = ad_manager.client(
        source, stage.grants["ad-manager"].id, application_name="Tests", cache=ZeepServiceProxy.NO_CACHE
    )
    service = client.GetService("NetworkService", server=stage.serving.url)
    return Caller(target=client, call=service.getCurrentNetwork)


def _rest(source: AccountSource, stage: Stage) -> Caller:
    client = ad_manager.rest_client(source, stage.grants["ad-manager"].id, api_endpoint=stage.serving.url)
    return Caller(target=client, call=client.list_networks)


def _googleapiclient(source: AccountSource, stage: Stage) -> Caller:
    made: Any = google_api.service(
        source, stage.grants["search-console"].id, "searchconsole", "v1", api_endpoint=stage.serving.url
    )
    return Caller(target=made, call=made.sites().list().execute)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a client is opened; `refuse` is the emulator's name of its API, `tries` how often it asks after a 401."""

    name: str
    refuse: str
    tables: tuple[str, ...]
    open: Callable[[AccountSource, Stage], Caller]
    tries: int = 1
    over_grpc: bool = False

    def codes(self, table: str) -> list[str]:
        """Return the codes of a table that can come this way: names of the older REST APIs do not come over gRPC."""
        return [code for code in TABLE[table] if not (self.over_grpc and code in OLD_NAMES)]


def _grpc(name: str, *, stream: bool, use_proto_plus: bool) -> Way:
    return Way(
        name=name,
        refuse="google_ads",
        tables=("google_ads", "google"),
        over_grpc=True,
        open=lambda source, stage: _ads(source, stage, stream=stream, use_proto_plus=use_proto_plus),
    )


WAYS = (
    _grpc("google-ads", stream=False, use_proto_plus=True),
    _grpc("google-ads, plain", stream=False, use_proto_plus=False),
    _grpc("google-ads, stream", stream=True, use_proto_plus=True),
    _grpc("google-ads, stream, plain", stream=True, use_proto_plus=False),
    Way(name="google-auth", refuse="google_ads", tables=("google_ads", "google"), open=_ads_rest, tries=3),
    Way(name="googleads", refuse="ad_manager_soap", tables=("ad_manager",), open=_soap),
    Way(name="google-ads-admanager", refuse="ad_manager", tables=("google",), open=_rest, tries=3),
    Way(name="google-api-python-client", refuse="search_console", tables=("google",), open=_googleapiclient, tries=2),
)
