"""V-22: a traceback that shows local variables, from whichever layer, shows no secret."""

from __future__ import annotations

import io
import json
import secrets
import sqlite3
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from types import TracebackType

import pytest
from google.auth.transport.requests import Request as TransportRequest
from rich.console import Console
from rich.traceback import Traceback

from canaries import AVIARY
from grantkeeper import Grant, GrantkeeperError, Keeper
from grantkeeper.clients import google_auth
from grantkeeper.emulator import Emulator
from grantkeeper.http import HttpTransport
from grantkeeper.model import Request, SealContext
from grantkeeper.providers import google
from grantkeeper.providers.google_client_secrets import parse_client_secret_json
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.settings import Settings
from grantkeeper.store import SqlStore
from grantkeeper.testing import Connect, emulated_keeper

IDA, TOM = "ida@nordwind-outdoor.example", "tom.becker@nordwind-outdoor.example"
HOUR = timedelta(hours=1)
ARGUMENTS = frozenset({"state", "authorization code", "browser secret"})
"""What a program hands to `complete` in clear: its own frames show these, whatever ours do. Good for one flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A grant that somebody gave, and everything around it."""

    keeper: Keeper
    emulator: Emulator
    grant: Grant
    folder: Path

    @property
    def database(self) -> str:
        """The URL of the keeper's database."""
        return f"sqlite:///{self.folder / 'grantkeeper.sqlite3'}"


@pytest.fixture
def scene(keeper: Keeper, emulator: Emulator, connect: Connect, tmp_path: Path) -> Scene:
    """Ida consented for acme."""
    return Scene(keeper=keeper, emulator=emulator, grant=connect("acme", IDA), folder=tmp_path)


def _stale(scene: Scene) -> None:
    scene.emulator.clock.advance(2 * HOUR)


def oauth_dead_grant(scene: Scene) -> None:
    """The provider says that the refresh token is dead."""
    scene.emulator.revoke(IDA)
    _stale(scene)
    scene.keeper.token(scene.grant.id)


def oauth_deleted_client(scene: Scene) -> None:
    """The provider does not know the OAuth client any more."""
    scene.emulator.delete_client(scene.keeper.client("google-ads").client_id)
    _stale(scene)
    scene.keeper.token(scene.grant.id)


def oauth_garbage(scene: Scene) -> None:
    """A token answer that is a web page."""
    scene.emulator.fail(200, body=b"<html>sorry</html>")
    scene.keeper.refresh(scene.grant.id)


def oauth_unusable_answer(scene: Scene) -> None:
    """A token answer with a token that nobody can use."""
    scene.emulator.tamper_token_answer(lambda answer: answer | {"token_type": "mac"})
    scene.keeper.refresh(scene.grant.id)


def oauth_id_token(scene: Scene) -> None:
    """An id_token for another audience."""
    scene.emulator.tamper_id_token(lambda claims, header: (claims | {"aud": "another"}, header))
    redirect = scene.keeper.begin("beta", "google-ads")
    scene.keeper.complete(redirect.flow, scene.emulator.consent(redirect.url, TOM))


def keeper_lost_answer(scene: Scene) -> None:
    """The answer to a refresh never comes."""
    scene.emulator.lose_answer(times=9)
    scene.keeper.refresh(scene.grant.id)


def keeper_lost_exchange(scene: Scene) -> None:
    """The answer to a code exchange never comes."""
    redirect = scene.keeper.begin("beta", "google-ads")
    back = scene.emulator.consent(redirect.url, TOM)
    scene.emulator.lose_answer(times=9)
    scene.keeper.complete(redirect.flow, back)


def keeper_other_account(scene: Scene) -> None:
    """Another person consents than the connected one."""
    redirect = scene.keeper.begin("acme", "google-ads")
    scene.keeper.complete(redirect.flow, scene.emulator.consent(redirect.url, TOM))


def keeper_other_browser(scene: Scene) -> None:
    """The callback comes from another browser."""
    redirect = scene.keeper.begin("acme", "google-ads")
    scene.keeper.complete("another-browser", scene.emulator.consent(redirect.url, IDA))


def keeper_wrong_key(scene: Scene) -> None:
    """The key ring has another key than the one that sealed."""
    with emulated_keeper(scene.emulator, SqlStore(scene.database)) as other:
        other.token(scene.grant.id)


def http_nobody_listens(scene: Scene) -> None:
    """Nobody listens at the token endpoint."""
    body = f"refresh_token={next(iter(scene.emulator.state.refresh))}".encode()
    request = Request(method="POST", url="http://127.0.0.1:9/token", headers={"authorization": "Basic x"}, body=body)
    HttpTransport().send(request, deadline=timedelta(seconds=2))


def seal_altered(scene: Scene) -> None:
    """A ciphertext with one byte changed."""
    ring = KeyRing.parse(new_key())
    context = SealContext(installation="i", table="t", row="r", column="c", generation=1)
    sealed = ring.seal(next(iter(scene.emulator.state.refresh)).encode(), context)
    ring.open(replace(sealed, data=sealed.data[:-1] + b"\0"), context)


