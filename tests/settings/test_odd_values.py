"""Values that no reader expects: each ends in Misconfigured that names the place, and nothing of it holds a secret."""

from __future__ import annotations

import os
import traceback
from contextlib import closing
from pathlib import Path

import pytest

from grantkeeper.errors import Misconfigured
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.settings import Settings, new_key_file
from grantkeeper.store import SqlStore

SECRET = "canary-of-the-database-password"
KEY = new_key()
NOT_UTF8 = os.fsdecode(b"\xff")
"""What an environment variable with a byte of another encoding holds (PEP 383)."""
GOOD = 'database = "sqlite:///grantkeeper.sqlite3"\nkey_file = "grantkeeper.key"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a configuration that is right."""
    return prepared(tmp_path)


def prepared(folder: Path) -> Path:
    """Make a folder with a configuration that is right."""
    folder.mkdir(exist_ok=True)
    (folder / "grantkeeper.toml").write_text(GOOD)
    new_key_file(folder / "grantkeeper.key")
    return folder


def refusal(folder: Path, environ: dict[str, str]) -> Misconfigured:
    """Return how the configuration is refused: neither message nor causes nor our frames hold a secret."""
    with pytest.raises(Misconfigured) as refused:
        Settings.load(folder / "grantkeeper.toml", environ)
    holds_none_of(refused.value, SECRET, KEY, KEY[:20])
    return refused.value


def holds_none_of(error: BaseException | None, *secrets: str) -> None:
    """Look through an exception, what led to it, and the local variables of our frames."""
    while error is not None:
        frames = traceback.StackSummary.extract(traceback.walk_tb(error.__traceback__), capture_locals=True)
        ours = [str(frame.locals) for frame in frames if "/tests/" not in frame.filename]
        shown = "".join([repr(error), str(error), repr(vars(error)), repr(getattr(error, "object", "")), *ours])
        assert [secret for secret in secrets if secret in shown] == []
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("KEYS", KEY + NOT_UTF8),
        ("KEYS", NOT_UTF8 + KEY),
        ("KEYS", f"{new_key()},{KEY}\u00e9"),
        ("KEYS", f"{KEY}\0"),
        ("KEYS", f"{KEY},{KEY}"),
        ("KEY_FILE", "~nosuchuser/x"),
        ("KEY_FILE", "a\0b"),
        ("DATABASE", f"postgresql://u:{SECRET}{NOT_UTF8}@h/x"),
        ("DATABASE", f"postgresql://u:{SECRET}@h{NOT_UTF8}/x"),
        ("DATABASE", f"postgresql://u:{SECRET}\0@h/x"),
        ("DATABASE", f"oracle://u:{SECRET}@h/x"),
        ("DATABASE", "sqlite:///~nosuchuser/x"),
        ("DATABASE", f"sqlite:///{NOT_UTF8}"),
        ("DATABASE", "sqlite:///a%00b"),
        ("DATABASE", "sqlite:///a%0ab"),
        ("EMULATOR", f"http://{SECRET}{NOT_UTF8}"),
        ("EMULATOR", f"http://u:{SECRET}@[::1"),
    ],
)
def test_an_odd_variable_is_named_and_not_shown(folder: Path, variable: str, value: str) -> None:
    """V-06, V-22: the message begins with the variable; the secret is in no cause and no frame of ours."""
    assert str(refusal(folder, {f"GRANTKEEPER_{variable}": value})).startswith(f"GRANTKEEPER_{variable}: ")


@pytest.mark.parametrize(
    "content",
    [
        f'password = "{SECRET}"\n',
        f'database = "{SECRET}"\nkey_file = "grantkeeper.key"\n',
        f'database = "postgresql://u:{SECRET}@h/x"\nkey_file = 7\n',
        f'database = "postgresql://u:{SECRET}@h/x"\nkey_file = "missing.key"\n',
        f'database = "postgresql://u:{SECRET}@h/x"\nkey_file = \n',
        f'database = "postgresql://u:{SECRET}@h/x"\nx = {"[" * 5000}',
        f'proxy = "http://u:{SECRET}@[::1"\n{GOOD}',
        f'proxy = "socks5://u:{SECRET}@h"\n{GOOD}',
        f'proxy = "http://u:{SECRET}@h"\nca_file = "missing.pem"\n{GOOD}',
    ],
)
def test_a_refused_configuration_is_not_shown(folder: Path, content: str) -> None:
    """V-22: whatever is wrong, the rest of the file is in no cause and no frame of ours."""
    (folder / "grantkeeper.toml").write_text(content)
    refusal(folder, {})


