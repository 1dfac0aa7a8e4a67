"""One seed: what happens, to whom and when, and that all is well after it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final

from grantkeeper.errors import ConsentRequired, GrantkeeperError, InvalidInput, ProviderUnavailable, SealBroken
from grantkeeper.keeper.consent.consents import Consent
from grantkeeper.model import (
    AccessToken,
    FlowRow,
    Grant,
    GrantRow,
    GrantStatus,
    Reason,
    Sealer,
    Secret,
    Tokens,
)
from grantkeeper.oauth.identity import Identity
from grantkeeper.oauth.token import ScopeDifference, TokenAnswer
from grantkeeper.store import SqlStore
from simulation.baton import SECOND, Here, Scheduler
from simulation.invariants import Checker
from simulation.processes import Process, micro, moment
from simulation.server import Faults, Plan, Server, client_of

MIN_TTLS: Final = (timedelta(), timedelta(minutes=1), timedelta(minutes=5))
BOUND: Final = 1800 * SECOND
"""After faults stop, every grant that can be kept is fresh within half an hour: two breakers may each wait five minutes
or, after a probe that came too early, ten."""


@dataclass(slots=True)
class Ground:
    """What seeds have in common: a database, a key and a folder."""

    store: SqlStore
    ring: Sealer
    folder: Path
    installation: str
    clear: Callable[[], None]
    records: Any = field(default=None)


class World:
    """Everything of one seed."""

    def __init__(self, seed: int, ground: Ground) -> None:
        self.rng = Random(seed)
        self.installation = ground.installation
        self.store, self.ring, self.folder = ground.store, ground.ring, ground.folder / "state"
        ground.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.plan = Plan.drawn(self.rng)
        self.faults = Faults()
        self.scheduler = Scheduler(self.rng, 0)
        Here.scheduler, Here.world = self.scheduler, self
        self.server = Server(self.plan.manner, lambda: self.scheduler.now)
        self.client = client_of(self.plan.rotation)
        self.processes: list[Process] = []
        self.checker = Checker(self)
        ground.records.checker = self.checker
        self.crashes_left = 3
        self.numbers = count(1)
        self.quiet = False
        self.grants: list[str] = []
        self.rounds = self.plan.manner.lifetime

    # --- phases -------------------------------------------------------------------------------------------------

    def run(self) -> str:
        """Run the seed; returns the invariant that broke, or ""."""
        for phase in (self._set_up, self._live, self._calm_down, self._tamper):
            phase()
            self.scheduler.run()
            if self.scheduler.failure:
                break
            stuck = [task.name for task in self.scheduler.tasks if not task.done]
            if stuck:
                self.scheduler.failure = f"I5: {', '.join(stuck)} wait for ever"
        failure = self.scheduler.failure
        self.scheduler.end()
        for process in self.processes:
            if process.journal._file is not None:
                process.journal._file.close()
        return failure

    def _set_up(self) -> None:
        for _ in range(self.plan.processes):
            self.start(self.rng.choice("aab"))
        for number in range(self.plan.grants):
            self.grants.append(f"gr_{number}")
            self.store.insert_grant(self._connected(number))
            self.checker.wrote(self.grants[-1])

    def _connected(self, number: int) -> GrantRow:
        """Return the row of a grant that somebody just gave."""
        refresh, access = self.server.consent(f"owner{number}", 0)
        now, lifetime = moment(0), timedelta(microseconds=self.plan.manner.lifetime)
        grant = Grant(
            id=self.grants[number],
            owner=f"owner{number}",
            client="client",
            issuer="https://as.test",
            subject=f"owner{number}",
            email="",
            status=GrantStatus.ACTIVE,
            reason=Reason.NONE,
            scopes=frozenset({"ads"}),
            missing=frozenset(),
            extra=frozenset(),
            expires_at=now + lifetime,
            ends_at=None,
            consented_at=now,
            created_at=now,
            updated_at=now,
            refreshed_at=now,
            version=1,
        )
        tokens = Tokens(refresh_token=Secret(refresh.value), access_token=Secret(access))
        sealed = self.checker.vault.seal_tokens(tokens, grant=grant, generation=1, key=None)
        return GrantRow(grant=grant, generation=1, sealed=sealed)

    def _live(self) -> None:
        self.faults = Faults.drawn(self.rng)
        if self.plan.mass:
            self.faults = Faults(database_latency=self.faults.database_latency)
            self.server.refuses_all_until = self.scheduler.now + self.plan.manner.lifetime + 300 * SECOND
        for process in self.processes:
            self._employ(process, self.plan.actions)
        if not self.plan.mass:
            self.scheduler.spawn("world", self._happen)

    def _calm_down(self) -> None:
        self.quiet = True
        self.faults = Faults()
        self.server.down_until = self.server.refuses_all_until = 0
        for process in self.processes:
            process.away_until, process.skew = 0, 0
        self.scheduler.note("faults stop")
        for host in "ab":
            if not any(each.alive and each.host == host for each in self.processes):
                self.start(host)
        good = {grant_id for grant_id in self.grants if self._can_be_kept(grant_id)}
        living = [each for each in self.processes if each.alive]
        for process in {each.host: each for each in living}.values():
            self._spawn(process, "recover", lambda process=process: self._recover(process))  # type: ignore[misc]
        for grant_id in self.grants:
            process = self.rng.choice(living)
            self._spawn(
                process,
                "visit",
                lambda process=process, grant_id=grant_id: self._visit(process, grant_id, grant_id in good),  # type: ignore[misc]
            )

    def _tamper(self) -> None:
        self.scheduler.spawn("end", self._look_at_the_end)
        if self.rng.random() < 0.3:
            process = self.start("a")
            self._spawn(process, "tamper", lambda: Adversary(self, process).act())

    def _look_at_the_end(self) -> None:
        self.checker.check_files([*self.folder.glob("*/*"), *self.folder.parent.glob("*.sqlite3")])
        for grant_id in self.grants:
            self.checker.check_newest(grant_id)
        self.checker.check_mass_refusal()

    # --- processes ----------------------------------------------------------------------------------------------

    def start(self, host: str) -> Process:
        """Start a process."""
        process = Process(self, len(self.processes) + 1, host)
        self.processes.append(process)
        return process

    def is_alive(self, host: str, pid: int) -> bool:
        """Tell whether there is such a process."""
        return any(each.alive and each.host == host and each.pid == pid for each in self.processes)

    def may_crash(self) -> bool:
        """Tell whether another crash fits this seed."""
        return self.crashes_left > 0

    def died(self, process: Process) -> None:
        """Start another one in its place, soon or late."""
        self.crashes_left -= 1

        def again() -> None:
            if self.quiet:
                return
            follower = self.start(process.host)
            self._spawn(follower, "recover", lambda: self._recover(follower))
            self._employ(follower, 2)

        wait = self.rng.choice((0.1, 5, 60)) * self.rng.random()
        self.scheduler.spawn("init", again, after=int(wait * SECOND))

    def _employ(self, process: Process, actions: int) -> None:
        for number in range(self.plan.tasks):
            self._spawn(process, str(number), lambda: self._work(process, actions))

    def _spawn(self, process: Process, name: str, body: Callable[[], object]) -> None:
        self.scheduler.spawn(f"{process.name} {name}", body, process=process)

    # --- what is done -------------------------------------------------------------------------------------------

    def _work(self, process: Process, actions: int) -> None:
        mine: dict[str, AccessToken] = {}
        if self.plan.mass:
            self._go_round(process)
            return
        for _ in range(actions):
            number = self.rng.randrange(len(self.grants))
            grant_id = self.grants[number]
            self._wait_for_others()
            draw = self.rng.random()
            if draw < 0.72:
                self._token(process, grant_id, mine)
            elif draw < 0.86:
                self.verb("refresh", lambda grant_id=grant_id: process.keeper.refresh(grant_id))  # type: ignore[misc]
            elif draw < 0.92 and grant_id in mine:
                value = mine[grant_id].value
                self.verb("report", lambda: process.keeper.report_rejected(grant_id, value))  # noqa: B023
            elif draw < 0.95:
                self._recover(process)
            elif draw < 0.98:
                self.verb("consent", lambda: self._consent(process, number))  # noqa: B023
            elif draw < 0.99:
                self.verb("revoke", lambda grant_id=grant_id: process.keeper.revoke(grant_id))  # type: ignore[misc]

    def _go_round(self, process: Process) -> None:
        """Ask for each grant's token, from the moment when all are due."""
        self.scheduler.sleep(self.rounds)
        for grant_id in self.rng.sample(self.grants, len(self.grants)):
            self.scheduler.sleep(int(self.rng.uniform(1, 20) * SECOND))
            self._token(process, grant_id, {})

    def _wait_for_others(self) -> None:
        """Wait until tokens are due, when everybody comes; or for some time."""
        now = self.scheduler.now
        if self.rng.random() < 0.7:
            self.scheduler.sleep(self.rounds - now % self.rounds + int(self.rng.random() ** 4 * SECOND))
        else:
            self.scheduler.sleep(int(self.rng.random() ** 3 * self.rounds))

    def _token(self, process: Process, grant_id: str, mine: dict[str, AccessToken]) -> None:
        min_ttl = self.rng.choice(MIN_TTLS)
        found = self.verb(f"token {grant_id}", lambda: process.keeper.token(grant_id, min_ttl=min_ttl))
        if isinstance(found, AccessToken):
            mine[grant_id] = found
            self.checker.handed_out(process, grant_id, found, min_ttl)

    def _recover(self, process: Process) -> None:
        self.verb("recover", process.keeper.recover)

    def verb(self, name: str, call: Callable[[], object]) -> object:
        """Do what a caller does; errors that are named are its to bear."""
        me = self.scheduler.me
        self.scheduler.note(f"{name} ...")
        result: object = None
        try:
            result = call()
        except GrantkeeperError as error:
            result = error
            self.checker.said(f"{error} {error.advice}")
            jumped = any(process.jumped for process in self.processes)
            if isinstance(error, SealBroken) or (isinstance(error, InvalidInput) and not jumped):
                self.checker.fail("I6", f"{name}: {error}")
        self.scheduler.note(f"{name}: {'ok' if result is None else type(result).__name__}")
        self.checker.returned(me)
        return result

    def _consent(self, process: Process, number: int) -> None:
        """Let a person consent, and save it as a callback does."""
        owner = f"owner{number}"
        refresh, access = self.server.consent(owner, process.skew)
        now = process.now()
        answer = TokenAnswer(
            access_token=Secret(access),
            refresh_token=Secret(refresh.value),
            token_type="Bearer",
            expires_at=now + timedelta(microseconds=self.plan.manner.lifetime),
            scopes=None,
            id_token=None,
        )
        identity = Identity(
            issuer="https://as.test", subject=owner, email="", email_verified=False, hosted_domain="", name=""
        )
        scopes = ScopeDifference(granted=frozenset({"ads"}), missing=frozenset(), extra=frozenset())
        flow = FlowRow(
            state_hash="s",
            browser_hash="b",
            owner=owner,
            client="client",
            redirect_uri="https://app.test/callback",
            sealed=None,
            expires_at=now,
        )
        consent = Consent(client=self.client, identity=identity, answer=answer, scopes=scopes)
        self.checker.consenting.add(self.scheduler.me)
        try:
            grant = process.consents.keep(flow, consent)
        finally:
            self.checker.consenting.discard(self.scheduler.me)
        assert grant is not None
        self.grants[number] = grant.id

    def _happen(self) -> None:
        """What happens outside: people withdraw, servers fall over, clocks jump, processes are killed."""
        for _ in range(self.rng.choice((0, 1, 2, 3))):
            self.scheduler.sleep(int(self.rng.random() * 2 * self.rounds))
            what = self.rng.choice(("revoke", "down", "jump", "jump", "kill", "kill"))
            self.scheduler.note(what)
            process = self.rng.choice(self.processes)
            if what == "revoke":
                self.server.end(self.rng.choice(list(self.server.families)), "person")
            elif what == "down":
                self.server.down_until = self.scheduler.now + int(self.rng.uniform(1, 300) * SECOND)
            elif what == "jump":
                process.skew += self.rng.choice((-3600, 3600)) * SECOND
                process.jumped = True
            elif process.alive and self.crashes_left:
                process.die()

    # --- afterwards ---------------------------------------------------------------------------------------------

    def _can_be_kept(self, grant_id: str) -> bool:
        known = self.checker.grants[grant_id]
        row, token = known.row, known.token
        if row is None or token is None or row.grant.status is GrantStatus.REVOKED:
            return False
        kept = [each for each in self.checker.kept(grant_id) if each.family is token.family]
        if any(self.server.is_good(each) for each in kept if each.depth > token.depth):
            return True
        return row.grant.status is GrantStatus.ACTIVE and self.server.is_good(token)

    def _visit(self, process: Process, grant_id: str, good: bool) -> None:
        """I5: ask for a token until it comes, or it is said to be lost and is."""
        end = self.scheduler.now + BOUND
        result: object = None
        while self.scheduler.now < end:
            result = self.verb(f"visit {grant_id}", lambda: process.keeper.token(grant_id))
            if isinstance(result, AccessToken):
                self.checker.handed_out(process, grant_id, result, timedelta(minutes=5))
                return
            if isinstance(result, ConsentRequired) and not good:
                return
            wait = result.retry_after if isinstance(result, ProviderUnavailable) else None
            self.scheduler.sleep(max(micro(wait or timedelta()), 5 * SECOND))
        self.checker.fail("I5", f"{grant_id} ({'good' if good else 'unsure'}) does not become fresh: {result!r}")


