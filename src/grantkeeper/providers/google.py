"""Google as a provider: every quirk a named value, with its source.

[doc] developers.google.com/identity/protocols/oauth2 and .../openid-connect, read 2026-11-22. [seen] captured traffic
and issue reports of 2025 and 2026, not documented by Google.
"""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from ..errors import InvalidInput, ProviderWords, printable
from ..model import Death, Provider, Reason
from .google_redirects import check_redirect_uri
from .google_scopes import SCOPE_WORDS, SCOPES, api_scopes
from .urls import is_endpoint

__all__ = ["DEATHS", "PROVIDER", "SCOPES", "api_scopes", "at", "check_redirect_uri", "deaths", "revocation_group"]

_AUTH: Final = "https://www.googleapis.com/auth/"

SCOPE_ALIASES: Final = {
    "email": f"{_AUTH}userinfo.email",
    "profile": f"{_AUTH}userinfo.profile",
    f"{_AUTH}plus.business.manage": f"{_AUTH}business.manage",
}
"""Scope as asked -> as answered. [seen] every token answer; the last: google-api-python-client#1969."""

AUTHORIZATION_PARAMETERS: Final = {"access_type": "offline", "include_granted_scopes": "true"}
"""[doc] web-server: without `offline` there is no refresh token; the second is incremental authorization, so that a
later consent covers the earlier ones."""

FORCE_CONSENT_PARAMETERS: Final = {"prompt": "consent"}
"""[doc] A refresh token comes back on the first consent only, or when the consent screen is asked for."""

CHOOSE_ACCOUNT_PARAMETERS: Final = {"prompt": "select_account"}
"""[doc] web-server, `prompt`. A space-separated list, so it goes together with `consent`."""

_REAUTHENTICATE: Final = Death(reason=Reason.REAUTHENTICATION)
_POLICY: Final = Death(reason=Reason.ADMIN_POLICY)
_GONE: Final = Death(reason=Reason.ACCOUNT_GONE)
_OVER: Final = Death(reason=Reason.REVOKED_OR_EXPIRED)
_OVER_PERHAPS: Final = Death(reason=Reason.REVOKED_OR_EXPIRED, certain=False)

DEATHS: Final[tuple[tuple[str, str, str, Death | None], ...]] = (
    # error, in error_subtype, in error_description (both lower case, "" matches all) -> death; None: no death.
    # The first line that fits counts. Workspace session control [doc support.google.com/a/answer/9368756]:
    ("invalid_grant", "rapt", "", _REAUTHENTICATE),  # invalid_rapt, rapt_required
    ("invalid_grant", "", "rapt", _REAUTHENTICATE),  # [seen] "reauth related error (invalid_rapt)"
    ("invalid_rapt", "", "", _REAUTHENTICATE),
    ("rapt_required", "", "", _REAUTHENTICATE),
    # The administrator restricted a service that was asked for [doc web-server, refresh token expiration]:
    ("admin_policy_enforced", "", "", _POLICY),
    ("invalid_grant", "admin_policy_enforced", "", _POLICY),
    # [seen] "Account has been deleted", "Account disabled":
    ("invalid_grant", "", "account has been deleted", _GONE),
    ("invalid_grant", "", "account deleted", _GONE),
    ("invalid_grant", "", "account disabled", _GONE),
    ("invalid_grant", "", "account has been disabled", _GONE),
    # Words about an authorization code are not about a refresh token [seen]:
    ("invalid_grant", "", "auth code", None),  # "Malformed auth code."
    ("invalid_grant", "", "code was already redeemed", None),
    ("invalid_grant", "", "verifier", None),  # "Missing code verifier.", "Invalid code verifier."
    # For about 12 hours after a user's revocation, a password change with Gmail scopes, six months unused, the cap of
    # 100, seven days of Testing [doc]; these words stand for nothing else [seen]:
    ("invalid_grant", "", "token has been expired or revoked", _OVER),
    # "Bad Request", later and for a token that was never Google's [seen]; it also stands for a foreign client's token
    # and a bad code, so it says nothing for sure:
    ("invalid_grant", "", "", _OVER_PERHAPS),
)
"""Which answers to a refresh mean that the grant is over. invalid_client, deleted_client and unauthorized_client are
about the OAuth client and never here."""


