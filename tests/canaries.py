"""V-20: no secret ever leaves. Every secret of the test run is a canary; whatever the run shows or stores is searched.

A pytest plugin (see conftest.py). What the emulator issues and is sent, every key ring's keys, every flow and every
`Secret` are canaries: they are seen here by patching, the product knows nothing of it. Searched, after each test, are
its stdout and stderr, what its commands printed, log records of every logger from DEBUG up, warnings, answers of ASGI
applications, and the databases, raw and dumped; in clear, base64, hex, url-encoded and JSON-escaped. A hit fails the
test with the place and the kind of secret, never with the secret.

A test of something that shows a secret because that is what it is for says so: `@pytest.mark.reveals("access token")`.
"""

from __future__ import annotations

import base64
import functools
import html
import json
import logging
import os
import re
import subprocess
import threading
import traceback
import warnings
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

import hypothesis
import pytest
import sqlalchemy
import starlette.applications
import typer.testing
from sqlalchemy.engine import make_url

from grantkeeper import emulator, model, seal
from grantkeeper.errors import GrantkeeperError
from grantkeeper.keeper.links.linking import Linking
from grantkeeper.keeper.operators.desk import OperatorDesk
from grantkeeper.keeper.service.webhooks import WebhookDesk
from grantkeeper.store import SqlStore

WINDOW: Final = 20
"""Characters in a row that give a secret away; 20 random ones do not occur by chance."""
_DISTINCT: Final = 10
"""A text of fewer different characters is a test's made-up value, not a secret."""
_RUN = re.compile(rb"[A-Za-z0-9_\-+/=.%~!]{20,}")
_SENT = {
    "state": "state",
    "code": "authorization code",
    "code_verifier": "PKCE verifier",
    "client_secret": "client secret",
    "refresh_token": "refresh token",
    "access_token": "access token",
    "id_token": "id_token",
}
_IN_BROWSER_URLS: Final = frozenset({"state", "authorization code", "one-time link", "link token", "connection proof"})
"""RFC 6749 4.1.1 and 4.1.2 put the first two into URLs between the browser and the provider; a link is a URL, and
a proof comes home in one."""
_BROWSERS: Final = ("httpx2", "httpcore2", "httpx", "urllib3", "requests", "asyncio")
"""Loggers of HTTP clients: tests use these as the browser, whose URLs they log."""
_OTHERS_LEAKS: Final = ("oauthlib", "requests_oauthlib")
"""The guide's own libraries log tokens at DEBUG (oauthlib 3.3); the tests that run the guide's code show that."""
_NEWEST_KEYS: Final = 16


