"""google_ads.client(customer_id=...): what is shared only, on the shortest way that the tree has."""

from __future__ import annotations

from typing import Any

import pytest

from clients.reached.conftest import (
    BOSS,
    CANCELLED,
    CARLA,
    CARLAS,
    CARLAS_OLD,
    DORA,
    FUCHS,
    GROUP,
    GUSTAV,
    HOTELS,
    MOEBEL,
    NOBODY,
    NORTH,
    SOUTH,
    TARIQ,
    Give,
)
from clients.sources import GRANT, ScriptedSource
from grantkeeper.clients import google_ads, google_auth
from grantkeeper.clients.reached import GrantSource, login_of
from grantkeeper.emulator import Emulator
from grantkeeper.emulator.server import Serving
from grantkeeper.errors import AccessRefused, ConsentRequired, InvalidInput, NotFound
from grantkeeper.keeper import Keeper
from grantkeeper.model import Account

NAME = "SELECT customer.descriptive_name FROM customer"


@pytest.mark.parametrize(
    ("person", "account", "login"),
    [
        (BOSS, HOTELS, GROUP),
        (BOSS, FUCHS, GROUP),
        (BOSS, NORTH, GROUP),
        (BOSS, GROUP, None),
        (TARIQ, HOTELS, SOUTH),
        (DORA, MOEBEL, None),
        (DORA, HOTELS, NORTH),
        (CARLA, CARLAS, None),
    ],
    ids=lambda each: str(each),
)
def test_the_login_customer_id_is_the_root_of_the_shortest_way(
    giving: GrantSource, give: Give, serving: Serving, person: str, account: str, login: str | None
) -> None:
    """The header is left out where the person reaches the account directly; the API takes what was resolved."""
    ads = google_ads.client(giving, give(person).id, customer_id=account, endpoint=serving.grpc_target)

    assert (ads.login_customer_id, ads.customer_id) == (login, account)
    rows = ads.get_service("GoogleAdsService").search(customer_id=account, query=NAME)
    assert len(list(rows)) == 1


def test_several_ways_of_one_length_are_refused_with_their_names(giving: GrantSource, give: Give) -> None:
    """Which manager a change is made through is for a person to say."""
    grant = give(TARIQ)
    with pytest.raises(InvalidInput, match=f"{NORTH}, {SOUTH}") as caught:
        google_ads.client(giving, grant.id, customer_id=FUCHS)

    assert "login_customer_id=" in caught.value.advice
    assert 'ambiguous="first"' in caught.value.advice


@pytest.mark.parametrize(
    ("given", "login"), [({"ambiguous": "first"}, NORTH), ({"login_customer_id": "200-000-0003"}, SOUTH)]
)
def test_one_word_decides_between_them(giving: GrantSource, give: Give, given: dict[str, str], login: str) -> None:
    """The lowest id, or the one that is passed."""
    ads = google_ads.client(giving, give(TARIQ).id, customer_id="200-000-0012", **given)  # type: ignore[arg-type]

    assert (ads.login_customer_id, ads.customer_id) == (login, FUCHS)


def test_an_account_that_no_way_leads_to_is_refused(keeper: Keeper, give: Give) -> None:
    """A tree that no longer hangs together; never a guess."""
    known = keeper.account(give(BOSS).id, kind="google_ads", account_id=HOTELS)
    lonely = Account(**{name: getattr(known, name) for name in Account.__dataclass_fields__} | {"ways": ()})
    with pytest.raises(AccessRefused, match="leads to 2000000011") as caught:
        login_of(lonely, "first")

    assert (caught.value.code, caught.value.account_id) == ("no_way", HOTELS)


@pytest.mark.parametrize("login", [None, GROUP])
def test_what_is_not_shared_is_refused_whatever_login_is_passed(
    giving: GrantSource, keeper: Keeper, give: Give, login: str | None
) -> None:
    """The person ticked one account; the builder makes no client for another."""
    grant = give(BOSS)
    keeper.accounts(grant.id)
    keeper.share(grant.id, [("google_ads", HOTELS)])
    with pytest.raises(AccessRefused) as caught:
        google_ads.client(giving, grant.id, customer_id=FUCHS, login_customer_id=login)

    assert (caught.value.code, caught.value.grant_id, caught.value.account_id) == ("not_shared", grant.id, FUCHS)
    assert google_ads.client(giving, grant.id, customer_id=HOTELS, login_customer_id=login).login_customer_id == GROUP


def test_a_cancelled_account_is_refused_with_its_status(giving: GrantSource, give: Give) -> None:
    """Google Ads would answer CUSTOMER_NOT_ENABLED to the first call."""
    grant = give(BOSS)
    with pytest.raises(AccessRefused, match="CANCELED") as caught:
        google_ads.client(giving, grant.id, customer_id=CANCELLED)

    assert (caught.value.who, caught.value.code) == ("account", "not_enabled")


def test_an_account_that_was_never_reached_is_not_found(giving: GrantSource, give: Give) -> None:
    """Somebody else's."""
    with pytest.raises(NotFound):
        google_ads.client(giving, give(BOSS).id, customer_id=CARLAS)


