"""Driving a discovery: its requests are sent with the grant's token, several at once, and what passes is waited out."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Final

from ...accounts.discovery import Discovery
from ...accounts.refusals import concerns_token
from ...errors import AccessRefused, ConsentRequired, GrantkeeperError, ProviderUnavailable
from ...model import AccessToken, FoundAccount, Request, Response, Secret
from ..parts import Parts

DEADLINE: Final = timedelta(seconds=60)
"""Total time of one call: a page of ten thousand accounts takes Google seconds."""

AT_ONCE: Final = 8
"""Calls under way for one look: a person with hundreds of ad accounts waits, and Google counts calls per second."""

PAUSES: Final = (timedelta(seconds=1), timedelta(seconds=3))
"""Before the second and the third try of what is only busy; reading twice harms nobody."""

LONGEST_PAUSE: Final = timedelta(seconds=10)
"""A provider that asks for more than this (RFC 9110 10.2.3) is not waited for: somebody may wait for a page."""

BUSY: Final = frozenset({429, 500, 502, 503, 504})


class RefusedError(Exception):
    """A kind of account cannot be looked at; `reason` says why and who must act."""

    def __init__(self, reason: GrantkeeperError) -> None:
        super().__init__()
        self.reason = reason


class Looking:
    """Looks for what grants reach. Thread-safe; holds no lock and no transaction while it waits."""

    def __init__(
        self,
        parts: Parts,
        *,
        token: Callable[[str], AccessToken],
        report_rejected: Callable[[str, Secret], None],
    ) -> None:
        self._authority = parts.authority
        self._clients = parts.clients
        self._pause = parts.pause
        self._token = token
        self._report_rejected = report_rejected

    def look(self, grant_id: str, client: str, discovery: Discovery) -> list[FoundAccount]:
        """Return what the grant reaches of one kind.

        Raises:
            RefusedError: the API refuses, or answers what cannot be used; the grant itself is not concerned.
            ConsentRequired: the grant is over.
            ProviderUnavailable: the API cannot be reached.
        """
        steps = discovery.steps(self._clients[client].provider.api_url)
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="grantkeeper-look") as pool:
            answers: tuple[Response, ...] | None = None
            while True:
                try:
                    batch = next(steps) if answers is None else steps.send(answers)
                except StopIteration as done:
                    found: list[FoundAccount] = done.value
                    return found
                except GrantkeeperError as error:
                    raise RefusedError(_of_grant(error, grant_id)) from None
                answers = tuple(pool.map(lambda request: self._answer(grant_id, discovery.kind, request), batch))

    def _answer(self, grant_id: str, api: str, request: Request) -> Response:
        """Return the answer to one request; a token that is refused is replaced once (R-37)."""
        token = self._token(grant_id).value
        answer = self._patiently(request, token)
        if not concerns_token(api, answer):
            return answer
        self._report_rejected(grant_id, token)
        another = self._token(grant_id).value
        return answer if another == token else self._patiently(request, another)

    def _patiently(self, request: Request, token: Secret) -> Response:
        """Send a request; up to twice more when the provider is busy or cannot be reached."""
        for pause in PAUSES:
            try:
                answer = self._authority.call(request, token, deadline=DEADLINE)
            except ProviderUnavailable as error:
                if (error.retry_after or pause) > LONGEST_PAUSE:
                    raise
                self._pause(pause)
                continue
            asked = _asked_pause(answer)
            if not _is_busy(answer) or (asked or pause) > LONGEST_PAUSE:
                return answer
            self._pause(asked or pause)
        return self._authority.call(request, token, deadline=DEADLINE)


def _is_busy(answer: Response) -> bool:
    """Tell whether the same may succeed soon. SOAP 1.1 answers every fault with 500 (section 6.2)."""
    return answer.status in BUSY and not answer.headers.get("content-type", "").startswith("text/xml")


def _of_grant(error: GrantkeeperError, grant_id: str) -> GrantkeeperError:
    if isinstance(error, ConsentRequired | AccessRefused) and error.grant_id is None:
        error.grant_id = grant_id
    return error


def _asked_pause(answer: Response) -> timedelta | None:
    """Return how long the provider asks us to wait, when it says so in seconds (RFC 9110 10.2.3)."""
    written = answer.headers.get("retry-after", "")
    return timedelta(seconds=int(written)) if written.isdecimal() and len(written) < 7 else None
