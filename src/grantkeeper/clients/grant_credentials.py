"""A grant as google-auth credentials. Imports google-auth: reach it through `google_auth.credentials`.

What google-auth calls when was read in its source, version 2.62 (google/auth/credentials.py, _refresh_worker.py,
transport/requests.py): `before_request` -> `_blocking_refresh` when the token is about to expire, `refresh` when an API
answered 401. It locks nothing: twenty threads on one expired token would cause twenty refreshes.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import deque
from collections.abc import MutableMapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NoReturn, Self, TypeVar

from google.auth import _helpers
from google.auth.credentials import CredentialsWithQuotaProject, TokenState
from google.auth.exceptions import RefreshError

from grantkeeper.errors import (
    Conflict,
    ConsentRequired,
    DatabaseUnavailable,
    GrantkeeperError,
    ProviderUnavailable,
    ServiceUnavailable,
    TooManyRequests,
)
from grantkeeper.model import DEFAULT_MIN_TTL, AccessToken, Secret, TokenSource

MIN_TTL: Final[timedelta] = max(DEFAULT_MIN_TTL, _helpers.REFRESH_THRESHOLD + timedelta(minutes=1))
"""google-auth asks again below REFRESH_THRESHOLD (3 min 45 s in 2.62); the minute is for what happens in between."""

_OVER: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - google-auth compares naive UTC
"""The expiry of a token that must not be used any more. The token itself stays: google-auth may be about to put it
into a header in another thread, and would fail on None."""

_REMEMBERED: Final = 64
"""Failures kept so that a thread finds its own although others failed after it; more threads rarely fail at once.
Tokens as well: one that was replaced may still be in the request that an API refuses."""

_PASSES: Final = (ProviderUnavailable, DatabaseUnavailable, ServiceUnavailable, TooManyRequests, Conflict)
"""What is over by itself: worth another try, and no reason to give up a token that still lives."""

_E = TypeVar("_E", bound=GrantkeeperError)


def again(error: _E) -> _E:
    """Return an equal error without traceback and cause, to raise once more: one object in two threads mixes both."""
    twin = type(error).__new__(type(error), *error.args)
    twin.__dict__.update(error.__dict__)
    return twin


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An attempt that brought no token. `attempt` is random: found in a foreign error's text, it proves the origin."""

    attempt: str
    error: GrantkeeperError


class Failures:
    """What went wrong lately; shared by all copies of credentials, because libraries use a copy of what they get."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[Failure] = deque(maxlen=_REMEMBERED)
        self.last: Failure | None = None

    def add(self, error: GrantkeeperError) -> Failure:
        """Remember a failure."""
        failure = Failure(attempt=secrets.token_hex(8), error=again(error))
        with self._lock:
            self._recent.append(failure)
            self.last = failure
        return failure

    def named_in(self, text: str) -> GrantkeeperError | None:
        """Return the error of the attempt that `text` names, or None."""
        with self._lock:
            return next((each.error for each in reversed(self._recent) if each.attempt in text), None)


class _Handed:
    """Which tokens came from the source lately, as digests; shared by all copies of credentials."""

    def __init__(self) -> None:
        self._recent: deque[bytes] = deque(maxlen=_REMEMBERED)

    def add(self, token: str) -> None:
        """Remember a token."""
        digest = self._digest(token)
        if digest not in self._recent.copy():
            self._recent.append(digest)

    def __contains__(self, token: str) -> bool:
        return self._digest(token) in self._recent.copy()  # a copy: another thread may append

    @staticmethod
    def _digest(token: str) -> bytes:
        return hashlib.sha256(token.encode()).digest()


class _Renewal:
    """What google-auth's background thread is given to refresh: a renewal before the end, never a 401."""

    def __init__(self, credentials: GrantCredentials) -> None:
        self._credentials = credentials

    def refresh(self, request: object) -> None:
        """Renew if it is still due."""
        self._credentials.renew_if_due()


