"""Which attempts are known to do nothing any more, where not everything can be seen."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from grantkeeper.keeper.refresh import holders


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_process_that_cannot_be_seen_is_not_gone_while_it_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """R-03: no /proc (macOS), or one that hides other users' processes: the kernel is asked whether it is there."""
    monkeypatch.setattr(holders, "_PROC", tmp_path / "nothing")
    holders._host.cache_clear()
    holders._process.cache_clear()
    try:
        ours = holders.begin()  # the host's name is made up here, and a forked child has the same
        told, tells = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(tells, holders.begin().encode())
            signal.pause()
        theirs = os.read(told, 100).decode()
        assert theirs.partition(".")[0] == ours.partition(".")[0]
        assert not holders.is_gone(theirs)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        assert holders.is_gone(theirs)
    finally:
        holders._host.cache_clear()
        holders._process.cache_clear()
