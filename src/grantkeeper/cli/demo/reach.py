"""What a grant reaches, asked with Google's own client libraries."""

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
    from grantkeeper.model import Grant

_CHILDREN = """
    SELECT customer_client.id, customer_client.descriptive_name, customer_client.currency_code,
           customer_client.manager, customer_client.level
    FROM customer_client WHERE customer_client.level <= 1"""


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
    """Return the Google Ads accounts that the grant reaches, with GoogleAdsClient.

    Raises:
        ConsentRequired, ProviderUnavailable: as the keeper, also from behind gRPC.
        Refused: the API said no.
    """
    ads = google_ads.client(stage.keeper, grant.id, endpoint=stage.serving.grpc_target)
    with _refusals(), google_auth.api_errors(ads):
        names = ads.get_service("CustomerService").list_accessible_customers().resource_names
    return [found for name in sorted(names) for found in _below(stage, grant, name.rpartition("/")[2])]


def _below(stage: Stage, grant: Grant, root: str) -> list[Found]:
    """Return an account and, when it is a manager, what it manages: both are rows of customer_client."""
    ads = google_ads.client(stage.keeper, grant.id, endpoint=stage.serving.grpc_target, login_customer_id=root)
    service = ads.get_service("GoogleAdsService")
    try:
        with google_auth.api_errors(ads):
            rows = [row.customer_client for row in service.search(customer_id=root, query=_CHILDREN)]
    except AccessRefused as error:
        # a cancelled account is listed, and answers CUSTOMER_NOT_ENABLED
        reason = error.code.rpartition(".")[2]
        return [Found(number=_dashed(root), name="Not readable", detail=reason.replace("_", " ").lower())]
    return [
        Found(
            number=_dashed(str(row.id)),
            name=row.descriptive_name,
            detail="manager" if row.manager else row.currency_code,
        )
        for row in rows
    ]


def networks(stage: Stage, grant: Grant) -> list[Found]:
    """Return the Ad Manager networks that the grant reaches, with AdManagerClient over SOAP.

    Raises:
        ConsentRequired, ProviderUnavailable: as the keeper.
        Refused: the API said no.
    """
    from googleads.common import ZeepServiceProxy

    client = ad_manager.client(
        stage.keeper, grant.id, application_name="grantkeeper demo", cache=ZeepServiceProxy.NO_CACHE
    )
    with _refusals(), google_auth.api_errors(client):
        found = client.GetService("NetworkService", server=stage.serving.url).getAllNetworks()
    return [Found(number=each["networkCode"], name=each["displayName"], detail=each["currencyCode"]) for each in found]


def _dashed(number: str) -> str:
    return f"{number[:3]}-{number[3:6]}-{number[6:]}"
