"""Issue: however many processes and threads ask for one expired token, the provider sees one refresh."""

from __future__ import annotations

import pytest

from processes.fleet import Worker, all_of
from processes.site import Site

THREADS = 8
ROUNDS = 50


def race(place: Site, fleet: list[Worker]) -> int:
    """Let every thread of every process ask at once, round after round, for a token that has just run out.

    Returns how often one of them waited for another process.
    """
    waited = 0
    for worker in fleet:
        worker.ask(place.opening(lease_clock="database", pauses_take_time=True))
    for done in range(1, ROUNDS + 1):
        replies = all_of(fleet, place.asking(threads=THREADS, ahead=place.ahead))
        tokens = [token for reply in replies for token in reply["tokens"]]
        assert [error for reply in replies for error in reply["errors"]] == []
        assert len(tokens) == THREADS * len(fleet)
        assert len(set(tokens)) == 1
        assert place.works(tokens[0])
        assert len(place.sends()) == done
        place.tick()
        waited += sum(reply["pauses"] for reply in replies)
    return waited


@pytest.mark.parametrize("rotation", ["strict"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql", "pgbouncer", "mariadb"])
def test_sixty_four_threads_of_eight_processes_cause_one_refresh(fleet: list[Worker], place: Site) -> None:
    """R-01, R-02, R-05, R-09: fifty rounds, fifty refreshes, no error, and the grant is alive.

    A second refresh in a round would send a used refresh token, which ends the grant at this provider.
    """
    waited = race(place, fleet)
    row = fleet[0].ask(place.looking)
    all_of(fleet, {"do": "close"})
    assert [send.generation for send in place.sends()] == list(range(ROUNDS))
    assert (row["status"], row["generation"]) == ("active", ROUNDS + 1)
    assert (row["unresolved"], row["lease"]) == (False, "")
    assert waited > ROUNDS, "the processes hardly met: this proves nothing"