def forms(secret: bytes) -> set[bytes]:
    """Return the ways in which a secret may be written down."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    for offset in range(3):  # base64 of a longer text that holds it: each alignment, without the unsure ends
        coded = base64.b64encode(b"\0" * offset + secret)[4 if offset else 0 :].rstrip(b"=")[:-1]
        found |= {coded, coded.translate(bytes.maketrans(b"+/", b"-_"))}
    with suppress(UnicodeDecodeError):
        text = secret.decode()
        written = {quote(text, safe=""), quote(text), quote_plus(text), json.dumps(text)[1:-1], html.escape(text)}
        written |= {json.dumps(text).replace("/", "\\/")[1:-1], quote(quote(text, safe=""), safe="")}
        found |= {each.encode() for each in written}
    return found


def _mark(form: bytes) -> bytes | None:
    """Return the characters by which a form is found: the first of its longest run; None when it has no long one."""
    longest = max(_RUN.findall(form), key=len, default=b"")
    return longest[:WINDOW] or None


class Aviary:
    """All canaries, and what is still to be searched for them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[bytes, str] = {}
        self._seen: set[bytes] = set()
        self._keys: deque[bytes] = deque(maxlen=_NEWEST_KEYS)
        self._shown: list[tuple[str, bytes, frozenset[str]]] = []
        self._databases: set[Path] = set()

    def add(self, secret: str | bytes, kind: str) -> None:
        """Keep a canary."""
        value = secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else secret
        with self._lock:
            if len(value) < WINDOW or len(set(value)) < _DISTINCT or (value in self._seen and kind == "Secret"):
                return
            self._seen.add(value)
            if kind == "key":
                self._keys.append(value)
            for form in forms(value):
                mark = _mark(form)
                if mark:
                    self._kinds[mark] = kind

    def show(self, place: str, text: str | bytes, allowed: frozenset[str] = frozenset()) -> None:
        """Keep something that left, to be searched when the test is over; kinds in `allowed` may be in it."""
        value = text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text
        if value:
            with self._lock:
                self._shown.append((place, value, allowed))

    def add_database(self, url: str) -> None:
        """Keep where a database file lies."""
        if url.startswith("sqlite") and (database := make_url(url).database):
            self._databases.add(Path(database))

    def search(self, allowed: frozenset[str] = frozenset()) -> list[str]:
        """Search everything that was shown since the last time; return kind and place of each hit."""
        with self._lock:
            shown, self._shown = self._shown, []
            databases, self._databases = self._databases, set()
        for path in databases:
            shown += [
                (f"the database file {each.name}", each.read_bytes(), frozenset()) for each in _with_siblings(path)
            ]
        found = [f"{kind} in {place}" for place, text, fine in shown for kind in self.kinds_in(text) - fine - allowed]
        return sorted(set(found))

    def kinds_in(self, text: bytes) -> set[str]:
        """Return the kinds of the secrets that a text holds."""
        known = self._kinds
        found = {"key" for key in self._keys if key in text}
        for run in _RUN.finditer(text):
            start, end = run.span()
            for index in range(start, end - WINDOW + 1):
                kind = known.get(text[index : index + WINDOW])
                if kind:
                    found.add(kind)
        return found


def _with_siblings(path: Path) -> list[Path]:
    """Return the files of a SQLite database that exist: itself, its journal and its write-ahead log."""
    files = (path, Path(f"{path}-journal"), Path(f"{path}-wal"))
    return [each for each in files if os.path.isfile(each)]  # noqa: PTH113 - Path's raises for a name that cannot be


AVIARY = Aviary()
_READY: weakref.WeakSet[SqlStore] = weakref.WeakSet()
"""Stores whose database has answered: the others have nothing to dump, and asking them takes its time."""


# --- where canaries come from ----------------------------------------------------------------------------------------


def _after(owner: Any, name: str, look: Callable[..., None]) -> None:
    """Let `look` see each call of a method once it is done: its result, then its arguments."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def watched(*args: Any, **kwargs: Any) -> Any:
        result = original(*args, **kwargs)
        look(result, *args, **kwargs)
        return result

    setattr(owner, name, watched)


def _add_all(pairs: Iterator[tuple[str, Any]] | Any) -> None:
    for name, value in pairs:
        if name in _SENT and isinstance(value, str):
            AVIARY.add(value, _SENT[name])


def _secret_made(_none: None, _secret: model.Secret, value: str) -> None:
    if value.startswith("{"):  # an answer that is kept as a whole: whatever is secret in it is a canary itself
        return
    if not hypothesis.currently_in_test_context():  # its values are made up, and may be the code's own constants
        AVIARY.add(value, "Secret")


def _flow_made(_none: None, redirect: model.Redirect, **_values: str) -> None:
    AVIARY.add(redirect.flow, "browser secret")
    _add_all(parse_qsl(urlsplit(redirect.url).query))


def _invitation_made(_none: None, _invitation: model.Invitation, **values: Any) -> None:
    AVIARY.add(values["url"].rpartition("/")[2], "link token")


def _proof_made(proof: str, *_args: Any) -> None:
    AVIARY.add(proof, "connection proof")


def _ring_made(_none: None, _ring: seal.KeyRing, keys: Any) -> None:
    for key in keys:
        AVIARY.add(bytes(key), "key")
        AVIARY.add(base64.b64encode(key), "key")


def _emulator_answered(answer: emulator.Response, _self: emulator.Emulator, request: emulator.Request) -> None:
    _add_all(request.query)
    _add_all(request.form())
    _add_all(parse_qsl(urlsplit(answer.header("location")).query))
    if "json" in answer.header("content-type"):
        with suppress(ValueError):
            content = answer.json()
            _add_all(content.items() if isinstance(content, dict) else ())


def _token_minted(token: str, *_args: Any, **_kwargs: Any) -> None:
    AVIARY.add(token, "access token")


def _operator_invited(invited: tuple[model.Operator, model.Secret], *_args: Any, **_kwargs: Any) -> None:
    AVIARY.add(invited[1].reveal(), "one-time link")


def _endpoint_added(added: tuple[model.Endpoint, model.Secret], *_args: Any, **_kwargs: Any) -> None:
    AVIARY.add(added[1].reveal(), "webhook secret")


def _secret_rotated(secret: model.Secret, *_args: Any, **_kwargs: Any) -> None:
    AVIARY.add(secret.reveal(), "webhook secret")


def _signed_in(_none: None, signed_in: model.SignedIn, **_values: Any) -> None:
    AVIARY.add(signed_in.session.reveal(), "session")


def _world_made(_none: None, made: emulator.Emulator, *_args: Any, **_kwargs: Any) -> None:
    for client in made.world.clients:
        AVIARY.add(client.secret, "client secret")


# --- where they could leave ------------------------------------------------------------------------------------------


class _Logs(logging.Handler):
    """Every record of every logger, with its exception."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(_OTHERS_LEAKS):
            return
        text = record.getMessage()
        if record.exc_info and record.exc_info[1]:
            text += "".join(traceback.format_exception(record.exc_info[1]))
        extra = {key: value for key, value in vars(record).items() if key not in _PLAIN_RECORD}
        browser = record.name.startswith(_BROWSERS)
        AVIARY.show(f"the log of {record.name}", f"{text}\n{extra or ''}", _IN_BROWSER_URLS if browser else frozenset())


