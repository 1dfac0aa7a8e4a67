"""`[service]` and `[service.sign_in]` as written, checked."""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from grantkeeper.errors import Misconfigured, printable
from grantkeeper.oauth.identity import folded
from grantkeeper.providers.urls import is_endpoint

from .document import MAX_FILE, convert
from .service import ServiceSettings, SignIn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from grantkeeper.model import OAuthClient

    from .document import Document

LANGUAGES: Final = ("de", "en", "es", "fr", "ja")
"""What the pages for people are written in."""
CHECKS: Final[tuple[Literal["daily", "off"], ...]] = ("daily", "off")
ROLES: Final = ("viewer", "operator", "admin")
SIGN_IN_PATH: Final = "/dashboard/callback"
MAX_TEXT: Final = 2000
"""Characters of a text on a page: it stands above a button, and is no contract."""

_PREFIX: Final = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*")
"""Segments that nothing on the way reads differently: no percent signs, no empty ones, neither . nor .. ."""
_HOST: Final = re.compile(r"(?=.{1,253}$)[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?)*")
_EMAIL: Final = re.compile(r"[^\s@<>()\",;:\\]{1,64}@[^\s@]{1,255}")
_COLOUR: Final = re.compile(r"#[0-9a-fA-F]{6}")
_USUAL_PORTS: Final = {"https": 443, "http": 80}
_Word = TypeVar("_Word", bound=str)
_Many = Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]


class SignInTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The `[service.sign_in]` table as written."""

    client: str
    redirect_uri: str | None = None
    domains: tuple[str, ...] = ()
    emails: dict[str, str] = {}
    role: str = "viewer"


class ServiceTable(msgspec.Struct, forbid_unknown_fields=True, kw_only=True, frozen=True):
    """The `[service]` table as written."""

    url: str = ""
    business_name: str = ""
    language: str = "en"
    logo: str | None = None
    colour: str = ""
    text: str = ""
    titles: dict[str, str] = {}
    return_to: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    webhook_private_hosts: tuple[str, ...] = ()
    requests_per_minute: _Many = 6000
    distinct_grants_per_minute: _Many = 600
    open_metrics: bool = False
    checks: str = "daily"
    refreshes_per_second: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 50
    sign_in: dict[str, Any] | None = None


def service_settings(document: Document, clients: Iterable[OAuthClient]) -> ServiceSettings:
    """Return what the document says about the service.

    Raises:
        Misconfigured: naming the file, the key and what to do.
    """
    named = {client.name: client for client in clients}
    table = convert(document.file, "service", document.service, ServiceTable)
    url = _url(document, table.url)
    return ServiceSettings(
        url=url,
        business_name=_text(document, "service.business_name", table.business_name),
        language=_one_of(document, "service.language", table.language, LANGUAGES),
        logo=_logo(document, table.logo),
        colour=_colour(document, table.colour),
        text=_text(document, "service.text", table.text),
        titles=_titles(document, table.titles, named),
        return_to=tuple(_origin(document, each) for each in table.return_to),
        trusted_proxies=tuple(_network(document, each) for each in table.trusted_proxies),
        webhook_private_hosts=tuple(_host(document, each) for each in table.webhook_private_hosts),
        requests_per_minute=table.requests_per_minute,
        distinct_grants_per_minute=table.distinct_grants_per_minute,
        open_metrics=table.open_metrics,
        checks=_one_of(document, "service.checks", table.checks, CHECKS),
        refreshes_per_second=table.refreshes_per_second,
        sign_in=None if table.sign_in is None else _sign_in(document, table.sign_in, url, named),
    )


def _url(document: Document, written: str) -> str:
    """Return where people reach the service, in the form in which links and redirect URIs are made of it."""
    place, url = f"{document.file}: service.url", written
    if document.service_url is not None:
        place, url = "GRANTKEEPER_SERVICE_URL", document.service_url
    if not url:
        return ""
    problem, advice = _url_problem(url)
    if problem:
        raise Misconfigured(f"{place}: {problem}.", advice=advice)
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc.lower()}{split.path.rstrip('/')}"


def _url_problem(url: str) -> tuple[str, str]:
    if not is_endpoint(url):
        return (
            "is not an https URL (http on this machine's loopback interface only)",
            "Write where people reach the service, such as https://grants.example.com.",
        )
    split = urlsplit(url)
    if "?" in url or not _PREFIX.fullmatch(split.path.rstrip("/")):
        return (
            "has more than a host and a plain path",
            "Write it as https://HOST or https://HOST/PREFIX, of letters, digits, '.', '_', '~' and '-'.",
        )
    if split.port == _USUAL_PORTS[split.scheme]:
        return f"names the port that {split.scheme} has anyway", f"Leave :{split.port} out."
    return "", ""


def _text(document: Document, key: str, written: str) -> str:
    if len(written) > MAX_TEXT:
        raise document.wrong(key, f"is longer than {MAX_TEXT} characters", "People read it in front of a button.")
    if not all(each.isprintable() or each == "\n" for each in written):
        raise document.wrong(key, "holds characters that nobody sees", "Write plain text; line breaks are fine.")
    return written.strip()


def _one_of(document: Document, key: str, written: str, known: tuple[_Word, ...]) -> _Word:
    for word in known:
        if word == written:
            return word
    raise document.wrong(key, "is not one that grantkeeper knows", f"Known are: {', '.join(known)}.")


def _logo(document: Document, written: str | None) -> Path | None:
    if written is None:
        return None
    file = document.path(written, key="service.logo")
    if file.suffix.lower() not in (".svg", ".png"):
        raise document.wrong(
            "service.logo", "is neither an SVG nor a PNG file", "Name a file that ends in .svg or .png."
        )
    if not file.is_file():
        raise document.wrong("service.logo", f"there is no file {file}", "Give the path of an SVG or PNG file.")
    if file.stat().st_size > MAX_FILE:
        raise document.wrong("service.logo", f"is larger than {MAX_FILE // 1024} kB", "A logo of a few kB does.")
    return file


def _colour(document: Document, written: str) -> str:
    if written and not _COLOUR.fullmatch(written):
        raise document.wrong("service.colour", "is not a colour", 'Write it as "#rrggbb", such as "#1a73e8".')
    return written.lower()


def _titles(document: Document, written: Mapping[str, str], clients: Mapping[str, OAuthClient]) -> dict[str, str]:
    for name in written:
        if name not in clients:
            known = ", ".join(clients) or "none"
            raise document.wrong(f"service.titles.{name}", "is no OAuth client", f"Configured are: {known}.")
    return {name: _text(document, f"service.titles.{name}", title) for name, title in written.items()}


def _origin(document: Document, written: str) -> str:
    """Return an origin (RFC 6454 6.2) as browsers and `urlsplit` write it: a prefix of a URL would be no boundary."""
    split = urlsplit(written) if is_endpoint(written) else None
    if split is None or split.path.strip("/") or "?" in written:
        advice = "Write scheme and host only, such as https://app.example.com (http on loopback only)."
        raise document.wrong("service.return_to", f"{printable(written, 100)!r} is not an origin", advice)
    if split.port == _USUAL_PORTS[split.scheme]:
        advice = f"Leave :{split.port} out."
        raise document.wrong("service.return_to", f"{printable(written, 100)!r} names the usual port", advice)
    return f"{split.scheme}://{split.netloc.lower()}"


def _network(document: Document, written: str) -> str:
    key = "service.trusted_proxies"
    try:
        network = ip_network(written)
    except ValueError:
        advice = 'Write the addresses of your own proxies, such as "10.0.0.5" or "10.0.0.0/24".'
        raise document.wrong(key, f"{printable(written, 100)!r} is not a network", advice) from None
    if network.prefixlen == 0:
        advice = "Name your own proxies: whoever is trusted says for whom it speaks."
        raise document.wrong(key, f"{network} is everybody", advice)
    return str(network)


def _host(document: Document, written: str) -> str:
    host = written.lower()
    if not _HOST.fullmatch(host):
        advice = "Write the host's name or IPv4 address as in the webhook's URL, without scheme, port and path."
        raise document.wrong("service.webhook_private_hosts", f"{printable(written, 100)!r} is not a host", advice)
    return host


def _sign_in(document: Document, written: Mapping[str, Any], url: str, clients: Mapping[str, OAuthClient]) -> SignIn:
    place = "service.sign_in"
    table = convert(document.file, place, written, SignInTable)
    if not url:
        raise document.wrong("service.url", "is missing", "Operators can sign in at an address that is known.")
    client = clients.get(table.client)
    if client is None or client.kind != "web":
        web = ", ".join(name for name, each in clients.items() if each.kind == "web") or "none"
        raise document.wrong(f"{place}.client", "is no OAuth client for web applications", f"Configured are: {web}.")
    ours = f"{url}{SIGN_IN_PATH}"
    if table.redirect_uri not in (None, ours):
        raise document.wrong(
            f"{place}.redirect_uri", "is not where the dashboard is", f"Leave it out, or write {ours}."
        )
    if not (table.domains or table.emails):
        raise document.wrong(place, "lets nobody in", 'Say who: domains = ["example.com"], or emails.')
    return SignIn(
        client=table.client,
        redirect_uri=ours,
        domains=tuple(_domain(document, each) for each in table.domains),
        emails=_emails(document, table.emails),
        role=_one_of(document, f"{place}.role", table.role, ROLES),
    )


def _domain(document: Document, written: str) -> str:
    domain = folded(written)
    if not _HOST.fullmatch(domain) or "." not in domain:
        advice = 'Write what stands behind the @, such as "example.com".'
        raise document.wrong("service.sign_in.domains", f"{printable(written, 100)!r} is not a domain", advice)
    return domain


def _emails(document: Document, written: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for email, role in written.items():
        key = f"service.sign_in.emails.{printable(email, 100)}"
        if not _EMAIL.fullmatch(email) or not (email.isascii() and email.isprintable()):
            raise document.wrong(key, "is not an e-mail address", 'Write "ann@example.com" = "operator", in ASCII.')
        if folded(email) in found:
            raise document.wrong(key, "is there twice", "Case makes no difference.")
        found[folded(email)] = _one_of(document, key, role, ROLES)
    return found
