"""The store's contract for flows, the same on every database."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from grantkeeper.errors import InvalidInput
from grantkeeper.model import Store
from store.made import NOW, flow_row


def test_a_flow_comes_back_as_it_was(store: Store) -> None:
    """Every member; an unknown state answers None."""
    usual = flow_row()
    other = flow_row(
        state_hash="6" * 64,
        grant_id="g1",
        other_account="add",
        forced_consent=True,
        redirect_uri="https://app.example.com/" + "x" * 3000,
    )
    store.add_flow(usual)
    store.add_flow(other)
    assert store.flow(usual.state_hash) == usual
    assert store.flow(other.state_hash) == other
    assert store.flow("7" * 64) is None
    assert store.flow("\0") is None


def test_a_flow_is_consumed_once(store: Store) -> None:
    """O-04: the second time answers False; the verifier and its key are gone with the first."""
    store.add_flow(flow_row())
    assert store.consume_flow(flow_row().state_hash, at=NOW) is True
    assert store.consume_flow(flow_row().state_hash, at=NOW + timedelta(seconds=1)) is False
    assert store.flow(flow_row().state_hash) == flow_row(sealed=None, consumed_at=NOW)


def test_consuming_spends_one_flow_only(store: Store) -> None:
    """Another tab's flow of the same browser stays good; an unknown one is nobody's."""
    store.add_flow(flow_row())
    store.add_flow(flow_row(state_hash="6" * 64))
    assert store.consume_flow("7" * 64, at=NOW) is False
    assert store.consume_flow("6" * 64, at=NOW) is True
    assert store.flow(flow_row().state_hash) == flow_row()


def test_how_a_flow_ended_is_kept(store: Store) -> None:
    """R-59: a reload finds the same outcome."""
    store.add_flow(flow_row())
    store.consume_flow(flow_row().state_hash, at=NOW)
    store.finish_flow(flow_row().state_hash, outcome="connected", grant_id="g9")
    ended = flow_row(sealed=None, consumed_at=NOW, outcome="connected", result_grant_id="g9")
    assert store.flow(flow_row().state_hash) == ended


def test_a_browser_that_never_comes_back_leaves_nothing(store: Store) -> None:
    """Flows whose time is over are swept, used or not; the others stay."""
    for number in range(5):
        store.add_flow(flow_row(state_hash=str(number), expires_at=NOW + timedelta(minutes=number)))
    store.consume_flow("0", at=NOW)
    assert store.sweep_flows(expired_before=NOW + timedelta(minutes=2)) == 2
    assert [store.flow(str(number)) is None for number in range(5)] == [True, True, False, False, False]
    assert store.sweep_flows(expired_before=NOW + timedelta(minutes=2)) == 0


def test_a_sweep_takes_the_oldest_first_and_no_more_than_asked(store: Store) -> None:
    """A long outage's leavings are removed in short transactions."""
    for number in range(5):
        store.add_flow(flow_row(state_hash=str(number), expires_at=NOW - timedelta(minutes=number)))
    later = NOW + timedelta(hours=1)
    assert store.sweep_flows(expired_before=later, limit=2) == 2
    assert [store.flow(str(number)) is None for number in range(5)] == [False, False, False, True, True]
    assert store.sweep_flows(expired_before=later) == 3


@pytest.mark.parametrize(("member", "value"), [("owner", "o" * 256), ("state_hash", "x" * 65), ("redirect_uri", "\0")])
def test_what_does_not_fit_is_refused(store: Store, member: str, value: str) -> None:
    """InvalidInput names the member; nothing is stored."""
    with pytest.raises(InvalidInput, match=f"^{member} "):
        store.add_flow(dataclasses.replace(flow_row(), **{member: value}))  # type: ignore[arg-type]
    assert store.sweep_flows(expired_before=NOW + timedelta(days=1)) == 0
