"""`init`: a configuration, a key, a database with its tables. Nothing that is there is overwritten."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from grantkeeper.errors import Misconfigured

from . import output
from .output import painted
from .wiring import config_file

_HEAD: Final = """\
# grantkeeper's configuration. Paths are relative to this file's folder. Look it over with: grantkeeper doctor

# SQLite for one machine; postgresql://USER@HOST/NAME for replicas. GRANTKEEPER_DATABASE overrides it, for instance
# when the URL holds a password.
database = "sqlite:///grantkeeper.sqlite3"

# The key that seals the tokens in the database. Keep a copy of it, apart from the database's.
key_file = "grantkeeper.key"
"""

_GOOGLE: Final = """
# An OAuth client: Google Cloud > Google Auth Platform > Clients > Create client, and download its JSON.
# Desktop app: redirect_uri = "http://localhost", for `grantkeeper connect`.
# Web application: the address of your web app's callback, exactly as registered.
#
# [clients.google-ads]
# provider = "google"
# client_secret_file = "client_secret.json"
# redirect_uri = "https://app.example.com/grants/callback/google-ads"
# scopes = ["adwords"]
# optional_scopes = ["ad_manager"]
"""

_EMULATOR: Final = """
# The emulator stands in for Google: grantkeeper emulator --write-client-secret client_secret.json
# For the real Google, remove this line and take the client_secret.json that Google Cloud gave you.
emulator = "http://127.0.0.1:8910"

[clients.google-ads]
provider = "google"
client_secret_file = "client_secret.json"
redirect_uri = "http://localhost"
scopes = ["adwords"]
optional_scopes = ["ad_manager"]
"""


def init(
    ctx: typer.Context,
    emulator: Annotated[
        bool, typer.Option("--emulator", help="Write a configuration for the emulator instead of Google.")
    ] = False,
) -> None:
    """Make grantkeeper.toml, a key and the database, or bring the database up to date.

    Whatever is there stays as it is; running it again is harmless, and is how a new version's tables are made.
    """
    from grantkeeper.settings import CONFIG_NAME, read_document
    from grantkeeper.store import SqlStore

    from .seals import has_sealed

    file = config_file(ctx) or Path(os.environ.get("GRANTKEEPER_CONFIG") or CONFIG_NAME)
    fresh = _write_config(file, _HEAD + (_EMULATOR if emulator else _GOOGLE))
    document = read_document(file, os.environ)
    new_key = document.keys is None and _write_key(document.key_file)
    store = SqlStore(document.database)
    try:
        store.migrate()
        locked_out = new_key and has_sealed(store)
    finally:
        store.close()
    output.result(f"{'database':<14}{document.database.partition(':')[0]}: its tables are up to date")
    if locked_out:
        _warn_of_other_key()
    _next_steps(file, fresh=fresh, emulator=document.emulator is not None, clients=bool(document.clients))


def _write_config(file: Path, text: str) -> bool:
    """Write the configuration unless there is one; tell whether it was written."""
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        output.result(f"{'configuration':<14}{file}: was there, left as it is")
        return False
    except FileNotFoundError:
        raise Misconfigured(f"{file}: there is no folder {file.parent}.", advice="Make the folder first.") from None
    output.result(f"{'configuration':<14}{file}: written")
    return True


def _write_key(file: Path | None) -> bool:
    """Write a new key unless there is one; tell whether it was written."""
    from grantkeeper.settings import new_key_file

    if file is None:
        raise Misconfigured("The configuration names no key_file.", advice='Add key_file = "grantkeeper.key".')
    try:
        new_key_file(file)
    except FileExistsError:
        output.result(f"{'key':<14}{file.name}: was there, left as it is")
        return False
    output.result(f"{'key':<14}{file.name}: made, only you may read it; keep a copy apart from the database")
    return True


def _warn_of_other_key() -> None:
    warning = "WARNING: the database holds what was sealed with ANOTHER key; the new one does not open it."
    output.note(painted(warning, "red", sys.stderr))
    output.note("  Put the old key back: in the key file, on a line before the new one. Until then tokens cannot be")
    output.note("  used, nor revoked at the provider. What does not open: grantkeeper doctor")


def _next_steps(file: Path, *, fresh: bool, emulator: bool, clients: bool) -> None:
    steps = ["grantkeeper doctor"]
    if emulator:
        steps[:0] = ["grantkeeper emulator --write-client-secret client_secret.json     # in another terminal"]
    elif fresh or not clients:
        steps[:0] = [f"fill in a [clients.NAME] table in {file}"]
    output.note("\nNext:")
    for number, step in enumerate([*steps, "grantkeeper connect OWNER CLIENT"], 1):
        output.note(f"  {number}. {step}")
