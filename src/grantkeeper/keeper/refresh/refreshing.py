"""One attempt to refresh a grant: lease and intent, send, save first, judge after."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from ...errors import GrantkeeperError, NotFound, ProviderUnavailable
from ...model import Grant, GrantRow, OAuthClient, Reason, Secret
from ...oauth.token import TokenAnswer, TokenRefusal
from ...renewal import Meaning, meaning
from ..authority import Authority, refused
from ..vault import Vault
from . import holders
from .entries import Answered
from .judging import Judging
from .leases import Leases, Watch
from .refusals import unusable
from .saving import Saving

log = logging.getLogger("grantkeeper")

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
    ) -> None:
        self._vault = vault
        self._authority = authority
        self._clients = clients
        self._now = now
        self._pause = pause
        self._leases = leases
        self._saving = saving
        self._judging = judging

    def refresh(self, row: GrantRow, watch: Watch) -> tuple[Grant, Secret] | None:
        """Refresh the grant of a row that was read a moment ago; None when somebody else does, or has just done so.

        Returns the grant as saved, and its access token.

        Raises:
            ProviderUnavailable: no answer, trouble, or nothing may be sent now.
            ConsentRequired: the grant is over. Misconfigured: the provider does not accept the OAuth client.
            Conflict: the row was given other tokens meanwhile: read it again.
        """
        client = self._client(row.grant)
        token = self._vault.open_tokens(row).refresh_token
        if token is None:
            raise unusable(row.grant, reason=Reason.NO_REFRESH_TOKEN)
        self._judging.check_may_send(client)
        self._saving.prepare()
        attempt = self._taken(row, watch, client)
        if attempt is None:
            return None
        try:
            answered = self._answered(row, client, token, attempt)
        except BaseException:  # a KeyboardInterrupt too: the provider may have answered
            self._leases.give_back(row, attempt, unknown=True)
            self._judging.unsent(client)
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
                self._judging.unsent(client)
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
    ) -> Answered | tuple[TokenRefusal | ProviderUnavailable, bool]:
        """Send, once more where that is due; return the answer, or what came instead and whether all is known of it."""
        unknown = False
        for last in (False, True):
            asked_at = self._now()
            answer = self._sent(client, token)
            if isinstance(answer, TokenAnswer):
                return Answered(row=row, client=client, sent=token, answer=answer, asked_at=asked_at, attempt=attempt)
            refusal, unknown = answer, unknown or _may_be_used_up(client, answer)
            wait = None if last else self._until_next(row, client, answer)
            if wait is None or not self._again(row, attempt, wait, unknown=unknown):
                break
        return refusal, unknown

    def _again(self, row: GrantRow, attempt: str, wait: timedelta, *, unknown: bool) -> bool:
        """Wait, and take the lease anew; False when the row is not as it was."""
        self._pause(wait)
        return self._leases.again(row, attempt, unknown=unknown)

    def _sent(self, client: OAuthClient, token: Secret) -> TokenAnswer | TokenRefusal | ProviderUnavailable:
        try:
            return self._authority.refresh(client, token)
        except ProviderUnavailable as error:
            return error

    def _until_next(
        self, row: GrantRow, client: OAuthClient, answer: TokenRefusal | ProviderUnavailable
    ) -> timedelta | None:
        """Return how long to wait before the same token is sent once more; None when it is not.

        A vague refusal is confirmed. An unknown outcome is resolved at once, once (R-13, R-16), where the provider
        replaces refresh tokens: some give the same answer again for a while, and a request that was lost on its way
        there has used nothing up.
        """
        if isinstance(answer, TokenRefusal):
            meant = meaning(answer, client.provider.deaths)
            if meant.kind == "dead":
                return None if meant.certain else CONFIRM_AFTER
        lost = _may_be_used_up(client, answer) and client.provider.rotation != "none" and row.sends == 0
        return timedelta() if lost and answer.retry_after is None else None

    def _saved(self, answered: Answered) -> tuple[Grant, Secret]:
        """Save first, then judge (R-12)."""
        saved = self._saving.save(answered)
        client, answer = answered.client, answered.answer
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
        answer: TokenRefusal | ProviderUnavailable,
        unknown: bool,
    ) -> GrantkeeperError:
        """End an attempt that brought no tokens; returns what to raise."""
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


def _may_be_used_up(client: OAuthClient, answer: TokenRefusal | ProviderUnavailable) -> bool:
    """Tell whether the refresh token that was sent may have been replaced by one that we did not get (R-11)."""
    if isinstance(answer, ProviderUnavailable):
        return answer.sent
    return meaning(answer, client.provider.deaths).used_up == "unknown"
