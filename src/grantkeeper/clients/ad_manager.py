"""A grant as a client of Google Ad Manager: over SOAP (package googleads) or REST (package google-ads-admanager).

gam = ad_manager.client(keeper, grant.id, application_name="Nordwind reports", network_code="21700000001")
current = gam.GetService("NetworkService").getCurrentNetwork()

for gam, network_code in ad_manager.networks(keeper, application_name="Nordwind reports"): ...
for network in ad_manager.rest_client(keeper, grant.id).list_networks(): ...
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload
from urllib.parse import urlsplit

from grantkeeper.errors import InvalidInput
from grantkeeper.model import Account, AccountSource, Grant, TokenSource

from . import google_auth
from .bearer import HTTP_ALLOWED, carries_tokens
from .extras import extra
from .reached import GrantSource, Skipped, account_of, every_account, only_account, warn

if TYPE_CHECKING:
    from google.ads.admanager_v1 import NetworkServiceClient
    from googleads.ad_manager import AdManagerClient
    from zeep.cache import Base as ZeepCache

    from .grant_credentials import GrantCredentials

__all__ = ["GrantOAuth2Client", "Network", "client", "networks", "oauth2_client", "rest_client"]

KIND: Final = "ad_manager"

_Client = TypeVar("_Client")

_TIMEOUT: Final = timedelta(hours=1)
"""googleads' own default: reports take long."""

_PLACEHOLDER: Final = "INSERT_APPLICATION_NAME_HERE"
"""googleads.ad_manager.DEFAULT_APPLICATION_NAME, which it refuses."""


class GrantOAuth2Client:
    """What googleads calls an OAuth2 client: successor of its GoogleRefreshTokenClient, for a grant.

    googleads checks no type: any of its clients, of any age, takes this object. Errors are ours, unchanged.
    """

    def __init__(self, credentials: GrantCredentials) -> None:
        self.credentials = credentials

    def CreateHttpHeader(self) -> dict[str, str]:  # noqa: N802 - googleads' name for it
        """Return a new dict with the `authorization` header; googleads writes into it.

        Raises:
            ConsentRequired, ProviderUnavailable, Misconfigured ...: whatever the source raised.
        """
        headers: dict[str, str] = {}
        with google_auth.api_errors(self.credentials):
            self.credentials.before_request(None, "POST", "", headers)  # type: ignore[no-untyped-call]
        return headers

    def Refresh(self) -> None:  # noqa: N802 - googleads' name for it
        """Get another token; one that is still valid is reported to the source as rejected.

        Raises:
            ConsentRequired, ProviderUnavailable, Misconfigured ...: whatever the source raised.
        """
        with google_auth.api_errors(self.credentials):
            self.credentials.refresh(None)


def oauth2_client(source: TokenSource, grant_id: str) -> GrantOAuth2Client:
    """Return what googleads' clients take as `oauth2_client`. No I/O.

    Raises:
        Misconfigured: google-auth is not installed.
    """
    with extra("ad-manager", "google-auth"):
        from .grant_credentials import GrantCredentials

    return GrantOAuth2Client(GrantCredentials(source, grant_id))


