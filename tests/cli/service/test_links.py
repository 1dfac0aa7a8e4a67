"""`grantkeeper link`, `links` and `confirm`: invitations from the command line."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from api.asking import Site
from cli.conftest import Home
from grantkeeper import Keeper, Settings
from grantkeeper.emulator import Emulator
from links.walking import IDA, come_back

URL = "http://127.0.0.1:8765"
SERVICE = f'\n[service]\nurl = "{URL}"\nreturn_to = ["https://app.example.com"]\n'


@pytest.fixture
def served(home: Home, emulator: Emulator) -> Home:
    """A folder whose configuration names the service's address, and a web client."""
    secret = emulator.client_secret(None, [f"{URL}/callback/google-ads"])
    home.write("client_secret.json", json.dumps(secret))
    config = home.folder / "grantkeeper.toml"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("redirect_uri")]
    text = "\n".join(lines).replace(
        "[clients.google-ads]", f'[clients.google-ads]\nredirect_uri = "{URL}/callback/google-ads"'
    )
    config.write_text(text + SERVICE)
    return home


def opened(home: Home) -> Keeper:
    """Return the keeper that the folder's configuration describes."""
    return Keeper.from_settings(Settings.load(home.folder / "grantkeeper.toml", home.environ))


@pytest.mark.reveals("link token")
def test_a_link_is_made_used_and_confirmed(served: Home, emulator: Emulator) -> None:
    """V-31: the address is the only result; who consented is shown before anything is confirmed."""
    made = served.call("--debug", "link", "acme", "google-ads", "--expires", "12h")

    assert made.code == 0, (made.err, made.out)
    assert made.out.startswith(f"{URL}/connect/")
    assert "pending until you confirm" in made.err
    with opened(served) as keeper:
        away = keeper.follow(made.out.strip().rpartition("/")[2])
        grant = come_back(keeper, emulator, away, IDA)

    assert [each["status"] for each in served.call("links", "list", "--json").json] == ["consented"]
    asked = served.call("confirm", grant.id)
    assert (asked.code, asked.out) == (2, "")
    assert f"{IDA} consented for acme at google-ads" in asked.err
    assert served.call("confirm", grant.id, "--yes").out == f"Confirmed: acme is connected to google-ads ({IDA}).\n"
    assert [each["status"] for each in served.call("links", "list", "--json").json] == ["confirmed"]
    assert served.call("confirm", grant.id).code == 0


@pytest.mark.reveals("link token")
def test_a_link_can_be_shown_and_withdrawn(served: Home) -> None:
    """V-33: its address again while it is good, and not after."""
    made = served.call("link", "acme", "google-ads", "--expect", IDA, "--code", "--json").json
    assert made["expect_kind"] == "email"
    assert len(made["code"]) == 6
    until = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=6, hours=23) < until < timedelta(days=7, minutes=1)

    assert served.call("links", "show", made["id"], "--address").out.strip() == made["url"]
    assert made["url"] not in served.call("links", "show", made["id"]).out
    assert served.call("links", "revoke", made["id"]).out.startswith("Withdrawn")

    refused = served.call("links", "show", made["id"], "--address", "--json")
    assert (refused.code, json.loads(refused.err)["error"]) == (3, "InvalidInput")
    assert "revoked" in served.call("links", "list", "--status", "revoked").out


def test_what_a_link_is_asked_to_be_is_checked(served: Home) -> None:
    """Each error names what to do."""
    assert served.call("link", "acme", "google-ads", "--expires", "soon").code == 2
    elsewhere = served.call("link", "acme", "google-ads", "--return-to", "https://evil.example/")
    assert (elsewhere.code, "[service]" in elsewhere.err) == (3, True)
    assert served.call("links", "revoke", "ln_unknown").code == 6
    assert "There is no such link" in served.call("links", "list").err
    config = served.folder / "grantkeeper.toml"
    config.write_text(config.read_text().replace(f'url = "{URL}"\n', ""))
    missing = served.call("link", "acme", "google-ads")
    assert (missing.code, "[service]" in missing.err) == (3, True)


@pytest.mark.reveals("link token")
def test_programs_are_told_the_same_by_the_command_line_and_by_the_api(served: Home, emulator: Emulator) -> None:
    """V-31: among it whether the business has confirmed who consented; each member of the API's grant is in both."""
    with opened(served) as keeper:
        made = keeper.link("acme", "google-ads")
        grant = come_back(keeper, emulator, keeper.follow(made.url.rpartition("/")[2]), IDA)
        for confirmed in (False, True):
            if confirmed:
                keeper.confirm(grant.id)
            with Site(keeper) as site:
                asked = site.asker("admin")
                one, (listed,) = asked.get(f"/v1/grants/{grant.id}").json(), asked.get("/v1/grants").json()["items"]
            shown, (row,) = served.call("show", grant.id, "--json").json, served.call("list", "--json").json
            for ours, theirs in ((shown, one), (row, listed)):
                assert (ours["confirmed"], theirs["confirmed"]) == (confirmed, confirmed)
                assert set(theirs) - set(ours) <= {"version"}
                assert {name: _seconds(ours[name]) for name in theirs if name in ours} == {
                    name: _seconds(value) for name, value in theirs.items() if name in ours
                }


def _seconds(value: object) -> object:
    """Return a time in whole seconds, and a list in order; everything else as it is."""
    if isinstance(value, list):
        return sorted(value)
    return re.sub(r"\.\d+Z$", "Z", value) if isinstance(value, str) else value
