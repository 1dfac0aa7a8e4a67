"""`grantkeeper export`: off by default, on record, for one reader."""

from __future__ import annotations

import stat
from pathlib import Path

import google.ads.googleads.config as google_ads_config
import pytest
import yaml
from googleads.ad_manager import AdManagerClient

from cli.conftest import Home
from cli.files.made import connected
from grantkeeper.emulator import Emulator
from keeper.people import IDA, SAM

pytestmark = [
    pytest.mark.filterwarnings("ignore:'locale.getdefaultlocale':DeprecationWarning:googleads.common"),
]


def allow(home: Home) -> None:
    """Switch exports on."""
    config = home.folder / "grantkeeper.toml"
    config.write_text(f'export_refresh_tokens = "allowed"\n{config.read_text()}')


def export(home: Home, grant: str, form: str, to: str, *more: str) -> tuple[int, str]:
    """Run it; returns exit code and what was printed."""
    done = home.call("export", grant, "--as", form, "--output", to, *more)
    return done.code, done.out + done.err


def test_without_the_setting_nothing_leaves(home: Home, emulator: Emulator) -> None:
    """V-44: it names the setting, and what is better."""
    grant = connected(home, emulator, IDA)
    code, said = export(home, grant, "google-ads.yaml", "out.yaml", "--customer-id", "2223334441")

    assert code == 3
    assert 'export_refresh_tokens = "allowed"' in said
    assert "grantkeeper token" in said
    assert not (home.folder / "out.yaml").exists()


def test_an_environment_variable_does_not_allow_it(home: Home, emulator: Emulator) -> None:
    """V-44: only who may write the configuration can."""
    grant = connected(home, emulator, IDA)
    home.environ["GRANTKEEPER_EXPORT_REFRESH_TOKENS"] = "allowed"

    assert export(home, grant, "google-ads.yaml", "out.yaml")[0] == 3


def test_a_google_ads_yaml_is_as_the_official_library_reads_it(home: Home, emulator: Emulator) -> None:
    """With the account through which the customer is reached, and without a developer token."""
    grant = connected(home, emulator, SAM)
    allow(home)
    code, said = export(home, grant, "google-ads.yaml", "out.yaml", "--customer-id", "222-333-4441")

    assert code == 0, said
    file = home.folder / "out.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    read = google_ads_config.load_from_yaml_file(str(file))
    client = next(each for each in emulator.world.clients if each.kind == "installed")
    assert (read["client_id"], read["client_secret"]) == (client.id, client.secret)
    assert read["login_customer_id"] == "1112223330"
    assert read["use_proto_plus"] is True
    assert "developer_token" not in read
    assert emulator.state.refresh[read["refresh_token"]].client_id == client.id


def test_direct_access_needs_no_login_customer_id(home: Home, emulator: Emulator) -> None:
    """The person reaches the account by themselves."""
    grant = connected(home, emulator, IDA)
    allow(home)
    assert export(home, grant, "google-ads.yaml", "out.yaml", "--customer-id", "2223334441")[0] == 0

    assert "login_customer_id" not in google_ads_config.load_from_yaml_file(str(home.folder / "out.yaml"))


def test_a_googleads_yaml_is_as_the_official_library_reads_it(home: Home, emulator: Emulator) -> None:
    """Its AdManagerClient is made of it."""
    grant = connected(home, emulator, IDA)
    allow(home)
    code, said = export(home, grant, "googleads.yaml", "out.yaml", "--application-name", "Our reports")
    assert code == 0, said
    made = AdManagerClient.LoadFromStorage(str(home.folder / "out.yaml"))

    assert (made.network_code, made.application_name) == ("21700000001", "Our reports")
    assert made.oauth2_client.creds.client_id == next(
        each.id for each in emulator.world.clients if each.kind == "installed"
    )
    assert emulator.state.refresh[made.oauth2_client.creds.refresh_token].sub