class Adversary:
    """Somebody who writes to the database without a key (V-02)."""

    def __init__(self, world: World, process: Process) -> None:
        self._world, self._process = world, process

    def act(self) -> None:
        """Put sealed columns where, or when, they do not belong; they must not open there."""
        known = [each for each in self._world.checker.grants.values() if each.row and each.row.grant.usable]
        for one in known:
            others = [each.row for each in known if each is not one and each.row]
            older = [row for row in one.history[:-1] if row.sealed and one.row and row.generation < one.row.generation]
            for source in [*others[:1], *older[-1:]]:
                assert one.row is not None
                self._replaced(one.row.grant.id, source)

    def _replaced(self, grant_id: str, source: Any) -> None:
        row = self._world.store.grant(grant_id)
        if row is None or row.sealed is None or source.sealed is None or row.sealed == source.sealed:
            return
        world, grant = self._world, row.grant
        bad = replace(row, grant=replace(grant, version=grant.version + 1), sealed=source.sealed)
        world.store.save_grant(bad, expected_version=grant.version)
        try:
            self._process.keeper.token(grant_id)
        except SealBroken:
            good = replace(row, grant=replace(grant, version=grant.version + 2))
            world.store.save_grant(good, expected_version=grant.version + 1)
        except GrantkeeperError as error:
            world.checker.fail("V-02", f"{grant_id}: {type(error).__name__} for what was put there by somebody")
        else:
            world.checker.fail("V-02", f"{grant_id} opens what belongs to {source.grant.id} {source.generation}")


__all__ = ["Ground", "World", "moment"]
