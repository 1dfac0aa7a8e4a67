"""What a business writes down once: grantkeeper.toml, the environment, Google's client_secret.json, the key file.

Reading is strict: whatever is unknown, of a wrong type or not there is `Misconfigured`, and the message names the file,
the key and what to do. No message holds a value that could be a secret.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .clients import oauth_clients
from .document import CONFIG_NAME, Document, Unshown, read_document
from .key_file import new_key_file
from .keys import read_keys
from .service import ServiceSettings, SignIn
from .service_table import service_settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from grantkeeper.model import OAuthClient
    from grantkeeper.seal import KeyRing

__all__ = [
    "CONFIG_NAME",
    "Document",
    "ServiceSettings",
    "Settings",
    "SignIn",
    "new_key_file",
    "oauth_clients",
    "read_document",
    "read_keys",
    "service_settings",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The configuration, read and checked.

    `file` is where it stands; `database` is SQLAlchemy's URL with SQLite's path made absolute (it may hold a password
    and is not shown); `state_folder` is where this deployment remembers what it must not lose; `emulator` is the base
    URL of the emulator that stands in for Google, or None; `export_refresh_tokens` whether `grantkeeper export` may
    write refresh tokens to files; `tracing` where spans go.
    """

    file: Path
    database: str = field(repr=False)
    keys: KeyRing = field(repr=False)
    clients: tuple[OAuthClient, ...]
    state_folder: Path
    emulator: str | None = None
    proxy: str | None = field(default=None, repr=False)
    ca_file: str | None = None
    export_refresh_tokens: Literal["refused", "allowed"] = "refused"
    tracing: Literal["off", "opentelemetry"] = "off"
    service: ServiceSettings = field(default_factory=ServiceSettings)

    @classmethod
    def load(cls, path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the file (default: GRANTKEEPER_CONFIG, else ./grantkeeper.toml) and the environment's overrides.

        Raises:
            Misconfigured: naming the file, the key and what to do.
        """
        environ = Unshown(os.environ if environ is None else environ)
        document = read_document(path, environ)
        clients = oauth_clients(document)
        return cls(
            file=document.file,
            database=document.database,
            keys=read_keys(document),
            clients=clients,
            state_folder=document.state_folder,
            emulator=document.emulator,
            proxy=document.proxy,
            ca_file=None if document.ca_file is None else str(document.ca_file),
            export_refresh_tokens=document.export_refresh_tokens,
            tracing=document.tracing,
            service=service_settings(document, clients),
        )