def test_who_did_it_is_on_record(home: Home, emulator: Emulator) -> None:
    """V-44: user and host, form, when; `show` lists it."""
    grant = connected(home, emulator, IDA)
    allow(home)
    export(home, grant, "googleads.yaml", "out.yaml")
    _, event = home.call("show", grant, "--json").json["events"]

    assert event["kind"] == "grant.exported"
    assert event["data"]["form"] == "googleads.yaml"
    assert "(uid " in event["data"]["who"]
    assert " on " in event["data"]["who"]
    assert "grant.exported" in home.call("show", grant).out


def test_a_file_that_is_there_is_left_alone(home: Home, emulator: Emulator) -> None:
    """A link as well; and nothing is on record, for nothing left."""
    grant = connected(home, emulator, IDA)
    allow(home)
    home.write("out.yaml", "mine")
    (home.folder / "link.yaml").symlink_to(home.folder / "elsewhere.yaml")

    for name in ("out.yaml", "link.yaml", "no/such/folder.yaml"):
        assert export(home, grant, "googleads.yaml", name)[0] == 3
    assert (home.folder / "out.yaml").read_text() == "mine"
    assert not (home.folder / "elsewhere.yaml").exists()
    assert [each["kind"] for each in home.call("show", grant, "--json").json["events"]] == ["grant.connected"]


def test_several_accounts_want_one_named_and_another_form_has_none(home: Home, emulator: Emulator) -> None:
    """Ida shares two customers; a network is not a customer."""
    grant = connected(home, emulator, IDA)
    allow(home)
    code, said = export(home, grant, "google-ads.yaml", "out.yaml")
    assert code == 3
    assert "2223334441" in said

    assert export(home, grant, "google-ads.yaml", "out.yaml", "--network-code", "21700000001")[0] == 2
    assert export(home, grant, "googleads.yaml", "out.yaml", "--customer-id", "2223334441")[0] == 2
    assert export(home, grant, "googleads.yaml", "out.yaml", "--application-name", "Berichte für uns")[0] == 2
    assert export(home, grant, "google-ads.yaml", "out.yaml", "--customer-id", "9999999999")[0] == 6
    assert not (home.folder / "out.yaml").exists()


def test_a_grant_that_is_over_is_not_exported(home: Home, emulator: Emulator) -> None:
    """And no empty file is left behind."""
    grant = connected(home, emulator, IDA)
    allow(home)
    home.call("accounts", grant)
    emulator.revoke(IDA)
    assert home.call("refresh", grant).code == 4

    assert export(home, grant, "googleads.yaml", "out.yaml")[0] == 4
    assert not (home.folder / "out.yaml").exists()


@pytest.mark.reveals("refresh token", "client secret")
def test_a_pipe_gets_it_and_a_terminal_does_not(
    home: Home, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V-44: what is on a screen is in its scrollback."""
    grant = connected(home, emulator, IDA)
    allow(home)
    done = home.run("export", grant, "--as", "googleads.yaml", "--output", "-")
    assert done.code == 0, done.err
    assert yaml.safe_load(done.out)["ad_manager"]["network_code"] == "21700000001"

    monkeypatch.setattr("grantkeeper.cli.files.exporting._is_terminal", lambda: True)
    code, said = export(home, grant, "googleads.yaml", "-")
    assert (code, "not shown on a terminal" in said) == (3, True)


@pytest.mark.reveals("refresh token", "client secret")
def test_what_was_exported_can_be_imported_again(home: Home, emulator: Emulator, tmp_path: Path) -> None:
    """The same forms, both ways."""
    grant = connected(home, emulator, IDA)
    allow(home)
    assert export(home, grant, "googleads.yaml", "out.yaml")[0] == 0
    done = home.call("import", "out.yaml", "--owner", "globex", "--json")

    (line,) = done.json["lines"]
    assert (done.code, line["result"], line["person"]) == (0, "imported", IDA)