_PLAIN_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _printed(result: Any, *_args: Any, **_kwargs: Any) -> None:
    for text in (result.out, result.err):
        AVIARY.show("the captured output", text)


_PRINTED_BY: Final = {
    "token": {"access token", "Secret"},
    "invite": {"one-time link"},
    "add": {"webhook secret", "Secret"},
    "rotate": {"webhook secret", "Secret"},
    "create": {"Secret"},
}
"""What a command exists to print: `grantkeeper token` access tokens, `grantkeeper operator invite` a one-time link,
`grantkeeper webhooks add` and `rotate` an endpoint's secret, `grantkeeper keys create` a key."""


def _of_command(words: Any) -> frozenset[str]:
    texts = [str(word) for word in words or ()]
    asked = [text.rpartition("/")[2] for text in texts if text.startswith("http")]  # what curl asks the API for
    return frozenset().union(*(_PRINTED_BY.get(text, set()) for text in (*texts, *asked)))


def _invoked(result: Any, _self: Any, _app: Any, args: Any = None, *_rest: Any, **_options: Any) -> None:
    AVIARY.show("the output of a command", result.output, _of_command(args))


def _communicated(result: Any, process: subprocess.Popen[Any], *_args: Any, **_kwargs: Any) -> None:
    words = process.args if isinstance(process.args, list | tuple) else ()
    for output in result:
        AVIARY.show("the output of a process", output or b"", _of_command(words))


def _database_opened(_none: None, _store: SqlStore, url: str, **_options: object) -> None:
    AVIARY.add_database(url)


def _database_answered(_result: Any, store: SqlStore) -> None:
    _READY.add(store)


def _dumped(store: SqlStore) -> None:
    """Dump every table: what a backup of the business's database would hold."""
    if store not in _READY:
        return
    AVIARY.add_database(store._engine.url.render_as_string(hide_password=False))
    with suppress(sqlalchemy.exc.SQLAlchemyError, GrantkeeperError), store._engine.connect() as connection:
        for table in sqlalchemy.inspect(connection).get_table_names():
            for row in connection.exec_driver_sql(f'SELECT * FROM "{table}"').fetchmany(2000):
                cells = (bytes(cell) if isinstance(cell, bytes | memoryview) else str(cell).encode() for cell in row)
                AVIARY.show(f"the table {table}", b"\n".join(cells))


