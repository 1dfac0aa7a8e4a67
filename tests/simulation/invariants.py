"""What must hold after each step, whatever happens: I1 to I10 of the duties R-70."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from grantkeeper.errors import SealBroken
from grantkeeper.keeper.refresh.entries import left
from grantkeeper.keeper.vault import Vault
from grantkeeper.model import AccessToken, GrantRow, GrantStatus, Reason
from grantkeeper.renewal import Admission, Change
from grantkeeper.renewal.breaker import MANY_REFUSALS, OUTAGE_FIRST_WAIT
from simulation.baton import Task
from simulation.processes import SLOT, Process, micro
from simulation.server import CANARY, RefreshToken

if TYPE_CHECKING:
    from simulation.world import World

FIRST_WAITS: Final = {
    "outage": OUTAGE_FIRST_WAIT,
    "asked_to_wait": timedelta(seconds=1),
    "mass_refusal": timedelta(seconds=30),
}

SENDS: Final = 3
"""In one attempt, at most: once more when the outcome is unknown (R-16), and once more after a vague refusal."""


@dataclass(slots=True, eq=False)
class Sending:
    """A request under way, and until when its sender holds the lease."""

    task: Task
    token: RefreshToken
    lease_until: int


@dataclass(slots=True, eq=False)
class Attempt:
    """What one holder of a lease did.

    `under_way` while a request has no definite answer; `unknown` when one never got it; `settled` when the row says
    again that nothing is open.
    """

    name: str
    task: Task
    token: RefreshToken
    lease_until: int
    under_way: bool = False
    unknown: bool = False
    settled: bool = False


@dataclass(slots=True)
class Shut:
    """A breaker that is not closed: since when, and what went through."""

    since: int
    least_wait: int
    probes: int = 0


@dataclass(slots=True)
class Known:
    """What the checker knows of a grant: the row as it was last written, and what was received for it."""

    row: GrantRow | None = None
    token: RefreshToken | None = None
    received: dict[str, set[Task]] = field(default_factory=dict)
    attempts: list[Attempt] = field(default_factory=list)
    wrong_refusal_by: Process | None = None
    history: list[GrantRow] = field(default_factory=list)


class Checker:
    """Looks at everything that goes in and out, and stops the simulation when an invariant is broken."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.vault = Vault(world.ring, world.installation)
        self.grants: dict[str, Known] = {}
        self.by_owner: dict[str, Known] = {}
        self._under_way: list[Sending] = []
        self._begun: dict[Task, Attempt] = {}
        self._admitted: dict[Task, int] = {}
        self._shut: dict[tuple[Process, str], Shut] = {}
        self.opened: set[Process] = set()
        self.consenting: set[Task] = set()

    def fail(self, invariant: str, what: str) -> None:
        """End the simulation."""
        self.world.scheduler.fail(f"{invariant}: {what}")

    # --- requests -----------------------------------------------------------------------------------------------

    def began(self, grant_id: str, attempt: str, lease_until: int) -> None:
        """A lease was taken, or taken anew."""
        me, known = self.world.scheduler.me, self.grants[grant_id]
        had = self._begun.get(me)
        if had is not None and had.name == attempt:
            had.lease_until = lease_until
            return
        if known.token is not None:
            self._begun[me] = Attempt(attempt, me, known.token, lease_until)
            known.attempts.append(self._begun[me])

    def sending(self, process: Process, value: str) -> Sending:
        """A refresh leaves."""
        me, now = self.world.scheduler.me, self.world.scheduler.now
        token, attempt = self.world.server.tokens[value], self._begun.get(me)
        sending = Sending(me, token, attempt.lease_until if attempt else 0)
        for other in self._under_way:
            if other.token is token and now < other.lease_until and other.task.process.alive:
                self.fail("I1", f"{me.name} sends what {other.task.name} has under way")
        known = self.by_owner[token.family.owner]
        newest = max((self._depth(known, each) for each in known.received), default=0)
        of_row = known.token
        if of_row is not None and of_row.family is token.family and token.depth < newest - 1:
            self.fail("I3", f"depth {token.depth} is sent, {newest} was received")
        self._admitted[me] = self._admitted.get(me, 0) - 1
        if self._admitted[me] < 0:
            self.fail("I10", f"{me.name} sends without having asked the breakers")
        self._under_way.append(sending)
        if attempt is not None:
            attempt.under_way = True
        return sending

    def sent(self, sending: Sending) -> None:
        """It is over, one way or the other."""
        self._under_way.remove(sending)
        attempt = self._begun.get(sending.task)
        if attempt is not None:
            attempt.unknown |= attempt.under_way
            attempt.under_way = False

    def definite(self, process: Process) -> None:
        """An answer arrives that tells what became of the token; or it surely was not sent."""
        attempt = self._begun.get(self.world.scheduler.me)
        if attempt is not None and process.alive:
            attempt.under_way = False

    def gave_back(self, sends: int) -> None:
        """A lease was given back; what the row says is open cannot be told from what is."""
        attempt = self._begun.get(self.world.scheduler.me)
        if attempt is not None:
            attempt.unknown |= sends > 0
            attempt.settled = not attempt.unknown

    def received(self, process: Process, value: str | None) -> None:
        """A refresh token arrives in a process that lives."""
        if value is not None and process.alive:
            token = self.world.server.tokens[value]
            self.by_owner[token.family.owner].received.setdefault(value, set()).add(self.world.scheduler.me)

    # --- breakers -----------------------------------------------------------------------------------------------

    def asked(self, process: Process, admission: Admission) -> None:
        """The breakers were asked."""
        if not admission.admitted:
            return
        self._admitted[self.world.scheduler.me] = SENDS
        for (owner, why), shut in self._shut.items():
            if owner is not process or process.jumped:
                continue
            shut.probes += 1
            elapsed = self.world.scheduler.now - shut.since
            if shut.probes > elapsed // shut.least_wait:
                self.fail("I10", f"{shut.probes} probes in {elapsed} µs while {why} holds in {process.name}")

    def unsent(self, process: Process) -> None:
        """An admitted refresh was not sent."""
        self._admitted.pop(self.world.scheduler.me, None)
        for (owner, _), shut in self._shut.items():
            if owner is process:
                shut.probes -= 1

    def recorded(self, process: Process, change: Change) -> None:
        """The breakers were told."""
        now = self.world.scheduler.now
        for why in change.closed:
            self._shut.pop((process, why), None)
        for why in change.opened:
            self._shut[process, why] = Shut(now, micro(FIRST_WAITS[why]))
            if why == "mass_refusal":
                self.opened.add(process)

    # --- rows ---------------------------------------------------------------------------------------------------

    def wrote(self, grant_id: str) -> None:
        """A row was written."""
        row = self.world.store.grant(grant_id)
        if row is None:
            return
        known = self.grants.setdefault(grant_id, Known())
        if known.row is None:
            self.by_owner[row.grant.owner] = known
        before, had = known.row, known.token
        if before is not None and row.grant.version != before.grant.version + 1:
            self.fail("I8", f"{grant_id} went from version {before.grant.version} to {row.grant.version}")
        known.row, known.token = row, self._token_of(row)
        known.history.append(row)
        if known.token is not None and known.token.family.owner != row.grant.owner:
            self.fail("I6", f"{grant_id} holds a refresh token of {known.token.family.owner}")
        if had is not None and known.token is not None:
            self._goes_on(grant_id, had, known.token)
        if had is not None and known.token is not None and had.family is not known.token.family:
            known.received.clear()
        if had is not known.token:
            known.wrong_refusal_by = None
        if had is known.token and row.grant.status is GrantStatus.CONSENT_REQUIRED and before and before.grant.usable:
            self._ended(known, row, known.token)
        self.check_newest(grant_id)

    def _goes_on(self, grant_id: str, had: RefreshToken, token: RefreshToken) -> None:
        """I2: no older token takes the place of a newer one; of two consents the one that was saved last stands."""
        if self.world.scheduler.me in self.consenting:
            return
        if (token.family.number, token.depth) < (had.family.number, had.depth):
            self.fail("I2", f"{grant_id} goes back from {had.family.number}-{had.depth} to an older refresh token")

    def _ended(self, known: Known, row: GrantRow, token: RefreshToken | None) -> None:
        """I4: a grant needs a consent only with evidence, and says the right reason."""
        if token is None:
            return
        cause, reason = self.world.server.cause(token), row.grant.reason
        mine = self._begun.get(self.world.scheduler.me)
        attempts = [each for each in known.attempts if each.token is token]
        lost = any(each.unknown or not (each.settled or each is mine) for each in attempts)
        if reason is Reason.ROTATION_REPLY_LOST and not lost and not known.history[-2].sends:
            self.fail("I4", f"{row.grant.id} says that an answer was lost; none was")
        if reason is Reason.REVOKED_OR_EXPIRED and cause in {"rotated", "reuse"}:
            self.fail("I4", f"{row.grant.id} says that it was revoked; its token was {cause}")
        if cause or reason is not Reason.REVOKED_OR_EXPIRED:
            return
        times = [at for at, _ in token.refusals]
        certain = any(certain for _, certain in token.refusals)
        if not certain and (len(times) < 2 or times[-1] - times[0] < 2_000_000):
            self.fail("I4", f"{row.grant.id} ended without evidence")
        known.wrong_refusal_by = self.world.scheduler.me.process

    def check_mass_refusal(self) -> None:
        """I4: what refuses most grants at once kills none of them, once that was to be seen (R-31)."""
        dead = [each for each in self.grants.values() if each.row and not each.row.grant.usable]
        wrong = [each.wrong_refusal_by for each in dead if each.wrong_refusal_by is not None]
        for process in wrong:
            if process.alive and (process in self.opened or wrong.count(process) >= MANY_REFUSALS):
                self.fail("I4", f"{wrong.count(process)} grants died of a mass refusal")

    def _token_of(self, row: GrantRow) -> RefreshToken | None:
        try:
            value = self.vault.open_tokens(row).refresh_token
        except SealBroken:
            self.fail("I2", f"the row of {row.grant.id} does not open")
        return None if value is None else self.world.server.tokens[value.reveal()]

    def _depth(self, known: Known, value: str) -> int:
        token = self.world.server.tokens[value]
        return token.depth if known.token is not None and token.family is known.token.family else 0

    def check_newest(self, grant_id: str) -> None:
        """I2: the newest refresh token that was received is in the row, in a journal, or in a process that lives."""
        known, server = self.grants[grant_id], self.world.server
        if known.row is None or known.token is None or known.row.grant.status is GrantStatus.REVOKED:
            return
        for value, holders in list(known.received.items()):
            token = server.tokens[value]
            if token.depth <= known.token.depth or token.family is not known.token.family:
                del known.received[value]
            elif not holders and server.is_good(token) and token not in self.kept(grant_id):
                self.fail("I2", f"{grant_id}: a refresh token of depth {token.depth} is nowhere any more")

    def kept(self, grant_id: str) -> list[RefreshToken]:
        """Return what is not in the row: in the journals, and in the memory of processes that live."""
        values = list(self._in_journals(grant_id))
        for process in self.world.processes:
            found = process.saving._kept.get(grant_id) if process.alive else None
            if found is not None and found[0].answer.refresh_token is not None:
                values.append(found[0].answer.refresh_token.reveal())
        return [self.world.server.tokens[value] for value in values if value]

    def _in_journals(self, grant_id: str) -> Iterable[str]:
        for path in sorted(self.world.folder.glob("*/journal-*.sealed")):
            for payload in _entries(path):
                entry = left(payload)
                if entry.grant_id == grant_id:
                    yield self._answer_in(entry.key, entry.data, grant_id, entry.generation)

    def _answer_in(self, key: bytes, data: bytes, grant_id: str, generation: int) -> str:
        from grantkeeper.keeper.refresh.entries import _read
        from grantkeeper.model import Sealed

        opened = self.vault.open_answer(Sealed(key=key, data=data), grant_id=grant_id, generation=generation)
        value = _read(opened)[0].refresh_token
        return "" if value is None else value.reveal()

    # --- processes and callers ----------------------------------------------------------------------------------

    def died(self, process: Process) -> None:
        """A process is gone: what only its memory held is lost, and nobody is to blame."""
        for grant_id, known in self.grants.items():
            for value, holders in list(known.received.items()):
                mine = {task for task in holders if task.process is process}
                kept = process.saving._kept.get(grant_id)
                mine |= {task for task in holders if kept is not None}
                if mine and holders <= mine and not self._in_journal(grant_id, value):
                    del known.received[value]
                else:
                    holders -= mine
            for attempt in known.attempts:
                attempt.unknown |= attempt.task.process is process

    def _in_journal(self, grant_id: str, value: str) -> bool:
        return value in self._in_journals(grant_id)

    def returned(self, task: Task) -> None:
        """A verb has ended: what its caller's frames held is gone."""
        self._begun.pop(task, None)
        self._admitted.pop(task, None)
        for grant_id, known in self.grants.items():
            for holders in known.received.values():
                holders.discard(task)
            if known.received:
                self.check_newest(grant_id)

    def handed_out(self, process: Process, grant_id: str, token: AccessToken, min_ttl: timedelta) -> None:
        """I6: it belongs to the grant, and lives long enough."""
        access = self.world.server.accesses[token.value.reveal()]
        row = self.grants[grant_id].row
        if row is None or access.owner != row.grant.owner:
            self.fail("I6", f"{grant_id} was given a token of {access.owner}")
        if token.expires_at - process.now() <= min_ttl:
            self.fail("I6", f"{grant_id} was given a token that lives {token.expires_at - process.now()}")
        left_of_it = access.ends_at - self.world.scheduler.now
        if not access.skew and not process.skew and left_of_it < micro(min_ttl):
            self.fail("I6", f"{grant_id} was given a token that lives {left_of_it} µs")

    def said(self, text: str) -> None:
        """I7: no secret in a log or an error."""
        if CANARY in text:
            self.fail("I7", "a secret was said: " + text.replace(CANARY, "*"))

    def check_files(self, paths: Iterable[Path]) -> None:
        """I7: no secret in clear in a file."""
        for path in paths:
            if CANARY.encode() in path.read_bytes():
                self.fail("I7", f"a secret is in {path.name}")


def _entries(path: Path) -> Iterable[bytes]:
    with path.open("rb") as file:
        while head := file.read(SLOT):
            if head[:4] == b"gkj1":
                length = int.from_bytes(head[4:8], "big")
                yield head[8 : 8 + length]


class Records(logging.Handler):
    """Shows every log record to the checker of the present simulation."""

    def __init__(self) -> None:
        super().__init__()
        self.checker: Checker | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Look at it."""
        if self.checker is not None:
            self.checker.world.scheduler.note(f"log: {record.getMessage()}")
            self.checker.said(record.getMessage())
