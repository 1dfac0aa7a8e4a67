"""grantkeeper.toml and the environment as one checked document; nothing that it points to is opened here."""

from __future__ import annotations

import re
import tomllib
from collections import UserDict
from dataclasses import dataclass, field
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar
from urllib.parse import unquote, urlsplit

import msgspec

from grantkeeper.errors import Misconfigured, printable
from grantkeeper.providers.urls import parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONFIG_NAME: Final = "grantkeeper.toml"
STATE_FOLDER: Final = "grantkeeper.state"
MAX_FILE: Final = 256 * 1024
"""Far beyond any honest configuration, key or client_secret.json; keeps a wrong path (a device, a dump) harmless."""
_UNUSABLE: Final = re.compile("[\0-\x1f\x7f\ud800-\udfff]")
"""Control characters, and bytes of another encoding than UTF-8 as an environment variable brings them (PEP 383)."""
_DATABASES: Final = ("sqlite", "postgresql", "postgres", "mysql", "mariadb")
_Table = TypeVar("_Table", bound=msgspec.Struct)


class ClientTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """A `[clients.NAME]` table as written."""

    provider: str
    client_secret_file: str | tuple[str, ...]
    redirect_uri: str
    scopes: tuple[str, ...]
    optional_scopes: tuple[str, ...] = ()


