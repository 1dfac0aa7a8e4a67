"""`grantkeeper operator`: who may sign in to the dashboard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cli.conftest import Home
from grantkeeper.keeper import Keeper
from grantkeeper.keeper.operators.people import new_operator
from grantkeeper.keeper.operators.rules import BY_RULE
from grantkeeper.model import NOTHING
from grantkeeper.settings import ServiceSettings, Settings, SignIn

ADA = "ada@fjord-media.example"
URL = "https://grants.fjord.example"


SAM = "sam@fjord-media.example"
LOWERED = SignIn(client="google-ads", redirect_uri=f"{URL}/dashboard/callback", emails={SAM: "viewer"})


@pytest.fixture
def served(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A folder whose configuration names the service's address, and a rule for Sam, who was an admin by it before."""
    load: Callable[..., Settings] = Settings.load
    service = ServiceSettings(url=URL, sign_in=LOWERED)
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
    with keeper_of(served) as keeper:
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


def test_the_role_of_now_is_listed_and_one_that_is_given_wins_over_the_rule(served: Home) -> None:
    """V-36: as the dashboard has it; what the command says is what they have."""
    with keeper_of(served) as keeper:
        issuer = keeper.client("google-ads").provider.issuer
        sam = new_operator(SAM, "admin", at=datetime.now(UTC), by=BY_RULE, issuer=issuer, subject="1")
        keeper._store.operators.add(sam, beside=NOTHING)
    (listed,) = served.call("operator", "list", "--json").json
    assert (listed["role"], listed["role_from"], listed["ruled_out"]) == ("viewer", "rule", False)
    assert " viewer " in served.call("operator", "list").out
    assert "is viewer already" in served.call("operator", "invite", SAM, "--role", "admin").err

    given = served.call("operator", "role", SAM, "admin")
    assert given.out == f"{SAM} is admin, whatever role the rule says that lets them in.\n"
    (listed,) = served.call("operator", "list", "--json").json
    assert (listed["role"], listed["role_from"]) == ("admin", "hand")


def keeper_of(home: Home) -> Keeper:
    """Return the keeper that the commands use."""
    return Keeper.from_settings(Settings.load(home.folder / "grantkeeper.toml", home.environ))


def test_without_the_services_address_nobody_is_invited(home: Home) -> None:
    """The error says what to write where."""
    refused = home.call("operator", "invite", ADA)

    assert refused.code == 3
    assert "[service]" in refused.err
