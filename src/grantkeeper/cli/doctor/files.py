"""Checks of what lies on this machine: configuration, key, client_secret.json, who may read them."""

from __future__ import annotations

import os
import stat
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from grantkeeper.errors import Misconfigured
from grantkeeper.settings import oauth_clients, read_keys
from grantkeeper.settings.document import is_loopback

from .finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from grantkeeper.model import OAuthClient
    from grantkeeper.seal import KeyRing
    from grantkeeper.settings import Document

_VARIABLES: Final = (
    "GRANTKEEPER_CONFIG",
    "GRANTKEEPER_DATABASE",
    "GRANTKEEPER_EMULATOR",
    "GRANTKEEPER_KEYS",
    "GRANTKEEPER_KEY_FILE",
    "GRANTKEEPER_SERVICE_URL",
    "GRANTKEEPER_STATE_FOLDER",
)
_OF_REMOTES: Final = (
    "GRANTKEEPER_API_KEY",
    "GRANTKEEPER_API_KEY_FILE",
    "GRANTKEEPER_CA_FILE",
    "GRANTKEEPER_PROXY",
    "GRANTKEEPER_URL",
)
"""What a `Remote` reads, which may run beside; they mean nothing to a keeper."""


def check_environment(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look for variables that are probably misspelt; which are set is worth a line, their values are not shown."""
    for name in sorted(environ):
        near = get_close_matches(name, _VARIABLES + _OF_REMOTES, n=1, cutoff=0.85)
        if name not in _VARIABLES + _OF_REMOTES and name.startswith("GRANTKEEPER_") and near:
            yield warning("environment", f"{name} means nothing to grantkeeper.", f"Did you mean {near[0]}?")
    found = [name for name in _VARIABLES if environ.get(name)]
    if found:
        yield ok("environment", f"In force: {', '.join(found)}.")


def check_key(document: Document) -> Generator[Finding, None, KeyRing | None]:
    """Look whether there is a usable key and who may read it; return it."""
    try:
        ring = read_keys(document)
    except Misconfigured as error:
        yield problem("key", str(error.args[0]), error.advice)
        return None
    where = "GRANTKEEPER_KEYS" if document.keys else str(document.key_file)
    yield ok("key", f"{where}: {len(ring.ids)} key(s).")
    return ring


def check_clients(document: Document) -> Iterator[Finding]:
    """Look at each OAuth client: its client_secret.json, its redirect URI, its scopes."""
    try:
        clients = oauth_clients(document)
    except Misconfigured as error:
        yield problem("clients", str(error.args[0]), error.advice)
        return
    if not clients:
        yield warning(
            "clients", "No OAuth client is configured.", f"Fill in a [clients.NAME] table in {document.file}."
        )
    for client in clients:
        yield ok(f"client {client.name}", f"{client.kind}, {len(client.scopes)} scope(s), {client.client_id}.")
        yield _redirect(client)
    for table in document.clients.values():
        files = (table.client_secret_file,) if isinstance(table.client_secret_file, str) else table.client_secret_file
        for written in files:
            yield from check_permissions("client secret", document.path(written))


def check_config_file(document: Document) -> Iterator[Finding]:
    """Look whether the configuration holds a password that others may read (V-73)."""
    yield ok("configuration", f"{document.file}")
    if urlsplit(document.database).password and "GRANTKEEPER_DATABASE" not in os.environ:
        yield from check_permissions("configuration", document.file)


def check_permissions(check: str, file: Path) -> Iterator[Finding]:
    """Warn when others than the owner may read a secret's file, or when it is another user's (V-73)."""
    try:
        found = file.stat()
    except OSError:
        return  # that it is missing has been said
    if os.name != "posix":
        return
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.filemode(found.st_mode)
        yield warning(check, f"{file} may be read by others ({mode}).", f"chmod 600 {file}")
    if found.st_uid not in {os.getuid(), 0}:
        yield warning(check, f"{file} belongs to another user (uid {found.st_uid}).", "Make it your own: chown.")


def _redirect(client: OAuthClient) -> Finding:
    check, uri = f"client {client.name}", client.redirect_uri
    if client.kind == "installed":
        return ok(check, f"{uri}, any port: `grantkeeper connect` works with it, web apps do not.")
    if is_loopback(uri):
        return ok(check, f"{uri}: good for this machine only.")
    return ok(check, f"{uri}: as registered; the web app has to answer there.")
