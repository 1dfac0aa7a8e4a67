"""google_ads.customers and ad_manager.networks: every account of every grant, whatever some grants are in."""

from __future__ import annotations

import logging
from itertools import islice

import pytest

from clients.libraries import GOOGLEADS_WARNINGS
from clients.reached.conftest import (
    BOSS,
    CARLA,
    CARLAS,
    DORA,
    EVENING,
    FUCHS,
    GROUP,
    HOTELS,
    MOEBEL,
    MORNING,
    NINA,
    NORTH,
    OMAR,
    TARIQ,
    Give,
)
from grantkeeper.clients import ad_manager, google_ads
from grantkeeper.clients.reached import GrantSource
from grantkeeper.emulator import Emulator
from grantkeeper.emulator.server import Serving
from grantkeeper.errors import ConsentRequired, GrantkeeperError, InvalidInput, ProviderUnavailable
from grantkeeper.keeper import Keeper
from grantkeeper.model import Grant

LIST = "/v26/customers:listAccessibleCustomers"
NAME = "SELECT customer.descriptive_name FROM customer"


BELOW_SOUTH = ("2000000014", "2000000015")
"""One is hidden and one suspended; both can be called."""


class Skips:
    """What was left out, and why."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, GrantkeeperError]] = []

    def __call__(self, grant: Grant, error: GrantkeeperError) -> None:
        """Note it."""
        self.seen.append((grant.owner, error))


def test_every_shared_and_enabled_account_comes_with_a_client_that_reaches_it(
    giving: GrantSource, give: Give, serving: Serving
) -> None:
    """The pair is all that a report needs."""
    give(BOSS)
    give(CARLA)
    found = []
    for ads, customer_id in google_ads.customers(giving, endpoint=serving.grpc_target):
        rows = ads.get_service("GoogleAdsService").search(customer_id=customer_id, query=NAME)
        found += [(customer_id, row.customer.descriptive_name) for row in rows]

    assert dict(found)[HOTELS] == "Bergblick Hotels"
    assert sorted(dict(found)) == [HOTELS, FUCHS, *BELOW_SOUTH, MOEBEL, "2000000017", CARLAS]


def test_what_is_not_shared_never_comes(giving: GrantSource, keeper: Keeper, give: Give) -> None:
    """The person's choice holds for jobs, too."""
    grant = give(BOSS)
    keeper.accounts(grant.id)
    keeper.share(grant.id, [("google_ads", HOTELS)])

    assert [each.account.id for each in google_ads.customers(giving)] == [HOTELS]


def test_managers_come_when_they_are_asked_for(giving: GrantSource, give: Give) -> None:
    """They have no campaigns, so by default they do not."""
    give(DORA)
    without = [each.account.id for each in google_ads.customers(giving)]
    included = [each.account.id for each in google_ads.customers(giving, managers="include")]

    assert NORTH not in without
    assert set(included) - set(without) == {NORTH, "2000000004"}


def test_accounts_that_are_called_alike_share_a_client(giving: GrantSource, give: Give) -> None:
    """One for each login customer id of a grant, and no client of another grant's."""
    give(DORA)
    give(BOSS)
    found = list(google_ads.customers(giving))
    ids = {id(each.client) for each in found}
    wanted = {(each.grant.id, each.client.login_customer_id) for each in found}

    assert len(ids) == len(wanted) == 3
    assert {each.client.credentials.grant_id == each.grant.id for each in found} == {True}
    assert {each.client.login_customer_id for each in found} == {GROUP, NORTH, None}


def test_grants_are_chosen_by_owner_and_by_oauth_client(giving: GrantSource, keeper: Keeper, give: Give) -> None:
    """As keeper.grants does."""
    give(BOSS)
    give(CARLA)

    assert {each.grant.owner for each in google_ads.customers(giving, owner="cancelled")} == {"cancelled"}
    assert list(google_ads.customers(giving, client="ad-manager")) == []


