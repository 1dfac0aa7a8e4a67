"""Who and what there is: projects, clients, people, ad accounts and networks, read from a small TOML file."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Email = Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]
AccountId = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{10}$")]
Digits = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,21}$")]
Status = Literal["ENABLED", "CANCELED", "SUSPENDED", "CLOSED"]

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class WorldError(ValueError):
    """The description of a world is wrong; the text names the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A Cloud project: what Google revokes as one, and what holds the Google Ads access level."""

    id: Text
    number: Digits
    name: Text
    publishing: Literal["production", "testing"] = "production"
    test_users: tuple[Email, ...] = ()
    ads_access: Literal["test", "explorer", "basic", "standard"] = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """An OAuth client of a project."""

    id: Text
    secret: Text = field(repr=False)
    project: Text
    kind: Literal["web", "installed"] = "web"
    redirect_uris: tuple[Text, ...] = ()
    name: Text = "Untitled client"

    def accepts_redirect(self, uri: str) -> bool:
        """Tell whether the redirect URI may be used.

        Web clients: byte for byte. Installed: any port and path on loopback as well (RFC 8252 section 7.3).
        """
        if uri in self.redirect_uris:
            return True
        if self.kind == "web":
            return False
        try:
            parts = urlsplit(uri)
            _ = parts.port
        except ValueError:
            return False
        return parts.scheme == "http" and parts.hostname in LOOPBACK and not parts.fragment and "@" not in parts.netloc


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A Google account. `sub` is its identity; an e-mail address may change. `hd` is a Workspace domain."""

    email: Email
    sub: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{21}$")]
    name: Text
    hd: Text | None = None

    @property
    def given_name(self) -> str:
        """The first of the names."""
        return self.name.partition(" ")[0]

    @property
    def family_name(self) -> str:
        """What follows the first name; may be empty."""
        return self.name.partition(" ")[2]

    @property
    def initials(self) -> str:
        """One or two letters for an avatar."""
        return "".join(part[0] for part in self.name.split()[:2]).upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class AdsAccount:
    """A Google Ads account, or a manager of such accounts."""

    id: AccountId
    name: Text
    manager: bool = False
    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")] = "EUR"
    time_zone: Text = "Europe/Berlin"
    status: Status = "ENABLED"
    test: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdsLink:
    """A manager account's hold on another account."""

    manager: AccountId
    client: AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class AdsAccess:
    """A person's direct access to an ad account."""

    person: Email
    account: AccountId


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """An Ad Manager network and who may use it."""

    code: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,12}$")]
    name: Text
    currency: Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")] = "EUR"
    time_zone: Text = "Europe/Berlin"
    test: bool = False
    people: tuple[Email, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything there is. A change is a new World."""

    projects: tuple[Project, ...] = ()
    clients: tuple[Client, ...] = ()
    people: tuple[Person, ...] = ()
    ads_accounts: tuple[AdsAccount, ...] = ()
    ads_links: tuple[AdsLink, ...] = ()
    ads_access: tuple[AdsAccess, ...] = ()
    networks: tuple[Network, ...] = ()

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def load(cls, path: Path | str | None = None) -> World:
        """Read a TOML file, or the default cast.

        Raises:
            WorldError: it cannot be read, or a member is missing, unknown or wrong.
        """
        if path is None:
            return cls.parse(resources.files("grantkeeper.emulator").joinpath("cast.toml").read_text("utf-8"))
        try:
            return cls.parse(Path(path).read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise WorldError(f"{path}: cannot be read: {error}") from error

    @classmethod
    def parse(cls, text: str) -> World:
        """Read TOML text.

        Raises:
            WorldError: it is not TOML, or a member is missing, unknown or wrong.
        """
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise WorldError(f"not TOML: {error}") from error
        unknown = document.keys() - _TABLES.keys()
        if unknown:
            raise WorldError(f"{min(unknown)}: unknown table; known are {', '.join(_TABLES)}")
        return cls(**{member: _rows(document, table, kind) for table, (member, kind) in _TABLES.items()})

    def project(self, project_id: str) -> Project:
        """Return the project; KeyError if there is none."""
        return _one(self.projects, lambda each: each.id == project_id, project_id)

    def client(self, client_id: str) -> Client | None:
        """Return the client, if there is one of that id."""
        return next((each for each in self.clients if each.id == client_id), None)

    def person(self, name: str) -> Person | None:
        """Return the person of that e-mail address (in any case of letters) or sub."""
        lower = name.lower()
        return next((each for each in self.people if each.email.lower() == lower or each.sub == name), None)

    def account(self, account_id: str) -> AdsAccount | None:
        """Return the ad account, if there is one of that id."""
        return next((each for each in self.ads_accounts if each.id == account_id), None)

    def direct_accounts(self, email: str) -> tuple[AdsAccount, ...]:
        """Return the ad accounts that the person reaches without a manager, in the order of the file."""
        ids = {each.account for each in self.ads_access if each.person == email}
        return tuple(each for each in self.ads_accounts if each.id in ids)

    def children(self, manager_id: str) -> tuple[AdsAccount, ...]:
        """Return the accounts directly below a manager."""
        ids = {each.client for each in self.ads_links if each.manager == manager_id}
        return tuple(each for each in self.ads_accounts if each.id in ids)

    def networks_of(self, email: str) -> tuple[Network, ...]:
        """Return the networks that the person may use."""
        return tuple(each for each in self.networks if email in each.people)

    def with_client(self, client: Client) -> World:
        """Return the world with one more client."""
        return replace(self, clients=(*self.clients, client))

    def with_redirect_uris(self, client_id: str, uris: Iterable[str]) -> World:
        """Return the world where the client has these redirect URIs as well."""

        def more(client: Client) -> Client:
            added = tuple(uri for uri in dict.fromkeys(uris) if uri not in client.redirect_uris)
            return replace(client, redirect_uris=(*client.redirect_uris, *added)) if client.id == client_id else client

        return replace(self, clients=tuple(more(client) for client in self.clients))

    def with_network(self, network: Network) -> World:
        """Return the world with one more network."""
        return replace(self, networks=(*self.networks, network))


_Row = TypeVar("_Row")

_TABLES: Mapping[str, tuple[str, type[Any]]] = {
    "project": ("projects", Project),
    "client": ("clients", Client),
    "person": ("people", Person),
    "ads_account": ("ads_accounts", AdsAccount),
    "ads_link": ("ads_links", AdsLink),
    "ads_access": ("ads_access", AdsAccess),
    "network": ("networks", Network),
}


def _rows(document: Mapping[str, Any], table: str, kind: type[_Row]) -> tuple[_Row, ...]:
    rows = document.get(table, [])
    if not isinstance(rows, list):
        raise WorldError(f"{table}: write it as [[{table}]]")
    return tuple(_row(row, f"{table}[{index}]", kind) for index, row in enumerate(rows))


def _row(row: Any, where: str, kind: type[_Row]) -> _Row:
    if not isinstance(row, dict):
        raise WorldError(f"{where}: not a table")
    known = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    unknown = row.keys() - set(known)
    if unknown:
        raise WorldError(f"{where}.{min(unknown)}: unknown key; known are {', '.join(known)}")
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        said, _, at = str(error).partition(" - at `$")
        raise WorldError(f"{where}{at.rstrip('`')}: {said}") from error


def _one(rows: Iterable[_Row], test: Callable[[_Row], bool], name: str) -> _Row:
    for row in rows:
        if test(row):
            return row
    raise KeyError(name)


def _check(world: World) -> None:
    _unique("project.id", [each.id for each in world.projects])
    _unique("client.id", [each.id for each in world.clients])
    _unique("person.email", [each.email.lower() for each in world.people])
    _unique("person.sub", [each.sub for each in world.people])
    _unique("ads_account.id", [each.id for each in world.ads_accounts])
    _unique("network.code", [each.code for each in world.networks])
    projects = {each.id for each in world.projects}
    people = {each.email for each in world.people}
    accounts = {each.id for each in world.ads_accounts}
    _known("client.project", projects, [each.project for each in world.clients])
    _known("ads_access.person", people, [each.person for each in world.ads_access])
    _known("ads_access.account", accounts, [each.account for each in world.ads_access])
    _known("ads_link.client", accounts, [each.client for each in world.ads_links])
    _known("network.people", people, [email for each in world.networks for email in each.people])
    managers = {each.id for each in world.ads_accounts if each.manager}
    _known("ads_link.manager", managers, [each.manager for each in world.ads_links])
    _acyclic(world.ads_links)
    for client in world.clients:
        for uri in client.redirect_uris:
            wrong = redirect_fault(uri)
            if wrong:
                raise WorldError(f"client.redirect_uris: {uri}: {wrong}")


def _unique(key: str, values: Sequence[str]) -> None:
    doubled = [value for value, count in Counter(values).items() if count > 1]
    if doubled:
        raise WorldError(f"{key}: {doubled[0]} occurs twice")


def _known(key: str, known: set[str], values: Iterable[str]) -> None:
    for value in values:
        if value not in known:
            raise WorldError(f"{key}: {value} is not described")


def _acyclic(links: Sequence[AdsLink]) -> None:
    below: dict[str, set[str]] = {}
    for link in links:
        below.setdefault(link.manager, set()).add(link.client)
    for root in below:
        seen: set[str] = set()
        wave = {root}
        while wave:
            wave = {child for each in wave for child in below.get(each, ())} - seen
            seen |= wave
        if root in seen:
            raise WorldError(f"ads_link: {root} is below itself")


def redirect_fault(uri: str) -> str | None:
    """Say what Google's console would refuse in a redirect URI, or None.

    Source: developers.google.com/identity/protocols/oauth2/web-server, "URI validation rules", 2026-11-22.
    """
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError:
        return "not a URI"
    host = parts.hostname or ""
    raw_address = re.fullmatch(r"[0-9.]+", host) or ":" in host
    checks = (
        (not parts.scheme or not host, "must be absolute"),
        (parts.scheme != "https" and host not in LOOPBACK, "must use https, except on localhost"),
        (bool(raw_address) and host not in LOOPBACK, "must not use a raw IP address"),
        ("@" in parts.netloc, "must not contain a user"),
        ("#" in uri, "must not contain a fragment"),
        ("*" in uri, "must not contain a wildcard"),
        ("/.." in parts.path or "\\" in uri, "must not traverse paths"),
        (any(ord(letter) < 33 or ord(letter) == 127 for letter in uri), "must not contain unprintable characters"),
        (host == "googleusercontent.com", "must not be at googleusercontent.com"),
    )
    return next((said for bad, said in checks if bad), None)
