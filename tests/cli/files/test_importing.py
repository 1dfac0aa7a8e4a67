"""`grantkeeper import`: what comes of files, and what is said about them."""

from __future__ import annotations

import os
import pty
import signal
import string
import subprocess
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.conftest import PROGRAM, Home, Ran
from cli.files.made import configured, connected, google_ads_yaml
from grantkeeper import OAuthClient
from grantkeeper.emulator import Emulator
from grantkeeper.testing import oauth_client
from keeper.files.old import ADWORDS, DFP, old_token
from keeper.people import IDA, SAM, TOM

LUCIA = "lucia@casa-verde.example"
Old = Callable[..., str]

canaries = st.builds(
    "{}{}".format,
    st.sampled_from(["1//0", "1//0", "GOCSPX-", "ya29."]),
    st.text(string.ascii_letters + string.digits + "-_", min_size=26, max_size=120),
)
around = st.sampled_from(["", "acme", "acme ", "id=", "<", ">", "'", "|", ":", " x", "7", "https://x.example/"])
delimiters = st.sampled_from([",", ";", "\t", " ", "|", ", ", ":"])
COLUMNS = ("owner", "refresh_token", "client", "client_id", "email", "customer_id", "note")


@st.composite
def leaking_lists(draw: st.DrawFn) -> tuple[str, str]:
    """A list with a token somewhere in a cell, and the token; its lines may have another delimiter than its header."""
    canary = draw(canaries)
    columns = ["owner", "refresh_token", *draw(st.lists(st.sampled_from(COLUMNS[2:]), unique=True, max_size=3))]
    header, delimiter, quote = draw(delimiters), draw(delimiters), draw(st.sampled_from(["", "", '"', "'"]))
    cells = draw(st.lists(st.sampled_from(["acme", "x", "", "google-ads"]), min_size=1, max_size=len(columns) + 1))
    where = draw(st.integers(0, len(cells) - 1))
    cells[where] = f"{draw(around)}{canary}{draw(around)}"
    row = delimiter.join(f"{quote}{cell}{quote}" for cell in cells)
    return f"{header.join(columns)}\n{row}\n", canary


@pytest.fixture
def client(emulator: Emulator) -> OAuthClient:
    """The OAuth client of the home's configuration."""
    return configured(emulator)


@pytest.fixture
def old(emulator: Emulator, client: OAuthClient) -> Old:
    """Old refresh tokens of people."""

    def make(person: str, *scopes: str) -> str:
        return old_token(emulator, client, person, *scopes).reveal()

    return make


def lines(done: Ran) -> list[dict[str, Any]]:
    """The lines of a `--json` report."""
    found: list[dict[str, Any]] = done.json["lines"]
    return found


def refreshes(emulator: Emulator) -> int:
    """How many refreshes were sent."""
    return len(emulator.requests("/token", grant_type="refresh_token"))


def test_a_google_ads_yaml_becomes_a_grant(home: Home, client: OAuthClient, old: Old) -> None:
    """What was not taken over is said, and that the file is still there."""
    home.write(
        "google-ads.yaml", google_ads_yaml(client, old(IDA), developer_token="abc", login_customer_id="1112223330")
    )
    done = home.call("import", "google-ads.yaml", "--owner", "acme")

    assert done.code == 0, done.err
    assert "imported" in done.out
    assert "not known yet" in done.out
    assert "2026-09-09" in done.err
    assert "still holds the refresh tokens" in done.err
    (grant,) = home.call("list", "--json").json
    assert (grant["owner"], grant["status"]) == ("acme", "active")
    assert home.call("token", grant["id"]).code == 0


def test_a_list_is_reported_line_by_line(home: Home, emulator: Emulator, old: Old) -> None:
    """Dead ones with reason and advice, others as they are; 4 because somebody has to consent."""
    dead = old(SAM)
    emulator.revoke(SAM)
    home.write(
        "old.csv",
        f"owner,refresh_token,customer_id\nacme,{old(IDA)},2223334441\nglobex,{dead},\ninitech,{old(LUCIA, DFP)},\n",
    )
    done = home.call("import", "old.csv", "--json")

    assert done.code == 4
    acme, globex, initech = lines(done)
    assert (acme["place"], acme["result"], acme["reason"]) == ("line 2", "imported", "")
    assert (globex["result"], globex["reason"], globex["grant_id"]) == ("dead", "revoked_or_expired", "")
    assert "connect the account again" in globex["advice"]
    assert (initech["result"], initech["reason"]) == ("imported", "scopes_missing")
    shared = home.call("accounts", acme["grant_id"], "--json").json["accounts"]
    assert [each["id"] for each in shared] == ["2223334441"]


