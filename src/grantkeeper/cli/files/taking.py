"""Importing one refresh token after the other: not too fast, and to an end that can be told."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, TypeVar

from grantkeeper.errors import (
    AccountMismatch,
    BadCallback,
    ConsentRequired,
    GrantkeeperError,
    InvalidInput,
    Misconfigured,
    NotFound,
    ProviderUnavailable,
    SealBroken,
)
from grantkeeper.model import Picker
from grantkeeper.oauth.identity import folded
from grantkeeper.renewal import advice

from .items import Unusable, cleaned
from .matching import Task

if TYPE_CHECKING:
    from grantkeeper.keeper import Keeper
    from grantkeeper.model import Examination, Grant

Result: TypeAlias = Literal["imported", "already there", "would be imported", "not checked", "dead", "unusable"]

_T = TypeVar("_T")

_TRY_AGAIN: Final = (timedelta(seconds=0.5), timedelta(seconds=2))
"""Before a provider in trouble is asked again for the same token; then the import stops."""

_FOREIGN: Final = "unauthorized_client"
"""What Google answers for a refresh token of another OAuth client [seen]."""

UNKNOWN_PERSON: Final = (
    "Nobody knows whose it is: its scopes do not say. With the next consent the person becomes known, and the id stays."
)
KEPT_SHARING: Final = "What the grant shares was left as it is."


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What became of one place of the file."""

    place: str
    owner: str
    result: Result
    client: str = ""
    grant_id: str = ""
    person: str = ""
    reason: str = ""
    advice: str = ""
    notes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What became of a file: `left` are the places that were not come to, `stopped` says why, None for Ctrl-C."""

    lines: list[Line] = field(default_factory=list)
    left: tuple[str, ...] = ()
    stopped: GrantkeeperError | None = None
    interrupted: bool = False


class Taking:
    """Imports, or looks, at most `rate` times a second. `tell` is called after each place."""

    def __init__(
        self,
        keeper: Keeper,
        *,
        dry_run: bool,
        rate: float,
        tell: Callable[[int], object],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._keeper = keeper
        self._dry_run = dry_run
        self._every = 1 / rate
        self._tell = tell
        self._pause = pause
        self._next_at = time.monotonic()

    def run(self, tasks: Sequence[Task | Unusable]) -> Outcome:
        """Try each; stop where the provider, the database or the OAuth client is in trouble, or at Ctrl-C."""
        outcome = Outcome()
        for number, task in enumerate(tasks):
            try:
                outcome.lines += self._lines(task)
            except (GrantkeeperError, KeyboardInterrupt) as error:
                outcome.stopped = error if isinstance(error, GrantkeeperError) else None
                outcome.interrupted = isinstance(error, KeyboardInterrupt)
                outcome.left = tuple(place for each in tasks[number:] for place in _places(each))
                break
            self._tell(number + 1)
        return outcome

    def _lines(self, task: Task | Unusable) -> list[Line]:
        if isinstance(task, Unusable):
            return [Line(place=task.place, owner=task.owner, result="unusable", reason=task.reason, advice=task.advice)]
        line = self._line(task)
        same = (f"The same refresh token as in {line.place}.",)
        return [line, *(replace(line, place=place, notes=same) for place in task.places)]

    def _line(self, task: Task) -> Line:
        """Return what became of one; raises what concerns all of them."""
        try:
            return self._looked(task) if self._dry_run else self._taken(task)
        except AccountMismatch as error:
            return _told(task, "unusable", reason=error.args[0], advice=error.advice)
        except ConsentRequired as error:
            return _told(task, "dead", reason=error.reason, advice=error.advice)
        except (InvalidInput, NotFound, BadCallback, SealBroken) as error:
            return _told(task, "unusable", reason=error.args[0], advice=error.advice)
        except Misconfigured as error:
            if error.provider is None or error.provider.error != _FOREIGN:
                raise
            return _told(
                task,
                "unusable",
                reason=f"was given to another OAuth client than {task.client.name}",
                advice="Import it with the OAuth client that it was given to: --client, or a column client.",
            )

    def _taken(self, task: Task) -> Line:
        item, name = task.item, task.client.name
        if (known := self._keeper.taken_over(item.owner, name, item.refresh_token)) is None:
            self._wait()
        picker = Picker(page="skip", preselect=item.accounts) if item.accounts else None
        done = self._patiently(
            lambda: self._keeper.adopt(
                item.owner, name, item.refresh_token, email=item.email or None, picker=picker, by="cli"
            )
        )
        if done.known or known is not None:
            return _of_grant(task, "already there", done.grant, (KEPT_SHARING,) if item.accounts else ())
        return _of_grant(task, "imported", done.grant, () if done.grant.identified else (UNKNOWN_PERSON,))

    def _looked(self, task: Task) -> Line:
        item, name = task.item, task.client.name
        known = self._keeper.taken_over(item.owner, name, item.refresh_token)
        if known is not None:
            return _of_grant(task, "already there", known, ())
        if task.client.provider.rotation != "none":
            said = f"{task.client.provider.called} may replace refresh tokens: a look would use it up"
            return _told(task, "not checked", reason=said)
        self._wait()
        found = self._patiently(lambda: self._keeper.examine(name, item.refresh_token))
        if not found.alive:
            return _told(task, "dead", reason=found.reason.value, advice=found.advice)
        if item.email and found.email and folded(item.email) != folded(found.email):
            return _told(task, "unusable", reason=f"is {found.email}'s refresh token", advice="Not the named person's.")
        return self._of_living(task, found)

    def _of_living(self, task: Task, found: Examination) -> Line:
        item = task.item
        connected = [
            grant
            for grant in self._keeper.grants(item.owner, task.client.name)
            if found.subject and grant.subject == found.subject and grant.usable
        ]
        if connected:
            return _of_grant(task, "already there", connected[0], ())
        return _told(
            task,
            "would be imported",
            person=found.email or found.subject,
            reason=found.reason.value,
            advice=found.advice,
            notes=() if found.subject else (UNKNOWN_PERSON,),
        )

    def _wait(self) -> None:
        """Wait for this token's turn."""
        now = time.monotonic()
        if now < self._next_at:
            self._pause(self._next_at - now)
        self._next_at = max(now, self._next_at) + self._every

    def _patiently(self, ask: Callable[[], _T]) -> _T:
        """Ask again after trouble at the provider, twice; who asks us to wait is not asked again."""
        for wait in _TRY_AGAIN:
            try:
                return ask()
            except ProviderUnavailable as error:
                if error.retry_after is not None and error.retry_after > wait:
                    raise
            self._pause(wait.total_seconds())
        return ask()


def _places(task: Task | Unusable) -> tuple[str, ...]:
    return (task.place,) if isinstance(task, Unusable) else (task.item.place, *task.places)


def _of_grant(task: Task, result: Result, grant: Grant, notes: tuple[str, ...]) -> Line:
    """Return the line of a grant that is there; one whose person has to consent says so."""
    reason = "" if grant.usable else grant.reason.value
    line = _told(task, result, reason=reason, advice=advice(grant.reason) if reason else "", notes=notes)
    return replace(line, grant_id=grant.id, person=cleaned(grant.person))


def _told(
    task: Task, result: Result, *, reason: str = "", advice: str = "", person: str = "", notes: tuple[str, ...] = ()
) -> Line:
    """Return the line of a task. Some reasons name the e-mail address of the file, so they are cleaned as well."""
    return Line(
        place=task.item.place,
        owner=cleaned(task.item.owner),
        result=result,
        client=task.client.name,
        person=cleaned(person),
        reason=cleaned(reason),
        advice=advice,
        notes=(*task.item.notes, *notes),
    )
