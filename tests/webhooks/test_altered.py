"""An endpoint that somebody altered is its own trouble only."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from grantkeeper import Keeper, NotFound
from grantkeeper.errors import SealBroken
from grantkeeper.store import SqlStore, tables
from grantkeeper.worker import Worker
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
