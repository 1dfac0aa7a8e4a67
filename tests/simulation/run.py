"""Runs seeds, with all safeguards or without one of them: `python -m simulation.run 0-10000`. See `make simulate`."""

from __future__ import annotations

import argparse
import gc
import hashlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import event

from grantkeeper.errors import ProviderUnavailable
from grantkeeper.keeper.refresh.entries import Answered
from grantkeeper.keeper.refresh.refreshing import Refreshing
from grantkeeper.keeper.vault import Vault
from grantkeeper.model import Beside, GrantRow, SealContext
from grantkeeper.renewal import Breakers
from grantkeeper.renewal.breaker import ADMITTED, UNCHANGED
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from simulation.baton import Here
from simulation.invariants import Records
from simulation.processes import moment, patched
from simulation.world import Ground, World

PART: Final = 250
"""Seeds that one worker runs in one go."""

MEMORY: Final = Path("/dev/shm")
SHOWN: Final = 30


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a seed."""

    seed: int
    failure: str
    lines: list[str]

    @property
    def digest(self) -> str:
        """What tells two runs apart."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()


@contextmanager
def ground() -> Iterator[Ground]:
    """A database in memory, and everything patched."""
    logger, records = logging.getLogger("grantkeeper"), Records()
    where = str(MEMORY) if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where) as name, patched():
        store = SqlStore(f"sqlite:///{name}/simulation.sqlite3", now=lambda: moment(Here.scheduler.now))
        event.listen(store._engine, "connect", _fast)
        store.migrate()

        def clear() -> None:
            with store._writing.begin() as connection:
                connection.exec_driver_sql("DELETE FROM grantkeeper_grant")

        logger.addHandler(records)
        logger.propagate = False
        try:
            yield Ground(store, KeyRing.parse(new_key()), Path(name), store.installation(), clear, records)
        finally:
            logger.removeHandler(records)
            logger.propagate = True
            store.close()


def _fast(connection: object, _record: object) -> None:
    for pragma in ("synchronous = OFF", "journal_mode = MEMORY"):
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]


def simulate(seed: int, on: Ground) -> Result:
    """Run one seed."""
    world = World(seed, on)
    failure = world.run()
    on.records.checker = None
    lines = [f"{timedelta(microseconds=at)} {who}: {what}" for at, who, what in world.scheduler.trace]
    return Result(seed, failure, lines)


def several(seeds: Sequence[int], until: float) -> tuple[int, list[Result]]:
    """Run seeds until one fails or the time is over; returns how many, and the one that failed."""
    done = 0
    gc.disable()  # what is let go is let go at once but for rings, which are few
    with ground() as on:
        for seed in seeds:
            if time.monotonic() > until:
                break
            if done % 100 == 99:
                gc.collect()
            result = simulate(seed, on)
            done += 1
            if result.failure:
                return done, [result]
    return done, []


# --- safeguards, and what the keeper is without them ----------------------------------------------------------------


def _no_lease(store: Any) -> Iterable[Any]:
    begin = store.begin_refresh

    def everybody(self: SqlStore, grant_id: str, **how: Any) -> bool:
        begin(self, grant_id, **how)
        return True

    yield patch.object(store, "begin_refresh", everybody)


def _no_fencing(store: Any) -> Iterable[Any]:
    save = store.save_tokens

    def saved(self: SqlStore, row: GrantRow, *, expected_version: int, attempt: str | None, beside: Beside) -> None:
        now = self.grant(row.grant.id)
        version = now.grant.version if now else expected_version
        save(
            self,
            replace(row, grant=replace(row.grant, version=version + 1)),
            expected_version=version,
            attempt=None,
            beside=beside,
        )

    yield patch.object(store, "save_tokens", saved)


