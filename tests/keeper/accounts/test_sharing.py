"""What is shared: everything when nobody was to be asked, else what the person ticked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from grantkeeper import AccessRefused, BadCallback, InvalidInput, Keeper, NotFound, Picker
from grantkeeper.emulator import Emulator
from grantkeeper.testing import Connect
from keeper.accounts.scene import ADS, MANAGER, PLANTS, SHOP, WINTER, gain, ids, picked, walk
from keeper.people import IDA, SAM, account_events

ASK = Picker()


def test_without_a_picker_everything_is_shared(keeper: Keeper, emulator: Emulator) -> None:
    """A script that never showed a page goes on as before, also with what appears later."""
    grant = picked(keeper, emulator, IDA, None)
    assert ids(keeper.accounts(grant.id)) == [SHOP, WINTER]
    gain(emulator, IDA, PLANTS)
    keeper.discover(grant.id)
    assert ids(keeper.accounts(grant.id)) == [SHOP, PLANTS, WINTER]


def test_nothing_is_shared_before_the_person_has_chosen(keeper: Keeper, emulator: Emulator) -> None:
    """A page that was closed without a tick shares nothing, and the error says what it waits for."""
    grant = picked(keeper, emulator, IDA, ASK)
    assert keeper.accounts(grant.id) == []
    assert ids(keeper.accounts(grant.id, include="all")) == [SHOP, WINTER]
    with pytest.raises(AccessRefused, match="has not chosen yet"):
        keeper.account(grant.id, kind=ADS)
    with pytest.raises(AccessRefused) as refused:
        keeper.account(grant.id, kind=ADS, account_id=SHOP)
    assert (refused.value.code, refused.value.who, refused.value.account_id) == ("not_shared", "person", SHOP)


def test_what_was_ticked_is_shared_and_nothing_else(keeper: Keeper, emulator: Emulator) -> None:
    """Also not what appears later; each choice is an event."""
    grant = picked(keeper, emulator, IDA, ASK)
    keeper.accounts(grant.id)
    assert ids(keeper.share(grant.id, [(ADS, WINTER)])) == [WINTER]
    gain(emulator, IDA, PLANTS)
    keeper.discover(grant.id)
    assert ids(keeper.accounts(grant.id)) == [WINTER]
    (event,) = keeper.events(kind="grant.accounts_shared")
    assert event.data == {"shared_count": 1, "added": [[ADS, WINTER]], "removed": []}
    assert keeper.account(grant.id, kind=ADS).id == WINTER


@pytest.mark.parametrize(
    ("preselect", "shared"),
    [("enabled", [SHOP, WINTER]), ((WINTER,), [WINTER]), (("444-555-6663", "999"), [WINTER])],
)
def test_a_skipped_page_shares_what_was_preselected(
    keeper: Keeper, emulator: Emulator, preselect: Any, shared: list[str]
) -> None:
    """And nothing that appears later."""
    grant = picked(keeper, emulator, IDA, Picker(page="skip", preselect=preselect))
    assert ids(keeper.accounts(grant.id)) == shared
    gain(emulator, IDA, PLANTS)
    keeper.discover(grant.id)
    assert ids(keeper.accounts(grant.id)) == shared


def test_another_consent_keeps_what_was_shared(keeper: Keeper, emulator: Emulator) -> None:
    """Whoever renews a connection and closes the page before ticking stops no nightly job."""
    grant = picked(keeper, emulator, IDA, None)
    keeper.accounts(grant.id)
    keeper.share(grant.id, [(ADS, SHOP)])
    again = picked(keeper, emulator, IDA, ASK)
    assert again.id == grant.id
    assert ids(keeper.accounts(grant.id)) == [SHOP]


def test_only_what_is_reached_can_be_shared(connect: Connect, keeper: Keeper) -> None:
    """V-60: ids that a form brings are somebody else's until they are found among this grant's."""
    grant = connect("acme", IDA)
    keeper.accounts(grant.id)
    for key in [(ADS, PLANTS), ("ad_manager", SHOP), ("x", "")]:
        with pytest.raises(InvalidInput, match="so it cannot be shared"):
            keeper.share(grant.id, [(ADS, SHOP), key])
    assert ids(keeper.accounts(grant.id)) == [SHOP, WINTER]


@pytest.mark.parametrize(
    "wrong",
    [
        {"page": "hide"},
        {"at_least": 2},
        {"at_least": True},
        {"at_least": 1.0},
        {"preselect": ("\ud800",)},
        {"preselect": ("x" * 501,)},
        {"preselect": "all"},
        {"preselect": ()},
        {"preselect": (1,)},
        {"preselect": ["1"]},
        {"page": "skip"},
    ],
)
def test_a_picker_that_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    """At once, and not when the person comes back."""
    with pytest.raises(InvalidInput):
        Picker(**wrong)


def test_a_page_gets_what_it_needs_of_the_completed_flow(keeper: Keeper, emulator: Emulator) -> None:
    """For this browser and owner only, for an hour."""
    picker = Picker(preselect="enabled", at_least=1)
    grant, flow, ref = walk(keeper, emulator, IDA, picker=picker)
    found, chosen, sharing = keeper.choice(flow, ref, owner="acme")
    assert (found, chosen, sharing.mode) == (grant, picker, "open")
    emulator.clock.advance(timedelta(minutes=50))
    keeper.begin("other", "google-ads")
    assert keeper.choice(flow, ref)[1] == picker
    for browser, owner in ((None, "acme"), (flow, "other"), (flow[:-1] + "x", "acme")):
        with pytest.raises(BadCallback):
            keeper.choice(browser, ref, owner=owner)
    emulator.clock.advance(timedelta(minutes=11))
    with pytest.raises(BadCallback):
        keeper.choice(flow, ref, owner="acme")


def test_a_page_after_a_silent_consent_shows_what_is_there_now(keeper: Keeper, emulator: Emulator) -> None:
    """What was looked at before the consent began is looked at again."""
    grant, _, _ = walk(keeper, emulator, IDA)
    keeper.accounts(grant.id)
    gain(emulator, IDA, PLANTS)
    emulator.clock.advance(timedelta(minutes=30))
    again, flow, ref = walk(keeper, emulator, IDA, picker=ASK)
    keeper.choice(flow, ref)
    assert again.id == grant.id
    assert PLANTS in ids(keeper.accounts(grant.id, include="all"))


@pytest.mark.parametrize("written", [SHOP, "222-333-4441"])
def test_an_account_is_found_by_its_id(connect: Connect, keeper: Keeper, written: str) -> None:
    """As Google's pages write it, too."""
    grant = connect("acme", IDA)
    assert keeper.account(grant.id, kind=ADS, account_id=written).name == "Nordwind Outdoor"


