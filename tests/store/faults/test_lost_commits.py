"""R-40: the connection is lost around a COMMIT. What happened is read; nothing is done twice, and nothing is lost."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper.errors import DatabaseUnavailable
from grantkeeper.model import FlowRow, GrantRow, Sealed
from grantkeeper.store import SqlStore
from store.faults.conftest import Far
from store.faults.proxy import Fault
from store.made import NOW, flow_row, grant_row, saved

LEASE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one test."""

    grant: GrantRow
    flow: FlowRow

    @property
    def refreshed(self) -> GrantRow:
        """The grant with new tokens."""
        return dataclasses.replace(saved(self.grant, refreshed_at=NOW), sealed=Sealed(key=b"k", data=b"new\0"))


def made(far: Far) -> Rows:
    """Store a grant and a flow that no other test has."""
    number = next(far.numbers)
    rows = Rows(
        grant_row(id=f"g{number}", subject=str(number)),
        flow_row(state_hash=f"{number:064}", expires_at=NOW + timedelta(days=number)),
    )
    far.near.insert_grant(rows.grant)
    far.near.add_flow(rows.flow)
    return rows


def begin(store: SqlStore, rows: Rows) -> bool:
    """Take the lease."""
    return store.begin_refresh(rows.grant.grant.id, version=1, attempt="ours", at=NOW, lease=LEASE)


def save_tokens(store: SqlStore, rows: Rows) -> None:
    """Take the lease and save tokens under it."""
    store.save_tokens(rows.refreshed, expected_version=1, attempt="ours")


def end(store: SqlStore, rows: Rows) -> bool:
    """Give the lease back with the send left open."""
    return store.end_refresh(rows.grant.grant.id, attempt="ours", sent_at=NOW, sends=1)


def another(rows: Rows) -> GrantRow:
    """Return a grant that is not there yet."""
    return grant_row(id=f"{rows.grant.grant.id}b", subject=f"{rows.grant.grant.id}b")


def another_flow(rows: Rows) -> FlowRow:
    """Return a flow that is not there yet."""
    return dataclasses.replace(rows.flow, state_hash="f" + rows.flow.state_hash[1:])


def leased(far: Far, rows: Rows) -> str | None:
    """Return who has the lease."""
    found = far.near.grant(rows.grant.grant.id)
    return None if found is None else found.lease


Act = Callable[[SqlStore, Rows], object]
Seen = Callable[[Far, Rows], object]

# What is done, what it answers, what is to be seen in the database afterwards and what that is.
VERBS: dict[str, tuple[Act, object, Seen, Callable[[Rows], object]]] = {
    "begin_refresh": (begin, True, leased, lambda _rows: "ours"),
    "save_tokens": (save_tokens, None, lambda far, rows: far.near.grant(rows.grant.grant.id), lambda r: r.refreshed),
    "end_refresh": (end, True, leased, lambda _rows: ""),
    "save_grant": (
        lambda store, rows: store.save_grant(saved(rows.grant), expected_version=1),
        None,
        lambda far, rows: far.near.grant(rows.grant.grant.id),
        lambda rows: saved(rows.grant),
    ),
    "insert_grant": (
        lambda store, rows: store.insert_grant(another(rows)),
        None,
        lambda far, rows: far.near.grant(another(rows).grant.id),
        another,
    ),
    "add_flow": (
        lambda store, rows: store.add_flow(another_flow(rows)),
        None,
        lambda far, rows: far.near.flow(another_flow(rows).state_hash),
        another_flow,
    ),
    "finish_flow": (
        lambda store, rows: store.finish_flow(rows.flow.state_hash, outcome="connected"),
        None,
        lambda far, rows: far.near.flow(rows.flow.state_hash),
        lambda rows: dataclasses.replace(rows.flow, outcome="connected"),
    ),
}
AT_ONCE = frozenset({"begin_refresh", "save_tokens", "end_refresh", "save_grant"})
"""One statement each, which PostgreSQL is sent without a transaction around it."""

LATE = {"save_tokens": b"UPDATE", "begin_refresh": b"UPDATE", "insert_grant": b"INSERT", "add_flow": b"INSERT"}


def last_words(far: Far, verb: str) -> bytes:
    """Return what is in the message that makes the change last."""
    return b"UPDATE grantkeeper_grant" if far.kind == "postgresql" and verb in AT_ONCE else b"COMMIT"


def prepared(far: Far, verb: str) -> Rows:
    """Make the rows, and take the lease where the verb needs it."""
    rows = made(far)
    if verb in {"save_tokens", "end_refresh"}:
        assert begin(far.near, rows)
    return rows