def test_dead_grants_and_grants_in_trouble_stop_nobody(
    giving: GrantSource, keeper: Keeper, give: Give, emulator: Emulator
) -> None:
    """One taken back and known to be, one that cannot be looked at just now; the third is reported on."""
    boss, _, carla = give(BOSS), give(DORA), give(CARLA)
    for grant in (carla, boss):
        keeper.accounts(grant.id)
    emulator.revoke(BOSS)
    with pytest.raises(ConsentRequired):
        keeper.refresh(boss.id)
    emulator.fail(503, times=9, path=LIST)
    skips = Skips()
    found = [each.account.id for each in google_ads.customers(giving, skipped=skips)]

    assert found == [CARLAS]
    assert {owner: type(error) for owner, error in skips.seen} == {
        "boss": ConsentRequired,
        "both.ways": ProviderUnavailable,
    }


@pytest.mark.parametrize("bug", [ValueError("v"), OSError("o")])
def test_a_bug_is_nobodys_trouble_alone_and_ends_the_job(
    keeper: Keeper, give: Give, monkeypatch: pytest.MonkeyPatch, bug: Exception
) -> None:
    """Left out as if the grant were to blame, it would leave out every grant, and the job would seem to succeed."""
    give(CARLA)

    def broken(*_: object, **__: object) -> None:
        raise bug

    monkeypatch.setattr(keeper, "accounts", broken)
    skips = Skips()
    with pytest.raises(type(bug)) as caught:
        list(google_ads.customers(keeper, skipped=skips))

    assert caught.value is bug
    assert skips.seen == []


def test_who_is_left_out_is_in_the_log(
    giving: GrantSource, keeper: Keeper, give: Give, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nobody asks for it, a warning names the grant and what to do."""
    grant = give(CARLA)
    emulator.revoke(CARLA)
    with pytest.raises(ConsentRequired) as caught:
        keeper.refresh(grant.id)
    with caplog.at_level(logging.WARNING, "grantkeeper.clients"):
        assert list(google_ads.customers(giving)) == []

    (record,) = [each for each in caplog.records if each.name == "grantkeeper.clients"]
    assert grant.id in record.message
    assert caught.value.advice in record.message


def test_an_account_that_has_several_ways_takes_the_first_or_is_left_out(giving: GrantSource, give: Give) -> None:
    """For figures all ways are alike, so the default takes the lowest id."""
    give(TARIQ)
    skips = Skips()
    found = {each.account.id: each.client.login_customer_id for each in google_ads.customers(giving)}
    strict = [each.account.id for each in google_ads.customers(giving, ambiguous="refuse", skipped=skips)]

    assert found[FUCHS] == NORTH
    assert set(found) - set(strict) == {FUCHS}
    assert [type(error) for _, error in skips.seen] == [InvalidInput]


def test_the_first_comes_before_the_second_grant_is_looked_at(
    giving: GrantSource, give: Give, emulator: Emulator
) -> None:
    """Lazily: a job over thousands of grants begins at once."""
    for person in (BOSS, CARLA, DORA):
        give(person)
    first = list(islice(google_ads.customers(giving), 1))

    assert len(first) == 1
    assert len(emulator.requests(LIST)) == 1


def test_what_cannot_be_right_is_said_at_once(giving: GrantSource) -> None:
    """Not with the first account, hours later."""
    with pytest.raises(InvalidInput, match="Allowed are 'host'"):
        google_ads.customers(giving, endpoint="https://x")


@GOOGLEADS_WARNINGS
def test_every_network_comes_with_a_client_for_it(giving: GrantSource, give: Give, serving: Serving) -> None:
    """Over SOAP, by the code that the client was made with."""
    give(NINA, "ad-manager")
    give(OMAR, "ad-manager")
    give(BOSS)
    found = []
    for gam, code in ad_manager.networks(giving, application_name="Tests"):
        current = gam.GetService("NetworkService", server=serving.url).getCurrentNetwork()
        found.append((code, current["networkCode"]))

    assert sorted(found) == [(MORNING, MORNING), (MORNING, MORNING), (EVENING, EVENING)]
