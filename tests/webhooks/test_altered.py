"""An endpoint that somebody altered is its own trouble only."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import Executable, text, update

from grantkeeper import Keeper, NotFound
from grantkeeper.emulator import Emulator
from grantkeeper.errors import SealBroken
from grantkeeper.store import SqlStore, tables
from grantkeeper.worker import Worker
from webhooks.conftest import Opens
from webhooks.receiver import Receiver
from webhooks.test_delivering import happen


def test_an_endpoint_that_cannot_be_read_stops_no_delivery_and_can_be_removed(
    keeper: Keeper, receiver: Receiver
) -> None:
    """R-52: the others are told by the same worker; removing it is what is left to do."""
    keeper.webhooks.add(receiver.url)
    bad, _ = keeper.webhooks.add(receiver.url)
    store = keeper._store
    assert isinstance(store, SqlStore)
    happen(keeper, 2)
    keeper.events()
    with store._writing.begin() as connection:
        connection.execute(update(tables.endpoint).where(tables.endpoint.c.id == bad.id).values(kinds="x"))

    assert Worker(keeper, threads=1).sweep().delivered == 2
    assert len(receiver.messages) == 2
    with pytest.raises(SealBroken, match=bad.id):
        keeper.webhooks.get(bad.id)
    keeper.webhooks.remove(bad.id, by="cli")
    with pytest.raises(NotFound):
        keeper.webhooks.get(bad.id)
    assert keeper.audit.read()[-1].action == "webhook.remove"


def test_deliveries_of_an_endpoint_that_cannot_be_read_do_not_pile_up(
    opens: Opens, emulator: Emulator, receiver: Receiver
) -> None:
    """R-53: they are dead after ten days and forgotten after thirty more; people see which endpoint it is."""
    keeper = opens()
    bad, _ = keeper.webhooks.add(receiver.url)
    alter(keeper, update(tables.endpoint).values(created_at=1 << 62))
    worker = Worker(keeper, threads=1)
    for _ in range(12):
        happen(keeper, 2)
        worker.sweep()
        emulator.clock.advance(timedelta(days=10, minutes=1))

    assert worker.sweep().chores["pruned"] == 4
    assert Counter(each.status for each in keeper.webhooks.deliveries()) == {"dead": 6}
    assert (keeper.webhooks.all(), keeper.webhooks.unreadable()) == ([], [bad.id])
    assert receiver.messages == []


@pytest.mark.parametrize("attempts", ["'x'", "1.5", "-20", "5000"])
def test_a_delivery_whose_attempts_somebody_altered_is_posted_to_nobody(
    keeper: Keeper, emulator: Emulator, receiver: Receiver, attempts: str
) -> None:
    """R-52: it used to be posted for ever, each time its claim ended."""
    keeper.webhooks.add(receiver.url)
    happen(keeper, 2)
    keeper.events()
    alter(keeper, text(f"UPDATE grantkeeper_delivery SET attempts = {attempts} WHERE id = 1"))
    worker = Worker(keeper, threads=1)
    for _ in range(5):
        worker.sweep()
        emulator.clock.advance(timedelta(minutes=3))

    assert len(receiver.messages) == 1
    alter(keeper, text("UPDATE grantkeeper_delivery SET attempts = 1 WHERE id = 1"))
    assert [(each.status, each.last_error) for each in keeper.webhooks.deliveries()] == [
        ("delivered", ""),
        ("dead", "unreadable"),
    ]


def test_a_delivery_that_is_never_written_down_is_posted_ten_times_at_most(
    opens: Opens, emulator: Emulator, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-52, R-53: whatever it is that whoever posts it dies of, a receiver is left in peace."""
    keeper = opens()
    keeper.webhooks.add(receiver.url)
    happen(keeper)

    def died(*_: object, **__: object) -> bool:
        raise RuntimeError

    monkeypatch.setattr(type(keeper._store.webhooks), "end", died)
    worker = Worker(keeper, threads=1)
    for _ in range(24 * 8):
        worker.sweep()
        emulator.clock.advance(timedelta(hours=1))

    assert len(receiver.messages) == 10
    assert [(each.status, each.last_error) for each in keeper.webhooks.deliveries()] == [("dead", "unrecorded")]


def alter(keeper: Keeper, statement: Executable) -> None:
    """Put values into the database as somebody would by hand."""
    assert isinstance(keeper._store, SqlStore)
    with keeper._store._writing.begin() as connection:
        connection.execute(statement)
