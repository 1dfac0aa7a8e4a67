"""The token endpoint: code exchange and refresh (RFC 6749 4.1.3, 5 and 6). No I/O, no clock."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote_plus, urlencode

from ..errors import ProviderWords, printable
from ..model import OAuthClient, Request, Response, Secret
from .authorization import asked_scopes
from .reading import Members, members, retry_after, scopes, seconds, token, words

DEFAULT_LIFETIME: Final = timedelta(minutes=10)
"""Taken when the provider does not say how long the access token lives, or says it unreadably (RFC 6749 5.1 only
recommends expires_in). Short, so that it is renewed soon; twice what callers want as a rest (DEFAULT_MIN_TTL), so
that not every call renews it; never "for ever"."""
MAX_LIFETIME: Final = timedelta(days=90)
"""No access token is believed to live longer. The longest of known platforms live 60 days (Meta, LinkedIn)."""
MAX_GRANT_LIFETIME: Final = timedelta(days=3660)
"""A refresh token's end further away than that is no end worth keeping."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """A token endpoint's answer with tokens in it (RFC 6749 5.1).

    `problem` is "" when all is well; else it says, about the answer, why the access token is not to be used. A refresh
    token in it is to be saved all the same: the provider may already have killed the one before. `scopes` is None when
    the answer does not say (then it is what was asked). `ends_at` is the refresh token's end, if the provider said one.
    `warning` is worth a log line: the access token is fine, something else is odd.
    """

    access_token: Secret | None
    refresh_token: Secret | None
    token_type: str
    expires_at: datetime
    scopes: frozenset[str] | None
    id_token: Secret | None
    ends_at: datetime | None = None
    problem: str = ""
    warning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefusal:
    """A token endpoint's answer without tokens. `words` is None when it holds no OAuth error (RFC 6749 5.2)."""

    status: int
    words: ProviderWords | None
    retry_after: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeDifference:
    """What was granted, beside what was asked.

    `granted` and `extra` are spelled as in answers, `missing` as in the OAuthClient's required scopes.
    """

    granted: frozenset[str]
    missing: frozenset[str]
    extra: frozenset[str]


def exchange_request(
    client: OAuthClient, *, secret: Secret, code: str, redirect_uri: str, code_verifier: Secret
) -> Request:
    """Return the request that trades a code for tokens (RFC 6749 4.1.3, RFC 7636 4.5).

    `redirect_uri` is what the authorization request carried, byte by byte.
    """
    return token_endpoint_request(
        client,
        secret,
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": code_verifier.reveal(),
        },
    )


def refresh_request(client: OAuthClient, *, secret: Secret, refresh_token: Secret) -> Request:
    """Return the request that trades a refresh token for an access token (RFC 6749 6).

    No scope is sent: it could only narrow the grant, and Google refuses one that exceeds it.
    """
    return token_endpoint_request(
        client, secret, {"grant_type": "refresh_token", "refresh_token": refresh_token.reveal()}
    )


def token_endpoint_request(client: OAuthClient, secret: Secret, form: Mapping[str, str]) -> Request:
    """Return a POST to the token endpoint with the client authenticated in exactly one way (RFC 6749 2.3)."""
    return authenticated_post(client.provider.token_endpoint, client, secret, form)


def authenticated_post(url: str, client: OAuthClient, secret: Secret, form: Mapping[str, str]) -> Request:
    """Return a form POST to `url` with client authentication (RFC 6749 2.3.1, appendix B).

    A client without a secret (installed applications of some providers) sends its client_id only (RFC 6749 3.2.1).
    """
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    identity = {"client_id": client.client_id}
    if secret and client.provider.client_authentication == "client_secret_basic":
        pair = f"{quote_plus(client.client_id)}:{quote_plus(secret.reveal())}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        identity = {}
    elif secret:
        identity["client_secret"] = secret.reveal()
    return Request(method="POST", url=url, headers=headers, body=urlencode({**form, **identity}).encode())