class _File(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The file's top level as written."""

    database: str | None = None
    key_file: str | None = None
    state_folder: str | None = None
    emulator: str | None = None
    proxy: str | None = None
    ca_file: str | None = None
    export_refresh_tokens: str = "refused"
    tracing: str = "off"
    clients: dict[str, Any] = {}
    service: dict[str, Any] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What the file and the environment say, paths made absolute. `keys` are GRANTKEEPER_KEYS, never shown.

    `service` is the table as written, `service_url` GRANTKEEPER_SERVICE_URL.
    """

    file: Path
    database: str = field(repr=False)
    key_file: Path | None
    keys: str | None = field(repr=False)
    state_folder: Path
    emulator: str | None
    proxy: str | None = field(repr=False)
    ca_file: Path | None
    export_refresh_tokens: Literal["refused", "allowed"]
    tracing: Literal["off", "opentelemetry"]
    clients: Mapping[str, ClientTable]
    service: Mapping[str, Any]
    service_url: str | None

    def path(self, written: str, *, key: str = "client_secret_file") -> Path:
        """Return a path as written, relative to the file's folder; raises Misconfigured when there can be none."""
        return _Setting(value=written, place=f"{self.file}: {printable(key)}").path(self.file.parent)

    def wrong(self, key: str, what: str, advice: str = "") -> Misconfigured:
        """Return the error that names this file and the key in it."""
        return wrong(self.file, key, what, advice)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Setting:
    """A value and where it was written: the file and its key, or the variable."""

    value: str = field(repr=False)
    place: str

    def wrong(self, what: str, advice: str) -> Misconfigured:
        return Misconfigured(f"{self.place}: {what}.", advice=advice)

    def path(self, folder: Path) -> Path:
        """Return the value as a path relative to `folder`.

        Raises:
            Misconfigured: it holds a NUL, or its ~ stands for nobody's home.
        """
        if "\0" in self.value:
            raise self.wrong("holds a character that no path has (NUL)", "Write the path of a file.")
        try:
            return folder / Path(self.value).expanduser()
        except RuntimeError:
            raise self.wrong("begins with the home of nobody known here (~)", "Write the whole path.") from None


class Unshown(UserDict[str, str]):
    """An environment that does not print."""

    def __repr__(self) -> str:
        return "<the environment>"


def wrong(file: Path, key: str, what: str, advice: str = "") -> Misconfigured:
    """Return the error that names the file and the key in it."""
    return Misconfigured(f"{file}: {printable(key)}: {what}.", advice=advice)


def forgetful(error: Misconfigured) -> Misconfigured:
    """Return the same error without its frames and causes: tracebacks may show their values, secrets among them."""
    return type(error)(str(error.args[0]), advice=error.advice)


def read_document(path: Path | None, environ: Mapping[str, str]) -> Document:
    """Read the file and put the environment's values over it.

    Raises:
        Misconfigured: the file is missing, unreadable, not TOML, or says something it may not.
    """
    environ = Unshown(environ)
    try:
        return _document(_config_file(path, environ), environ)
    except Misconfigured as error:
        problem = forgetful(error)
    raise problem


def _config_file(path: Path | None, environ: Mapping[str, str]) -> Path:
    found = environ.get("GRANTKEEPER_CONFIG") or CONFIG_NAME
    setting = (
        _Setting(value=found, place="GRANTKEEPER_CONFIG")
        if path is None
        else _Setting(value=str(path), place="The configuration's path")
    )
    try:
        return setting.path(Path()).absolute()
    except OSError as error:  # the current folder was removed, or may not be read
        raise setting.wrong(
            f"is relative to a folder that cannot be read: {error.strerror}", "Go to another one."
        ) from None


def _document(file: Path, environ: Mapping[str, str]) -> Document:
    written = convert(file, "", _parse(file), _File)

    def setting(key: str, value: str | None) -> _Setting:
        variable = f"GRANTKEEPER_{key.upper()}"
        if environ.get(variable):
            return _Setting(value=environ[variable], place=variable)
        return _Setting(value=value or "", place=f"{file}: {key}")

    key_file = setting("key_file", written.key_file)
    return Document(
        file=file,
        database=_database(setting("database", written.database), file.parent),
        key_file=key_file.path(file.parent) if key_file.value else None,
        keys=environ.get("GRANTKEEPER_KEYS") or None,
        state_folder=_folder(setting("state_folder", written.state_folder), file.parent),
        emulator=_emulator(setting("emulator", written.emulator)),
        proxy=_proxy(file, written.proxy) if written.proxy else None,
        ca_file=_ca_file(file, written.ca_file) if written.ca_file else None,
        export_refresh_tokens=_export(file, written.export_refresh_tokens),
        tracing=_tracing(file, written.tracing),
        clients={name: _client_table(file, name, each) for name, each in written.clients.items()},
        service=written.service,
        service_url=environ.get("GRANTKEEPER_SERVICE_URL") or None,
    )


def read_bytes(file: Path, *, key: str = "", advice: str = "") -> bytes:
    """Return a small file's content.

    Raises:
        Misconfigured: it is missing, not a file, unreadable or too large.
    """
    label = f"{key}: " if key else ""
    try:
        if not file.is_file():
            what = "is not a file" if file.exists() else "there is no such file"
            raise Misconfigured(f"{label}{file}: {what}.", advice=advice)
        with file.open("rb") as opened:
            content = opened.read(MAX_FILE + 1)
    except OSError as error:
        what = error.strerror or type(error).__name__
        raise Misconfigured(f"{label}{file} cannot be read: {what}.", advice="Check its owner and mode.") from error
    if len(content) > MAX_FILE:
        raise Misconfigured(f"{label}{file} is larger than {MAX_FILE // 1024} kB.", advice="Is the path right?")
    return content


def _parse(file: Path) -> dict[str, Any]:
    content = read_bytes(file, advice="Run `grantkeeper init`, or say where it is: --config or GRANTKEEPER_CONFIG.")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{file} is not UTF-8 text (byte {error.start}).", advice="Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        # The message says what and where ("Invalid value (at line 3, column 7)") and quotes keys, never values.
        raise Misconfigured(f"{file} is not TOML: {printable(str(error))}.", advice="See https://toml.io.") from None
    except RecursionError:
        advice = "The configuration page of the docs describes all there is."
        raise Misconfigured(f"{file} is nested deeper than any configuration.", advice=advice) from None


def convert(file: Path, place: str, table: Mapping[str, Any], kind: type[_Table]) -> _Table:
    """Return a table as `kind`.

    Raises:
        Misconfigured: a key is unknown (near names are offered), missing, or its value is of another type.
    """
    known = [each.name for each in msgspec.structs.fields(kind)]
    for key in table:
        if key not in known:
            raise wrong(file, dotted(place, key), "is not a setting", _offer(key, known))
    missing = [each.name for each in msgspec.structs.fields(kind) if each.required and each.name not in table]
    if missing:
        raise wrong(file, dotted(place, missing[0]), "is missing", "The configuration page of the docs describes it.")
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise wrong(file, dotted(place, where.rstrip("`")), _plain(what)) from None


def _client_table(file: Path, name: str, written: object) -> ClientTable:
    if not isinstance(written, dict):
        raise wrong(file, f"clients.{name}", "is not a table", "A client is a table of its own: [clients.NAME].")
    return convert(file, f"clients.{name}", written, ClientTable)


def dotted(place: str, key: str) -> str:
    """Return the key with the table that it stands in."""
    return f"{place}.{key}" if place else key


def _plain(what: str) -> str:
    """Return msgspec's message (types only, never values) in TOML's words."""
    named = re.sub(
        "`([^`]*)`", lambda found: " or ".join(map(_word, found[1].removesuffix(" | null").split(" | "))), what
    )
    return named[:1].lower() + named[1:]


def _word(kind: str) -> str:
    words = {"str": "a text", "int": "a number", "float": "a number", "array": "a list", "object": "a table"}
    return words.get(kind, kind)


def _offer(key: str, known: Iterable[str]) -> str:
    known = sorted(known)
    near = get_close_matches(key.lower(), known, n=1)
    return f"Did you mean {near[0]}?" if near else f"Known here: {', '.join(known)}."


def _database(written: _Setting, folder: Path) -> str:
    """Check the URL's kind and make SQLite's path absolute. The URL is never shown: it may hold a password."""
    url = written.value
    if not url:
        raise written.wrong("is missing", 'Add database = "sqlite:///grantkeeper.sqlite3".')
    scheme, found, rest = url.partition("://")
    if not found or scheme.partition("+")[0] not in _DATABASES:
        advice = "Write it as sqlite:///FILE, postgresql://USER:PASSWORD@HOST/NAME or mysql://USER:PASSWORD@HOST/NAME."
        raise written.wrong("is not the URL of a database that grantkeeper knows", advice)
    if _UNUSABLE.search(url):
        advice = "Percent-encode what a password has beyond ASCII, as UTF-8."
        raise written.wrong("holds a character that no URL has", advice)
    if not scheme.startswith("sqlite"):
        if rest.count("@") > 1:  # the first would end the password, and its rest be shown as the host
            raise written.wrong("has more than one @", "Percent-encode the password: @ is written %40.")
        return url
    path, question, query = rest.removeprefix("/").partition("?")
    if not rest.startswith("/") or not path or path.startswith(":memory:"):
        advice = "Grants have to outlive the process: sqlite:///grantkeeper.sqlite3"
        raise written.wrong("names no SQLite file", advice)
    file = str(_Setting(value=unquote(path), place=written.place).path(folder))
    if _UNUSABLE.search(file):
        raise written.wrong(f"no URL can name {printable(file)}", "Choose a folder whose name is UTF-8.")
    return f"{scheme}:///{file.replace('%', '%25').replace('?', '%3F')}{question}{query}"


def _folder(written: _Setting, parent: Path) -> Path:
    """Return the state folder, which is made when something is kept in it."""
    folder = written.path(parent) if written.value else parent / STATE_FOLDER
    if folder.exists() and not folder.is_dir():
        raise written.wrong(f"{folder} is not a folder", "Name a folder of its own; it is made when it is needed.")
    return folder


def is_loopback(url: str) -> bool:
    """Tell whether an http(s) URL points at this machine and carries nothing but host, port and path."""
    try:
        found = urlsplit(url)
        host = found.hostname or ""
        _ = found.port
        local = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
    return local and found.scheme in {"http", "https"} and not (found.query or found.fragment or "@" in found.netloc)


def _emulator(written: _Setting) -> str | None:
    if written.value and not is_loopback(written.value):
        advice = "The emulator gives tokens to anybody who asks: http://127.0.0.1:8910, or no such line for Google."
        raise written.wrong("is not an http URL on this machine's loopback interface", advice)
    return written.value.rstrip("/") or None


def _proxy(file: Path, url: str) -> str:
    if parts(url) is None:
        raise wrong(file, "proxy", "is not an http or https URL", "Write it as http://HOST:PORT.")
    return url


def _ca_file(file: Path, written: str) -> Path:
    found = _Setting(value=written, place=f"{file}: ca_file").path(file.parent)
    if not found.is_file():
        raise wrong(file, "ca_file", f"there is no file {found}", "Give the path of a PEM file.")
    return found


def _export(file: Path, written: str) -> Literal["refused", "allowed"]:
    """Not to be had from the environment: who may read the grants must not be able to allow it with a variable."""
    if written == "refused":
        return "refused"
    if written == "allowed":
        return "allowed"
    raise wrong(file, "export_refresh_tokens", "is neither refused nor allowed", 'The default is "refused".')


def _tracing(file: Path, written: str) -> Literal["off", "opentelemetry"]:
    if written == "off":
        return "off"
    if written == "opentelemetry":
        return "opentelemetry"
    raise wrong(file, "tracing", "is neither off nor opentelemetry", 'The default is "off".')