def _no_intent(store: Any) -> Iterable[Any]:
    begin, read = store.begin_refresh, store.grant

    def begun(self: SqlStore, grant_id: str, **how: Any) -> bool:
        row = read(self, grant_id)
        return bool(begin(self, grant_id, **how | {"sends": row.sends if row else 0}))

    def forgetful(self: SqlStore, grant_id: str, **how: Any) -> GrantRow | None:
        row = read(self, grant_id, **how)
        return None if row is None else replace(row, sent_at=None, sends=0)

    yield patch.object(store, "begin_refresh", begun)
    yield patch.object(store, "grant", forgetful)
    yield patch.object(store, "unresolved", lambda *_args, **_named: [])


def _judged_first(_store: Any) -> Iterable[Any]:
    save = Refreshing._saved

    def judged(self: Refreshing, answered: Answered) -> Any:
        if answered.answer.problem:
            self._leases.give_back(answered.row, answered.attempt, unknown=False)
            raise ProviderUnavailable("It cannot be used.")
        return save(self, answered)

    yield patch.object(Refreshing, "_saved", judged)


def _no_associated_data(_store: Any) -> Iterable[Any]:
    nowhere = SealContext(installation="", table="", row="", column="", generation=0)
    yield patch.object(Vault, "_context", lambda *_args: nowhere)


def _no_breaker(_store: Any) -> Iterable[Any]:
    yield patch.object(Breakers, "admit", lambda *_args, **_named: ADMITTED)
    yield patch.object(Breakers, "record", lambda *_args, **_named: UNCHANGED)
    yield patch.object(Breakers, "frozen", lambda *_args: False)


SAFEGUARDS: Final[dict[str, Callable[[Any], Iterable[Any]]]] = {
    "lease": _no_lease,
    "fencing": _no_fencing,
    "intent": _no_intent,
    "save-first": _judged_first,
    "associated-data": _no_associated_data,
    "breaker": _no_breaker,
}


@contextmanager
def without(safeguard: str) -> Iterator[None]:
    """Take one safeguard out of the keeper."""
    with ExitStack() as stack:
        for each in SAFEGUARDS[safeguard](SqlStore) if safeguard else ():
            stack.enter_context(each)
        yield


# --- the command ----------------------------------------------------------------------------------------------------


def main(arguments: Sequence[str]) -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="simulation.run")
    parser.add_argument("seeds", help="one, whose trace is shown; or several: 0-10000")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--without", choices=[*SAFEGUARDS], default="")
    options = parser.parse_args(arguments)
    first, _, last = options.seeds.partition("-")
    if not last:
        return _one(int(first), options.without)
    began, seeds = time.monotonic(), range(int(first), int(last))
    until = began + options.seconds
    if options.without:
        with without(options.without):
            total, failed = several(seeds, until)
            _show(failed)
    else:
        total, failed = _in_parallel(seeds, until, options.workers)
    print(f"{total} seeds in {time.monotonic() - began:.0f} s, {len(failed)} failed")
    return 1 if failed else 0


def _in_parallel(seeds: range, until: float, workers: int) -> tuple[int, list[Result]]:
    """Run seeds in several processes; failures are shown as they come."""
    total = 0
    failed: list[Result] = []
    parts = [seeds[start : start + PART] for start in range(0, len(seeds), PART)]
    with ProcessPoolExecutor(workers) as pool:
        for future in as_completed([pool.submit(several, part, until) for part in parts]):
            done, found = future.result()
            total, failed = total + done, failed + found
            _show(found)
    return total, failed


def _show(failed: Iterable[Result]) -> None:
    """Show the end of a trace, and what shows all of it."""
    for result in failed:
        print("\n".join(result.lines[-SHOWN:]))
        print(f"{result.failure}\nmake simulate SEEDS={result.seed}\n", flush=True)


def _one(seed: int, safeguard: str) -> int:
    with without(safeguard), ground() as on:
        result = simulate(seed, on)
    print("\n".join(result.lines))
    print(f"{result.failure or 'all is well'}\n{result.digest}")
    return 1 if result.failure else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
