"""Looking for accounts: with a token that is good, past what only passes, without harm from what does not."""

from __future__ import annotations

import traceback
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper import ConsentRequired, GrantStatus, Keeper, Misconfigured, ProviderUnavailable, accounts
from grantkeeper.emulator import Emulator
from grantkeeper.testing import Connect, oauth_client
from keeper.accounts.scene import ADS, LIST, SHOP, WINTER, ids, search_path, walk
from keeper.people import IDA, account_events, refreshes


def test_the_first_question_looks_and_the_second_does_not(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """What was found is kept; nobody waits for the provider again."""
    grant = connect("acme", IDA)
    assert ids(keeper.accounts(grant.id)) == [SHOP, WINTER]
    assert ids(keeper.accounts(grant.id)) == [SHOP, WINTER]
    assert len(emulator.requests(LIST)) == 1


def test_a_new_consent_looks_again(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """Whoever consents again may reach more than before."""
    grant = connect("acme", IDA)
    keeper.accounts(grant.id)
    emulator.revoke(IDA)
    emulator.clock.advance(timedelta(hours=2))
    with pytest.raises(ConsentRequired):
        keeper.token(grant.id)
    connect("acme", IDA)
    keeper.accounts(grant.id)
    assert len(emulator.requests(LIST)) == 2


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_is_busy_is_asked_again_twice(connect: Connect, keeper: Keeper, emulator: Emulator, status: int) -> None:
    """One busy answer among hundreds must not end a look."""
    grant = connect("acme", IDA)
    emulator.fail(status, times=2, path=LIST, body={"error": {"code": status, "status": "UNAVAILABLE"}})
    assert ids(keeper.accounts(grant.id)) == [SHOP, WINTER]
    assert len(emulator.requests(LIST)) == 3


def test_what_stays_busy_is_said_and_written_down(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """Nothing was known before, so the caller hears why."""
    grant = connect("acme", IDA)
    emulator.fail(503, times=3, path=LIST, body={"error": {"code": 503, "status": "UNAVAILABLE", "message": "Busy."}})
    with pytest.raises(ProviderUnavailable):
        keeper.accounts(grant.id)
    look = keeper.looks(grant.id)[0]
    assert (look.looked_at, bool(look.problem)) == (None, True)
    asked = len(emulator.requests(LIST))
    with pytest.raises(ProviderUnavailable, match="tried a moment ago"):
        keeper.account(grant.id, kind=ADS, account_id=SHOP)
    assert len(emulator.requests(LIST)) == asked
    emulator.clock.advance(timedelta(seconds=30))
    assert ids(keeper.accounts(grant.id)) == [SHOP, WINTER]
    assert keeper.looks(grant.id)[0].problem == ""


def test_a_long_wait_is_not_waited_out(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """RFC 9110 10.2.3: a provider that asks for an hour is not asked again by who waits for a page."""
    grant = connect("acme", IDA)
    busy: dict[str, Any] = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Slow down."}}
    emulator.fail(429, times=9, path=LIST, body=busy, retry_after=timedelta(hours=1))
    with pytest.raises(ProviderUnavailable):
        keeper.accounts(grant.id)
    assert len(emulator.requests(LIST)) == 1


def test_a_lost_answer_is_asked_for_again(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """Reading twice harms nobody."""
    grant = connect("acme", IDA)
    emulator.lose_answer(2, path=search_path(SHOP))
    assert ids(keeper.accounts(grant.id)) == [SHOP, WINTER]


def test_a_token_that_the_api_refuses_is_replaced_once(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """R-37: the second answer counts, whatever it is; no loop of refreshes."""
    grant = connect("acme", IDA)
    emulator.clock.advance(timedelta(minutes=5))
    emulator.expire_tokens()
    assert ids(keeper.accounts(grant.id)) == [SHOP, WINTER]
    assert refreshes(emulator) == 1


def test_a_grant_that_died_is_noticed_by_a_look(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """The 401 of the API leads to a refresh, and that to the truth; what was known stays."""
    grant = connect("acme", IDA)
    known = keeper.accounts(grant.id)
    emulator.clock.advance(timedelta(minutes=5))
    emulator.revoke(IDA)
    with pytest.raises(ConsentRequired):
        keeper.discover(grant.id)
    assert keeper.get(grant.id).status is GrantStatus.CONSENT_REQUIRED
    assert keeper.accounts(grant.id) == known
    assert account_events(keeper, grant.id) == []


def test_an_api_that_is_switched_off_says_so_and_changes_nothing(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """Our Cloud project's fault is not the person's: what is known stays as it is."""
    grant = connect("acme", IDA)
    known = keeper.accounts(grant.id)
    off = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "SERVICE_DISABLED",
        "domain": "googleapis.com",
    }
    body = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "Not enabled.", "details": [off]}}
    emulator.fail(403, path=LIST, body=body)
    changes = keeper.discover(grant.id)
    assert isinstance(changes.problems[ADS], Misconfigured)
    assert (changes.appeared, changes.lost, changes.shared_left) == ((), (), len(known))
    assert keeper.accounts(grant.id) == known


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"resourceNames": 7}', b'{"resourceNames": ["customers/x"]}'])
def test_an_odd_answer_ends_a_look_without_harm(
    connect: Connect, keeper: Keeper, emulator: Emulator, body: bytes
) -> None:
    """R-34: whatever comes, it is ProviderUnavailable and what is known stays."""
    grant = connect("acme", IDA)
    known = keeper.accounts(grant.id)
    emulator.fail(200, path=LIST, body=body, content_type="application/json")
    assert isinstance(keeper.discover(grant.id).problems[ADS], ProviderUnavailable)
    assert keeper.accounts(grant.id) == known


def test_a_person_without_accounts_costs_no_refresh(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """Google Ads says so with a 401, which is not about the token."""
    grant = connect("acme", "tom.becker@nordwind-outdoor.example")
    emulator.clock.advance(timedelta(minutes=5))
    assert keeper.accounts(grant.id) == []
    assert (refreshes(emulator), len(emulator.requests(LIST))) == (0, 1)


def test_a_fault_in_soap_is_an_answer_and_not_a_busy_server(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """SOAP 1.1 6.2: every fault is a 500; who waits for it waits for nothing."""
    grant = connect("acme", "tom.becker@nordwind-outdoor.example", "ad-manager")
    off = {"error": {"code": 404, "status": "NOT_FOUND", "message": "No."}}
    emulator.fail(404, path="/v1/networks", body=off)
    began = emulator.clock.now()
    assert keeper.accounts(grant.id) == []
    assert emulator.clock.now() == began


def test_a_refusal_of_one_kind_leaves_the_others(keeper: Keeper, emulator: Emulator) -> None:
    """A scope that Google takes back for one API is that API's problem, with the grant's id in it."""
    keeper._clients["both"] = oauth_client(emulator, "both", ["ad_manager_rest", "adwords"])
    grant = walk(keeper, emulator, IDA, client="both")[0]
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
        "domain": "googleapis.com",
    }
    body = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "Scopes.", "details": [info]}}
    emulator.fail(403, path=LIST, body=body)
    changes = keeper.discover(grant.id)
    problem = changes.problems[ADS]
    assert isinstance(problem, ConsentRequired)
    assert problem.grant_id == grant.id
    assert {each.kind for each in changes.appeared} == {"ad_manager"}
    assert keeper.get(grant.id).status is GrantStatus.ACTIVE


def test_an_outage_after_another_consent_leaves_what_is_known(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """A nightly job goes on with the accounts of yesterday, and does not ask at each of them."""
    grant = connect("acme", IDA)
    known = keeper.accounts(grant.id)
    emulator.revoke(IDA)
    emulator.clock.advance(timedelta(hours=2))
    with pytest.raises(ConsentRequired):
        keeper.token(grant.id)
    connect("acme", IDA)
    before = len(emulator.requests(LIST))
    emulator.fail(503, times=99, path=LIST, body={"error": {"code": 503, "status": "UNAVAILABLE", "message": "Busy."}})
    assert [keeper.account(grant.id, kind=ADS, account_id=each.id) for each in known] == known
    assert keeper.accounts(grant.id) == known
    assert len(emulator.requests(LIST)) == before + 3


def test_a_call_that_fails_leaves_no_token_in_its_frames(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """V-22: reporters of errors show local variables."""
    grant = connect("acme", IDA)
    emulator.lose_answer(9, path=LIST)
    with pytest.raises(ProviderUnavailable) as failed:
        keeper._reach._discovering._looking.look(grant.id, "google-ads", accounts.discovery(ADS))  # type: ignore[arg-type]
    shown = "".join(traceback.TracebackException.from_exception(failed.value, capture_locals=True).format())
    assert keeper.token(grant.id).value.reveal() not in shown
