"""Everything there is in one value."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

from grantkeeper.emulator.world import generated, reading
from grantkeeper.emulator.world.checks import check
from grantkeeper.emulator.world.index import Index, index
from grantkeeper.emulator.world.values import (
    AdsAccess,
    AdsAccount,
    AdsLink,
    Asset,
    AssetApi,
    Client,
    Network,
    Person,
    Project,
    WorldError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CASTS: Final[Mapping[str, str]] = {"agency": "cast_agency.toml"}
"""The casts that come along, beside the default one, and the files they are in."""


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
    assets: tuple[Asset, ...] = ()

    _index: Index = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check(self)
        object.__setattr__(self, "_index", index(self))

    @classmethod
    def load(cls, path: Path | str | None = None) -> World:
        """Read a TOML file, or a cast that comes along: the default one, or another by its name ("agency").

        A file that is called like a cast is read by another path to it, such as an absolute one.

        Raises:
            WorldError: it cannot be read, or a member is missing, unknown or wrong.
        """
        if path is None or str(path) in CASTS:
            name = CASTS[str(path)] if path else "cast.toml"
            return cls.parse(resources.files("grantkeeper.emulator").joinpath(name).read_text("utf-8"))
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
        return cls(**reading.members(text))

    def project(self, project_id: str) -> Project:
        """Return the project; KeyError if there is none."""
        for each in self.projects:
            if each.id == project_id:
                return each
        raise KeyError(project_id)

    def client(self, client_id: str) -> Client | None:
        """Return the client, if there is one of that id."""
        return self._index.clients.get(client_id)

    def person(self, name: str) -> Person | None:
        """Return the person of that e-mail address (in any case of letters) or sub."""
        return self._index.people.get(name.lower())

    def account(self, account_id: str) -> AdsAccount | None:
        """Return the ad account, if there is one of that id."""
        return self._index.accounts.get(account_id)

    def direct_accounts(self, email: str) -> tuple[AdsAccount, ...]:
        """Return the ad accounts that the person reaches without a manager, in the order of the file."""
        return self._index.direct.get(email, ())

    def children(self, manager_id: str) -> tuple[AdsAccount, ...]:
        """Return the accounts directly below a manager, in the order of the file."""
        return self._index.children.get(manager_id, ())

    def managers(self, account_id: str) -> tuple[AdsAccount, ...]:
        """Return the managers directly above an account, in the order of the file."""
        return self._index.managers.get(account_id, ())

    def networks_of(self, email: str) -> tuple[Network, ...]:
        """Return the networks that the person may use."""
        return tuple(each for each in self.networks if email in each.people)

    def assets_of(self, api: AssetApi, email: str) -> tuple[Asset, ...]:
        """Return an API's assets that the person may use, by name or by one above, in the order of the file."""
        assets = {each.id: each for each in self.assets if each.api == api}

        def named(asset: Asset | None) -> bool:
            return asset is not None and (email in asset.people or named(assets.get(asset.parent)))

        return tuple(each for each in assets.values() if named(each))

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

    def with_crowd(self, count: int, *, accounts: int = 1) -> World:
        """Return the world with that many people more, each with direct access to ad accounts of their own.

        They are crowd-00001@crowd.example and so on; for tests and benchmarks over hundreds of grants.
        """
        people, owned, access = generated.crowd(count, accounts)
        return replace(
            self,
            people=(*self.people, *people),
            ads_accounts=(*self.ads_accounts, *owned),
            ads_access=(*self.ads_access, *access),
        )
