"""What the tests of the APIs share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import google.auth.credentials
from google.ads import admanager_v1
from google.ads.googleads.client import GoogleAdsClient
from google.api_core.client_options import ClientOptions
from google.oauth2.credentials import Credentials
from googleads.ad_manager import AdManagerClient
from googleads.common import ZeepServiceProxy

from grantkeeper.emulator import Response
from grantkeeper.emulator.server import Serving

ADWORDS = "https://www.googleapis.com/auth/adwords"
DFP = "https://www.googleapis.com/auth/dfp"
ADMANAGER = "https://www.googleapis.com/auth/admanager"
READONLY = "https://www.googleapis.com/auth/admanager.readonly"


class Rest(Protocol):
    """Calls REST in process."""

    def __call__(
        self,
        token: str | None,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """GET the path, or POST the body to it."""
        ...


def failure(response: Response) -> tuple[int, str, str, str]:
    """Return an Ads error's HTTP status, outer status, kind and name."""
    error = response.json()["error"]
    ((kind, name),) = error["details"][0]["errors"][0]["errorCode"].items()
    return response.status, error["status"], kind, name


class Bearer:
    """What AdManagerClient asks of an oauth2_client."""

    def __init__(self, token: str) -> None:
        self._token = token

    def CreateHttpHeader(self) -> dict[str, str]:  # noqa: N802 - the library's name
        """Return a new dictionary, for the library changes it; in lower case, or its log shows the token."""
        return {"authorization": f"Bearer {self._token}"} if self._token else {}


class Static(google.auth.credentials.Credentials):
    """A credential that has one token, and finds the same one when asked for another."""

    def refresh(self, request: object) -> None:
        """Count, and keep the token."""
        self.refreshed = getattr(self, "refreshed", 0) + 1


def ads_client(serving: Serving, token: str, login: str | None = None, **more: Any) -> GoogleAdsClient:
    """Return the official Google Ads client for an access token."""
    return GoogleAdsClient(
        Credentials(token),  # type: ignore[no-untyped-call]
        endpoint=serving.grpc_target,
        login_customer_id=login,
        use_proto_plus=more.pop("use_proto_plus", True),
        **more,
    )


def soap_service(serving: Serving, token: str, network_code: str | None, version: str) -> Any:
    """Return the official client's NetworkService over SOAP for an access token; an empty one is not sent."""
    client = AdManagerClient(Bearer(token), "tests", network_code=network_code, cache=ZeepServiceProxy.NO_CACHE)
    return client.GetService("NetworkService", version=version, server=serving.url)


def admanager_client(serving: Serving, token: str) -> admanager_v1.NetworkServiceClient:
    """Return the official Ad Manager client over REST for an access token."""
    credentials = Static()  # type: ignore[no-untyped-call]
    credentials.token = token
    return admanager_v1.NetworkServiceClient(
        credentials=credentials, client_options=ClientOptions(api_endpoint=serving.url)
    )
