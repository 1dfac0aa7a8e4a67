"""The configuration is read strictly: what is wrong is said with file, key and what to do, and without secrets."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantkeeper.errors import Misconfigured
from grantkeeper.providers import google
from grantkeeper.seal import new_key
from grantkeeper.settings import Settings, new_key_file

CANARY = "canary-of-the-client-secret"
PASSWORD = "canary-of-the-database-password"
NOBODY = 65534
"""A user who is not root: root may read everything."""
REDIRECT = "https://app.example.com/grants/callback/google-ads"
GOOD = f"""\
database = "sqlite:///grantkeeper.sqlite3"
key_file = "grantkeeper.key"

[clients.google-ads]
provider = "google"
client_secret_file = "client_secret.json"
redirect_uri = "{REDIRECT}"
scopes = ["adwords"]
optional_scopes = ["ad_manager"]
"""


def client_secret(**members: Any) -> str:
    """Return a client_secret.json of a web application, as Google gives it."""
    web = {
        "client_id": "123-abc.apps.googleusercontent.com",
        "project_id": "agency",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token",
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_secret": CANARY,
        "redirect_uris": [REDIRECT],
    }
    return json.dumps({"web": {**web, **members}})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration that is right."""
    prepare(tmp_path)
    return tmp_path


def prepare(folder: Path) -> None:
    """Write a configuration that is right."""
    (folder / "grantkeeper.toml").write_text(GOOD)
    (folder / "client_secret.json").write_text(client_secret())
    new_key_file(folder / "grantkeeper.key")


def load(folder: Path, **environ: str) -> Settings:
    """Load the folder's configuration with nothing else in the environment."""
    return Settings.load(folder / "grantkeeper.toml", environ)


def refusal(folder: Path, **environ: str) -> str:
    """Return what is said about a configuration that is wrong; it never holds a secret."""
    with pytest.raises(Misconfigured) as caught:
        load(folder, **environ)
    said = str(caught.value)
    keys = [key_of(folder)] if (folder / "grantkeeper.key").exists() else []
    assert [secret for secret in (CANARY, PASSWORD, *keys) if secret in said] == []
    return said


def key_of(folder: Path) -> str:
    """Return the base64 key in the folder's key file."""
    return (folder / "grantkeeper.key").read_text().splitlines()[-1]


def test_a_right_configuration_becomes_values(folder: Path) -> None:
    """Scopes by name become Google's, paths are relative to the file's folder, secrets are Secrets."""
    found = load(folder)
    (client,) = found.clients
    assert (client.name, client.kind, client.redirect_uri) == ("google-ads", "web", REDIRECT)
    assert client.provider == google.PROVIDER
    assert client.scopes == google.api_scopes("adwords")
    assert client.optional_scopes == google.api_scopes("ad_manager")
    assert [each.reveal() for each in client.client_secrets] == [CANARY]
    assert found.database == f"sqlite:///{folder / 'grantkeeper.sqlite3'}"
    assert len(found.keys.ids) == 1
    assert (found.emulator, found.proxy, found.ca_file) == (None, None, None)


