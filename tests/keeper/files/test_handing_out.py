"""Giving refresh tokens away: off by default, written down before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from grantkeeper import ConsentRequired, DatabaseUnavailable, Grant, InvalidInput, Keeper, Misconfigured, NotFound
from grantkeeper.emulator import Emulator
from grantkeeper.model import NOTHING, Beside, Event
from grantkeeper.testing import Connect, EmulatorTransport, consent
from keeper.people import IDA, Two

WHO = "ops@build-7"


@pytest.fixture
def two(emulator: Emulator, tmp_path: Path) -> Two:
    """Keepers over one database."""
    return Two(emulator, tmp_path)


def allowed(two: Two) -> Keeper:
    """A keeper over the same database that may give refresh tokens away."""
    return Keeper(
        store=two.store,
        sealer=two._ring,
        clients=two.clients,
        transport=EmulatorTransport(two.emulator),
        now=two.emulator.clock.now,
        pause=two.emulator.clock.advance,
        export_refresh_tokens="allowed",
    )


def test_by_default_no_refresh_token_leaves(keeper: Keeper, connect: Connect) -> None:
    """V-44: the message says which setting would let it, and what is better; nothing is written down."""
    grant = connect("acme", IDA)

    with pytest.raises(Misconfigured, match="export_refresh_tokens") as caught:
        keeper.hand_out(grant.id, form="google-ads.yaml", who=WHO)
    assert "grantkeeper token" in caught.value.advice
    assert keeper.events(kind="grant.exported") == []


def test_what_leaves_is_the_grants_refresh_token_and_an_event_says_so(two: Two) -> None:
    """V-44: who, in which form, when."""
    with two:
        grant, keeper = two.connect("acme", IDA), allowed(two)
        token = keeper.hand_out(grant.id, form="google-ads.yaml", who=WHO)

        assert two.emulator.state.refresh[token.reveal()].sub == grant.subject
        (event,) = keeper.events(kind="grant.exported")
        assert (event.grant_id, event.owner, event.at) == (grant.id, "acme", two.emulator.clock.now())
        assert event.data == {"form": "google-ads.yaml", "who": WHO}


@pytest.mark.parametrize("wrong", [{"form": None}, {"who": 5}, {"form": ""}, {"who": "a\nb"}])
def test_who_and_what_are_texts(two: Two, wrong: dict[str, Any]) -> None:
    """V-44: an event that says nothing is none."""
    with two:
        grant = two.connect("acme", IDA)
        with pytest.raises(InvalidInput):
            allowed(two).hand_out(grant.id, **({"form": "google-ads.yaml", "who": WHO} | wrong))
        assert two.one.events(kind="grant.exported") == []


def test_nothing_leaves_when_it_cannot_be_written_down(two: Two) -> None:
    """V-44: the event comes first."""

    class Full:
        def add(self, event: Event, beside: Beside = NOTHING) -> None:
            raise DatabaseUnavailable("The disk is full.")

    with two:
        grant = two.connect("acme", IDA)
        two.store.events = Full()  # type: ignore[assignment]

        with pytest.raises(DatabaseUnavailable):
            allowed(two).hand_out(grant.id, form="google-ads.yaml", who=WHO)


def test_only_an_active_grants_token_leaves(two: Two) -> None:
    """One that is over, or lacks scopes, is of no use in a file."""
    with two:
        keeper = allowed(two)
        ended = two.connect("acme", IDA)
        two.one.revoke(ended.id)
        partial = consent(two.two, two.emulator, "globex", IDA, "ad-manager", allow=["dfp"])

        for each in (ended, partial):
            with pytest.raises(ConsentRequired):
                keeper.hand_out(each.id, form="google-ads.yaml", who=WHO)
        with pytest.raises(NotFound):
            keeper.hand_out("gr_none", form="google-ads.yaml", who=WHO)
        assert keeper.events(kind="grant.exported") == []


def test_a_token_that_is_replaced_when_used_does_not_leave(emulator: Emulator, tmp_path: Path) -> None:
    """R-60: the file and the database would end it for each other."""
    with Two(emulator, tmp_path, rotation=True) as two:
        grant = two.connect("acme", IDA)

        with pytest.raises(InvalidInput, match="may replace refresh tokens"):
            allowed(two).hand_out(grant.id, form="google-ads.yaml", who=WHO)


@pytest.mark.parametrize("who", ["", "a\nb", "x" * 300])
def test_who_asks_has_a_name_that_can_be_read_back(two: Two, who: str) -> None:
    """An audit of line breaks is none."""
    with two:
        grant: Grant = two.connect("acme", IDA)

        with pytest.raises(InvalidInput, match="who"):
            allowed(two).hand_out(grant.id, form="google-ads.yaml", who=who)
