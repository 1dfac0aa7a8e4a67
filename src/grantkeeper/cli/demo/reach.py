"""What a grant's person shares, asked with Google's own client libraries."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantkeeper.clients import ad_manager, google_ads, google_auth
from grantkeeper.errors import AccessRefused, Misconfigured

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantkeeper.cli.demo.stage import Stage
    from grantkeeper.model import Account, Grant

_ITSELF = "SELECT customer.descriptive_name, customer.currency_code, customer.manager FROM customer LIMIT 1"
_MOST = 20
"""Accounts that a card shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An ad account or a network, as a line on a page."""

    number: str
    name: str
    detail: str


class Refused(Exception):
    """A Google API said no, for a reason that is not the grant's."""


@contextmanager
def _refusals() -> Iterator[None]:
    """Turn what an API refuses for another reason than the grant into one error, and keep the libraries quiet."""
    # the libraries write every refusal to the log as a warning; here the page says it
    for name in ("google.ads.googleads", "googleads.soap"):
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    except (AccessRefused, Misconfigured) as error:
        raise Refused(error.provider.error if error.provider else type(error).__name__) from error


def ad_accounts(stage: Stage, grant: Grant) -> list[Found]:
    """Return the Google Ads accounts that the grant's person shares, each asked with a GoogleAdsClient made for it.

    Raises:
        ConsentRequired, ProviderUnavailable: as the keeper, also from behind gRPC.
        Refused: the API said no.
    """
    with _refusals():
        shared = stage.keeper.accounts(grant.id, kind="google_ads")
        return [_asked(stage, grant, account) for account in shared[:_MOST]]


def _asked(stage: Stage, grant: Grant, account: Account) -> Found:
    """Return what Google Ads says of one account; a cancelled one is listed and not asked."""
    number = f"{account.id[:3]}-{account.id[3:6]}-{account.id[6:]}"
    if not account.enabled:
        return Found(
            number=number, name=account.name or "Not readable", detail=account.status.replace("_", " ").lower()
        )
    ads = google_ads.client(stage.keeper, grant.id, customer_id=account.id, endpoint=stage.serving.grpc_target)
    service = ads.get_service("GoogleAdsService")
    with google_auth.api_errors(ads, account_id=account.id):
        (row,) = service.search(customer_id=account.id, query=_ITSELF)
    detail = "manager" if row.customer.manager else row.customer.currency_code
    return Found(number=number, name=row.customer.descriptive_name, detail=detail)


def networks(stage: Stage, grant: Grant) -> list[Found]:
    """Return the Ad Manager networks that the grant's person shares, asked with AdManagerClient over SOAP.

    Raises:
        ConsentRequired, ProviderUnavailable: as the keeper.
        Refused: the API said no.
    """
    from googleads.common import ZeepServiceProxy

    with _refusals():
        shared = {account.id for account in stage.keeper.accounts(grant.id, kind="ad_manager")}
        if not shared:
            return []
        client = ad_manager.client(
            stage.keeper,
            grant.id,
            application_name="grantkeeper demo",
            network_code=min(shared),
            cache=ZeepServiceProxy.NO_CACHE,
        )
        with google_auth.api_errors(client):
            found = client.GetService("NetworkService", server=stage.serving.url).getAllNetworks()
    rows = [each for each in found if each["networkCode"] in shared]
    return [Found(number=each["networkCode"], name=each["displayName"], detail=each["currencyCode"]) for each in rows]
