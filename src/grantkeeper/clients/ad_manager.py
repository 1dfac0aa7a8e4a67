"""A grant as a client of Google Ad Manager: over SOAP (package googleads) or REST (package google-ads-admanager).

gam = ad_manager.client(keeper, grant.id, application_name="Nordwind reports", network_code="21700000001")
networks = gam.GetService("NetworkService").getAllNetworks()

for network in ad_manager.rest_client(keeper, grant.id).list_networks(): ...
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, TypeVar, overload
from urllib.parse import urlsplit

from grantkeeper.errors import InvalidInput
from grantkeeper.model import TokenSource

from . import google_auth
from .extras import extra

if TYPE_CHECKING:
    from google.ads.admanager_v1 import NetworkServiceClient
    from googleads.ad_manager import AdManagerClient
    from zeep.cache import Base as ZeepCache

    from .grant_credentials import GrantCredentials

__all__ = ["GrantOAuth2Client", "client", "oauth2_client", "rest_client"]

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
        with google_auth.grant_errors(self.credentials):
            self.credentials.before_request(None, "POST", "", headers)  # type: ignore[no-untyped-call]
        return headers

    def Refresh(self) -> None:  # noqa: N802 - googleads' name for it
        """Get another token; one that is still valid is reported to the source as rejected.

        Raises:
            ConsentRequired, ProviderUnavailable, Misconfigured ...: whatever the source raised.
        """
        with google_auth.grant_errors(self.credentials):
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
    """Return an AdManagerClient (SOAP) that acts for the grant. No I/O: GetService fetches the WSDL.

    The library's `proxy_config` is not offered: it passes the CA file as a client certificate and can switch off
    certificate checks in the whole process (googleads 51, oauth2.py, common.py); `HTTPS_PROXY` and
    `REQUESTS_CA_BUNDLE` in the environment do what it is for.

    Args:
        source: a Keeper or a Remote.
        grant_id: the grant.
        application_name: shown in the publisher's Ad Manager; any words that name you.
        network_code: the network to work in; only getAllNetworks and makeTestNetwork need none.
        cache: a zeep cache for WSDLs; default is zeep's file, `googleads.common.ZeepServiceProxy.NO_CACHE` is none.
        timeout: of one call, whole seconds.
        custom_http_headers: sent with every call.
        enable_compression: ask for gzip.

    Raises:
        InvalidInput: application_name, network_code, timeout or custom_http_headers cannot be right.
        Misconfigured: googleads is not installed.
    """
    with extra("ad-manager", "googleads"):
        from googleads.ad_manager import AdManagerClient

    return AdManagerClient(
        oauth2_client(source, grant_id),
        _application_name(application_name),
        network_code=_network_code(network_code),
        cache=cache,
        timeout=_seconds(timeout),
        custom_http_headers=_headers(custom_http_headers),
        enable_compression=enable_compression,
    )


@overload
def rest_client(source: TokenSource, grant_id: str, *, api_endpoint: str | None = None) -> NetworkServiceClient: ...


@overload
def rest_client(
    source: TokenSource, grant_id: str, *, api_endpoint: str | None = None, service: type[_Client]
) -> _Client: ...


def rest_client(
    source: TokenSource, grant_id: str, *, api_endpoint: str | None = None, service: type[object] | None = None
) -> object:
    """Return a client of google-ads-admanager that acts for the grant. No I/O.

    Args:
        source: a Keeper or a Remote.
        grant_id: the grant; needs the scope `admanager` or `admanager.readonly`.
        api_endpoint: instead of admanager.googleapis.com: a host, or a URL; http only on this machine.
        service: a client class of google.ads.admanager_v1, by default NetworkServiceClient.

    Raises:
        InvalidInput: the endpoint cannot be right.
        Misconfigured: google-ads-admanager is not installed.
    """
    with extra("ad-manager", "google-ads-admanager"):
        from google.ads.admanager_v1 import NetworkServiceClient
        from google.api_core.client_options import ClientOptions

    made: Any = service or NetworkServiceClient
    options = ClientOptions(api_endpoint=_api_endpoint(api_endpoint))
    return made(credentials=google_auth.credentials(source, grant_id), client_options=options)


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
    parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    safe = parts.scheme == "https" or (parts.scheme == "http" and _loopback(parts.hostname or ""))
    if not safe or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise InvalidInput(
            f"api_endpoint={endpoint!r:.80} cannot be called safely.",
            advice="Allowed are 'host', 'host:port', an https URL without a path, and http on this machine only.",
        )
    return endpoint.rstrip("/")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