def test_of_several_one_has_to_be_named(connect: Connect, keeper: Keeper) -> None:
    """The message names them."""
    grant = connect("acme", IDA)
    with pytest.raises(InvalidInput, match=r"2223334441 \(Nordwind Outdoor\), 4445556663"):
        keeper.account(grant.id, kind=ADS)


def test_the_only_account_below_managers_is_the_default(connect: Connect, keeper: Keeper) -> None:
    """A manager account holds no campaigns; where nothing else is shared, it is meant."""
    grant = connect("acme", SAM)
    keeper.accounts(grant.id)
    keeper.share(grant.id, [(ADS, MANAGER), (ADS, PLANTS)])
    assert keeper.account(grant.id, kind=ADS).id == PLANTS
    keeper.share(grant.id, [(ADS, MANAGER)])
    assert keeper.account(grant.id, kind=ADS).id == MANAGER


def test_what_was_never_reached_is_not_found(connect: Connect, keeper: Keeper) -> None:
    """It may be new: the advice says how to look again."""
    grant = connect("acme", IDA)
    with pytest.raises(NotFound, match="--look"):
        keeper.account(grant.id, kind=ADS, account_id="9998887776")


def test_a_kind_that_was_not_granted_is_said(connect: Connect, keeper: Keeper) -> None:
    """No account of that kind is a different thing from no permission to see any."""
    grant = connect("acme", IDA)
    with pytest.raises(AccessRefused) as refused:
        keeper.accounts(grant.id, kind="ad_manager")
    assert refused.value.code == "scopes_missing"
    with pytest.raises(InvalidInput, match="Known are: google_ads, "):
        keeper.accounts(grant.id, kind="facebook")
    with pytest.raises(NotFound):
        keeper.accounts("gr_none")


def test_accounts_are_searched_by_name_and_id(connect: Connect, keeper: Keeper) -> None:
    """For pages and for people at a command line."""
    grant = connect("acme", IDA)
    assert ids(keeper.accounts(grant.id, search="winter")) == [WINTER]
    assert ids(keeper.accounts(grant.id, search="222-333")) == [SHOP]
    assert keeper.accounts(grant.id, search="nothing of the kind") == []


@pytest.mark.parametrize("pairs", [None, 7, "abc", [SHOP], [(ADS, 1)], [(ADS, None)], [(ADS,)], [{ADS: SHOP}]])
def test_what_is_no_pair_of_texts_cannot_be_shared(connect: Connect, keeper: Keeper, pairs: Any) -> None:
    """An error that says what to pass, and nothing is changed."""
    grant = connect("acme", IDA)
    keeper.accounts(grant.id)
    with pytest.raises(InvalidInput, match="pairs of texts"):
        keeper.share(grant.id, pairs)
    assert ids(keeper.accounts(grant.id)) == [SHOP, WINTER]


def test_odd_arguments_are_named(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """Whatever a caller passes, it is InvalidInput and not an error of Python's; a number is a customer id."""
    grant = connect("acme", IDA)
    number: Any = int(SHOP)
    assert keeper.account(grant.id, kind=ADS, account_id=number).id == SHOP
    odd: Any = object()
    for wrong in (
        lambda: keeper.accounts(grant.id, kind=odd),
        lambda: keeper.accounts(grant.id, search=odd),
        lambda: keeper.accounts(grant.id, include=odd),
        lambda: keeper.discover(odd),
        lambda: keeper.begin("acme", "google-ads", picker=odd),
        lambda: keeper.events(after=2**63),
        lambda: keeper.events(limit=0),
    ):
        with pytest.raises(InvalidInput):
            wrong()


def test_a_message_shows_no_control_characters_of_a_form(connect: Connect, keeper: Keeper) -> None:
    """V-23: kinds and ids come from forms, too."""
    grant = connect("acme", IDA)
    with pytest.raises(InvalidInput) as refused:
        keeper.share(grant.id, [("\x1b[31mred\n\u202e", "\x07")])
    assert not {"\x1b", "\n", "\u202e", "\x07"} & set(str(refused.value))


def test_the_same_choice_again_is_no_event(connect: Connect, keeper: Keeper) -> None:
    """A double click, or the back button."""
    grant = connect("acme", IDA)
    keeper.accounts(grant.id)
    for _ in range(3):
        assert ids(keeper.share(grant.id, [(ADS, SHOP)])) == [SHOP]
    assert len(account_events(keeper, grant.id)) == 1
