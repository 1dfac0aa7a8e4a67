"""Remote: the verbs of a Keeper where there is none, asked of the service."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, Self

from ..errors import InvalidInput
from ..forks import in_child
from ..http import HttpTransport
from ..model import (
    DEFAULT_MIN_TTL,
    AccessToken,
    Account,
    Event,
    Expectation,
    Grant,
    GrantStatus,
    Invitation,
    Look,
    Picker,
    Revocation,
    Secret,
)
from ..model.service.links import Confirm
from .asking import Asking, only
from .calling import Calling
from .environment import CA_FILE, checked_key, checked_proxy, checked_url, key_of, proxy_of, url_of
from .tokens import MAX_AWAY, Tokens

TIMEOUT: Final = timedelta(seconds=30)
"""For a call as a whole, its repetition included: a refresh behind it may take the service 20 s at the provider."""

MAX_STALE: Final = timedelta(seconds=10)
"""How long a token in memory is handed out without a call. Ten times what a Keeper takes, whose look at its own
database costs a tenth: a job that calls an API a hundred times in a second asks the service once in ten."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Remote:
    """Hands out tokens of grants that a grantkeeper service keeps, and has its other verbs: a Keeper over HTTP.

    Nothing secret is in this process but an API key and access tokens. Thread-safe and safe to fork; make one per
    process and share it. A context manager: leaving it closes the connections.

    Every request is repeated once when nothing of grantkeeper's came back, which is harmless: what changes something
    carries an idempotency key. While the service does not answer, a token in memory that lives is handed out.

    Args:
        url: the service's address, https, or http on this machine.
        api_key: a key that `grantkeeper keys create` showed.
        timeout: how long a call may take as a whole.
        max_stale: how long a token in memory is handed out without a call, and so how long a revocation may take to be
            seen here; with `timedelta(0)`, every `token()` asks.
        max_away: how long after the service's last word on a grant its token is handed out while there is no other.
        ca_file: a PEM file whose certificates are trusted instead of the system's.
        proxy: `http://[user:password@]host:port`, for an https address; the environment's proxies do not count.
        now: the clock, aware and in UTC; for tests.

    Raises:
        InvalidInput: the address or the key cannot be one, or a proxy is given for an address on this machine.
        Misconfigured: `ca_file` or `proxy` is not usable.
    """

    def __init__(
        self,
        url: str,
        api_key: str | Secret,
        *,
        timeout: timedelta = TIMEOUT,
        max_stale: timedelta = MAX_STALE,
        max_away: timedelta = MAX_AWAY,
        ca_file: str | None = None,
        proxy: str | None = None,
        now: Callable[[], datetime] = _utc_now,
    ) -> None:
        address, key = checked_url(url), checked_key(api_key)
        del api_key
        if timeout <= timedelta() or min(max_stale, max_away) < timedelta():
            raise InvalidInput("timeout is more than no time, and neither max_stale nor max_away is negative.")
        transport = HttpTransport(proxy=checked_proxy(proxy, address), ca_file=ca_file)
        self._calling = Calling(address, key, transport, timeout=timeout)
        self._asking = Asking(self._calling)
        self._tokens = Tokens(
            ask=self._asking.token, now=now, max_stale=max_stale, max_away=max_away, patience=timeout * 2
        )
        self._fresh = self._tokens.fresh
        in_child(self._forked)

    def _forked(self) -> None:
        self._calling.start_afresh()

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Return a Remote over GRANTKEEPER_URL and GRANTKEEPER_API_KEY, or the file of GRANTKEEPER_API_KEY_FILE.

        GRANTKEEPER_CA_FILE and GRANTKEEPER_PROXY are `ca_file` and `proxy`. Raises Misconfigured, naming the variable.
        """
        found = os.environ if environ is None else environ
        return cls(url_of(found), key_of(found), ca_file=found.get(CA_FILE) or None, proxy=proxy_of(found))

    # --- tokens -----------------------------------------------------------------------------------------------

    def token(self, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> AccessToken:
        """Return an access token that lives longer than `min_ttl`, refreshed by the service when needed.

        Threads that ask at the same time cause one call.

        Raises:
            ConsentRequired, ProviderUnavailable, DatabaseUnavailable, Misconfigured, InvalidInput, NotFound,
            SealBroken: as `Keeper.token`, from the service; Misconfigured also when it refuses the API key.
            ServiceUnavailable: it does not answer, and no token in memory lives long enough.
        """
        return self._fresh(grant_id, min_ttl) or self._tokens.token(grant_id, min_ttl)

    def remembered(self, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> AccessToken | None:
        """Return what `token` would return if that needs no I/O, else None."""
        return self._fresh(grant_id, min_ttl)

    def when_outdated(self, method: Callable[[str], None]) -> None:
        """Have a bound method called with a grant's id when what was asked for before must reach nobody any more."""
        self._tokens.when_outdated(method)

    def refresh(self, grant_id: str) -> AccessToken:
        """Have the token refreshed now, whatever life the present one has left; raises as `token`."""
        return self._tokens.refreshed(grant_id, self._asking.refresh)

    def report_rejected(self, grant_id: str, token: Secret) -> None:
        """Say that an API refused this access token (401): it is not handed out again, neither here nor elsewhere.

        The service takes no report of a token that it gave out less than 30 seconds ago.
        """
        self._tokens.forget(grant_id, only=token)
        try:
            self._asking.report_rejected(grant_id, token)
        finally:  # again: whoever asked before the service knew got the same one
            self._tokens.forget(grant_id, only=token)

    # --- grants -----------------------------------------------------------------------------------------------

    def get(self, grant_id: str) -> Grant:
        """Return the grant; raises NotFound, also for one that the API key does not reach."""
        return self._asking.get(grant_id)

    def find(self, owner: str, client: str, *, subject: str | None = None, email: str | None = None) -> Grant:
        """Return the owner's grant at this client, the one that is not revoked.

        Raises:
            NotFound: there is none.
            InvalidInput: there are several; name one by `subject` or `email`, or go through `grants()`.
        """
        listed = self._asking.grants(owner, client, None, email)
        living = (each for each in listed if each.status is not GrantStatus.REVOKED)
        return only([each for each in living if subject is None or each.subject == subject], owner, client)

    def grants(
        self, owner: str | None = None, client: str | None = None, *, status: GrantStatus | None = None
    ) -> Iterator[Grant]:
        """Yield grants by id, those that match all that is given, revoked ones included; reads page by page."""
        yield from self._asking.grants(owner, client, status)

    def siblings(self, grant_id: str) -> tuple[Grant, ...]:
        """Return the other live grants that revoking this one at the provider would end too; see `Keeper.siblings`."""
        return self._asking.siblings(grant_id)

    def revoke(
        self, grant_id: str, *, siblings: Literal["keep", "end"] = "keep", version: int | None = None
    ) -> Revocation:
        """End a grant, as `Keeper.revoke` does; its token is handed out here no more, whatever the service answers.

        Once siblings were ended too, no token in memory is handed out before the service was asked: which grants they
        are is not known here.
        """
        self._tokens.forget(grant_id)
        try:
            return self._asking.revoke(grant_id, siblings, version)
        finally:
            self._tokens.forget(grant_id)
            if siblings == "end":
                self._tokens.doubt()

    def confirm(self, grant_id: str, *, proof: str | Secret | None = None, version: int | None = None) -> Grant:
        """Say that the right person consented by a link, as `Keeper.confirm` does."""
        return self._asking.confirm(grant_id, proof, version)

    def link(
        self,
        owner: str,
        client: str,
        *,
        expires_in: timedelta = timedelta(days=7),
        expect: str | Expectation | None = None,
        confirm: Confirm = "ask",
        return_to: str = "",
        picker: Picker | None = None,
        language: str = "",
        message: str = "",
        grant_id: str | None = None,
        other_account: Literal["refuse", "add"] = "refuse",
        code: bool = False,
    ) -> Invitation:
        """Return an invitation to grant whose address can be e-mailed, as `Keeper.link` does."""
        return self._asking.link(
            owner=owner,
            client=client,
            expires_in=expires_in,
            expect=expect,
            confirm=confirm,
            return_to=return_to,
            picker=picker,
            language=language,
            message=message,
            grant_id=grant_id,
            other_account=other_account,
            code=code,
        )

    # --- accounts and events ----------------------------------------------------------------------------------

    def accounts(
        self,
        grant_id: str,
        *,
        kind: str | None = None,
        search: str | None = None,
        include: Literal["shared", "all"] = "shared",
    ) -> list[Account]:
        """Return the accounts that the grant's person shares, as `Keeper.accounts` does."""
        return self._asking.accounts(grant_id, kind, search, include)

    def account(self, grant_id: str, *, kind: str, account_id: str | None = None) -> Account:
        """Return one account that is shared and there; without `account_id`, the only one; see `Keeper.account`."""
        return self._asking.account(grant_id, kind, account_id)

    def looks(self, grant_id: str) -> list[Look]:
        """Return when each kind of account was looked for last, and what stood in the way; raises NotFound."""
        return self._asking.looks(grant_id)

    def events(
        self, *, grant_id: str | None = None, kind: str | None = None, after: int = 0, limit: int = 100
    ) -> list[Event]:
        """Return what happened, oldest first: events whose position is greater than `after`, at most `limit`."""
        return self._asking.events(grant_id, kind, after, limit)

    # --- ending -----------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Close the connections; may be called twice."""
        self._calling.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Remote({self._calling.url!r})"
