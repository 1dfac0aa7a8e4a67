"""A key that went missing: it is noticed, and nothing that it could still put right is thrown away."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Home

IDA = "ida@nordwind-outdoor.example"


@pytest.fixture
def key(home: Home) -> Path:
    """The key file of a home with a grant."""
    assert home.connect("nordwind", IDA).code == 0
    return home.folder / "grantkeeper.key"


def grant(home: Home) -> str:
    """Return the one grant's id."""
    found: str = home.call("list", "--json").json[0]["id"]
    return found


@pytest.mark.reveals("state")
def test_doctor_names_the_key_that_the_ring_lacks(home: Home, key: Path) -> None:
    """A new key in the place of the old is a problem; the old one added, there is none."""
    old = key.read_text()
    assert home.call("doctor", "--offline").code == 0
    key.unlink()
    made = home.call("init")
    assert "ANOTHER key" in made.err
    done = home.call("doctor", "--offline", "--json")
    problems = [each for each in done.json["findings"] if each["level"] == "problem"]
    assert (done.code, [each["check"] for each in problems]) == (3, ["key"])
    assert "the key ring has" in problems[0]["text"]
    assert "Add that key to the key ring" in problems[0]["advice"]
    key.write_text(old + key.read_text())
    assert home.call("doctor", "--offline").code == 0
    assert "ANOTHER key" not in home.call("init").err


@pytest.mark.reveals("state", "webhook secret")
def test_doctor_names_what_is_sealed_beside_grants(home: Home) -> None:
    """An endpoint's secrets: without their key nothing is posted to it any more."""
    assert home.call("webhooks", "add", "https://hooks.example.com/x").code == 0
    key = home.folder / "grantkeeper.key"
    old = key.read_text()
    key.unlink()
    assert "ANOTHER key" in home.call("init").err
    done = home.call("doctor", "--offline", "--json")
    (problem,) = [each for each in done.json["findings"] if each["level"] == "problem"]
    assert (done.code, problem["check"]) == (3, "key")
    assert "endpoint ep_" in problem["text"]
    key.write_text(old + key.read_text())
    assert home.call("doctor", "--offline").code == 0


def test_a_new_key_for_an_empty_database_is_no_reason_to_warn(home: Home) -> None:
    """Nothing was sealed with the old one."""
    (home.folder / "grantkeeper.key").unlink()
    made = home.call("init")
    assert made.code == 0
    assert "WARNING" not in made.err


@pytest.mark.reveals("state")
def test_revoke_keeps_what_the_right_key_could_still_revoke(home: Home, key: Path) -> None:
    """O-50: refused while the token does not open; with the key back the provider is told."""
    old, found = key.read_text(), grant(home)
    key.unlink()
    home.call("init")
    refused = home.call("revoke", found, "--yes")
    assert refused.code == 3
    assert "Nothing was changed" in refused.err
    assert "--end-unreadable" in refused.err
    assert home.call("show", found, "--json").json["status"] == "active"
    key.write_text(old)
    assert home.call("revoke", found, "--yes", "--json").json["at_provider"] == "revoked"


@pytest.mark.reveals("state")
def test_an_unreadable_grant_is_ended_only_when_said_aloud(home: Home, key: Path) -> None:
    """And the exit code is not 0: the provider was not told."""
    found = grant(home)
    key.unlink()
    home.call("init")
    ended = home.call("revoke", found, "--yes", "--end-unreadable", "--json")
    assert (ended.code, ended.json["at_provider"]) == (3, "unreadable")
    assert home.call("show", found, "--json").json["status"] == "revoked"


@pytest.mark.reveals("state")
def test_an_erasure_says_which_grants_no_provider_was_told_of(home: Home, key: Path) -> None:
    """O-54r: nothing personal is kept for it, and the exit code is not 0."""
    found = grant(home)
    key.unlink()
    home.call("init")
    done = home.call("erase", "nordwind", "--yes", "--json")
    assert (done.code, done.json["untold"], done.json["pending"]) == (3, [found], [])
    assert home.call("show", found, "--json").json["email"] == ""
    assert home.call("erase", "nordwind", "--yes").code == 0
