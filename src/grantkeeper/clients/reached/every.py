"""Every account that every grant shares: what a job over all clients of a business goes through."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Literal, Protocol, TypeAlias

from grantkeeper.accounts import discovery
from grantkeeper.errors import GrantkeeperError
from grantkeeper.model import Account, AccountSource, Grant, GrantStatus

Managers: TypeAlias = Literal["leave_out", "include"]
Skipped: TypeAlias = Callable[[Grant, GrantkeeperError], object]

_log = logging.getLogger("grantkeeper.clients")


class GrantSource(AccountSource, Protocol):
    """An AccountSource that also lists its grants: a Keeper, a Remote."""

    def grants(
        self, owner: str | None = None, client: str | None = None, *, status: GrantStatus | None = None
    ) -> Iterator[Grant]:
        """Yield grants by id; reads page by page."""


def every_account(
    source: GrantSource,
    kind: str,
    *,
    owner: str | None,
    client: str | None,
    managers: Managers,
    skipped: Skipped,
) -> Iterator[tuple[Grant, Account]]:
    """Yield each account of this kind that an active grant shares and that is enabled, with its grant; lazily.

    A grant that needs a new consent, or whose accounts cannot be had, is passed to `skipped`; the others go on. Grants
    whose scopes reach no account of this kind are passed over, as are those that are pending or revoked. Only a
    GrantkeeperError is one grant's trouble: anything else (OSError, ValueError ...) is a bug and passes.
    """
    scopes = _scopes(kind)
    for grant in source.grants(owner, client):
        if (
            grant.status not in (GrantStatus.ACTIVE, GrantStatus.CONSENT_REQUIRED)
            or not (grant.scopes | grant.missing) & scopes
        ):
            continue
        try:
            shared = _shared(source, grant, kind)
        except GrantkeeperError as error:
            skipped(grant, error)
            continue
        yield from ((grant, each) for each in shared if each.enabled and (managers == "include" or not each.manager))


def _shared(source: GrantSource, grant: Grant, kind: str) -> list[Account]:
    if grant.status is GrantStatus.CONSENT_REQUIRED:
        source.token(grant.id)  # raises why, without asking the provider
    return source.accounts(grant.id, kind=kind)


def _scopes(kind: str) -> frozenset[str]:
    found = discovery(kind)
    return found.scopes if found else frozenset()


def warn(grant: Grant, error: GrantkeeperError) -> None:
    """Say in the log which grant is left out, and why."""
    _log.warning("grant %s is left out: %s", grant.id, error)
