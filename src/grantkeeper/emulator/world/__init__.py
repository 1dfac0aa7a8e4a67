"""Who and what there is: projects, clients, people, ad accounts, networks and other assets, read from a TOML file."""

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
    redirect_fault,
)
from grantkeeper.emulator.world.world import CASTS, World

__all__ = [
    "CASTS",
    "AdsAccess",
    "AdsAccount",
    "AdsLink",
    "Asset",
    "AssetApi",
    "Client",
    "Network",
    "Person",
    "Project",
    "World",
    "WorldError",
    "redirect_fault",
]
