"""`[clients.NAME]` tables and the client_secret.json files that they name, as OAuthClients."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from grantkeeper.errors import Misconfigured
from grantkeeper.model import OAuthClient
from grantkeeper.providers import google
from grantkeeper.providers.google_client_secrets import parse_client_secret_json

from .document import forgetful, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantkeeper.model import Provider
    from grantkeeper.providers.google_client_secrets import ParsedClient

    from .document import ClientTable, Document

_NAME: Final = re.compile(r"[a-z0-9-]{1,64}")
"""A client's name stands in URLs, environment names and on command lines."""


def oauth_clients(document: Document) -> tuple[OAuthClient, ...]:
    """Return the OAuthClients that the document describes, in its order.

    Raises:
        Misconfigured: a name, a provider, a scope, a redirect URI or a client_secret.json is not usable.
    """
    try:
        clients = tuple(_oauth_client(document, name, table) for name, table in document.clients.items())
        _refuse_shared_redirects(document, clients)
    except Misconfigured as error:
        problem = forgetful(error)
    else:
        return clients
    raise problem


def _oauth_client(document: Document, name: str, table: ClientTable) -> OAuthClient:
    """Return one OAuthClient, its client_secret.json read and compared with the table."""
    place = f"clients.{name}"
    if not _NAME.fullmatch(name):
        raise document.wrong(place, "is not a usable name", "Use 1 to 64 of a-z, 0-9 and -.")
    provider = _provider(document, place, table.provider)
    parsed = _parsed(document, place, table, provider)
    scopes = _scopes(document, f"{place}.scopes", table.scopes)
    if not scopes:
        raise document.wrong(f"{place}.scopes", "is empty", 'Name what the API needs, such as scopes = ["adwords"].')
    optional = _scopes(document, f"{place}.optional_scopes", table.optional_scopes)
    return OAuthClient(
        name=name,
        provider=provider,
        client_id=parsed[-1].client_id,
        client_secrets=tuple(each.client_secret for each in parsed),
        redirect_uri=table.redirect_uri,
        scopes=scopes,
        optional_scopes=tuple(each for each in optional if each not in scopes),
        kind=parsed[-1].kind,
    )


def provider_of(document: Document, name: str) -> Provider | None:
    """Return the provider of this name, or the emulator in its place; None when there is none."""
    if name != "google":
        return None
    return google.at(document.emulator) if document.emulator else google.PROVIDER


def _provider(document: Document, place: str, name: str) -> Provider:
    found = provider_of(document, name)
    if found is None:
        raise document.wrong(f"{place}.provider", "is not a provider that grantkeeper knows", 'Known: "google".')
    return found


def _parsed(document: Document, place: str, table: ClientTable, provider: Provider) -> list[ParsedClient]:
    """Read the client_secret.json files, oldest to newest; several are several secrets of one client."""
    files = (table.client_secret_file,) if isinstance(table.client_secret_file, str) else table.client_secret_file
    key = f"{place}.client_secret_file"
    if not files:
        raise document.wrong(key, "is empty", "Name the client_secret.json that Google Cloud gave you.")
    parsed = []
    emulated = f"Run `grantkeeper emulator --write-client-secret {files[0]}`."
    advice = emulated if document.emulator else "Google Cloud gives it: Google Auth Platform, Clients, your client."
    for written in files:
        file = document.path(written, key=key)
        content = read_bytes(file, key=f"{document.file}: {key}", advice=advice)
        try:
            parsed.append(parse_client_secret_json(content, redirect_uri=table.redirect_uri, provider=provider))
        except Misconfigured as error:
            raise Misconfigured(f"{document.file}: {key}: {file}: {error.args[0]}", advice=error.advice) from None
    if len({(each.client_id, each.kind) for each in parsed}) > 1:
        raise document.wrong(key, "names files of different OAuth clients", "List several secrets of one client only.")
    return parsed


def _scopes(document: Document, key: str, names: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in names:
        try:
            found.update(dict.fromkeys(google.api_scopes(name)))
        except Misconfigured as error:
            raise Misconfigured(f"{document.file}: {key}: {error.args[0]}", advice=error.advice) from None
    return tuple(found)


def _refuse_shared_redirects(document: Document, clients: tuple[OAuthClient, ...]) -> None:
    """One redirect URI serves one OAuthClient: mix-up is then impossible (RFC 9700 2.1 and 4.4)."""
    seen: dict[str, str] = {}
    for client in (each for each in clients if each.kind == "web"):
        other = seen.setdefault(client.redirect_uri, client.name)
        if other != client.name:
            what = f"is the redirect URI of {other} as well"
            raise document.wrong(f"clients.{client.name}.redirect_uri", what, "Register one for each.")
