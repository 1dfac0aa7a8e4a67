"""Issue: however many processes and threads ask for one expired token, the provider sees one refresh."""

from __future__ import annotations

import pytest

from processes.fleet import Worker, all_of
from processes.site import Site

THREADS = 8
KINDS = ("sqlite", "postgresql", "pgbouncer", "mariadb")


def race(place: Site, fleet: list[Worker], rounds: int) -> None:
    """Let every thread of every process ask at once, round after round, for a token that has just run out."""
    for worker in fleet:
        worker.ask(place.opening(lease_clock="database", pauses_take_time=True))
    for done in range(1, rounds + 1):
        replies = all_of(fleet, place.asking(threads=THREADS, ahead=place.ahead))
        tokens = [token for reply in replies for token in reply["tokens"]]
        assert [error for reply in replies for error in reply["errors"]] == []
        assert len(tokens) == THREADS * len(fleet)
        assert len(set(tokens)) == 1
        assert place.works(tokens[0])
        assert len(place.sends()) == done
        place.tick()


def check(place: Site, fleet: list[Worker], rounds: int) -> None:
    """Race against a provider that ends a grant when a used refresh token comes again; the grant is well after it."""
    race(place, fleet, rounds)
    row = fleet[0].ask(place.looking)
    all_of(fleet, {"do": "close"})
    assert [send.generation for send in place.sends()] == list(range(rounds))
    assert (row["status"], row["generation"]) == ("active", rounds + 1)
    assert (row["unresolved"], row["lease"]) == (False, "")


@pytest.mark.parametrize("rotation", ["strict"])
@pytest.mark.parametrize("kind", KINDS)
def test_sixty_four_threads_of_eight_processes_cause_one_refresh(fleet: list[Worker], place: Site) -> None:
    """R-01, R-02, R-05, R-09: one refresh a round, one answer for all, no error, the grant alive."""
    check(place, fleet, 6)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("rotation", ["strict"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_stays_so_for_fifty_rounds(fleet: list[Worker], place: Site) -> None:
    """R-01: none of fifty rounds sends a second refresh, which would end the grant."""
    check(place, fleet, 50)
