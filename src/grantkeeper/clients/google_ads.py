"""A grant as a GoogleAdsClient (package google-ads): today's AdWordsClient.

ads = google_ads.client(keeper, grant.id, login_customer_id="123-456-7890")
with google_auth.grant_errors(ads):
    ads.get_service("CustomerService").list_accessible_customers()
"""

from __future__ import annotations

import pkgutil
import re
from typing import TYPE_CHECKING, Final

from grantkeeper.errors import InvalidInput
from grantkeeper.model import TokenSource

from . import google_auth
from .extras import extra

if TYPE_CHECKING:
    from google.ads.googleads.client import GoogleAdsClient

__all__ = ["client"]

_CUSTOMER_ID: Final = re.compile(r"([0-9]{3})-?([0-9]{3})-?([0-9]{4})")
"""Ten digits, with or without the dashes of Google's pages (google.ads.googleads.config asks for ten digits)."""

_HOST_AND_PORT: Final = re.compile(r"[A-Za-z0-9.\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?")


def client(
    source: TokenSource,
    grant_id: str,
    *,
    login_customer_id: str | int | None = None,
    linked_customer_id: str | int | None = None,
    developer_token: str | None = None,
    endpoint: str | None = None,
    version: str | None = None,
    use_proto_plus: bool = True,
) -> GoogleAdsClient:
    """Return a GoogleAdsClient that acts for the grant. No I/O: the first call asks for a token.

    The library's `http_proxy` is not offered: it would apply to every client of the process (google-ads 34,
    client.py); gRPC honours the environment variable `https_proxy`.

    Args:
        source: a Keeper or a Remote.
        grant_id: the grant.
        login_customer_id: the manager account through which the calls go; "123-456-7890", "1234567890" or a number.
        linked_customer_id: the same forms; only for the few calls that ask for it.
        developer_token: left out when empty: Google ended them on 2026-09-09, and an empty one is refused.
        endpoint: host or host:port instead of googleads.googleapis.com; always over TLS.
        version: "v26", say; default is the library's newest.
        use_proto_plus: messages as proto-plus (the default) or as plain protobuf.

    Raises:
        InvalidInput: a customer id, the endpoint or the version cannot be right.
        Misconfigured: google-ads is not installed.
    """
    with extra("google-ads", "google-ads"):
        from google.ads.googleads.client import GoogleAdsClient

    return GoogleAdsClient(
        credentials=google_auth.credentials(source, grant_id),
        developer_token=developer_token or None,
        endpoint=_endpoint(endpoint),
        login_customer_id=_customer_id("login_customer_id", login_customer_id),
        linked_customer_id=_customer_id("linked_customer_id", linked_customer_id),
        version=_version(version),
        use_proto_plus=use_proto_plus,
    )


def _customer_id(name: str, value: str | int | None) -> str | None:
    if value is None:
        return None
    digits = _CUSTOMER_ID.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if digits is None:
        raise InvalidInput(
            f"{name}={value!r:.40} is not a Google Ads customer id.",
            advice="Allowed are ten digits, with or without dashes: '123-456-7890', '1234567890' or 1234567890.",
        )
    return "".join(digits.groups())


def _endpoint(endpoint: str | None) -> str | None:
    if endpoint is not None and not _HOST_AND_PORT.fullmatch(endpoint):
        raise InvalidInput(
            f"endpoint={endpoint!r:.80} is not a host.",
            advice="Allowed are 'host' and 'host:port', without 'https://' and path; the connection is always TLS.",
        )
    return endpoint


def _version(version: str | None) -> str | None:
    import google.ads.googleads

    packages = (each.name for each in pkgutil.iter_modules(google.ads.googleads.__path__))
    known = sorted(name for name in packages if re.fullmatch(r"v[0-9]+", name))
    if version is not None and version not in known:
        raise InvalidInput(
            f"version={version!r:.20} is not in the installed google-ads.", advice=f"Allowed are {', '.join(known)}."
        )
    return version