@pytest.mark.parametrize("fault", [Fault.BEFORE, Fault.AFTER])
@pytest.mark.parametrize("verb", VERBS)
def test_a_lost_commit_is_looked_up(far: Far, verb: str, fault: Fault) -> None:
    """R-40: done or not done, the caller is told that it is done, and it is, once."""
    act, answer, seen, there = VERBS[verb]
    rows = prepared(far, verb)
    rule = far.proxy.lose(last_words(far, verb), fault)
    assert act(far.store, rows) == answer
    assert rule.met.is_set()
    assert seen(far, rows) == there(rows)


@pytest.mark.parametrize("verb", VERBS)
def test_a_lost_answer_to_the_change_itself_is_no_commit(far: Far, verb: str) -> None:
    """R-40: what was not committed is undone by the server, and made again."""
    act, answer, seen, there = VERBS[verb]
    rows = prepared(far, verb)
    rule = far.proxy.lose(b"grantkeeper_", Fault.AFTER)
    assert act(far.store, rows) == answer
    assert rule.met.is_set()
    assert seen(far, rows) == there(rows)


@pytest.mark.parametrize("verb", LATE)
def test_a_commit_that_the_server_comes_to_later_is_noticed(
    far: Far, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-40: the first look finds nothing; the second try, which waits for the first one's lock, finds it done."""
    act, answer, seen, there = VERBS[verb]
    rows = prepared(far, verb)
    late = far.proxy.lose(last_words(far, verb), Fault.LATE)
    if last_words(far, verb) != b"COMMIT":  # nothing is locked: it is made at once, and coming later changes nothing
        assert act(far.store, rows) == answer
        late.released.set()
        assert seen(far, rows) == there(rows)
        return
    releasing: list[threading.Thread] = []

    def again(_seconds: float) -> None:
        second = far.proxy.lose(LATE[verb], Fault.NONE)

        def release() -> None:
            second.met.wait()
            late.released.set()

        releasing.append(threading.Thread(target=release))
        releasing[0].start()

    monkeypatch.setattr(far.store._writer, "_pause", again)
    assert act(far.store, rows) == answer
    (thread,) = releasing
    thread.join()
    assert seen(far, rows) == there(rows)


def test_a_consumed_flow_whose_commit_was_lost_is_nobodys(far: Far) -> None:
    """O-04, R-40: ours cannot be told from another's: two callers must not both be told that they won."""
    rows = made(far)
    far.proxy.lose(b"COMMIT", Fault.AFTER)
    with pytest.raises(DatabaseUnavailable, match="did not say who was first"):
        far.store.consume_flow(rows.flow.state_hash, at=NOW)
    assert not far.near.consume_flow(rows.flow.state_hash, at=NOW)


def test_a_flow_that_was_not_consumed_can_be(far: Far) -> None:
    """R-40: the COMMIT never reached the server: the flow is free, and is taken."""
    rows = made(far)
    far.proxy.lose(b"COMMIT", Fault.BEFORE)
    assert far.store.consume_flow(rows.flow.state_hash, at=NOW)
    assert not far.near.consume_flow(rows.flow.state_hash, at=NOW)


def test_a_lost_sweep_is_swept_again(far: Far) -> None:
    """Deleting what is deleted changes nothing."""
    far.near.add_flow(flow_row(state_hash="e" * 64, expires_at=NOW - timedelta(days=1)))
    far.proxy.lose(b"COMMIT", Fault.AFTER)
    assert far.store.sweep_flows(expired_before=NOW) == 0
    assert far.near.flow("e" * 64) is None


def test_who_was_not_first_is_told_so_after_a_lost_commit_too(far: Far) -> None:
    """R-03: somebody else's save is not taken for ours."""
    rows = made(far)
    far.near.begin_refresh(rows.grant.grant.id, version=1, attempt="theirs", at=NOW, lease=LEASE)
    far.proxy.lose(b"COMMIT", Fault.AFTER)
    assert not begin(far.store, rows)
    assert leased(far, rows) == "theirs"


def test_a_lost_read_is_read_again(far: Far) -> None:
    """A read changes nothing: once more, on another connection."""
    rows = made(far)
    uses: dict[bytes, Callable[[], Any]] = {
        b"FROM grantkeeper_grant": lambda: far.store.grant(rows.grant.grant.id),
        b"FROM grantkeeper_flow": lambda: far.store.flow(rows.flow.state_hash),
    }
    for holds, use in uses.items():
        rule = far.proxy.lose(holds, Fault.AFTER)
        assert use() in (rows.grant, rows.flow)
        assert rule.met.is_set()
