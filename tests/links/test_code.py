"""V-34: a second secret, told by another way than the link."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from grantkeeper import AccessRefused, Conflict, Keeper, NotFound
from grantkeeper.emulator import Emulator
from grantkeeper.model import Invitation, LinkStatus
from grantkeeper.store import SqlStore
from grantkeeper.testing import emulated_keeper
from links.walking import IDA, actions, come_back, kinds, token_of


def code_of(made: Invitation) -> str:
    """Return a link's code."""
    assert made.code is not None
    return made.code.reveal()


def wrong(made: Invitation, number: int = 1) -> str:
    """Return a code that is not the link's."""
    return f"{(int(code_of(made)) + number) % 10**6:06}"


def test_who_knows_the_code_comes_in(keeper: Keeper, emulator: Emulator) -> None:
    """With spaces as people read them out; without it, or with another, nothing begins."""
    made = keeper.link("acme", "google-ads", code=True)
    code = code_of(made)
    for given in (None, "", wrong(made), "x" * 500):
        with pytest.raises(AccessRefused) as refused:
            keeper.follow(token_of(made), code=given)
        assert (refused.value.who, refused.value.code) == ("person", "wrong_code")
    assert kinds(keeper) == []

    away = keeper.follow(token_of(made), code=f" {code[:3]} {code[3:]}")

    assert come_back(keeper, emulator, away, IDA).email == IDA


def test_a_right_code_does_not_use_tries_up(keeper: Keeper) -> None:
    """And does not give wrong ones back."""
    made = keeper.link("acme", "google-ads", code=True)
    for _ in range(10):
        keeper.follow(token_of(made), code=code_of(made))
    for _ in range(4):
        with pytest.raises(AccessRefused):
            keeper.follow(token_of(made), code=wrong(made))
        keeper.follow(token_of(made), code=code_of(made))
    with pytest.raises(AccessRefused):
        keeper.follow(token_of(made), code=wrong(made))
    with pytest.raises(NotFound):
        keeper.follow(token_of(made), code=code_of(made))


def test_five_wrong_codes_withdraw_the_link(store: SqlStore, emulator: Emulator) -> None:
    """V-34: neutral for whoever guesses, with the reason for the business."""
    with emulated_keeper(emulator, store) as keeper:
        made = keeper.link("acme", "google-ads", code=True)
        for number in range(5):
            with pytest.raises(AccessRefused):
                keeper.follow(token_of(made), code=wrong(made, number + 1))

        with pytest.raises(NotFound, match="not valid"):
            keeper.follow(token_of(made), code=code_of(made))
        link = keeper.links.get(made.link.id)
        assert (link.status, link.failure) == (LinkStatus.REVOKED, "A wrong code was given 5 times.")
        assert actions(keeper) == ["link.create", "link.lock"]


def test_a_crowd_of_guesses_has_five_as_well(store: SqlStore, emulator: Emulator) -> None:
    """V-34: each is counted before it is looked at."""
    with emulated_keeper(emulator, store) as keeper:
        made = keeper.link("acme", "google-ads", code=True)
        looked: list[str] = []

        def guess(number: int) -> None:
            with suppress(NotFound, Conflict):
                try:
                    keeper.follow(token_of(made), code=wrong(made, number + 1))
                except AccessRefused:
                    looked.append("looked at")

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(guess, range(40)))

        assert len(looked) <= 5
        row = keeper._store.links.get(made.link.id)
        assert row is not None
        assert (row.code_tries, row.sealed) == (5, None)


def test_nothing_of_a_code_can_be_guessed_from_the_database(keeper: Keeper) -> None:
    """V-10: six digits are sealed, not hashed."""
    made = keeper.link("acme", "google-ads", code=True)

    row = keeper._store.links.get(made.link.id)

    assert row is not None
    assert row.sealed is not None
    assert code_of(made) not in repr(row)
    assert (made.link.asks_code, keeper.links.show(token_of(made)).asks_code) == (True, True)