def test_settings_show_no_secret(folder: Path) -> None:
    """V-73: the repr holds neither the database's password nor a client secret nor a key."""
    found = load(folder, GRANTKEEPER_DATABASE=f"postgresql://keeper:{PASSWORD}@db.internal/grants")
    for secret in (PASSWORD, CANARY, key_of(folder)):
        assert secret not in repr(found)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("database =", "databse =", ["databse", "is not a setting", "Did you mean database?"]),
        ("key_file =", "password =", ["password", "is not a setting", "Known here: ca_file"]),
        ("scopes = [", "scope = [", ["clients.google-ads.scope:", "Did you mean scopes?"]),
        (
            'client_secret_file = "client_secret.json"',
            f'client_secret = "{CANARY}"',
            ["clients.google-ads.client_secret:", "Did you mean client_secret_file?"],
        ),
        ('database = "sqlite:///grantkeeper.sqlite3"', "database = 5", ["database", "expected a text, got a number"]),
        ('database = "sqlite:///grantkeeper.sqlite3"\n', "", ["database", "is missing", "sqlite:///"]),
        ("sqlite:///grantkeeper.sqlite3", f"oracle://keeper:{PASSWORD}@db/x", ["database", "is not the URL"]),
        ("sqlite:///grantkeeper.sqlite3", PASSWORD, ["database", "is not the URL", "postgresql://USER"]),
        ("sqlite:///grantkeeper.sqlite3", "sqlite://", ["database", "names no SQLite file"]),
        ("sqlite:///grantkeeper.sqlite3", "sqlite:///:memory:", ["database", "names no SQLite file"]),
        ('key_file = "grantkeeper.key"\n', "", ["key_file", "is missing", "grantkeeper init"]),
        ('"grantkeeper.key"', '"other.key"', ["key_file", "other.key", "there is no such file", "grantkeeper init"]),
        ('"grantkeeper.key"', '"."', ["key_file", "is not a file"]),
        ('"grantkeeper.key"', '"grantkeeper.toml"', ["grantkeeper.toml", "other users", "chmod 600"]),
        ("[clients.google-ads]", "[clients.Google_Ads]", ["clients.Google_Ads", "a-z, 0-9 and -"]),
        ("[clients.google-ads]", '[clients.""]', ["clients.", "is not a usable name"]),
        ("[clients.google-ads]", f"[clients.{'a' * 65}]", ["is not a usable name", "1 to 64"]),
        ("[clients.google-ads]", '[clients."a\\u202eb"]', ["is not a usable name"]),
        ("[clients.google-ads]", "[clients]", ["clients.provider: is not a table", "[clients.NAME]"]),
        ('"google"', '"googel"', ["clients.google-ads.provider", 'Known: "google"']),
        ('provider = "google"\n', "", ["clients.google-ads.provider", "is missing"]),
        ('"client_secret.json"', '"other.json"', ["client_secret_file", "other.json", "there is no such file"]),
        ('"client_secret.json"', "[]", ["client_secret_file", "is empty"]),
        ('"client_secret.json"', "7", ["client_secret_file", "expected a text or a list", "got a number"]),
        (f'redirect_uri = "{REDIRECT}"\n', "", ["clients.google-ads.redirect_uri", "is missing"]),
        (REDIRECT, "", ["redirect_uri is missing"]),
        (REDIRECT, REDIRECT + "/", ["is not among those of client_secret.json", REDIRECT]),
        (REDIRECT, REDIRECT.replace("https", "http"), ["http is allowed on localhost only"]),
        ('["adwords"]', '"adwords"', ["clients.google-ads.scopes", "expected a list, got a text"]),
        ('["adwords"]', "[1]", ["clients.google-ads.scopes[0]", "expected a text, got a number"]),
        ('["adwords"]', "[]", ["clients.google-ads.scopes", "is empty"]),
        ('["adwords"]', '["adword"]', ["clients.google-ads.scopes", "adwords"]),
        ('["ad_manager"]', '["admanger"]', ["clients.google-ads.optional_scopes", "ad_manager"]),
        ("key_file", "= key_file", ["is not TOML", "line 2"]),
        ("key_file", "[clients.google-ads]\nkey_file", ["is not TOML", "google-ads"]),
        ("key_file", 'emulator = "http://10.0.0.7:8910"\nkey_file', ["emulator", "loopback"]),
        ("key_file", 'emulator = "http://127.0.0.1.example.com"\nkey_file', ["emulator", "loopback"]),
        ("key_file", 'emulator = "http://u:p@127.0.0.1:1"\nkey_file', ["emulator", "loopback"]),
        ("key_file", 'emulator = "ftp://127.0.0.1"\nkey_file', ["emulator", "loopback"]),
        ("key_file", 'emulator = "http://127.0.0.1:x"\nkey_file', ["emulator", "loopback"]),
        ("key_file", 'proxy = "socks5://127.0.0.1"\nkey_file', ["proxy", "http://HOST:PORT"]),
        ("key_file", 'ca_file = "none.pem"\nkey_file', ["ca_file", "none.pem"]),
        ("key_file", 'ca_file = "~nosuchuser/x"\nkey_file', ["ca_file", "home of nobody"]),
        ("key_file", 'ca_file = "a\\u0000b"\nkey_file', ["ca_file", "NUL"]),
        ('"grantkeeper.key"', '"~nosuchuser/x"', ["key_file", "home of nobody", "whole path"]),
        ('"grantkeeper.key"', '"a\\u0000b"', ["key_file", "NUL"]),
        ("sqlite:///grantkeeper", "sqlite:///~nosuchuser/x", ["database", "home of nobody"]),
        ("sqlite:///grantkeeper", "sqlite:///a\\u0000b", ["database", "holds a character that no URL has"]),
        ("sqlite:///grantkeeper", f"postgresql://u:{PASSWORD}\\n@h/x", ["database", "holds a character", "Percent-"]),
        ('"client_secret.json"', '"~nosuchuser/x"', ["clients.google-ads.client_secret_file", "home of nobody"]),
        ('"client_secret.json"', '["a\\u0000b"]', ["clients.google-ads.client_secret_file", "NUL"]),
        ("key_file", f'proxy = "http://u:{PASSWORD}@[::1"\nkey_file', ["proxy", "http://HOST:PORT"]),
        ("key_file", f'proxy = "http://h:{PASSWORD}"\nkey_file', ["proxy", "http://HOST:PORT"]),
        ("key_file", f'proxy = "http://u:{PASSWORD}\u2100@h"\nkey_file', ["proxy", "http://HOST:PORT"]),
        (f'"{REDIRECT}"', '"https://[x"', ["client_secret_file", "https://[x"]),
        ("key_file", "x = " + "[" * 50_000 + "\nkey_file", ["is nested deeper"]),
        ("key_file", "x = " + "{a=" * 50_000 + "\nkey_file", ["is nested deeper"]),
        ("[clients.google-ads]", "[clients" + ".a" * 5_000 + "]", ["clients.a.a: is not a setting"]),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_do(folder: Path, before: str, after: str, expected: list[str]) -> None:
    """Each message names the configuration file, or the file that it points to, the key, and a way out."""
    assert before in GOOD
    (folder / "grantkeeper.toml").write_text(GOOD.replace(before, after, 1))
    said = refusal(folder)
    assert str(folder) in said
    assert [each for each in expected if each not in said] == []