def seal_short_key(_scene: Scene) -> None:
    """A ring with a key that lost its end."""
    short = new_key()[:40]
    AVIARY.add(short, "key")
    KeyRing.parse(new_key() + "\n" + short)


def store_conflict(scene: Scene) -> None:
    """Somebody saved first."""
    store = SqlStore(scene.database)
    row = store.grant(scene.grant.id)
    assert row is not None
    store.save_grant(replace(row, grant=replace(row.grant, version=8)), expected_version=7)


def store_gone(scene: Scene) -> None:
    """The database file was overwritten."""
    Path(scene.database.removeprefix("sqlite:///")).write_bytes(b"this is no database" * 1000)
    _stale(scene)
    scene.keeper.token(scene.grant.id)


def store_gone_at_begin(scene: Scene) -> None:
    """The flow's table is gone."""
    with sqlite3.connect(scene.database.removeprefix("sqlite:///")) as connection:
        connection.execute("DROP TABLE grantkeeper_flow")
    scene.keeper.begin("acme", "google-ads")


def _load(scene: Scene, keys: str, written: str) -> None:
    for key in keys.split(","):
        AVIARY.add(key, "key")
    (scene.folder / "grantkeeper.toml").write_text(written)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("GRANTKEEPER_KEYS", keys)
        Settings.load(scene.folder / "grantkeeper.toml")


def settings_bad_keys(scene: Scene) -> None:
    """GRANTKEEPER_KEYS with a key that lost its end."""
    _load(scene, new_key() + "," + new_key()[:40], 'database = "sqlite:///x.sqlite3"\n')


def settings_bad_file(scene: Scene) -> None:
    """A configuration that cannot be read, while the environment holds keys."""
    _load(scene, new_key(), 'database = "no such kind"\n')


def providers_client_secret_file(scene: Scene) -> None:
    """A client_secret.json without its other members."""
    written = {"web": {"client_id": "x", "client_secret": "GOCSPX-" + secrets.token_urlsafe(24)}}
    AVIARY.add(written["web"]["client_secret"], "client secret")
    parse_client_secret_json(json.dumps(written), redirect_uri="https://a.example/", provider=google.PROVIDER)


def clients_refresh(scene: Scene) -> None:
    """google-auth asks a dead grant for a token."""
    scene.emulator.revoke(IDA)
    _stale(scene)
    credentials = google_auth.credentials(scene.keeper, scene.grant.id)
    with google_auth.api_errors(credentials):
        credentials.refresh(TransportRequest())


FAILURES: tuple[Callable[[Scene], None], ...] = (
    oauth_dead_grant,
    oauth_deleted_client,
    oauth_garbage,
    oauth_unusable_answer,
    oauth_id_token,
    keeper_lost_answer,
    keeper_lost_exchange,
    keeper_other_account,
    keeper_other_browser,
    keeper_wrong_key,
    http_nobody_listens,
    seal_altered,
    seal_short_key,
    store_conflict,
    store_gone,
    store_gone_at_begin,
    settings_bad_keys,
    settings_bad_file,
    providers_client_secret_file,
    clients_refresh,
)


def _without_this_file(frames: TracebackType | None) -> TracebackType | None:
    """Leave out the frames of the test, which holds secrets in clear because it is about them."""
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    return frames


def shown_by(error: BaseException) -> str:
    """Return what the standard library and rich show of an error and its causes, local variables and all."""
    frames = _without_this_file(error.__traceback__)
    told = traceback.TracebackException(type(error), error, frames, capture_locals=True)
    console = Console(file=io.StringIO(), width=2000)
    rich = Traceback.from_exception(type(error), error, frames, show_locals=True, locals_max_string=4000)
    console.print(rich)
    assert isinstance(console.file, io.StringIO)
    return "".join(told.format()) + console.file.getvalue()


@pytest.mark.parametrize("fail", FAILURES, ids=lambda each: each.__name__)
def test_a_traceback_with_locals_shows_no_secret(scene: Scene, fail: Callable[[Scene], None]) -> None:
    """V-22: whatever layer fails, its frames' variables hold no secret in a form that prints."""
    with pytest.raises(GrantkeeperError) as caught:
        fail(scene)

    shown = shown_by(caught.value)

    assert AVIARY.kinds_in(shown.encode()) - (ARGUMENTS if "complete" in fail.__code__.co_names else set()) == set()
    assert type(caught.value).__name__ in shown


def test_a_secret_in_a_local_variable_would_be_found(scene: Scene) -> None:
    """V-22: the test above can fail."""
    namespace: dict[str, Callable[[str], None]] = {}
    exec(compile("def fail(token):\n    raise ValueError", "elsewhere.py", "exec"), namespace)

    with pytest.raises(ValueError, match=r"^$") as caught:
        namespace["fail"](scene.keeper.token(scene.grant.id).value.reveal())

    assert AVIARY.kinds_in(shown_by(caught.value).encode()) == {"access token"}