def test_a_dry_run_looks_and_keeps_nothing(home: Home, emulator: Emulator, old: Old) -> None:
    """The same report, without grants."""
    dead = old(SAM)
    emulator.revoke(SAM)
    whose = old(TOM, ADWORDS, "openid", "email")
    text = f"owner,refresh_token,email\nacme,{old(IDA)},\nglobex,{dead},\ninitech,{whose},{IDA}\nhooli,{whose},{TOM}\n"
    home.write("old.csv", text)
    done = home.call("import", "old.csv", "--dry-run", "--json")

    assert done.code == 3
    assert [line["result"] for line in lines(done)] == ["would be imported", "dead", "unusable", "would be imported"]
    assert lines(done)[3]["person"] == TOM
    assert home.call("list", "--json").json == []


def test_running_it_again_sends_nothing(home: Home, emulator: Emulator, old: Old) -> None:
    """And says that it is there; a dry run too."""
    home.write("old.csv", f"owner,refresh_token\nacme,{old(IDA)}\n")
    (first,) = lines(home.call("import", "old.csv", "--json"))
    sent = refreshes(emulator)

    for more in ((), ("--dry-run",)):
        done = home.call("import", "old.csv", "--json", *more)
        (again,) = lines(done)
        assert (done.code, again["result"], again["grant_id"]) == (0, "already there", first["grant_id"])
    assert refreshes(emulator) == sent


def test_a_person_who_is_connected_is_there_already(home: Home, emulator: Emulator, old: Old) -> None:
    """Where the token says whose it is."""
    connected(home, emulator, IDA)
    home.write("old.csv", f"owner,refresh_token\nacme,{old(IDA, ADWORDS, 'openid')}\n")

    for more in (("--dry-run",), ()):
        (line,) = lines(home.call("import", "old.csv", "--json", *more))
        assert (line["result"], line["person"]) == ("already there", IDA)


def test_one_token_on_several_lines_is_one_grant_that_shares_all_of_them(
    home: Home, emulator: Emulator, old: Old
) -> None:
    """A line for each customer, as an agency's list has it."""
    token = old(IDA)
    home.write("old.csv", f"owner,refresh_token,customer_id\nacme,{token},2223334441\nacme,{token},444-555-6663\n")
    first, second = lines(home.call("import", "old.csv", "--json"))

    assert first["grant_id"] == second["grant_id"]
    assert second["notes"] == ["The same refresh token as in line 2."]
    assert refreshes(emulator) == 1
    shared = home.call("accounts", first["grant_id"], "--json").json["accounts"]
    assert [each["id"] for each in shared] == ["2223334441", "4445556663"]


def test_the_oauth_client_of_the_file_has_to_be_configured(
    home: Home, emulator: Emulator, client: OAuthClient, old: Old
) -> None:
    """It says what to add; a client secret that differs is said, too."""
    text = google_ads_yaml(client, old(IDA))
    home.write("google-ads.yaml", text.replace(client.client_id, "999-other.apps.googleusercontent.com"))
    done = home.call("import", "google-ads.yaml", "--owner", "acme")
    assert done.code == 3
    assert "999-other.apps.googleusercontent.com" in done.out
    assert "[clients.NAME]" in done.out

    home.write("google-ads.yaml", text.replace(client.client_secrets[-1].reveal(), "GOCSPX-example-of-another-secret"))
    done = home.call("import", "google-ads.yaml", "--owner", "acme")
    assert done.code == 0
    assert "client_secret in the file is not the one" in done.err


def test_a_token_of_another_oauth_client_is_that_lines_matter(home: Home, emulator: Emulator, old: Old) -> None:
    """The lines after it are tried."""
    foreign = old_token(emulator, oauth_client(emulator, "web", ["adwords"]), IDA).reveal()
    home.write("old.csv", f"owner,refresh_token\nglobex,{foreign}\nacme,{old(IDA)}\n")
    done = home.call("import", "old.csv", "--json")

    assert done.code == 3
    assert [line["result"] for line in lines(done)] == ["unusable", "imported"]
    assert "another OAuth client" in lines(done)[0]["reason"]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(made=leaking_lists(), more=st.sampled_from([(), ("--json",)]))
def test_a_token_is_never_shown_wherever_it_stands(home: Home, made: tuple[str, str], more: tuple[str, ...]) -> None:
    """V-20: in a wrong cell, behind another cell, quoted, with any delimiter: not twelve characters of it are seen."""
    text, canary = made
    home.write("old.csv", text)
    done = home.call("import", "old.csv", "--rate", "50", *more)
    assert done.code in {3, 4}
    shown = done.out + done.err
    assert not [at for at in range(len(canary) - 11) if canary[at : at + 12] in shown]


