"""Which service to ask, and with which key: what a program passes, or its environment says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from ..errors import InvalidInput, Misconfigured, printable
from ..model import Secret
from ..providers.urls import is_endpoint

URL: Final = "GRANTKEEPER_URL"
KEY: Final = "GRANTKEEPER_API_KEY"
KEY_FILE: Final = "GRANTKEEPER_API_KEY_FILE"
CA_FILE: Final = "GRANTKEEPER_CA_FILE"
PROXY: Final = "GRANTKEEPER_PROXY"

_HEADER: Final = re.compile(r"[\x21-\x7e]{8,512}")
"""What can stand in a header (RFC 6750 2.1) and may be a key: printable ASCII, no spaces."""

_MAX_FILE: Final = 4096
"""Far beyond any key; a wrong path (a device, a dump) stays harmless."""


def checked_url(url: object) -> str:
    """Return the service's address without a slash at its end; raises InvalidInput."""
    if not isinstance(url, str) or not is_endpoint(url) or "?" in url:
        # Not shown: somebody may have put a password into it.
        raise InvalidInput(
            "The service's address is not an https URL without user, query and fragment.",
            advice="Pass it as 'https://grants.example.com'; http is for this machine only.",
        )
    return url.rstrip("/")


def checked_proxy(proxy: str | None, url: str) -> str | None:
    """Return the proxy; raises InvalidInput for an http address: the key would pass it in the clear."""
    if proxy is not None and urlsplit(url).scheme == "http":
        raise InvalidInput(
            "An address with http is on this machine, and is never reached through a proxy.",
            advice=f"Leave the proxy ({PROXY}) out, or pass the service's https address.",
        )
    return proxy


def checked_key(key: object) -> Secret:
    """Return the API key as a Secret; raises InvalidInput, which does not show it."""
    secret = key if isinstance(key, Secret) else Secret(key) if isinstance(key, str) else None
    del key
    if secret is None or not _HEADER.fullmatch(secret.reveal()):
        raise InvalidInput(
            "The API key is not one: it is empty, too long, or has characters that no header can carry.",
            advice="Pass it as `grantkeeper keys create` shows it, without a line break or a space.",
        )
    return secret


def url_of(environ: Mapping[str, str]) -> str:
    """Return GRANTKEEPER_URL; raises Misconfigured."""
    try:
        return checked_url(_set(environ, URL, "the address of the service, 'https://grants.example.com'"))
    except InvalidInput as error:
        raise Misconfigured(f"{URL}: {error.args[0]}", advice=error.advice) from None


def key_of(environ: Mapping[str, str]) -> Secret:
    """Return GRANTKEEPER_API_KEY, or what is in the file of GRANTKEEPER_API_KEY_FILE; raises Misconfigured."""
    if environ.get(KEY) and environ.get(KEY_FILE):
        raise Misconfigured(f"Both {KEY} and {KEY_FILE} are set.", advice="Leave one of them out.")
    name = KEY_FILE if environ.get(KEY_FILE) else KEY
    try:
        if name == KEY_FILE:
            return checked_key(_read(environ[KEY_FILE]))
        return checked_key(_set(environ, KEY, f"an API key of the service, or set {KEY_FILE} to a file that holds it"))
    except InvalidInput as error:
        raise Misconfigured(f"{name}: {error.args[0]}", advice=error.advice) from None


def proxy_of(environ: Mapping[str, str]) -> str | None:
    """Return GRANTKEEPER_PROXY; raises Misconfigured when GRANTKEEPER_URL goes through none."""
    try:
        return checked_proxy(environ.get(PROXY) or None, url_of(environ))
    except InvalidInput as error:
        raise Misconfigured(f"{PROXY}: {error.args[0]}", advice=error.advice) from None


def _set(environ: Mapping[str, str], name: str, meaning: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise Misconfigured(f"{name} is not set.", advice=f"Set it to {meaning}.")
    return value


def _read(written: str) -> Secret:
    """Return what a file holds, without the line break at its end (secrets of Docker and Kubernetes are such files)."""
    try:
        with Path(written).open("rb") as file:
            return Secret(file.read(_MAX_FILE).strip(b"\r\n").decode("ascii", "replace"))
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not the path of a file"
    raise Misconfigured(
        f"{KEY_FILE}={printable(written, 200)!r} cannot be read ({said}).",
        advice="Set it to a file that holds an API key and that this program may read.",
    )
