"""One attempt to refresh a grant: lease and intent, send, save first, judge after."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from ...errors import Conflict, GrantkeeperError, Misconfigured, NotFound, ProviderUnavailable
from ...model import Grant, GrantRow, OAuthClient, Reason, Secret
from ...oauth.token import TokenAnswer, TokenRefusal
from ...renewal import Meaning, meaning
from ...tracing import Tracing
from ..authority import Authority, refused
from ..tokens.gate import Gate
from ..vault import Vault
from . import holders
from .entries import Answered
from .judging import Judging
from .leases import Leases, Watch
from .refusals import unusable
from .saving import Saving

log = logging.getLogger("grantkeeper")

NoTokens: TypeAlias = TokenRefusal | ProviderUnavailable | Misconfigured | Conflict
"""What may come of a refresh instead of tokens. Misconfigured: it could not even be asked for; Conflict: a refusal
could not be confirmed."""

CONFIRM_AFTER: Final = timedelta(seconds=2)
"""Between two refusals that together end a grant, when the first was vague (R-30): longer than a provider's replicas
lag behind each other, short enough for who waits."""


class Refreshing:
    """Refreshes grants whose rows are given. Thread-safe."""

    def __init__(
        self,
        *,
        vault: Vault,
        authority: Authority,
        clients: Mapping[str, OAuthClient],
        now: Callable[[], datetime],
        pause: Callable[[timedelta], None],
        leases: Leases,
        saving: Saving,
        judging: Judging,
        gate: Gate,
        tracing: Tracing,
    ) -> None:
        self._vault = vault
        self._authority = authority
        self._clients = clients
        self._now = now
        self._pause = pause
        self._leases = leases
        self._saving = saving
        self._judging = judging
        self._gate = gate
        self._span = tracing.span

    def refresh(self, row: GrantRow, watch: Watch) -> tuple[Grant, Secret] | None:
        """Refresh the grant of a row that was read a moment ago; None when somebody else does, or has just done so.

        Returns the grant as saved, and its access token.

        Raises:
            ProviderUnavailable: no answer, trouble, or nothing may be sent now.
            ConsentRequired: the grant is over. Misconfigured: the provider does not accept the OAuth client.
            Conflict: the row was given other tokens meanwhile: read it again.
        """
        grant = row.grant
        span = self._span("grantkeeper.refresh", grantkeeper_grant_id=grant.id, grantkeeper_client=grant.client)
        with self._gate.passed(), span:
            return self._refreshed(row, watch)

    def _refreshed(self, row: GrantRow, watch: Watch) -> tuple[Grant, Secret] | None:
        client = self._client(row.grant)
        token = self._vault.open_tokens(row).refresh_token
        if token is None:
            raise unusable(row.grant, reason=Reason.NO_REFRESH_TOKEN)
        self._judging.check_may_send(client, row.grant.id)
        self._saving.prepare()
        attempt = self._taken(row, watch, client)
        if attempt is None:
            return None
        try:
            answered = self._answered(row, client, token, attempt)
        except BaseException:  # a KeyboardInterrupt too: the provider may have answered
            self._leases.give_back(row, attempt, unknown=True)
            self._judging.unsent(client, row.grant.id)
            raise
        if isinstance(answered, Answered):
            return self._saved(answered)
        raise self._error(row, client, attempt, *answered)

    def _taken(self, row: GrantRow, watch: Watch, client: OAuthClient) -> str | None:
        """Take the lease; whoever does not get it does not send what the breakers let through."""
        attempt = None
        try:
            attempt = self._leases.take(row, watch)
        finally:
            if attempt is None:
                self._judging.unsent(client, row.grant.id)
        return attempt

    def _client(self, grant: Grant) -> OAuthClient:
        client = self._clients.get(grant.client)
        if client is None:
            raise NotFound(
                f"Grant {grant.id} belongs to the OAuth client {grant.client!r}, which is not configured.",
                advice=f"Configured are: {', '.join(self._clients) or 'none'}.",
            )
        return client

    def _answered(
        self, row: GrantRow, client: OAuthClient, token: Secret, attempt: str
    ) -> Answered | tuple[NoTokens, bool]:
        """Send; return the answer, or what came instead and whether the token may be used up.

        It is sent again after a vague refusal, which only a second one confirms (R-30); and at once, once, when the
        outcome is unknown where the provider replaces refresh tokens (R-13, R-16): some give the same answer again for
        a while, and a request that was lost on its way there has used nothing up.
        """
        unknown, vague = False, 0
        while True:
            asked_at = self._now()
            answer = self._sent(client, token)
            if isinstance(answer, TokenAnswer):
                return Answered(row=row, client=client, sent=token, answer=answer, asked_at=asked_at, attempt=attempt)
            first = not unknown and not vague
            unknown = unknown or _may_be_used_up(client, answer)
            vague += _is_vague(client, answer)
            if vague == 1 and _is_vague(client, answer):
                wait = CONFIRM_AFTER
            elif first and row.sends == 0 and _is_lost(client, answer):
                wait = timedelta()
            else:
                return answer, unknown
            if not self._again(row, attempt, wait, unknown=unknown):
                return (_unconfirmed(row) if _is_vague(client, answer) else answer), unknown

    def _again(self, row: GrantRow, attempt: str, wait: timedelta, *, unknown: bool) -> bool:
        """Wait, and take the lease anew; False when the row is not as it was."""
        try:
            self._pause(wait)
        except BaseException:  # what is known of the token is not more than before
            self._leases.give_back(row, attempt, unknown=unknown)
            raise
        return self._leases.again(row, attempt, unknown=unknown)

    def _sent(self, client: OAuthClient, token: Secret) -> TokenAnswer | NoTokens:
        try:
            return self._authority.refresh(client, token)
        except (ProviderUnavailable, Misconfigured) as error:
            return error

    def _saved(self, answered: Answered) -> tuple[Grant, Secret]:
        """Save first, then judge (R-12)."""
        saved = self._saving.save(answered)
        client, answer = answered.client, answered.answer
        if answer.problem:  # whoever asks again gets the same, perhaps: no hot loop
            self._judging.note_trouble(client, saved.id, None, None)
        else:
            self._judging.note_success(client, saved.id)
        if answer.warning:
            log.warning("refreshing grant %s: the provider's answer is odd: %s", saved.id, answer.warning)
        if answer.problem or answer.access_token is None:
            raise ProviderUnavailable(
                f"{client.provider.called} answered with a token we cannot use: {answer.problem}."
            )
        if not saved.usable:
            raise unusable(saved)
        return saved, answer.access_token

    def _error(
        self,
        row: GrantRow,
        client: OAuthClient,
        attempt: str,
        answer: NoTokens,
        unknown: bool,
    ) -> GrantkeeperError:
        """End an attempt that brought no tokens; returns what to raise."""
        if isinstance(answer, Misconfigured | Conflict):
            self._leases.give_back(row, attempt, unknown=unknown)
            self._judging.unsent(client, row.grant.id)
            return answer
        if isinstance(answer, ProviderUnavailable):
            self._leases.give_back(row, attempt, unknown=unknown)
            self._judging.note_trouble(client, row.grant.id, None, answer.retry_after)
            return answer
        meant = meaning(answer, client.provider.deaths)
        if meant.kind == "dead":
            return self._refused(row, client, attempt, answer, meant, unknown)
        self._leases.give_back(row, attempt, unknown=unknown)
        self._judging.note_trouble(client, row.grant.id, meant, answer.retry_after)
        return refused(client, answer, meant.kind)

    def _refused(
        self,
        row: GrantRow,
        client: OAuthClient,
        attempt: str,
        refusal: TokenRefusal,
        meant: Meaning,
        unknown: bool,
    ) -> GrantkeeperError:
        """End an attempt whose answer says that the grant is over; returns what to raise."""
        try:
            return self._judging.refused(row, client, refusal, meant, attempt, unknown=unknown)
        except GrantkeeperError as error:
            # Conflict: somebody saved meanwhile, a new consent perhaps, and what we were told is about a token that is
            # no more. Or the database is away: the provider will say it again.
            self._leases.give_back(row, attempt, unknown=unknown)
            return error
        finally:
            holders.end(attempt)


def _may_be_used_up(client: OAuthClient, answer: NoTokens) -> bool:
    """Tell whether the refresh token that was sent may have been replaced by one that we did not get (R-11)."""
    if isinstance(answer, ProviderUnavailable):
        return answer.sent
    if isinstance(answer, Misconfigured | Conflict):
        return False
    return meaning(answer, client.provider.deaths).used_up == "unknown"


def _is_lost(client: OAuthClient, answer: NoTokens) -> bool:
    """Tell whether a new refresh token may have been in an answer that we did not get, and nobody asked us to wait."""
    waits = isinstance(answer, Misconfigured | Conflict) or answer.retry_after is not None
    return client.provider.rotation != "none" and not waits and _may_be_used_up(client, answer)


def _is_vague(client: OAuthClient, answer: NoTokens) -> bool:
    """Tell whether the provider says that the grant is over, in words that need a second refusal."""
    if not isinstance(answer, TokenRefusal):
        return False
    meant = meaning(answer, client.provider.deaths)
    return meant.kind == "dead" and not meant.certain


def _unconfirmed(row: GrantRow) -> Conflict:
    return Conflict(f"Grant {row.grant.id} changed before a refusal of it could be confirmed.", advice="Ask again.")