class GrantCredentials(CredentialsWithQuotaProject):
    """google-auth credentials that take their tokens from a Keeper or a Remote. Safe to share between threads.

    A failure is a `google.auth.exceptions.RefreshError` with our typed error as `__cause__`, as google-auth's contract
    asks; `retryable` is True for what passes by itself. While a token still lives, trouble of that kind does not stop
    it from being used. Copies (copy, deepcopy, with_quota_project) work on their own and share `last_error`.
    """

    def __init__(self, source: TokenSource, grant_id: str, *, quota_project_id: str | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._source = source
        self._grant_id = grant_id
        self._quota_project_id = quota_project_id
        self._lock = threading.Lock()
        self._round = 0
        self._failure: Failure | None = None
        self._failures = Failures()
        self._handed = _Handed()
        self._came_back: str | None = None
        self._sent = threading.local()

    @property
    def grant_id(self) -> str:
        """The grant in whose name these credentials act."""
        return self._grant_id

    @property
    def last_error(self) -> GrantkeeperError | None:
        """Why the last attempt to get a token failed, or None when it brought one."""
        last = self._failures.last
        return last.error if last else None

    @property
    def round(self) -> int:
        """How many attempts to get a token have ended; goes up with each."""
        return self._round

    @property
    def same_came_back(self) -> bool:
        """Whether the present token was reported as rejected, and came back from the source as the answer to that."""
        return self._came_back is not None and self._came_back == self.token

    def has_sent(self, token: str) -> bool:
        """Return whether this access token is, or was lately, the one of these credentials or of a copy."""
        return token in self._handed

    def raise_last_error(self) -> None:
        """Raise the typed error of the last attempt, if it failed."""
        error = self.last_error
        if error is not None:
            raise again(error)

    # --- what google-auth calls --------------------------------------------------------------------------------------

    def refresh(self, request: object) -> None:
        """Get another token. Called by google-auth when an API answered 401 although the token had not expired.

        A token that is still valid is reported to the source as rejected first, or the same one would come back. Which
        one was rejected is the one this thread sent last: another thread may have replaced it since.

        Raises:
            google.auth.exceptions.RefreshError: there is none; `__cause__` says why.
        """
        sent: str | None = getattr(self._sent, "token", None) or self.token
        self._sent.token = None
        self._renew(self._round, rejected=sent if self.valid else None)

    def apply(self, headers: MutableMapping[str, str], token: str | None = None) -> None:
        """Put the bearer token into `headers`, and remember that this thread has sent it."""
        sent: str | None = token or self.token
        super().apply(headers, sent)  # type: ignore[no-untyped-call]
        self._sent.token = sent

    def _blocking_refresh(self, request: object) -> None:
        self.renew_if_due()

    def _non_blocking_refresh(self, request: object) -> None:
        # google-auth copies the request deeply for its thread; ours asks the source and needs none.
        worker: Any = self._refresh_worker
        if self.token_state is TokenState.STALE and worker.start_refresh(_Renewal(self), ()):
            return
        self.renew_if_due()
        worker.clear_error()

    def with_quota_project(self, quota_project_id: str | None) -> Self:
        """Return a copy that names another project for quota and billing."""
        twin = self.__copy__()
        twin._quota_project_id = quota_project_id  # noqa: SLF001 - a copy of our own
        return twin

    def get_cred_info(self) -> dict[str, str]:
        """Return what google's libraries add to the details of a 401, 403 or 404."""
        return {"credential_source": "grantkeeper", "credential_type": "grant", "principal": self._grant_id}

    # --- renewing ----------------------------------------------------------------------------------------------------

    def renew_if_due(self) -> None:
        """Get a new token if there is none or it ends soon; of several threads one does it and all get its outcome."""
        if not self.valid:
            self._renew(self._round)

    def error_behind(self, error: BaseException) -> GrantkeeperError | None:
        """Return the typed error that `error` wraps or names, if it came from these credentials or a copy."""
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, RefreshError) and isinstance(cause.__cause__, GrantkeeperError):
                return cause.__cause__
            cause = cause.__cause__
        # gRPC passes on what our RefreshError says and not the object (grpc/_plugin_wrapping.py).
        return self._failures.named_in(str(error))

    def error_after_rejection(self, since: int) -> GrantkeeperError | None:
        """Report the token as rejected by an API and get another; return why there is none.

        Does nothing when there was an attempt after round `since`: the rejected token may be an older one.
        """
        rejected: str | None = self.token if self.valid else None
        if rejected is None or self._round != since:
            return None
        try:
            self._renew(since, rejected=rejected)
        except RefreshError as error:
            return self.error_behind(error)
        return None

    def _renew(self, since: int, *, rejected: str | None = None) -> None:
        with self._lock:
            if self._replaced(rejected):
                return
            original = self._ask(rejected) if self._round == since else None
            failure = self._failure
        if failure is None or (rejected is None and self._lives_on(failure)):
            return
        raise RefreshError(  # type: ignore[no-untyped-call]
            f"{failure.error} [grant {self._grant_id}, attempt {failure.attempt}]",
            retryable=isinstance(failure.error, _PASSES),
        ) from (original or failure.error)

    def _replaced(self, rejected: str | None) -> bool:
        return bool(self.valid) if rejected is None else self.token != rejected

    def _lives_on(self, failure: Failure) -> bool:
        return isinstance(failure.error, _PASSES) and self.token_state is TokenState.STALE

    def _ask(self, rejected: str | None) -> GrantkeeperError | None:
        """Ask the source; returns the error as it came, if it came to one."""
        try:
            if rejected is not None and self.valid:
                self._source.report_rejected(self._grant_id, Secret(rejected))
            self._take(self._source.token(self._grant_id, min_ttl=MIN_TTL))
            self._came_back = rejected if rejected == self.token else None
        except GrantkeeperError as error:
            self._failure = self._failures.add(error)
            if isinstance(error, ConsentRequired):
                self.expiry = _OVER
            return error
        finally:
            self._round += 1
        return None

    def _take(self, token: AccessToken) -> None:
        # The token first: who reads in between sees the new one with the old end, and asks; never the reverse.
        self.token = token.value.reveal()
        self._handed.add(self.token)
        self.expiry = token.expires_at.astimezone(UTC).replace(tzinfo=None)
        self._failure = self._failures.last = None

    # --- copies, and what a person sees ------------------------------------------------------------------------------

    def __copy__(self) -> Self:
        twin = type(self)(self._source, self._grant_id, quota_project_id=self._quota_project_id)
        twin.expiry = self.expiry  # before the token, for the reason in _take
        twin.token = self.token
        twin._failures = self._failures  # noqa: SLF001 - a copy of our own
        twin._handed = self._handed  # noqa: SLF001 - a copy of our own
        twin._use_non_blocking_refresh = self._use_non_blocking_refresh  # noqa: SLF001 - a copy of our own
        return twin

    def __deepcopy__(self, memo: object) -> Self:
        """Copy, and go on asking the same source: a database's connections are not for copying."""
        return self.__copy__()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        msg = (
            "credentials of a grant cannot be pickled: they hold a token and the way to more. "
            "Make them anew where they are needed: google_auth.credentials(source, grant_id)"
        )
        raise TypeError(msg)

    def __repr__(self) -> str:
        return f"GrantCredentials(grant_id={self._grant_id!r}, expiry={self.expiry!r})"