def deaths(words: ProviderWords) -> Death | None:
    """Return what a refused refresh means for the grant, by the table DEATHS; None when it is not about the grant."""
    subtype, description = words.subtype.casefold(), words.description.casefold()
    for error, in_subtype, in_description, death in DEATHS:
        if words.error == error and in_subtype in subtype and in_description in description:
            return death
    return None


def revocation_group(client_id: str) -> str:
    """Return the Cloud project's number: a revocation ends all that the person gave to the whole project [doc].

    It is the digits that the client id begins with (`1234567890-abc.apps.googleusercontent.com`); a client id without
    them stands for itself.
    """
    found = re.match(r"([0-9]+)[-.]", client_id)
    return found[1] if found else client_id


PROVIDER: Final = Provider(
    name="google",
    title="Google",
    manage_url="https://myaccount.google.com/connections",
    issuer="https://accounts.google.com",  # also `iss` in authorization responses since 2026-02 [seen]
    # [doc] https://accounts.google.com/.well-known/openid-configuration:
    authorization_endpoint="https://accounts.google.com/o/oauth2/v2/auth",
    token_endpoint="https://oauth2.googleapis.com/token",  # noqa: S106 - a URL
    revocation_endpoint="https://oauth2.googleapis.com/revoke",
    userinfo_endpoint="https://openidconnect.googleapis.com/v1/userinfo",
    jwks_uri="https://www.googleapis.com/oauth2/v3/certs",
    issuer_aliases=("accounts.google.com",),  # [doc] openid-connect: `iss` may lack the scheme
    id_token_algorithms=("RS256",),
    iss_parameter="optional",  # sent before it was advertised, and only lately advertised [doc reference, seen]
    client_authentication="client_secret_post",  # [doc]; client_secret_basic works too
    identity_scopes=("openid", "email"),
    scope_aliases=SCOPE_ALIASES,
    scope_words=SCOPE_WORDS,
    hosted_domains=True,  # [doc] openid-connect: without `hd` it is a consumer's account, whatever its address
    authorization_parameters=AUTHORIZATION_PARAMETERS,
    force_consent_parameters=FORCE_CONSENT_PARAMETERS,
    choose_account_parameters=CHOOSE_ACCOUNT_PARAMETERS,
    rotation="none",  # [doc] a refresh answers without a refresh token
    access_tokens_stay=True,  # [seen] several live at once; [doc] only a revocation or its end ends one
    sibling_refresh_tokens=True,  # [doc] 100 per account and client, the oldest die silently: one serves several grants
    testing_lifetime=timedelta(days=7),  # [doc] External and Testing, unless only openid, email, profile are asked
    idle_lifetime=timedelta(days=181),  # [doc] "six months"; no six calendar months are shorter
    refresh_token_cap=100,  # [doc] "100 refresh tokens per Google Account per OAuth 2.0 client ID", the oldest go first
    deaths=deaths,
    revocation_group=revocation_group,
)


def at(base_url: str) -> Provider:
    """Return Google with its endpoints below `base_url`: an emulator, or a test server. All quirks stay.

    Raises:
        InvalidInput: `base_url` is neither https nor on loopback, or is more than scheme, host, port and path.
    """
    base = base_url.rstrip("/")
    if not is_endpoint(base) or urlsplit(base).query:
        raise InvalidInput(
            f"{printable(base_url, 200)!r} cannot stand for Google: write https://host, or http:// on loopback."
        )
    return dataclasses.replace(
        PROVIDER,
        issuer=base,
        issuer_aliases=(),
        authorization_endpoint=f"{base}/o/oauth2/v2/auth",
        token_endpoint=f"{base}/token",
        revocation_endpoint=f"{base}/revoke",
        userinfo_endpoint=f"{base}/v1/userinfo",
        jwks_uri=f"{base}/oauth2/v3/certs",
        manage_url=f"{base}/",
        api_url=base,
    )
