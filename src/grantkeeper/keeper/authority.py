"""The only place where a provider is called: protocol (`oauth`) meets I/O (a Transport)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from ..errors import BadCallback, GrantkeeperError, Misconfigured, ProviderUnavailable
from ..forks import in_child
from ..model import UNIDENTIFIED, OAuthClient, Provider, Request, Response, Secret, Transport
from ..oauth.identity import Identity, IdTokenInvalid, id_token_identity, jwks_answer, jwks_request
from ..oauth.revocation import revocation_answer, revocation_request
from ..oauth.token import TokenAnswer, TokenRefusal, exchange_request, refresh_request, token_answer
from ..renewal import meaning, mending

DEADLINE: Final = timedelta(seconds=20)
"""Total time of one call to a provider. Google answers within a second; a person waits at the callback."""

KEYS_LIFETIME: Final = timedelta(hours=1)
"""Google serves its keys with max-age of about six hours and rotates them weekly; one hour is well inside."""

KEYS_COOLDOWN: Final = timedelta(seconds=60)
"""An unknown key id causes at most one fetch in this time (O-54): random ids must not become traffic."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """A provider's keys, and when they were last fetched or that was tried."""

    keys: Mapping[str, Any]
    tried_at: datetime


class Authority:
    """Calls providers for a keeper. Thread-safe; holds no lock while it waits for a provider."""

    def __init__(self, transport: Transport, now: Callable[[], datetime]) -> None:
        self._transport = transport
        self._now = now
        self._keys: dict[str, _Keys] = {}
        self._keys_lock = threading.Lock()
        in_child(self._forked)

    def _forked(self) -> None:
        self._keys_lock = threading.Lock()

    def exchange(self, client: OAuthClient, *, code: str, redirect_uri: str, code_verifier: Secret) -> TokenAnswer:
        """Exchange an authorization code (RFC 6749 4.1.3).

        Raises BadCallback when the provider refuses the code, Misconfigured when it refuses us, ProviderUnavailable.
        """
        answer = self._ask(
            client,
            lambda secret: exchange_request(
                client, secret=secret, code=code, redirect_uri=redirect_uri, code_verifier=code_verifier
            ),
        )
        if isinstance(answer, TokenAnswer):
            if answer.problem:
                raise ProviderUnavailable(
                    f"{client.provider.called} answered with tokens we cannot use: {answer.problem}."
                )
            return answer
        if answer.words is not None and answer.words.error == "invalid_grant":
            raise BadCallback(
                "The provider refused the authorization code.",
                provider=answer.words,
                advice="Start again: a code is good once, for a few minutes, and for the browser that began.",
            )
        kind = meaning(answer, lambda _words: None).kind
        raise refused(client, answer, "ours" if kind == "ours" else "transient")

    def refresh(self, client: OAuthClient, refresh_token: Secret) -> TokenAnswer | TokenRefusal:
        """Send one refresh (RFC 6749 6); raises ProviderUnavailable when no answer came."""
        return self._ask(client, lambda secret: refresh_request(client, secret=secret, refresh_token=refresh_token))

    def call(self, request: Request, token: Secret, *, deadline: timedelta) -> Response:
        """Call an API of a provider with an access token (RFC 6750 2.1); raises ProviderUnavailable."""
        # No local variable holds the header: a traceback that shows them must not show the token (V-22).
        return self._transport.send(_authorized(request, token), deadline=deadline)

    def revoke(self, client: OAuthClient, token: Secret) -> bool:
        """Revoke at the provider (RFC 7009); False means: try later, or there is no revocation endpoint."""
        if client.provider.revocation_endpoint is None:
            return False
        try:
            return revocation_answer(self._transport.send(revocation_request(client, token), deadline=DEADLINE))
        except ProviderUnavailable:
            return False

    def identify(self, client: OAuthClient, answer: TokenAnswer, *, nonce: str | None) -> Identity:
        """Return who consented, from the validated id_token (OpenID Connect Core 3.1.3.7); raises BadCallback.

        `nonce` is None for the answer to a refresh (Core 12.2).
        """
        if answer.id_token is None:
            raise BadCallback(
                f"{client.provider.called} did not say who consented: its answer has no id_token.",
                advice="Start again; if it stays, the OAuth client may not be allowed the scope openid.",
            )
        keys = self._provider_keys(client.provider, older_than=KEYS_LIFETIME)
        try:
            return self._identity(client, answer, answer.id_token, nonce, keys)
        except IdTokenInvalid as error:
            if not error.unknown_kid:
                raise
        keys = self._provider_keys(client.provider, older_than=KEYS_COOLDOWN)
        return self._identity(client, answer, answer.id_token, nonce, keys)

    def close(self) -> None:
        """Close the transport."""
        self._transport.close()

    def _identity(
        self, client: OAuthClient, answer: TokenAnswer, id_token: Secret, nonce: str | None, keys: Mapping[str, Any]
    ) -> Identity:
        found = id_token_identity(
            id_token, keys=keys, client=client, nonce=nonce, now=self._now(), access_token=answer.access_token
        )
        if found.subject.startswith(UNIDENTIFIED):  # a word of ours: anybody's consent takes such a grant over
            raise IdTokenInvalid("its sub is none that can be told from ours")
        return found

    def _provider_keys(self, provider: Provider, *, older_than: timedelta) -> Mapping[str, Any]:
        """Return the provider's JWKS, fetched again when that was last tried longer ago.

        Keys that we have serve on while they cannot be fetched: the authorization code is spent by now.
        """
        held = self._keys.get(provider.issuer)
        # abs: after a clock set back, they would otherwise stay for as long as it was set back.
        if held is None or abs(self._now() - held.tried_at) >= older_than:
            held = _Keys(self._fetched_keys(provider, held), self._now())
            with self._keys_lock:
                self._keys[provider.issuer] = held
        return held.keys

    def _fetched_keys(self, provider: Provider, held: _Keys | None) -> Mapping[str, Any]:
        try:
            return jwks_answer(self._transport.send(jwks_request(provider), deadline=DEADLINE))
        except ProviderUnavailable:
            if held is None:
                raise
            return held.keys

    def _ask(self, client: OAuthClient, request: Callable[[Secret], Request]) -> TokenAnswer | TokenRefusal:
        """Ask the token endpoint with the newest client secret, with older ones while it refuses the client.

        All of it takes DEADLINE at most: a lease ends (R-04).
        """
        answer: TokenAnswer | TokenRefusal | None = None
        began_at = self._now()
        for secret in reversed(client.client_secrets):
            sent_at = self._now()
            left = DEADLINE - max(sent_at - began_at, timedelta())
            if answer is not None and left <= timedelta():
                break
            answer = token_answer(self._transport.send(request(secret), deadline=left), sent_at=sent_at)
            if not (isinstance(answer, TokenRefusal) and answer.words and answer.words.error == "invalid_client"):
                break
        if answer is None:
            raise Misconfigured(f"The OAuth client {client.name!r} has no client secret.")
        return answer


def refused(client: OAuthClient, refusal: TokenRefusal, kind: Literal["ours", "transient"]) -> GrantkeeperError:
    """Return the error for a refusal that is not the owner's: ours to mend, or the provider's trouble."""
    if kind == "ours":
        return Misconfigured(
            f"{client.provider.called} does not accept the OAuth client {client.name!r}, or how it asks.",
            provider=refusal.words,
            advice=f"{mending(refusal.words)} No grant was changed.",
        )
    return ProviderUnavailable(
        f"{client.provider.called} is in trouble (HTTP status {refusal.status}).",
        provider=refusal.words,
        retry_after=refusal.retry_after,
        advice="Ask again later; no grant was changed.",
    )


def _authorized(request: Request, token: Secret) -> Request:
    return replace(request, headers={**request.headers, "authorization": f"Bearer {token.reveal()}"})