@pytest.mark.parametrize("given", ["", "123", "customers/1234567890", "1" * 10_000, True])
def test_a_customer_id_that_is_none_is_refused(giving: GrantSource, give: Give, given: str) -> None:
    """Before anybody is asked."""
    with pytest.raises(InvalidInput, match=r"customer_id=.*Allowed are ten digits"):
        google_ads.client(giving, give(BOSS).id, customer_id=given)


@pytest.mark.parametrize(
    "given", [{"ambiguous": "x"}, {"ambiguous": None}, {"developer_token": "abc\n"}, {"developer_token": "a\x00bc"}]
)
def test_what_cannot_be_meant_is_refused(giving: GrantSource, give: Give, given: dict[str, Any]) -> None:
    """By both builders, and before the first call fails of it in words of gRPC's; a token is not shown."""
    grant = give(CARLA)
    for build in (lambda: google_ads.client(giving, grant.id, **given), lambda: google_ads.customers(giving, **given)):
        with pytest.raises(InvalidInput) as caught:
            build()
        assert "bc" not in str(caught.value).replace("ambiguous", "")


def test_a_source_without_accounts_cannot_resolve_one(source: ScriptedSource) -> None:
    """It says so, rather than to hand out what may not be shared."""
    with pytest.raises(InvalidInput, match="ScriptedSource does not know which accounts"):
        google_ads.client(source, GRANT, customer_id=HOTELS)


# --- nobody names an account -----------------------------------------------------------------------------------------


def test_the_one_account_that_is_shared_is_the_default(giving: GrantSource, keeper: Keeper, give: Give) -> None:
    """One enabled account: nothing to choose, and nothing to pass."""
    assert google_ads.client(giving, give(CARLA).id).customer_id == CARLAS

    grant = give(BOSS)
    keeper.accounts(grant.id)
    keeper.share(grant.id, [("google_ads", GROUP), ("google_ads", HOTELS), ("google_ads", CANCELLED)])
    ads = google_ads.client(giving, grant.id)
    assert (ads.login_customer_id, ads.customer_id) == (GROUP, HOTELS)


@pytest.mark.parametrize("person", [BOSS, GUSTAV, NOBODY])
def test_without_exactly_one_there_is_no_default(giving: GrantSource, give: Give, person: str) -> None:
    """Several, none that is enabled, none at all: a client without login customer id, as the library makes it."""
    ads = google_ads.client(giving, give(person).id)

    assert (ads.login_customer_id, ads.customer_id) == (None, None)


def test_a_grant_for_another_api_has_no_default(giving: GrantSource, give: Give) -> None:
    """Nothing of Google Ads is reached with Ad Manager's scope."""
    assert google_ads.client(giving, give(BOSS, "ad-manager").id).customer_id is None


@pytest.mark.parametrize(
    ("shared", "login"),
    [([HOTELS], GROUP), ([GROUP], GROUP), ([HOTELS, NORTH], NORTH), ([HOTELS], CARLAS), ([], "9999999999")],
)
def test_a_login_customer_id_alone_is_for_what_is_shared_or_unknown(
    giving: GrantSource, keeper: Keeper, give: Give, shared: list[str], login: str
) -> None:
    """A manager on the way to what is shared, a shared account, or one that only the API can say something about."""
    grant = give(BOSS)
    keeper.accounts(grant.id)
    keeper.share(grant.id, [("google_ads", each) for each in shared])
    ads = google_ads.client(giving, grant.id, login_customer_id=login)

    assert (ads.login_customer_id, ads.customer_id) == (login, None)


@pytest.mark.parametrize("login", [FUCHS, NORTH])
def test_a_client_does_not_log_in_as_an_account_that_is_not_shared(
    giving: GrantSource, keeper: Keeper, give: Give, login: str
) -> None:
    """The person ticked one account; another is not to be had by calling it the login."""
    grant = give(BOSS)
    keeper.accounts(grant.id)
    keeper.share(grant.id, [("google_ads", HOTELS)])
    with pytest.raises(AccessRefused) as caught:
        google_ads.client(giving, grant.id, login_customer_id=login)

    assert (caught.value.code, caught.value.grant_id, caught.value.account_id) == ("not_shared", grant.id, login)


def test_a_login_customer_id_is_taken_as_it_is_where_accounts_are_not_known(source: ScriptedSource) -> None:
    """As the library has it: who passes it knows."""
    assert google_ads.client(source, GRANT, login_customer_id=GROUP).login_customer_id == GROUP
    assert source.asked == []


def test_a_refusal_names_the_account_that_the_client_is_for(
    giving: GrantSource, give: Give, serving: Serving, emulator: Emulator
) -> None:
    """api_errors takes it from the client."""
    ads = google_ads.client(giving, give(CARLA).id, endpoint=serving.grpc_target)
    with pytest.raises(AccessRefused) as caught, google_auth.api_errors(ads):
        ads.get_service("GoogleAdsService").search(customer_id=CARLAS_OLD, query=NAME)

    assert caught.value.code == "AuthorizationError.CUSTOMER_NOT_ENABLED"
    assert caught.value.account_id == CARLAS


def test_a_grant_that_is_over_and_was_never_looked_at_is_said_so(
    giving: GrantSource, keeper: Keeper, give: Give
) -> None:
    """What it shares cannot be known."""
    grant = give(BOSS)
    keeper.revoke(grant.id)
    with pytest.raises(ConsentRequired):
        google_ads.client(giving, grant.id, customer_id=HOTELS)
