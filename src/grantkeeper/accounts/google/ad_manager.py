"""Google Ad Manager: the networks of which a person is a user, over REST, or over SOAP where REST refuses.

One request, two where REST cannot be used: the consent covers only the scope `dfp` (whether REST takes that is not
documented), the REST API is not enabled in the Cloud project, or it is not there.

Source: developers.google.com/ad-manager/api/beta/reference/rest/v1/networks/list and .../api/reference/v202608/
NetworkService#getallnetworks, read 2026-11-22.
"""

from __future__ import annotations

from typing import Final

from ...errors import AccessRefused, GrantkeeperError
from ...model import FoundAccount
from .. import answers, soap
from ..discovery import Discovery, Steps
from ..paging import Fetch, Listing, Row, identifier, listed, unique, words

KIND: Final = "ad_manager"
_REST: Final = "https://admanager.googleapis.com"
_SOAP: Final = "https://ads.google.com"
_SCOPES: Final = frozenset(
    f"https://www.googleapis.com/auth/{each}" for each in ("dfp", "admanager", "admanager.readonly")
)

_APPLICATION: Final = "grantkeeper"
_PAGE: Final = 1000
"""The most that the API gives."""

_REST_UNUSABLE: Final = frozenset(
    {
        "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "insufficientPermissions",
        "SERVICE_DISABLED",
        "accessNotConfigured",
        "NOT_FOUND",
        "UNIMPLEMENTED",
    }
)
"""Refusals with which SOAP may still answer."""

_NO_NETWORKS: Final = "AuthenticationError.NO_NETWORKS_TO_ACCESS"
_VAGUE: Final = "AuthenticationError.AUTHENTICATION_FAILED"
"""What SOAP says of a token that lacks its scope: REST's refusal tells more."""

_CODE: Final = "([0-9]{1,20})"


def _steps(api_url: str | None) -> Steps:
    try:
        return (yield from _over_rest(api_url or _REST))
    except GrantkeeperError as error:
        if _said(error) not in _REST_UNUSABLE:
            raise
        refusal = error
    try:
        return (yield from _over_soap(api_url or _SOAP))
    except GrantkeeperError as error:
        if _said(error) == _VAGUE:
            raise refusal from None
        raise


def _over_rest(base: str) -> Fetch[list[FoundAccount]]:
    listing = Listing(url=f"{base}/v1/networks", member="networks", parameters={"pageSize": _PAGE})
    (rows,) = yield from listed(KIND, listing)
    return unique(_network(row, test=row.get("testNetwork") is True) for row in rows)


def _over_soap(base: str) -> Fetch[list[FoundAccount]]:
    (response,) = yield (soap.get_all_networks(base, _APPLICATION),)
    try:
        rows = soap.values(response)
    except AccessRefused as error:
        if error.code == _NO_NETWORKS:
            return []
        raise
    return unique(_network(row, test=row.get("isTest") == "true") for row in rows)


def _network(row: Row, *, test: bool) -> FoundAccount:
    """Return a network; REST and SOAP name its members alike but for the flag."""
    return FoundAccount(
        kind=KIND,
        id=identifier(KIND, row, "networkCode", _CODE),
        name=answers.name(words(row, "displayName")),
        test=test,
        currency=answers.word(words(row, "currencyCode")),
        time_zone=answers.word(words(row, "timeZone")),
    )


def _said(error: GrantkeeperError) -> str:
    return error.provider.error if error.provider else ""


DISCOVERY: Final = Discovery(kind=KIND, title="Google Ad Manager", noun="network", scopes=_SCOPES, steps=_steps)
"""How Ad Manager networks are found."""