def test_a_missing_configuration_says_how_to_make_one(tmp_path: Path) -> None:
    """The first thing that a newcomer meets."""
    assert "Run `grantkeeper init`" in refusal(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"database = '\xe9'"], ids=["utf-16", "latin-1"])
def test_a_configuration_in_another_encoding_is_refused(folder: Path, content: bytes) -> None:
    """TOML is UTF-8."""
    (folder / "grantkeeper.toml").write_bytes(content)
    assert "is not UTF-8" in refusal(folder)


def test_a_byte_order_mark_does_no_harm(folder: Path) -> None:
    """Some editors write one."""
    (folder / "grantkeeper.toml").write_text("\ufeff" + GOOD, encoding="utf-8")
    assert load(folder).clients


def test_a_huge_file_is_refused_before_it_is_read_whole(folder: Path) -> None:
    """A wrong path, to a dump or a device, ends in a message."""
    with (folder / "grantkeeper.toml").open("wb") as opened:
        opened.truncate(10 * 1024**3)
    assert "is larger than 256 kB" in refusal(folder)


def test_a_device_is_no_configuration(folder: Path) -> None:
    """Reading a terminal or /dev/zero would never end."""
    (folder / "grantkeeper.toml").unlink()
    (folder / "grantkeeper.toml").symlink_to("/dev/zero")
    assert "is not a file" in refusal(folder)


