"""What the Ad Manager SOAP API says: AuthenticationError's reasons, and the few others that any call may meet.

Source: developers.google.com/ad-manager/api/reference/v202608/NetworkService.AuthenticationError, and the v201802 WSDL
that googleads carries in its tests (NOT_WHITELISTED_FOR_API_ACCESS is of old versions, NETWORK_API_ACCESS_DISABLED of
new ones); read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from .meaning import Meaning, account, person, project, wait

_REPORT: Final = "Update grantkeeper and googleads; if it stays, report it with the request id."
_USERS: Final = "admanager.google.com > Admin > Access & authorization > Users"
_SWITCH_ON: Final = (
    "An administrator of the network opens admanager.google.com > Admin > Global settings, turns on API access under "
    "Network settings and saves."
)

CODES: Final[Mapping[str, Meaning]] = {
    "AuthenticationError.AMBIGUOUS_SOAP_REQUEST_HEADER": project(
        "The SOAP header names two ways to sign in, or none.", _REPORT
    ),
    "AuthenticationError.INVALID_EMAIL": person(
        "Ad Manager does not accept the e-mail address that the person signs in with.",
        f"An administrator of the network checks the person at {_USERS}.",
    ),
    "AuthenticationError.AUTHENTICATION_FAILED": wait(
        "Ad Manager does not accept the access token: it has expired, was revoked, or lacks the scope dfp.",
        "Ask again: a new access token is got first. If it stays, let the owner connect again with the scope "
        "https://www.googleapis.com/auth/dfp.",
    ),
    "AuthenticationError.INVALID_OAUTH_SIGNATURE": wait(
        "Ad Manager does not accept the access token.",
        "Ask again: a new access token is got first, and if the grant is over, that will say so.",
    ),
    "AuthenticationError.INVALID_SERVICE": project("Ad Manager knows no service of this name.", _REPORT),
    "AuthenticationError.MISSING_SOAP_REQUEST_HEADER": project("The SOAP request header was missing.", _REPORT),
    "AuthenticationError.MISSING_AUTHENTICATION_HTTP_HEADER": project(
        "No access token arrived with the call.",
        "Check that nothing between here and Google (a proxy, a custom transport) takes the Authorization header away.",
    ),
    "AuthenticationError.MISSING_AUTHENTICATION": project(
        "No access token arrived with the call.",
        "Check that nothing between here and Google (a proxy, a custom transport) takes the Authorization header away.",
    ),
    "AuthenticationError.NOT_WHITELISTED_FOR_API_ACCESS": account(
        "API access is not switched on in the Ad Manager network.", _SWITCH_ON
    ),
    "AuthenticationError.NETWORK_API_ACCESS_DISABLED": account(
        "API access is not switched on in the Ad Manager network.", _SWITCH_ON
    ),
    "AuthenticationError.NO_NETWORKS_TO_ACCESS": person(
        "The person who consented is a user of no Ad Manager network.",
        f"An administrator of the network invites the person at {_USERS}, or somebody connects who is a user there.",
    ),
    "AuthenticationError.NETWORK_NOT_FOUND": account(
        "There is no network with this code among those of the person who consented.",
        "Check the network code (admanager.google.com > Admin > Global settings); the person must be a user there.",
    ),
    "AuthenticationError.NETWORK_CODE_REQUIRED": project(
        "The person has several networks, and the call names none.",
        "Pass the network code: ad_manager.client(..., network_code=...).",
    ),
    "AuthenticationError.CONNECTION_ERROR": wait("Ad Manager could not check who calls.", "Ask again in a while."),
    "AuthenticationError.GOOGLE_ACCOUNT_ALREADY_ASSOCIATED_WITH_NETWORK": account(
        "The person has a test network already, and Google gives one to each.",
        "Use the test network that is there; getAllNetworks names it.",
    ),
    "AuthenticationError.UNDER_INVESTIGATION": account(
        "Google blocked the network while it looks into it.",
        "An administrator of the network opens admanager.google.com, or asks Ad Manager support.",
    ),
    "AuthenticationError.UNKNOWN": account(
        "Ad Manager refuses to authenticate and does not say why in this API version.",
        "Open the network at admanager.google.com as the same person; if that works, update grantkeeper and googleads.",
    ),
    "PermissionError.PERMISSION_DENIED": account(
        "The person's role or teams in the network do not allow this.",
        "An administrator of the network changes them at admanager.google.com > Admin > Access & authorization.",
    ),
    "QuotaError.EXCEEDED_QUOTA": wait("Too many calls in a short time for this network.", "Ask again in a while."),
    "QuotaError.REPORT_JOB_LIMIT": wait(
        "Too many reports are running in this network.", "Ask again when some of them are done."
    ),
    "ServerError.SERVER_ERROR": wait("Ad Manager met an error of its own.", "Ask again in a while."),
    "ServerError.SERVER_BUSY": wait("Ad Manager is too busy.", "Ask again in a while."),
    "InternalApiError.UNEXPECTED_INTERNAL_API_ERROR": wait(
        "Ad Manager met an error of its own.", "Ask again in a while."
    ),
    "InternalApiError.TRANSIENT_ERROR": wait("Ad Manager met an error that passes.", "Ask again."),
    "InternalApiError.DOWNSTREAM_ERROR": wait("Something behind Ad Manager is in trouble.", "Ask again in a while."),
    "ApiVersionError.UPDATE_TO_NEWER_VERSION": project(
        "This version of the Ad Manager SOAP API is switched off.", "Update grantkeeper and googleads."
    ),
}
"""ErrorType.REASON of an ApiExceptionFault -> what it means."""