def _watch_closing() -> None:
    original = SqlStore.close

    @functools.wraps(original)
    def close(store: SqlStore) -> None:
        _dumped(store)
        original(store)

    setattr(SqlStore, "close", close)  # noqa: B010 - a wrapped method is not assignable to mypy


def _answered(message: Any, path: str) -> None:
    """Look at what an ASGI application sends: headers but cookies, and bodies."""
    if message["type"] == "http.response.body":
        AVIARY.show(f"the answer of {path}", message.get("body", b""))
    if message["type"] != "http.response.start":
        return
    for name, value in message.get("headers", ()):
        text, query = bytes(value).decode("latin-1"), dict(parse_qsl(urlsplit(bytes(value).decode("latin-1")).query))
        to_provider = name.lower() == b"location" and "client_id" in query and "code_challenge" in query
        if name.lower() != b"set-cookie":
            place = f"the header {bytes(name).decode()} of {path}"
            home = frozenset({"connection proof"}) if "grantkeeper_proof" in query else frozenset()
            AVIARY.show(place, text, frozenset({"state"}) if to_provider else home)


def _watch_applications() -> None:
    original = starlette.applications.Starlette.__call__

    @functools.wraps(original)
    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        async def watched(message: Any) -> None:
            _answered(message, scope["path"])
            await send(message)

        await original(self, scope, receive, watched if scope["type"] == "http" else send)

    setattr(starlette.applications.Starlette, "__call__", call)  # noqa: B010


# --- the plugin ------------------------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Patch, before any test module is imported."""
    config.addinivalue_line("markers", "reveals(*kinds): shows secrets of these kinds because that is what it is for")
    _after(model.Secret, "__init__", _secret_made)
    _after(model.Redirect, "__init__", _flow_made)
    _after(OperatorDesk, "invite", _operator_invited)
    _after(WebhookDesk, "add", _endpoint_added)
    _after(WebhookDesk, "rotate", _secret_rotated)
    _after(model.SignedIn, "__init__", _signed_in)
    _after(model.Invitation, "__init__", _invitation_made)
    _after(Linking, "proof", _proof_made)
    _after(seal.KeyRing, "__init__", _ring_made)
    _after(emulator.Emulator, "__init__", _world_made)
    _after(emulator.Emulator, "handle", _emulator_answered)
    _after(emulator.Emulator, "mint", _token_minted)
    _after(pytest.CaptureFixture, "readouterr", _printed)
    _after(typer.testing.CliRunner, "invoke", _invoked)
    _after(subprocess.Popen, "communicate", _communicated)
    _after(SqlStore, "__init__", _database_opened)
    _after(SqlStore, "migrate", _database_answered)
    _after(SqlStore, "installation", _database_answered)
    _watch_closing()
    _watch_applications()
    logging.getLogger().addHandler(_Logs(logging.DEBUG))
    logging.getLogger().setLevel(logging.DEBUG)


@pytest.hookimpl(tryfirst=True)
def pytest_warning_recorded(warning_message: warnings.WarningMessage, nodeid: str) -> None:
    """Look at each warning; one that holds a secret is not shown."""
    text = str(warning_message.message)
    if AVIARY.kinds_in(text.encode()):
        AVIARY.show(f"a warning of {nodeid}", text)
        warning_message.message = UserWarning("withheld: it holds a secret")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """When a test is over and everything of it is closed, search; a hit fails it."""
    report = yield
    if call.when != "teardown":
        return report
    for name, text in report.sections:
        if not name.startswith("Captured log"):  # seen record by record
            AVIARY.show(name, text)
    found = AVIARY.search(_revealed(item))
    if found:
        report.outcome = "failed"
        report.sections = [("withheld", "the captured output, which holds a secret")]
        report.longrepr = "V-20: a secret left: " + "; ".join(found)
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Search what came after the last test."""
    found = AVIARY.search()
    if found:
        print("V-20: a secret left after the last test: " + "; ".join(found))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _revealed(item: pytest.Item) -> frozenset[str]:
    marks = list(item.iter_markers("reveals"))
    return frozenset(str(kind) for mark in marks for kind in mark.args) | ({"Secret"} if marks else set())