@pytest.mark.parametrize("name", ["grantkeeper.toml", "client_secret.json", "grantkeeper.key"])
def test_a_file_that_may_not_be_read_is_named(name: str) -> None:
    """The message says which file and why."""
    with TemporaryDirectory() as created:  # pytest's own folders let nobody else in
        folder = Path(created)
        folder.chmod(0o755)
        prepare(folder)
        for each in folder.iterdir():
            each.chmod(0 if each.name == name else 0o600)
            os.chown(each, NOBODY if os.geteuid() == 0 else -1, -1)
        with unprivileged(), pytest.raises(Misconfigured) as caught:
            load(folder)
    assert f"{folder / name} cannot be read: Permission denied" in str(caught.value)
    assert "owner and mode" in str(caught.value)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Go on as a user who is not root: root may read everything."""
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(NOBODY)
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("", "There is no encryption key"),
        ("# nothing but a comment\n", "There is no encryption key"),
        ("YWJj", "has 3 bytes instead of 32"),
        ("A" * 43 + "=", "is a pattern, not random"),
        ("not base64 at all!", "is not base64"),
        ("Y2hhbmdlbWUtY2hhbmdlbWUtY2hhbmdlbWUtY2hhbmc=", "of the key ring"),
        ("\u00e9", "is not a key file"),
    ],
)
def test_a_poor_key_is_refused_and_its_file_named(folder: Path, key: str, expected: str) -> None:
    """V-06: an empty, short, all-zero or placeholder key stops the start."""
    (folder / "grantkeeper.key").write_text(key)
    with pytest.raises(Misconfigured) as caught:
        load(folder)
    assert expected in str(caught.value)
    assert "grantkeeper.key" in str(caught.value)
    assert not key.strip("# \n") or key not in str(caught.value)


def test_the_environment_wins(folder: Path) -> None:
    """Each variable takes the place of the file's value; keys from the environment need no key file."""
    (folder / "grantkeeper.key").unlink()
    made = [new_key(), new_key()]
    (folder / "client_secret.json").write_text(
        client_secret(auth_uri="http://127.0.0.1:8910/o/oauth2/v2/auth", token_uri="http://127.0.0.1:8910/token")
    )
    found = load(
        folder,
        GRANTKEEPER_DATABASE="postgresql://db.internal/grants",
        GRANTKEEPER_KEYS=",".join(made),
        GRANTKEEPER_EMULATOR="http://127.0.0.1:8910/",
    )
    assert found.database == "postgresql://db.internal/grants"
    assert len(found.keys.ids) == 2
    assert found.emulator == "http://127.0.0.1:8910"
    assert found.clients[0].provider == google.at("http://127.0.0.1:8910")


def test_a_poor_key_in_the_environment_is_refused(folder: Path) -> None:
    """V-06: the variable is named, its value is not shown."""
    said = refusal(folder, GRANTKEEPER_KEYS="c2hvcnQtY2FuYXJ5")
    assert "GRANTKEEPER_KEYS" in said
    assert "c2hvcnQtY2FuYXJ5" not in said


@pytest.mark.parametrize("name", ["GRANTKEEPER_DATABASE", "GRANTKEEPER_EMULATOR"])
def test_a_wrong_value_in_the_environment_names_its_variable(folder: Path, name: str) -> None:
    """Whoever looks into the file would not find it."""
    assert refusal(folder, **{name: f"http://keeper:{PASSWORD}@db.example.com"}).startswith(f"{name}: ")


def test_an_empty_variable_is_no_variable(folder: Path) -> None:
    """Compose files and service units often pass empty ones."""
    found = load(folder, GRANTKEEPER_DATABASE="", GRANTKEEPER_KEYS="", GRANTKEEPER_KEY_FILE="", GRANTKEEPER_EMULATOR="")
    assert found.database == f"sqlite:///{folder / 'grantkeeper.sqlite3'}"
    assert found.emulator is None