def client(
    source: TokenSource,
    grant_id: str,
    *,
    application_name: str,
    network_code: str | int | None = None,
    cache: ZeepCache | None = None,
    timeout: timedelta = _TIMEOUT,
    custom_http_headers: Mapping[str, str] | None = None,
    enable_compression: bool = False,
) -> AdManagerClient:
    """Return an AdManagerClient (SOAP) that acts for the grant.

    Asks the source which networks the grant shares, which asks Google once after a consent; no other I/O: GetService
    fetches the WSDL.

    The library's `proxy_config` is not offered: it passes the CA file as a client certificate and can switch off
    certificate checks in the whole process (googleads 51, oauth2.py, common.py); `HTTPS_PROXY` and
    `REQUESTS_CA_BUNDLE` in the environment do what it is for.

    Args:
        source: a Keeper or a Remote.
        grant_id: the grant.
        application_name: shown in the publisher's Ad Manager; any words that name you.
        network_code: the network to work in; it has to be shared and enabled, where the source knows of such things.
            Default: the one network that is shared, when it is one; getAllNetworks and makeTestNetwork need none.
        cache: a zeep cache for WSDLs; default is zeep's file, `googleads.common.ZeepServiceProxy.NO_CACHE` is none.
        timeout: of one call, whole seconds.
        custom_http_headers: sent with every call.
        enable_compression: ask for gzip.

    Raises:
        InvalidInput: application_name, network_code, timeout or custom_http_headers cannot be right.
        AccessRefused: the network is not shared, lost or not enabled; `.code` says which.
        NotFound: the grant never reached the network.
        Misconfigured: googleads is not installed.
        ConsentRequired, ProviderUnavailable ...: the networks were not looked at yet, and cannot be.
    """
    make = _maker(application_name, cache, timeout, custom_http_headers, enable_compression=enable_compression)
    return make(oauth2_client(source, grant_id), network_code=_chosen(source, grant_id, network_code))


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A network of a grant, and the client to call it with; unpacks as `client, network_code`."""

    client: AdManagerClient = field(repr=False)
    account: Account
    grant: Grant

    def __iter__(self) -> Iterator[Any]:
        yield self.client
        yield self.account.id


def networks(
    source: GrantSource,
    *,
    application_name: str,
    owner: str | None = None,
    client: str | None = None,
    skipped: Skipped | None = None,
    cache: ZeepCache | None = None,
    timeout: timedelta = _TIMEOUT,
    custom_http_headers: Mapping[str, str] | None = None,
    enable_compression: bool = False,
) -> Iterator[Network]:
    """Yield every network that every active grant shares, each with an AdManagerClient for it; lazily, page by page.

    Args:
        source: a Keeper or a Remote.
        owner: only grants of this owner.
        client: only grants of the OAuthClient of this name.
        skipped: called with a grant and an error, instead of a warning in the log, when the grant needs a new consent
            or its networks cannot be had; the rest goes on.
        application_name: as in `client`.
        cache: as in `client`.
        timeout: as in `client`.
        custom_http_headers: as in `client`.
        enable_compression: as in `client`.

    Raises:
        InvalidInput, Misconfigured: as `client`. DatabaseUnavailable: the grants cannot be read.
        Whatever is no GrantkeeperError is a bug, and ends the whole: it would be there for each of the grants.
    """
    make = _maker(application_name, cache, timeout, custom_http_headers, enable_compression=enable_compression)
    tell = skipped or warn
    found = every_account(source, KIND, owner=owner, client=client, managers="include", skipped=tell)
    return (
        Network(client=make(oauth2_client(source, grant.id), network_code=account.id), account=account, grant=grant)
        for grant, account in found
    )


@overload
def rest_client(
    source: TokenSource, grant_id: str, *, network_code: str | int | None = None, api_endpoint: str | None = None
) -> NetworkServiceClient: ...


@overload
def rest_client(
    source: TokenSource,
    grant_id: str,
    *,
    network_code: str | int | None = None,
    api_endpoint: str | None = None,
    service: type[_Client],
) -> _Client: ...


def rest_client(
    source: TokenSource,
    grant_id: str,
    *,
    network_code: str | int | None = None,
    api_endpoint: str | None = None,
    service: type[object] | None = None,
) -> object:
    """Return a client of google-ads-admanager that acts for the grant. Without `network_code`, no I/O.

    Args:
        source: a Keeper or a Remote.
        grant_id: the grant; needs the scope `admanager` or `admanager.readonly`.
        network_code: the network that the calls will name, to have it checked: it has to be shared.
        api_endpoint: instead of admanager.googleapis.com: a host, or a URL; http only on this machine.
        service: a client class of google.ads.admanager_v1, by default NetworkServiceClient.

    Raises:
        InvalidInput: the endpoint or the network code cannot be right.
        AccessRefused, NotFound ...: as `client`, when a network code is given.
        Misconfigured: google-ads-admanager is not installed.
    """
    with extra("ad-manager", "google-ads-admanager"):
        from google.ads.admanager_v1 import NetworkServiceClient
        from google.api_core.client_options import ClientOptions

    made: Any = service or NetworkServiceClient
    options = ClientOptions(api_endpoint=_api_endpoint(api_endpoint))
    if network_code is not None:
        _chosen(source, grant_id, network_code)
    return made(credentials=google_auth.credentials(source, grant_id), client_options=options)


def _maker(
    application_name: str,
    cache: ZeepCache | None,
    timeout: timedelta,
    custom_http_headers: Mapping[str, str] | None,
    *,
    enable_compression: bool,
) -> Callable[..., AdManagerClient]:
    """Return what makes clients once the grant and the network are known; everything else is checked here."""
    with extra("ad-manager", "googleads"):
        from googleads.ad_manager import AdManagerClient

    return partial(
        AdManagerClient,
        application_name=_application_name(application_name),
        cache=cache,
        timeout=_seconds(timeout),
        custom_http_headers=_headers(custom_http_headers),
        enable_compression=enable_compression,
    )


def _chosen(source: TokenSource, grant_id: str, network_code: str | int | None) -> str | None:
    """Return the code of the network that the grant shares, or the only one; as given where nobody knows."""
    code = _network_code(network_code)
    if code is None:
        only = only_account(source, grant_id, kind=KIND)
        return only.id if only else None
    if not isinstance(source, AccountSource):
        return code
    return account_of(source, grant_id, kind=KIND, account_id=code).id


def _application_name(name: str) -> str:
    if not name.strip() or not name.isprintable() or _PLACEHOLDER in name:
        raise InvalidInput(
            f"application_name={name!r:.60} is not a name.",
            advice="Pass a few printable words that name your application; the publisher sees them in Ad Manager.",
        )
    return name


def _network_code(code: str | int | None) -> str | None:
    if code is None:
        return None
    if isinstance(code, bool) or not re.fullmatch(r"[0-9]{1,20}", str(code)):
        raise InvalidInput(
            f"network_code={code!r:.40} is not an Ad Manager network code.",
            advice="Allowed are digits only: '21700000001' or 21700000001.",
        )
    return str(code)


def _seconds(timeout: timedelta) -> int:
    if timeout < timedelta(seconds=1):
        raise InvalidInput(f"timeout={timeout} is too short.", advice="Allowed is one second or more.")
    return int(timeout.total_seconds())


def _headers(headers: Mapping[str, str] | None) -> dict[str, str] | None:
    if headers and "authorization" in {name.lower() for name in headers}:
        raise InvalidInput(
            "custom_http_headers sets Authorization.", advice="Leave it out: the grant's access token goes there."
        )
    return dict(headers) if headers else None


def _api_endpoint(endpoint: str | None) -> str | None:
    if endpoint is None:
        return None
    url = endpoint if "://" in endpoint else f"https://{endpoint}"
    parts = urlsplit(url) if carries_tokens(url) else None
    if parts is None or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise InvalidInput(
            f"api_endpoint={endpoint!r:.80} cannot be called safely.",
            advice=f"Allowed are 'host', 'host:port' and a URL without a path. {HTTP_ALLOWED}",
        )
    return endpoint.rstrip("/")
