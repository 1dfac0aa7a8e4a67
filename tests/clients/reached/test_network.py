"""ad_manager.client(network_code=...): what is shared only; the only one by default."""

from __future__ import annotations

import pytest

from clients.libraries import GOOGLEADS_WARNINGS
from clients.reached.conftest import EVENING, MORNING, NINA, OMAR, Give
from clients.sources import GRANT, ScriptedSource
from grantkeeper.clients import ad_manager
from grantkeeper.clients.reached import GrantSource
from grantkeeper.errors import AccessRefused, NotFound
from grantkeeper.keeper import Keeper
from grantkeeper.model import Grant

pytestmark = GOOGLEADS_WARNINGS


@pytest.fixture
def half(keeper: Keeper, give: Give) -> Grant:
    """Nina's grant, which shares one of her two networks."""
    grant = give(NINA, "ad-manager")
    keeper.accounts(grant.id)
    keeper.share(grant.id, [("ad_manager", MORNING)])
    return grant


def test_a_network_that_is_shared_is_taken(giving: GrantSource, half: Grant) -> None:
    """As text or number."""
    gam = ad_manager.client(giving, half.id, application_name="Tests", network_code=int(MORNING))

    assert gam.network_code == MORNING


def test_a_network_that_is_not_shared_is_refused_by_both_builders(giving: GrantSource, half: Grant) -> None:
    """SOAP and REST alike."""
    with pytest.raises(AccessRefused) as soap:
        ad_manager.client(giving, half.id, application_name="Tests", network_code=EVENING)
    with pytest.raises(AccessRefused) as rest:
        ad_manager.rest_client(giving, half.id, network_code=EVENING)

    assert soap.value.code == rest.value.code == "not_shared"
    ad_manager.rest_client(giving, half.id, network_code=MORNING)


def test_a_network_that_was_never_reached_is_not_found(giving: GrantSource, half: Grant) -> None:
    """Somebody else's."""
    with pytest.raises(NotFound):
        ad_manager.client(giving, half.id, application_name="Tests", network_code="99")


def test_the_only_network_is_the_default(giving: GrantSource, keeper: Keeper, give: Give, half: Grant) -> None:
    """Of one that is reached, or of one that is shared; of two, neither."""
    omar = give(OMAR, "ad-manager")
    assert ad_manager.client(giving, omar.id, application_name="Tests").network_code == MORNING
    assert ad_manager.client(giving, half.id, application_name="Tests").network_code == MORNING

    keeper.share(half.id, [("ad_manager", MORNING), ("ad_manager", EVENING)])
    assert ad_manager.client(giving, half.id, application_name="Tests").network_code is None


def test_a_source_without_accounts_takes_the_code_as_it_is(source: ScriptedSource) -> None:
    """There is nobody to ask."""
    assert ad_manager.client(source, GRANT, application_name="Tests", network_code=EVENING).network_code == EVENING
