"""What a look found beside what was known: what is new, what is gone, what stays shared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.accounts.drift import Drift, matches, merged, sentence, told
from grantkeeper.model import Account, FoundAccount, Sharing

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
ALL = Sharing()
CHOSEN = Sharing(mode="chosen")
IDS = st.sets(st.sampled_from("abcdef"))


def found(account_id: str, name: str = "", *, enabled: bool = True) -> FoundAccount:
    """Return an account as a provider describes it."""
    return FoundAccount(kind="google_ads", id=account_id, name=name, enabled=enabled)


def look(known: list[Account], ids: str, sharing: Sharing = ALL, *, first: bool = False, now: datetime = NOW) -> Drift:
    """Merge a look that found these ids, a letter each."""
    return merged(known, [found(each) for each in ids], grant_id="g1", sharing=sharing, first=first, now=now)


def after(known: list[Account], drift: Drift) -> list[Account]:
    """Return what is known once the changed rows are saved."""
    return sorted(({each.id: each for each in (*known, *drift.changed)}).values(), key=lambda each: each.id)


@pytest.mark.parametrize(
    ("sharing", "first", "shared"),
    [
        (ALL, True, "ab"),
        (ALL, False, "ab"),
        (Sharing(mode="open"), True, ""),
        (CHOSEN, False, ""),
        (Sharing(mode="preselect", preselect="enabled"), True, "ab"),
        (Sharing(mode="preselect", preselect="enabled"), False, ""),
        (Sharing(mode="preselect", preselect=("b", "x")), True, "b"),
    ],
)
def test_what_is_new_is_shared_only_where_that_was_said(sharing: Sharing, first: bool, shared: str) -> None:
    """Nobody is asked again for what appears later, so it is shared only where everything is."""
    drift = look([], "ab", sharing, first=first)
    assert "".join(each.id for each in drift.appeared if each.shared) == shared


def test_what_is_not_enabled_is_not_preselected_as_enabled() -> None:
    """A cancelled account is kept, and not ticked for anybody."""
    enabled = Sharing(mode="preselect", preselect="enabled")
    drift = merged([], [found("a", enabled=False)], grant_id="g1", sharing=enabled, first=True, now=NOW)
    assert [each.shared for each in drift.changed] == [False]


@pytest.mark.parametrize("written", ["1234567890", "123-456-7890"])
def test_a_customer_id_is_preselected_with_or_without_dashes(written: str) -> None:
    """As people copy it from Google's pages."""
    chosen = Sharing(mode="preselect", preselect=(written,))
    drift = merged([], [found("1234567890")], grant_id="g1", sharing=chosen, first=True, now=NOW)
    assert drift.appeared[0].shared


def test_what_comes_back_is_shared_as_before_and_is_new_again() -> None:
    """The choice was the person's; that the account was away for a day does not undo it."""
    known = after([], look([], "ab"))
    known = after(known, look(known, "a", now=LATER))
    assert [each.lost_at for each in known] == [None, LATER]
    back = look(known, "ab", CHOSEN, now=LATER + timedelta(days=1))
    assert [(each.id, each.shared, each.lost_at) for each in back.appeared] == [("b", True, None)]
    assert back.appeared[0].found_at == LATER + timedelta(days=1)


def test_what_did_not_change_is_not_written() -> None:
    """A daily look at 5,000 accounts writes what is different."""
    known = after([], look([], "abc"))
    assert look(known, "abc", now=LATER) == Drift(changed=(), appeared=(), lost=())


def test_another_name_is_a_change_and_no_drift() -> None:
    """It is saved; nothing appeared and nothing was lost."""
    known = after([], look([], "a"))
    drift = merged(known, [found("a", "New name")], grant_id="g1", sharing=ALL, first=False, now=LATER)
    assert ([each.name for each in drift.changed], drift.appeared, drift.lost) == (["New name"], (), ())
    assert drift.changed[0].found_at == NOW


@given(st.lists(IDS, min_size=1, max_size=6))
def test_after_any_looks_what_is_there_is_what_the_last_found(looks: list[set[str]]) -> None:
    """And each account is kept for ever, lost or not, and reported as appeared and lost in turn."""
    known: list[Account] = []
    there: set[str] = set()
    for number, ids in enumerate(looks):
        drift = look(known, "".join(sorted(ids)), first=not number, now=NOW + timedelta(days=number))
        assert {each.id for each in drift.appeared} == ids - there
        assert {each.id for each in drift.lost} == there - ids
        known, there = after(known, drift), ids
    assert {each.id for each in known if each.lost_at is None} == there
    assert {each.id for each in known} == set().union(*looks)


def accounts(ids: str, *, shared: bool = True) -> list[Account]:
    """Return accounts that were there, a letter each."""
    return [
        Account(kind="google_ads", id=each, name=f"Shop {each}", grant_id="g1", shared=shared, found_at=NOW)
        for each in ids
    ]


@pytest.mark.parametrize(
    ("appeared", "lost", "left", "said"),
    [
        ("", accounts("a"), 0, "The last shared account is gone: Shop a (a). Nothing is left to work with."),
        ("", accounts("a"), 4, "1 shared account is gone: Shop a (a). 4 shared left."),
        ("", accounts("abcde"), 1, "5 shared accounts are gone: Shop a (a), Shop b (b), Shop c (c) and 2 more. "),
        ("", accounts("a", shared=False), 0, "1 account is gone that nobody had shared: Shop a (a)."),
        ("bc", [], 3, "2 accounts are new: Shop b (b), Shop c (c)."),
        ("", [], 0, ""),
    ],
)
def test_losing_the_last_shared_account_is_said_differently(
    appeared: str, lost: list[Account], left: int, said: str
) -> None:
    """Losing one of many needs a look; losing the last one stops the work."""
    assert sentence(accounts(appeared), lost, shared_left=left).startswith(said)


def test_an_event_names_a_hundred_and_counts_all() -> None:
    """A tree of 5,000 accounts that is cut off must not become an event of a megabyte."""
    lost = tuple(Account(kind="k", id=str(n), name="", grant_id="g1", shared=True, found_at=NOW) for n in range(5000))
    data = told("k", Drift(changed=lost, appeared=(), lost=lost), shared_left=0)
    assert (len(data["lost"]), data["lost_count"], data["last_shared_lost"]) == (100, 5000, True)


@pytest.mark.parametrize(
    ("search", "hit"),
    [
        ("nord", True),
        ("NORD", True),
        (" nord ", True),
        ("123-456", True),
        ("4567", True),
        ("straße", False),
        ("-", False),
    ],
)
def test_a_search_finds_parts_of_names_and_ids(search: str, hit: bool) -> None:
    """In any case of letters; dashes of a pasted customer id do not matter."""
    assert matches(found("1234567890", "Nordwind Outdoor"), search) is hit
