"""Which kinds of account are looked for."""

from __future__ import annotations

import pytest

from accounts.driver import AUTH
from grantkeeper.accounts import DISCOVERIES, discoveries, discovery
from grantkeeper.accounts.refusals import TITLES
from grantkeeper.providers.google_scopes import SCOPES


def test_every_kind_is_listed_once_google_ads_and_ad_manager_first() -> None:
    """In this order people see them."""
    assert [each.kind for each in DISCOVERIES] == [
        "google_ads",
        "ad_manager",
        "analytics",
        "search_console",
        "merchant_center",
        "youtube",
        "business_profile",
        "display_video",
    ]


@pytest.mark.parametrize("scope", ["dfp", "admanager", "admanager.readonly"])
def test_one_of_the_scopes_is_enough(scope: str) -> None:
    """A grant's scopes say what it may reach; scopes that identify people reach nothing."""
    assert [each.kind for each in discoveries([AUTH + scope, "openid"])] == ["ad_manager"]


def test_a_grant_of_several_scopes_is_looked_at_for_all_of_them() -> None:
    """And for nothing else."""
    assert [each.kind for each in discoveries([AUTH + "dfp", AUTH + "adwords"])] == ["google_ads", "ad_manager"]
    assert discoveries(["openid", AUTH + "drive.file"]) == ()


def test_a_kind_names_its_discovery() -> None:
    """A kind that nobody knows has none."""
    assert all(discovery(each.kind) is each for each in DISCOVERIES)
    assert discovery("facebook") is None


def test_a_discovery_has_scopes_of_the_catalogue_and_the_title_of_its_refusals() -> None:
    """What people read about one API calls it by one name."""
    known = {scope for scopes in SCOPES.values() for scope in scopes}

    assert {scope for each in DISCOVERIES for scope in each.scopes} - known == set()
    assert {each.kind: each.title for each in DISCOVERIES}.items() <= TITLES.items()
