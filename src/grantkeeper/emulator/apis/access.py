"""Who calls: the bearer token and its scopes, checked as Google's front end does, before any API sees the call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from grantkeeper.emulator.apis.reasons import OLD_NAMES, REASONS, STATUSES
from grantkeeper.emulator.apis.status import ApiError, Code, Detail

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.world import Person, Project

# Word for word from captured answers: googleads/googleads-php-lib#671, cohnen/mcp-google-ads#7, 2026-11-22.
EXPECTED = (
    "Expected OAuth 2 access token, login cookie or other valid authentication credential. "
    "See https://developers.google.com/identity/sign-in/web/devconsole-project."
)
MISSING_CREDENTIAL = f"Request is missing required authentication credential. {EXPECTED}"
INVALID_CREDENTIALS = f"Request had invalid authentication credentials. {EXPECTED}"
REALM = 'Bearer realm="https://accounts.google.com/"'

SERVICES: Mapping[str, str] = {
    "admanager.googleapis.com": "ad_manager",
    "analyticsadmin.googleapis.com": "analytics",
    "searchconsole.googleapis.com": "search_console",
    "merchantapi.googleapis.com": "merchant_center",
    "youtube.googleapis.com": "youtube",
    "mybusinessaccountmanagement.googleapis.com": "business_profile",
    "displayvideo.googleapis.com": "display_video",
}
"""The REST APIs' hosts, and what `Emulator.refuse` calls them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose consent the access token stands for, and through which client of which project."""

    person: Person
    scopes: frozenset[str]
    client_id: str
    project: Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """An API method: its service's host, its full RPC name, and the scopes of which one is enough."""

    service: str
    name: str
    scopes: frozenset[str]


def caller(emulator: Emulator, headers: Mapping[str, str], method: Method, account: str = "") -> Caller:
    """Return who calls; `account` is what the call names: a network.

    Raises:
        ApiError: no bearer token, one that is unknown, expired or revoked, or one without a scope that is enough; or
            a refusal was ordered.
    """
    token = bearer(headers)
    if token is None:
        raise _unauthenticated(MISSING_CREDENTIAL, REALM, error_info("CREDENTIALS_MISSING", method))
    found = known(emulator, token)
    if found is None:
        # Google's front end says so for a token that is expired, revoked or never was one: it does not tell them apart.
        info = error_info("ACCESS_TOKEN_TYPE_UNSUPPORTED", method)
        raise _unauthenticated(INVALID_CREDENTIALS, f'{REALM}, error="invalid_token"', info)
    if not found.scopes & method.scopes:
        raise _insufficient(method)
    ordered = emulator.faults.take_refusal(SERVICES.get(method.service, ""), account)
    if ordered:
        raise refused(ordered, method, found.project)
    return found


def refused(name: str, method: Method, project: Project) -> ApiError:
    """Return the refusal of that reason, old name or status."""
    if name in OLD_NAMES:
        code, domain, text = OLD_NAMES[name]
        return ApiError(code, text, old=(name, domain))
    if name in Code.__members__:
        return ApiError(Code[name], STATUSES[Code[name]])
    code, text = REASONS[name]
    info = error_info(name, method)
    named = {**info, "metadata": {**info["metadata"], "consumer": f"projects/{project.number}"}}
    return ApiError(code, text.format(service=method.service, project=project.number), details=(named,))


def bearer(headers: Mapping[str, str]) -> str | None:
    """Return the token of the Authorization header (RFC 6750 section 2.1), or None."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def known(emulator: Emulator, token: str) -> Caller | None:
    """Return whom the access token stands for, or None when it is not a live one."""
    info = emulator.introspect(token)
    if info is None:
        return None
    return Caller(person=info.person, scopes=frozenset(info.scopes), client_id=info.client_id, project=info.project)


def error_info(reason: str, method: Method) -> Detail:
    """Return a google.rpc.ErrorInfo; the reasons are those of google.api.ErrorReason."""
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": method.service, "method": method.name},
    }


def _unauthenticated(message: str, challenge: str, info: Detail) -> ApiError:
    return ApiError(Code.UNAUTHENTICATED, message, details=(info,), challenge=challenge)


def _insufficient(method: Method) -> ApiError:
    challenge = f'{REALM}, error="insufficient_scope", scope="{" ".join(sorted(method.scopes))}"'
    info = error_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", method)
    message = "Request had insufficient authentication scopes."
    return ApiError(Code.PERMISSION_DENIED, message, details=(info,), challenge=challenge)
