"""`grantkeeper keys`: API keys from the command line."""

from __future__ import annotations

import pytest

from cli.conftest import Home
from grantkeeper import Keeper, Settings
from grantkeeper.errors import KeyRefused


def opened(home: Home) -> Keeper:
    """Return the keeper that the folder's configuration describes."""
    return Keeper.from_settings(Settings.load(home.folder / "grantkeeper.toml", home.environ))


def test_a_key_is_made_used_listed_and_ended(home: Home) -> None:
    """V-40: the secret is the only result, and shown this once."""
    made = home.call("keys", "create", "nightly", "--scope", "tokens:read", "--owner", "acme", "--expires", "90d")
    secret = made.out.strip()

    assert made.code == 0, made.err
    with opened(home) as keeper:
        key = keeper.keys.check(secret)
        assert (key.name, key.owners, key.created_by) == ("nightly", frozenset({"acme"}), "cli")
    (listed,) = home.call("keys", "list", "--json").json
    assert (listed["id"], listed["scopes"], listed["owners"]) == (key.id, ["tokens:read"], ["acme"])
    assert "nightly" in home.call("keys", "list").out
    assert secret not in home.call("keys", "list", "--json").out

    assert home.call("keys", "revoke", key.id).code == 2
    assert home.call("keys", "revoke", key.id, "--yes").code == 0
    with opened(home) as keeper, pytest.raises(KeyRefused, match="over"):
        keeper.keys.check(secret)


def test_all_keys_are_ended_at_once(home: Home) -> None:
    """V-43: the switch for the day when a key has leaked and nobody knows which."""
    secrets = [home.call("keys", "create", name, "--scope", "tokens:read").out.strip() for name in ("one", "two")]

    assert home.call("keys", "revoke").code == 2
    assert home.call("keys", "revoke", "some-key", "--all").code == 2
    assert home.call("keys", "revoke", "--all").code == 2
    assert {each["name"] for each in home.call("keys", "revoke", "--all", "--yes", "--json").json} == {"one", "two"}
    with opened(home) as keeper:
        for secret in secrets:
            with pytest.raises(KeyRefused, match="over"):
                keeper.keys.check(secret)


def test_where_no_key_is_left_to_end_that_is_said(home: Home) -> None:
    """Nobody is asked, and nobody has to guess from silence that something was done."""
    for words in (("--all",), ("--all", "--yes")):
        done = home.call("keys", "revoke", *words)
        assert (done.code, done.out, done.err) == (0, "", "There is no key that is not over.\n")
    assert home.call("keys", "revoke", "--all", "--json").json == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("create", "x"), 2),
        (("create", "x", "--scope", "tokens:reed"), 3),
        (("create", "x", "--scope", "admin", "--expires", "soon"), 2),
        (("create", "x", "--scope", "admin", "--client", "nobody"), 6),
        (("revoke", "unknown", "--yes"), 6),
    ],
)
def test_what_cannot_be_meant_is_said(home: Home, words: tuple[str, ...], code: int) -> None:
    """Nothing is made, and the exit code says whose it is to put right."""
    assert home.call("keys", *words).code == code
    assert home.call("keys", "list", "--json").json == []
