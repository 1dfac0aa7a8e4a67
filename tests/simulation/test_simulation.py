"""The keeper under drawn faults, and that the simulation would notice if one of its safeguards were missing."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.run import SAFEGUARDS

TESTS = Path(__file__).parent.parent
SECONDS = 100
"""For the seeds of a test run; `make simulate` takes as many as it is told."""
ENOUGH = 500
"""Fewer in that time mean that a seed has become far too slow."""


def run(*arguments: str, hash_seed: str = "0") -> tuple[int, str]:
    """Run the simulation in a process of its own; returns its exit code and what it printed."""
    environment = os.environ | {"PYTHONPATH": f"{TESTS}", "PYTHONHASHSEED": hash_seed}
    command = [sys.executable, "-m", "simulation.run", *arguments]
    done = subprocess.run(command, cwd=TESTS, env=environment, capture_output=True, text=True, timeout=600, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.timeout(400)
def test_all_invariants_hold_whatever_fails() -> None:
    """R-70: I1 to I10, over as many of ten thousand seeds as the time allows; the first ones are always the same."""
    code, said = run("0-10000", "--seconds", str(SECONDS), "--workers", "2")

    assert code == 0, said
    counted = re.search(r"(\d+) seeds in", said)
    assert counted is not None
    assert int(counted[1]) >= ENOUGH


@pytest.mark.parametrize("seed", ["5", "31", "4297"])
def test_a_seed_does_the_same_each_time(seed: str) -> None:
    """R-70: in another process, with other hashes, other keys, another hour: the same trace."""
    first, second = run(seed, hash_seed="1"), run(seed, hash_seed="2")

    assert first == second
    assert first[1].count("\n") > 3


@pytest.mark.parametrize("safeguard", SAFEGUARDS)
@pytest.mark.timeout(400)
def test_without_a_safeguard_the_simulation_fails(safeguard: str) -> None:
    """R-70: the test of the test. The command that is shown leads to the same end."""
    code, said = run("0-1000", "--without", safeguard)

    assert code == 1, said
    seed = re.search(r"make simulate SEEDS=(\d+)", said)
    assert seed is not None
    broken = re.search(r"BROKEN ((?:I\d+|V-02): .*)", said)
    assert broken is not None
    assert f"\n{broken[1]}\n" in run(seed[1], "--without", safeguard)[1]
