"""A keeper that was made before its process forks, as with gunicorn's preload (R-67)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from grantkeeper import Keeper
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.emulator.server import serve
from grantkeeper.http import HttpTransport
from grantkeeper.journal import Journal
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import consent, oauth_client
from keeper.people import IDA

HOUR = timedelta(hours=1)


def forked(work: Callable[[], bool]) -> bool:
    """Do some work in a child of this process; returns whether it went well."""
    pid = os.fork()
    if pid == 0:
        done = False
        try:
            done = work()
        finally:
            os._exit(0 if done else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_refreshes_by_itself_while_its_parent_does(tmp_path: Path) -> None:
    """R-67: locks that a thread of the parent holds, its HTTP connections and its journal stay with the parent."""
    emulator = Emulator(clock=Clock.fixed())
    with serve(emulator):
        store = SqlStore(f"sqlite:///{tmp_path / 'forks.sqlite3'}")
        store.migrate()
        keeper = Keeper(
            store=store,
            sealer=KeyRing.parse(new_key()),
            clients=[oauth_client(emulator, "google-ads", ["adwords"])],
            transport=HttpTransport(),
            now=emulator.clock.now,
            journal=Journal(tmp_path / "state"),
        )
        mine = consent(keeper, emulator, "acme", IDA)
        theirs = consent(keeper, emulator, "globex", IDA)
        emulator.clock.advance(2 * HOUR)
        keeper.token(mine.id)  # there is a pooled connection, and a journal
        emulator.clock.advance(2 * HOUR)
        emulator.slow(60, path="/token")
        thread = threading.Thread(target=keeper.token, args=(mine.id,), daemon=True)
        thread.start()
        _until_leased(store, mine.id)
        held = (keeper._tokens._flights_lock, keeper._refreshes.memory._lock, keeper._refreshes._breakers._lock)
        for lock in held:
            lock.acquire()
        try:
            went_well = forked(lambda: bool(keeper.token(theirs.id).value) and not keeper._tokens._flights)
        finally:
            for lock in held:
                lock.release()
        emulator.release()
        thread.join(20)
        assert went_well
        assert keeper.token(mine.id).value
        keeper.close()


def _until_leased(store: SqlStore, grant_id: str) -> None:
    """Return when somebody refreshes the grant."""
    look = threading.Event()
    for _ in range(1000):
        row = store.grant(grant_id)
        if row is not None and row.lease:
            return
        look.wait(0.01)
    pytest.fail("nobody refreshes")
