"""Runs seeds: `python -m simulation.run 0-10000`. See `make simulate`."""

from __future__ import annotations

import argparse
import gc
import hashlib
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import event

from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from simulation.baton import Here
from simulation.invariants import Records
from simulation.processes import moment, patched
from simulation.world import Ground, World

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
            yield Ground(store, KeyRing.parse(new_key()), Path(name), clear, records)
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


def several(seeds: Sequence[int], until: float, without: str = "") -> tuple[int, list[Result]]:
    """Run seeds until one fails or the time is over; returns how many, and those that failed."""
    done = 0
    gc.disable()  # what is let go is let go at once but for rings, which are few
    with ground() as on:
        for seed in seeds:
            if done % 100 == 99:
                gc.collect()
            if time.monotonic() > until:
                break
            result = simulate(seed, on)
            done += 1
            if result.failure:
                return done, [result]
    return done, []


def main(arguments: Sequence[str]) -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(prog="simulation.run")
    parser.add_argument("seeds")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1e9)
    options = parser.parse_args(arguments)
    first, _, last = options.seeds.partition("-")
    if not last:
        return _one(int(first))
    began, total = time.monotonic(), 0
    failed: list[Result] = []
    until = began + options.seconds
    seeds = range(int(first), int(last))
    parts = [seeds[start : start + 250] for start in range(0, len(seeds), 250)]
    with ProcessPoolExecutor(options.workers) as pool:
        for future in as_completed([pool.submit(several, part, until) for part in parts]):
            done, found = future.result()
            total, failed = total + done, failed + found
    for result in sorted(failed, key=lambda each: each.seed):
        print("\n".join(result.lines[-SHOWN:]))
        print(f"{result.failure}\nmake simulate SEEDS={result.seed}\n")
    print(f"{total} seeds in {time.monotonic() - began:.0f} s, {len(failed)} failed")
    return 1 if failed else 0


def _one(seed: int) -> int:
    with ground() as on:
        result = simulate(seed, on)
    print("\n".join(result.lines))
    print(result.failure or "all is well")
    return 1 if result.failure else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