@pytest.mark.parametrize("delimiter", [";", "\t", " ", "|"])
def test_a_line_with_another_delimiter_is_said_and_no_cell_of_it_shown(home: Home, old: Old, delimiter: str) -> None:
    """V-20: what looks like its owner is the whole line."""
    home.write("old.csv", f"owner,refresh_token\nnordwind{delimiter}{old(IDA)}\n")
    done = home.call("import", "old.csv", "--json")
    (line,) = lines(done)

    assert (done.code, line["place"], line["owner"], line["result"]) == (3, "line 2", "", "unusable")
    assert "not the header's delimiter" in line["reason"]
    assert "nordwind" not in done.out + done.err


def test_an_owner_that_looks_like_a_token_is_hidden(home: Home, old: Old) -> None:
    """V-20: a long hexadecimal text may be somebody's id, and may be another provider's token: it is not shown."""
    owner = "0123456789abcdef" * 4
    home.write("old.csv", f"owner,refresh_token\n{owner},{old(IDA)}\n{owner}0,x\n")
    done = home.call("import", "old.csv", "--json")

    assert [line["result"] for line in lines(done)] == ["imported", "dead"]
    assert [line["owner"] for line in lines(done)] == ["[hidden]", "[hidden]"]
    assert owner[:12] not in done.out + done.err


def test_an_outage_stops_it_and_says_what_is_left(home: Home, emulator: Emulator, old: Old) -> None:
    """After it was asked three times; the next run takes the rest."""
    home.write("old.csv", f"owner,refresh_token\nacme,{old(IDA)}\nglobex,{old(LUCIA)}\ninitech,{old(SAM)}\n")
    home.call("import", "old.csv", "--dry-run")
    emulator.fail(503, times=3)
    done = home.call("import", "old.csv", "--rate", "50")

    assert done.code == 5
    assert "Not done: line 2, line 3, line 4." in done.err
    assert "Google is in trouble" in done.err
    emulator.fail(503, times=2)
    assert home.call("import", "old.csv", "--rate", "50").code == 0


def test_an_oauth_client_that_is_refused_stops_it(
    home: Home, emulator: Emulator, client: OAuthClient, old: Old
) -> None:
    """It would be refused for every line; nobody's owner is to blame."""
    home.write("old.csv", f"owner,refresh_token\nacme,{old(IDA)}\nglobex,{old(LUCIA)}\n")
    emulator.delete_client(client.client_id)
    done = home.call("import", "old.csv", "--json")

    assert done.code == 3
    assert (done.json["lines"], done.json["left"]) == ([], ["line 2", "line 3"])
    assert done.json["stopped"]["error"] == "Misconfigured"


def test_interrupted_it_says_what_was_done(home: Home, emulator: Emulator, old: Old) -> None:
    """Ctrl-C while the provider takes its time: what is there stays, the rest is named, and 130."""
    home.write("old.csv", f"owner,refresh_token\nacme,{old(IDA)}\nglobex,{old(LUCIA)}\ninitech,{old(SAM)}\n")
    first = home.write("first.csv", (home.folder / "old.csv").read_text().partition("globex")[0])
    assert home.call("import", first.name).code == 0
    asked, release = threading.Event(), threading.Event()
    emulator.wait = lambda _: (asked.set(), release.wait(20), None)[2]  # type: ignore[func-returns-value]
    emulator.slow(20)
    with home.start("import", "old.csv") as process:
        assert asked.wait(20)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        release.set()

    assert process.returncode == 130, err
    assert "already there" in out
    assert "Not done: line 3, line 4." in err


def test_what_cannot_be_read_is_an_error_of_its_own(home: Home, old: Old) -> None:
    """A missing file, a YAML file without --owner, a list without a header."""
    assert home.call("import", "none.csv").code == 3
    home.write("x.yaml", "refresh_token: x")
    assert home.call("import", "x.yaml").code == 2
    home.write("bad.csv", f"acme,{old(IDA)}\n")
    assert "no header" in home.call("import", "bad.csv").err


def test_people_at_a_terminal_see_how_far_it_is(home: Home, old: Old) -> None:
    """And nothing of it is left behind on the screen; a pipe sees none of it."""
    home.write("old.csv", f"owner,refresh_token\nacme,{old(IDA)}\n")
    terminal, other = pty.openpty()
    with subprocess.Popen(
        [PROGRAM, "import", "old.csv"], cwd=home.folder, env=home.environ, stdout=subprocess.PIPE, stderr=other
    ) as process:
        out, _ = process.communicate(timeout=30)
    os.close(other)
    shown = os.read(terminal, 10_000)
    os.close(terminal)

    assert b"1 of 1" in shown
    assert b"\r\x1b[K" in shown
    assert b"1 of 1" not in out