def test_the_configuration_is_found_by_variable_or_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """GRANTKEEPER_CONFIG, else ./grantkeeper.toml; its paths stay relative to its own folder."""
    moved = (folder / "grantkeeper.toml").rename(folder / "production.toml")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert Settings.load(environ={"GRANTKEEPER_CONFIG": str(moved)}).file == moved
    monkeypatch.chdir(folder)
    assert Settings.load(environ={"GRANTKEEPER_CONFIG": "production.toml"}).database.startswith(f"sqlite:///{folder}")
    with pytest.raises(Misconfigured, match="there is no such file"):
        Settings.load(environ={})


def test_the_key_file_of_the_environment_wins(folder: Path) -> None:
    """A mounted secret lies elsewhere than the configuration."""
    new_key_file(folder / "mounted.key")
    found = load(folder, GRANTKEEPER_KEY_FILE=str(folder / "mounted.key"))
    assert found.keys.ids != load(folder).keys.ids


def test_several_secrets_of_one_client_are_oldest_to_newest(folder: Path) -> None:
    """A client secret is replaced without downtime by listing both files."""
    (folder / "new.json").write_text(client_secret(client_secret="the-newer-one"))
    both = GOOD.replace('"client_secret.json"', '["client_secret.json", "new.json"]')
    (folder / "grantkeeper.toml").write_text(both)
    assert [each.reveal() for each in load(folder).clients[0].client_secrets] == [CANARY, "the-newer-one"]


def test_secrets_of_different_clients_are_not_mixed(folder: Path) -> None:
    """The second file belongs to another client."""
    (folder / "new.json").write_text(client_secret(client_id="456-def.apps.googleusercontent.com"))
    both = GOOD.replace('"client_secret.json"', '["client_secret.json", "new.json"]')
    (folder / "grantkeeper.toml").write_text(both)
    assert "files of different OAuth clients" in refusal(folder)


def test_two_web_clients_do_not_share_a_redirect_uri(folder: Path) -> None:
    """O-08: one redirect URI for each OAuthClient, so that answers cannot be mixed up (RFC 9700 2.1, 4.4)."""
    again = GOOD.partition("\n\n")[2].replace("clients.google-ads", "clients.second")
    (folder / "grantkeeper.toml").write_text(f"{GOOD}\n{again}")
    assert "clients.second.redirect_uri: is the redirect URI of google-ads as well" in refusal(folder)


@pytest.mark.parametrize("content", ["", "[]", "{", "null", '{"web": 3}', '{"service_account": {}}', "\x00"])
def test_a_poor_client_secret_file_is_named(folder: Path, content: str) -> None:
    """The configuration, the key in it and the file that it points to are all said."""
    (folder / "client_secret.json").write_text(content)
    said = refusal(folder)
    assert f"{folder / 'grantkeeper.toml'}: clients.google-ads.client_secret_file" in said
    assert str(folder / "client_secret.json") in said


def test_a_configuration_without_clients_is_allowed(folder: Path) -> None:
    """`list` and `revoke` work before a client is registered, and after it is gone."""
    (folder / "grantkeeper.toml").write_text(GOOD.partition("[clients")[0])
    assert load(folder).clients == ()


def test_a_new_key_file_is_private_and_never_overwrites(tmp_path: Path) -> None:
    """V-09: mode 0600 whatever the umask; a key that sealed something is not lost."""
    before = os.umask(0)
    try:
        new_key_file(tmp_path / "a.key")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600
    content = (tmp_path / "a.key").read_bytes()
    with pytest.raises(FileExistsError):
        new_key_file(tmp_path / "a.key")
    assert (tmp_path / "a.key").read_bytes() == content


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: f"{GOOD}\n{text}".encode()))
def test_whatever_the_file_holds_the_answer_is_settings_or_misconfigured(folder: Path, content: bytes) -> None:
    """No content ends in another exception."""
    (folder / "grantkeeper.toml").write_bytes(content)
    said = ""
    try:
        loaded = load(folder)
    except Misconfigured as error:
        loaded, said = None, str(error)
    assert loaded is not None or str(folder) in said
