"""The standby that confirms every commit stops: COMMIT hangs on a primary that is well otherwise (R-41)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from time import monotonic

import pytest

from grantkeeper import AccessToken, Keeper
from grantkeeper.emulator import Clock, Emulator
from grantkeeper.errors import DatabaseUnavailable
from grantkeeper.journal import Journal
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.store import SqlStore
from grantkeeper.testing import consent, oauth_client
from ha.pair import KilledPair, Pair, running_pair
from keeper.people import IDA, Hooked

SHORT, LONG = 1.0, 30.0
"""Seconds that a call to the database may take: less than the standby is away here, and more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A pair of servers, a strictly rotating provider, and what keepers over them share."""

    pair: Pair
    emulator: Emulator
    ring: KeyRing
    folder: Path
    hook: Hooked
    keepers: ExitStack

    def keeper(self, call_seconds: float) -> Keeper:
        """Return one more keeper; what is hooked is in the way of all of them."""
        client = oauth_client(self.emulator, "google-ads", ["adwords"])
        strict = replace(client.provider, rotation="strict", sibling_refresh_tokens=False)
        made = Keeper(
            store=SqlStore(self.pair.url, call_seconds=call_seconds),
            sealer=self.ring,
            clients=[replace(client, provider=strict)],
            transport=self.hook,
            now=self.emulator.clock.now,
            max_stale=timedelta(),
            journal=Journal(self.folder),
        )
        return self.keepers.enter_context(made)

    def refreshes(self) -> list[int]:
        """Return the statuses that refreshes were answered with."""
        return [each.status for each in self.emulator.requests("/token", grant_type="refresh_token")]

    def assert_goes_on(self, keeper: Keeper, grant_id: str, token: AccessToken) -> None:
        """Check that the keeper gets the token that another was answered with, and then one after it."""
        found = keeper.refresh(grant_id)  # waits for who holds the lease, and is content with what that one got
        if found.value == token.value:
            found = keeper.refresh(grant_id)
        assert found.value != token.value
        assert self.emulator.introspect(token.value.reveal()) is not None
        assert self.emulator.introspect(found.value.reveal()) is not None
        assert self.refreshes() == [200, 200]

    def hanging(self) -> int:
        """Return how many commits wait for the standby."""
        asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        return int(self.pair.primary.execute(asked)[0][0])


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """An office whose servers are both well."""
    emulator = Emulator(base_url="https://emulator.test", clock=Clock.running())
    emulator.rotate("strict")
    ring, hook = KeyRing.parse(new_key()), Hooked(emulator)
    with running_pair(KilledPair) as pair, ExitStack() as keepers:
        store = SqlStore(pair.url)
        store.migrate()
        store.close()
        yield Office(pair=pair, emulator=emulator, ring=ring, folder=tmp_path / "state", hook=hook, keepers=keepers)


def test_fresh_tokens_are_served_while_a_commit_hangs(office: Office) -> None:
    """R-41: a refresh waits for its commit, nobody who only reads waits for it, and it goes on with the standby."""
    keeper = office.keeper(LONG)
    read, refreshed = (consent(keeper, office.emulator, owner, IDA).id for owner in ("reader", "refresher"))
    office.pair.standby.freeze()
    with ThreadPoolExecutor(1) as thread:
        refresh = thread.submit(keeper.refresh, refreshed)
        _wait(lambda: office.hanging() > 0)
        began = monotonic()
        served = [keeper.token(read).value for _ in range(20)]
        took = monotonic() - began
        waited = not refresh.done()
        office.pair.standby.thaw()
        token = refresh.result(20)

    assert len(set(served)) == 1
    assert took < SHORT
    assert waited
    assert office.emulator.introspect(token.value.reveal()) is not None
    assert office.refreshes() == [200]


def test_a_token_whose_commit_hangs_is_in_the_row_once_the_standby_is_back(office: Office) -> None:
    """R-14, R-41: whoever asked is answered, and another replica goes on from the token that was rotated."""
    one, two = office.keeper(SHORT), office.keeper(LONG)
    grant_id = consent(one, office.emulator, "acme", IDA).id
    office.hook.after("/token", office.pair.standby.freeze)

    token = one.refresh(grant_id)
    assert office.hanging() > 0
    office.pair.standby.thaw()

    office.assert_goes_on(two, grant_id, token)


def test_a_commit_that_nobody_confirmed_is_made_again_on_the_new_primary(office: Office) -> None:
    """R-14, R-40, R-41: the primary dies with what it had not passed on; the answer is saved where the others look."""
    one, two = office.keeper(SHORT), office.keeper(LONG)
    grant_id = consent(one, office.emulator, "acme", IDA).id
    office.hook.after("/token", office.pair.standby.kill)

    token = one.refresh(grant_id)
    assert office.hanging() > 0
    office.pair.primary.kill()
    office.pair.standby.start()
    office.pair.standby.promote()

    office.assert_goes_on(two, grant_id, token)


def test_nothing_is_sent_to_the_provider_on_an_intent_that_nobody_confirmed(office: Office) -> None:
    """R-12, R-41: the refresh token is not used up before the database has promised to remember that it was sent."""
    one, two = office.keeper(SHORT), office.keeper(LONG)
    grant_id = consent(one, office.emulator, "acme", IDA).id
    office.pair.standby.freeze()

    with pytest.raises(DatabaseUnavailable):
        one.refresh(grant_id)
    sent = office.refreshes()
    office.pair.standby.thaw()
    later = two.refresh(grant_id)

    assert sent == []
    assert office.emulator.introspect(later.value.reveal()) is not None
    assert office.refreshes() == [200]


def _wait(reached: Callable[[], bool], seconds: float = 20) -> None:
    """Ask until it is so: the server tells who asks, and nobody else."""
    ends, never = monotonic() + seconds, Event()
    while not reached():
        assert monotonic() < ends, f"not within {seconds} seconds"
        never.wait(0.05)