def token_answer(response: Response, *, sent_at: datetime) -> TokenAnswer | TokenRefusal:
    """Read a token endpoint's answer (RFC 6749 5.1 and 5.2); never raises, whatever the bytes.

    A refusal is any status but 2xx, and a 2xx that names an error or holds no token; but a refresh token in a 2xx is
    never dropped. `sent_at` is when the request left: lifetimes count from there, so that they end early, not late.
    """
    found = members(response)
    if found and 200 <= response.status < 300:
        refused = words(found) is not None
        answer = _answer(found, sent_at, refused=refused)
        if answer.refresh_token or (answer.access_token and not refused):
            return answer
    return TokenRefusal(
        status=response.status,
        words=words(found) if found else None,
        retry_after=retry_after(response.headers.get("retry-after"), now=sent_at),
    )


def _answer(found: Members, sent_at: datetime, *, refused: bool) -> TokenAnswer:
    access_token, problem = token(found, "access_token")
    refresh_token, refresh_warning = token(found, "refresh_token")
    token_type, type_problem = _token_type(found.values.get("token_type"))
    lifetime, lifetime_problem, lifetime_warning = _lifetime(found.values.get("expires_in"))
    error = "it names an error beside its tokens" if refused else ""
    return TokenAnswer(
        access_token=access_token,
        refresh_token=refresh_token,
        token_type=token_type,
        expires_at=sent_at + lifetime,
        scopes=scopes(found.values.get("scope")),
        id_token=token(found, "id_token")[0],
        ends_at=_ends_at(found.values.get("refresh_token_expires_in"), sent_at),
        problem=error or problem or type_problem or lifetime_problem,
        warning=(refresh_warning if "refresh_token" in found.values else "") or lifetime_warning,
    )


def _token_type(value: object) -> tuple[str, str]:
    """Return the type and why it cannot be used: only Bearer can (RFC 6749 7.1), in any case (RFC 6749 5.1).

    An absent type is Bearer: LinkedIn leaves it out, and nobody who does means anything else.
    """
    if value is None or (isinstance(value, str) and value.casefold() == "bearer"):
        return "Bearer", ""
    named = printable(value, 40) if isinstance(value, str) else type(value).__name__
    return named, f"its access token is of the type {named!r}, not Bearer"


def _lifetime(value: object) -> tuple[timedelta, str, str]:
    """Return how long the access token lives, why it cannot be used, and what is worth a log line.

    Unreadable is DEFAULT_LIFETIME, absurdly long is MAX_LIFETIME; nothing or less than nothing makes the token
    unusable: who is handed it was promised that it lives.
    """
    number = seconds(value)
    if number is None:
        said = "does not say" if value is None else "says unreadably"
        return DEFAULT_LIFETIME, "", f"it {said} how long its access token lives (expires_in)"
    if number < 1:
        return timedelta(0), "its access token is over already (expires_in)", ""
    return timedelta(seconds=int(min(number, MAX_LIFETIME.total_seconds()))), "", ""


def _ends_at(value: object, sent_at: datetime) -> datetime | None:
    """Return when the refresh token ends; None when the answer does not say, or says nothing sensible.

    Google sends refresh_token_expires_in for access limited in time and, with 604799, in Testing mode; LinkedIn always.
    """
    number = seconds(value)
    if number is None or not 0 < number <= MAX_GRANT_LIFETIME.total_seconds():
        return None
    return sent_at + timedelta(seconds=int(number))


def scope_difference(client: OAuthClient, granted: frozenset[str] | None) -> ScopeDifference:
    """Compare what was granted with what was asked (RFC 6749 3.3): data, never an error.

    The provider's aliases are applied to both sides. `granted` None means "as asked" (RFC 6749 5.1).
    """
    aliases = client.provider.scope_aliases

    def answered(names: Iterable[str]) -> frozenset[str]:
        return frozenset(aliases.get(name, name) for name in names)

    asked = answered(asked_scopes(client))
    got = asked if granted is None else answered(granted)
    missing = frozenset(name for name in client.scopes if aliases.get(name, name) not in got)
    return ScopeDifference(granted=got, missing=missing, extra=got - asked)
