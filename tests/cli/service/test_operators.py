"""`grantkeeper operator`: who may sign in to the dashboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from cli.conftest import Home
from grantkeeper.keeper import Keeper
from grantkeeper.settings import ServiceSettings, Settings

ADA = "ada@fjord-media.example"
URL = "https://grants.fjord.example"


@pytest.fixture
def served(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A folder whose configuration names the service's address."""
    load: Callable[..., Settings] = Settings.load
    service = ServiceSettings(url=URL)
    monkeypatch.setattr(
        Settings,
        "load",
        classmethod(lambda _cls, path=None, environ=None: replace(load(path, environ), service=service)),
    )
    return home


def test_the_first_admin_comes_in_by_an_address_that_is_printed(served: Home) -> None:
    """V-39b: no default account, no password; the address is the only result on standard output."""
    invited = served.call("operator", "invite", ADA, "--role", "admin")

    assert invited.code == 0, invited.err
    token = invited.out.strip().removeprefix(f"{URL}/dashboard/sign-in/")
    assert len(token) == 43
    with Keeper.from_settings(Settings.load(served.folder / "grantkeeper.toml", served.environ)) as keeper:
        assert keeper.operators.redeem(token).operator.email == ADA


def test_operators_are_listed_and_changed(served: Home) -> None:
    """A role, a removal, and the rule that somebody stays an admin."""
    served.call("operator", "invite", ADA, "--role", "admin")
    served.call("operator", "invite", "bo@fjord-media.example")
    assert served.call("operator", "role", "bo@fjord-media.example", "operator").out == (
        "bo@fjord-media.example is operator.\n"
    )
    refused = served.call("operator", "remove", ADA, "--yes")
    assert (refused.code, "last admin" in refused.err) == (3, True)
    assert served.call("operator", "remove", "bo@fjord-media.example", "--yes").code == 0
    assert served.call("operator", "role", "bo@fjord-media.example", "admin").code == 6

    listed = served.call("operator", "list", "--json").json
    assert [(each["email"], each["role"], bool(each["disabled_at"])) for each in listed] == [
        (ADA, "admin", False),
        ("bo@fjord-media.example", "operator", True),
    ]


def test_without_the_services_address_nobody_is_invited(home: Home) -> None:
    """The error says what to write where."""
    refused = home.call("operator", "invite", ADA)

    assert refused.code == 3
    assert "[service]" in refused.err
