"""One grant that is due: renew it, look at it, announce its end, and say when it is due next."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeAlias, get_args

from grantkeeper.errors import (
    ConsentRequired,
    DatabaseUnavailable,
    GrantkeeperError,
    NotFound,
    ProviderUnavailable,
    check_word,
)
from grantkeeper.keeper.service.working import Working
from grantkeeper.model import DueGrant, Event, Grant, GrantRow, OAuthClient
from grantkeeper.model.event import GRANT_CAP_NEAR, GRANT_ENDING
from grantkeeper.renewal import (
    DAY,
    announced_from,
    is_proven,
    is_unchecked,
    next_due,
    put_off,
    renew_at,
    used_lately,
)

log = logging.getLogger("grantkeeper")

Checks: TypeAlias = Literal["daily", "off"]
"""Whether grants that nobody uses are refreshed, and accounts looked for, once a day."""

Done: TypeAlias = Literal["renewed", "checked", "scheduled", "over", "failed", "waits"]

Due: TypeAlias = DueGrant | str
"""What was claimed: a grant, or the id of one whose row cannot be read."""

NEAR: Final = 0.8
"""The share of a provider's cap of live refresh tokens that is told of: at Google 80 of 100 connections of a person."""

LOOK_AGAIN: Final = timedelta(hours=1)
"""When an API that was in trouble is asked again for what a grant reaches."""

MAX_FAILING: Final = 10_000
"""Grants remembered that fail; past that the one heard of longest ago begins with short delays again (R-54)."""

_SAME_END: Final = timedelta(hours=1)
"""A provider says in whole seconds how long a grant has still to live: each answer moves the same end a little."""