def test_a_configuration_in_another_encoding_is_not_shown(folder: Path) -> None:
    """V-22: a decoder's error holds all that it was to decode."""
    (folder / "grantkeeper.toml").write_bytes(f'database = "postgresql://u:{SECRET}\xe9@h/x"\n'.encode("latin-1"))
    assert "is not UTF-8" in str(refusal(folder, {}))


@pytest.mark.parametrize("name", ["~nosuchuser/x", "a\0b"])
def test_an_impossible_path_of_the_configuration_is_refused(name: str) -> None:
    """Whether GRANTKEEPER_CONFIG says it or the program."""
    with pytest.raises(Misconfigured, match=r"^GRANTKEEPER_CONFIG: "):
        Settings.load(environ={"GRANTKEEPER_CONFIG": name})
    with pytest.raises(Misconfigured, match=r"^The configuration's path: "):
        Settings.load(Path(name), {})


def test_a_folder_that_is_gone_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service may be started where somebody has cleaned up."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(Misconfigured, match="relative to a folder that cannot be read"):
        Settings.load(environ={})


@pytest.mark.parametrize("name", ["a#b", "50% off", "a%3Fb", "a?b", "a?b=c", "a b", "b\u00fccher", "a&b=c", "@:[x]"])
def test_a_database_is_made_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    """What means something in a URL means nothing in a path."""
    folder = prepared(tmp_path / name)
    with closing(SqlStore(Settings.load(folder / "grantkeeper.toml", {}).database)) as store:
        store.migrate()
        store.check()
    assert (folder / "grantkeeper.sqlite3").stat().st_size > 0
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("written", "name"), [("50%25.db", "50%.db"), ("a%3Fb", "a?b"), ("b\u00fc%20c", "b\u00fc c")])
def test_a_database_file_is_written_as_in_any_url(folder: Path, written: str, name: str) -> None:
    """The store reads %25 as %, and so does what is said about the file (RFC 3986 2.1)."""
    with closing(
        SqlStore(Settings.load(folder / "grantkeeper.toml", {"GRANTKEEPER_DATABASE": f"sqlite:///{written}"}).database)
    ) as store:
        store.migrate()
    assert (folder / name).exists()


def test_a_folder_that_no_url_can_name_is_refused(tmp_path: Path) -> None:
    """A URL is text: bytes that are none cannot be written in it."""
    said = str(refusal(prepared(tmp_path / NOT_UTF8), {}))
    assert "database: no URL can name" in said
    assert "Choose a folder" in said


@pytest.mark.parametrize(
    "text", [KEY + NOT_UTF8, f"{KEY}\u00e9", f"{KEY}\ud800\n{KEY}", f"{KEY}\n\0", f"{KEY}\n\n{KEY}"]
)
def test_a_key_ring_of_odd_text_is_refused_without_showing_it(text: str) -> None:
    """V-06, V-22: for programs that read their keys themselves."""
    with pytest.raises(Misconfigured, match=r"^Key \d of the key ring") as refused:
        KeyRing.parse(text)
    holds_none_of(refused.value, KEY, KEY[:20])


@pytest.mark.parametrize(
    "rest", [f"gk:s3@{SECRET}@127.0.0.1:1/db", f"gk:s3@x/{SECRET}@h/db", f"gk:s3@x?{SECRET}@h/db", f"gk:@{SECRET}@h"]
)
def test_a_password_with_a_bare_at_sign_is_refused_unshown(folder: Path, rest: str) -> None:
    """V-20: what follows its first @ would be taken for the host, and shown as such by every later message."""
    refused = refusal(folder, {"GRANTKEEPER_DATABASE": f"postgresql://{rest}"})
    assert str(refused.args[0]) == "GRANTKEEPER_DATABASE: has more than one @."
    assert "Percent-encode the password" in refused.advice


def test_a_percent_encoded_at_sign_is_a_password_like_any_other(folder: Path) -> None:
    """It goes on as written."""
    url = "postgresql://gk:s3%40cret@127.0.0.1:1/db"
    assert Settings.load(folder / "grantkeeper.toml", {"GRANTKEEPER_DATABASE": url}).database == url
