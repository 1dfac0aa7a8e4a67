"""What a world is made of: projects, clients, people, ad accounts, networks and other assets."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Email = Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$", max_length=254)]
AccountId = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{10}$")]
Digits = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,21}$")]
Currency = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{3}$")]
Status = Literal["ENABLED", "CANCELED", "SUSPENDED", "CLOSED"]
AssetApi = Literal["analytics", "search_console", "merchant_center", "youtube", "business_profile", "display_video"]

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
    currency: Currency = "EUR"
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
    currency: Currency = "EUR"
    time_zone: Text = "Europe/Berlin"
    test: bool = False
    people: tuple[Email, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """What a person may use in another API: a property, site, merchant, channel, location, advertiser.

    `id` is digits, without what Google puts before them (properties/, partners/); a site's URL; a channel's UC....
    `parent` is the id of another asset of the same API, such as a property's account. Who is named in `people` may use
    all that is below as well.
    """

    api: AssetApi
    id: Text
    name: Text
    parent: str = ""
    people: tuple[Email, ...] = ()
    currency: Currency | Literal[""] = ""
    time_zone: str = ""
    test: bool = False


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