_TESTING: Final = timedelta(hours=1)
"""A refresh token that lives as long as they do in Testing, to the hour, is of an application in Testing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """What is to be done for a grant that was claimed."""

    now: datetime
    used: bool
    check: bool
    renew: bool
    announce: bool


class Tending:
    """Tends grants that were claimed. Thread-safe."""

    def __init__(self, work: Working, *, checks: Checks) -> None:
        check_word("checks", checks, get_args(Checks))
        self._work = work
        self._checks = checks
        self._clients = {client.name: client for client in work.clients}
        self._failures: dict[str, int] = {}
        self._lock = threading.Lock()

    def tend(self, due: Due) -> Done:
        """Do what is due for a grant; whatever goes wrong concerns this one only (R-52)."""
        grant_id = due if isinstance(due, str) else due.row.grant.id
        with self._work.tracing.span("worker.tend", grantkeeper_grant_id=grant_id) as span:
            done = self._tried(due)
            span.put("grantkeeper.done", done)
        return done

    def _tried(self, due: Due) -> Done:
        if isinstance(due, str):
            log.error("grant %s cannot be read: somebody altered its row", due)
            return self._failed(due, None)
        grant_id = due.row.grant.id
        try:
            done = self._tended(due)
        except DatabaseUnavailable as error:
            log.warning("grant %s is looked at again once its claim has ended: %s", grant_id, error)
            return "waits"
        except ProviderUnavailable as error:
            if not error.sent:
                return self._waits(grant_id, error.retry_after or timedelta())
            return self._failed(grant_id, error, at_least=error.retry_after)
        except (ConsentRequired, NotFound) as error:
            log.info("grant %s is over: %s", grant_id, error)
            self._put(grant_id, DAY)  # if its row says so, it is not claimed any more
            return "over"
        except GrantkeeperError as error:
            return self._failed(grant_id, error)
        except Exception:
            log.exception("grant %s could not be tended", grant_id)
            return self._failed(grant_id, None)
        with self._lock:
            self._failures.pop(grant_id, None)
        return done

    def _plan(self, due: DueGrant) -> _Plan:
        grant, now = due.row.grant, self._work.now()
        used = used_lately(due.used_at, now=now)
        # A consent is as good as a check.
        check = is_unchecked(grant.id, _latest(due.checked_at, grant.consented_at, now), now=now)
        keep = check and self._checks == "daily"
        return _Plan(
            now=now,
            used=used,
            check=check,
            renew=(used and renew_at(grant) <= now) or (keep and not is_proven(grant, now=now)),
            announce=_is_to_announce(due, now),
        )

    def _tended(self, due: DueGrant) -> Done:
        plan, row = self._plan(due), due.row
        grant_id = row.grant.id
        if plan.renew:
            renewed = self._work.renew(grant_id)
            if renewed is None or not renewed.grant.usable:
                return "over"
            row = renewed
        looked = not plan.check or self._checks == "off" or self._looked(grant_id)
        # A refresh has said already when a grant that is used is due next.
        if plan.check or plan.announce or not (plan.used and plan.renew):
            self._scheduled(due, row, plan, looked=looked)
        if plan.check:
            return "checked" if looked else "waits"
        return "renewed" if plan.renew else "scheduled"

    def _looked(self, grant_id: str) -> bool:
        """Look for what the grant reaches; False when an API was in trouble, so that it is worth another try soon."""
        problems = self._work.discover(grant_id).problems
        return not any(isinstance(each, ProviderUnavailable) for each in problems.values())

    def _scheduled(self, due: DueGrant, row: GrantRow, plan: _Plan, *, looked: bool) -> None:
        """Write down what was done and when it is due next, with its events, if nobody else did (`WorkStore`)."""
        grant, now = row.grant, self._work.now()
        at = next_due(grant, now=now, used=plan.used)
        if not looked:
            at = min(at, now + LOOK_AGAIN)
        events = [
            *(_ending(grant, self._clients[grant.client], now) if plan.announce else ()),
            *(self._near_cap(grant, now) if plan.check and looked else ()),
        ]
        self._work.schedule(
            due,
            due_at=at,
            checked_at=now if plan.check and looked else None,
            warned_at=now if plan.announce else None,
            events=events,
        )

    def _near_cap(self, grant: Grant, now: datetime) -> Iterator[Event]:
        """Yield the event that a person has nearly as many refresh tokens as may live: with the check of one of them.

        That is once a day for a person. What was consented to again may have left more of them alive than we know of.
        """
        cap = self._clients[grant.client].provider.refresh_token_cap
        if cap is None or not grant.identified:
            return
        alive = self._work.alive(grant)
        speaks = min((each.id for each in alive if each.usable), default="")
        if len(alive) >= NEAR * cap and grant.id == speaks:
            yield _event(GRANT_CAP_NEAR, grant, {"live": len(alive), "cap": cap}, now)

    # --- what fails ---------------------------------------------------------------------------------------------

    def _failed(self, grant_id: str, error: GrantkeeperError | None, *, at_least: timedelta | None = None) -> Done:
        with self._lock:
            times = self._failures.pop(grant_id, 0) + 1
            if len(self._failures) >= MAX_FAILING:
                del self._failures[next(iter(self._failures))]
            self._failures[grant_id] = times
        delay = max(put_off(grant_id, times), at_least or timedelta())
        if error is not None:
            log.warning("grant %s is tried again in %s: %s", grant_id, delay, error)
        self._put(grant_id, min(delay, DAY))
        return "failed"

    def _waits(self, grant_id: str, wait: timedelta) -> Done:
        """Put off what was not sent because a breaker is open: it says for how long; not all for the same time."""
        self._put(grant_id, wait + put_off(grant_id, 1) / 10)
        return "waits"

    def _put(self, grant_id: str, delay: timedelta) -> None:
        try:
            self._work.put({grant_id: self._work.now() + delay})
        except GrantkeeperError as error:
            log.warning("grant %s is looked at again once its claim has ended: %s", grant_id, error)


def _latest(checked_at: datetime | None, consented_at: datetime, now: datetime) -> datetime:
    """Return when a grant was last known to be checked; a time in the future counts as none."""
    known = [at for at in (checked_at, consented_at) if at is not None and at <= now]
    return max(known, default=now - 2 * DAY)


def _is_to_announce(due: DueGrant, now: datetime) -> bool:
    """Tell whether the grant's end is near and was not announced yet: once for each end that becomes known."""
    grant, since = due.row.grant, announced_from(due.row.grant)
    if since is None or grant.ends_at is None or not since <= now < grant.ends_at:
        return False
    return due.warned_at is None or due.warned_at < max(since - _SAME_END, grant.consented_at)


def _ending(grant: Grant, client: OAuthClient, now: datetime) -> Iterator[Event]:
    if grant.ends_at is None:
        return
    testing, lives = client.provider.testing_lifetime, grant.ends_at - grant.consented_at
    why = "testing" if testing is not None and abs(lives - testing) < _TESTING else "time_limit"
    data = {"ends_at": grant.ends_at.isoformat(), "days_left": max((grant.ends_at - now) // DAY, 0), "why": why}
    yield _event(GRANT_ENDING, grant, data, now)


def _event(kind: str, grant: Grant, data: dict[str, Any], now: datetime) -> Event:
    return Event(kind=kind, at=now, grant_id=grant.id, owner=grant.owner, client=grant.client, data=data)


def given_back(due: Due, *, now: datetime) -> dict[str, datetime]:
    """Return since when a claimed grant is due that nothing was begun for."""
    return {due: now} if isinstance(due, str) else {due.row.grant.id: due.due_at or now}
