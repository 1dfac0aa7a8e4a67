"""What a refused refresh means: for the grant, for the refresh token that was sent, and who has to act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal, Protocol

from ..errors import ProviderWords
from ..model import Death, Reason


class Refusal(Protocol):
    """What a token endpoint answered instead of tokens; `words` is None when it named no OAuth error."""

    @property
    def status(self) -> int:
        """HTTP status."""

    @property
    def words(self) -> ProviderWords | None:
        """The error it named."""

    @property
    def retry_after(self) -> timedelta | None:
        """How long it asked to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a refusal means.

    `dead`: the provider says that the grant is over, for `reason`; when it is not `certain`, a second refusal has to
    confirm it. `transient`: try later, `retry_after` if it said so. `ours`: this OAuthClient's registration or secret
    is wrong; no grant is to blame, and none may be touched for it.

    `used_up` says whether the refresh token that was sent may be used up, that is, replaced by one that we did not
    get: `no` after a definite refusal, `unknown` when the answer does not tell (an answer that never came is as
    unknown, and one to a request that was never sent is `no`: see ProviderUnavailable.sent).
    """

    kind: Literal["dead", "transient", "ours"]
    reason: Reason = Reason.NONE
    certain: bool = True
    used_up: Literal["no", "unknown"] = "no"
    retry_after: timedelta | None = None


OURS: Final[Mapping[str, str]] = {
    # RFC 6749 5.2:
    "invalid_client": "Check its client id and client secret: the provider knows no such pair.",
    "unauthorized_client": (
        "Check that the client id is the one that these grants were given to, and that it may use refresh tokens."
    ),
    "unsupported_grant_type": "Check at the provider that this OAuth client may use refresh tokens.",
    "invalid_request": "Check its registration and endpoints: the provider does not understand how we ask.",
    # No scope is sent on refresh, so the registration must have changed:
    "invalid_scope": "Check at the provider which scopes this OAuth client may use; they seem to have changed.",
    # RFC 9449 5 and 8:
    "invalid_dpop_proof": "Switch off at the provider that this OAuth client must prove a key (DPoP).",
    "use_dpop_nonce": "Switch off at the provider that this OAuth client must prove a key (DPoP).",
    # Google's [developers.google.com/identity/protocols/oauth2/web-server, read 2026-11-22]:
    "deleted_client": "Restore it at the provider: it was deleted there, and can be restored for 30 days.",
    "disabled_client": "Ask the provider why it disabled this OAuth client, and have it enabled again.",
    "restricted_client": "Have the application verified by the provider: it may not ask for these scopes yet.",
    "org_internal": "Open the consent screen to people outside the organisation, or connect accounts inside it only.",
    "redirect_uri_mismatch": "Register exactly the redirect URI that is configured here.",
}
"""Errors that speak about the OAuth client, not about the grant -> what its owner can do."""

_REGISTRATION: Final = "Check its client id, client secret and registration."

_UNDECIDED: Final = frozenset(
    {
        "server_error",  # RFC 6749 4.1.2.1; seen inside 400 and 200 as well
        "temporarily_unavailable",
        "internal_failure",  # Google
    }
)
"""Errors that say that something went wrong on the way, not that nothing was done, whatever status carries them."""


def meaning(refusal: Refusal, deaths: Callable[[ProviderWords], Death | None]) -> Meaning:
    """Return what a refused refresh means; whatever is not known for certain is transient and kills nothing.

    `deaths` is the provider's table (`Provider.deaths`). 429 and 5xx are transient whatever words come with them: a
    provider in trouble does not know. 408 is a time-out as seen from there (RFC 9110 15.5.9). 401 is about the client
    (RFC 6749 5.2) unless the words say otherwise.
    """
    used_up: Literal["no", "unknown"] = "no" if _definite(refusal) else "unknown"
    words = refusal.words
    if words is None or refusal.status in {408, 429} or refusal.status >= 500:
        return Meaning(kind="transient", used_up=used_up, retry_after=refusal.retry_after)
    if (death := deaths(words)) is not None:
        return Meaning(kind="dead", reason=death.reason, certain=death.certain)
    if words.error in OURS or (refusal.status == 401 and words.error not in _UNDECIDED):
        return Meaning(kind="ours", retry_after=refusal.retry_after)
    return Meaning(kind="transient", used_up=used_up, retry_after=refusal.retry_after)


def _definite(refusal: Refusal) -> bool:
    """Return True when the answer says that the request was turned down, so that no new token was made.

    That is a 4xx but 408 (RFC 9110 15.5: the server did not do it), or an OAuth error inside a 2xx. A 2xx without
    tokens, a redirect, a 5xx, and words like `server_error` leave open what happened before they were written.
    """
    if refusal.words is not None and refusal.words.error in _UNDECIDED:
        return False
    if 400 <= refusal.status < 500:
        return refusal.status != 408
    return 200 <= refusal.status < 300 and refusal.words is not None


def mending(words: ProviderWords | None) -> str:
    """Return what the business can do when the provider does not accept its OAuth client, in a sentence."""
    return _REGISTRATION if words is None else OURS.get(words.error, _REGISTRATION)
