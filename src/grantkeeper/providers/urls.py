"""Which URLs may be talked to: https anywhere, http on this machine only (RFC 9700 2.6, RFC 8252 8.3)."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_CLEAN: Final = re.compile(r"[\x21-\x7e]{1,2048}")
"""Printable ASCII without spaces: urlsplit drops tabs and line breaks without a word."""

_QUERY: Final = re.compile(r"[\x21-\x22\x24-\x5b\x5d-\x7e]{0,7500}")
"""The same without `#` and `\\`, and longer: an owner of 255 characters, percent-encoded, has 3,060. Every server takes
a URL of 8,000 (RFC 9110 4.1)."""


def parts(url: object) -> SplitResult | None:
    """Return the parts of an absolute http(s) URL with a host and a valid port, or None.

    A colon with no port behind it is none: RFC 3986 3.2.3 allows it, and no browser writes an origin so.
    """
    if not isinstance(url, str) or not _CLEAN.fullmatch(url) or "\\" in url:
        return None
    try:
        split = urlsplit(url)
        port = split.port
    except ValueError:
        return None
    whole = split.hostname and port != 0 and not split.netloc.endswith(":")
    return split if split.scheme in ("http", "https") and whole else None


def is_loopback(host: str) -> bool:
    """Return True for localhost and the loopback addresses, written as such (RFC 8252 7.3)."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_endpoint(url: object) -> bool:
    """Return True for an https URL, or http on loopback, without user name and fragment (RFC 6749 3.1 and 3.2)."""
    split = parts(url)
    if split is None or split.username is not None or split.password is not None or "#" in str(url):
        return False
    return split.scheme == "https" or is_loopback(split.hostname or "")


def is_target(url: str) -> bool:
    """Return True for an endpoint with or without a query, which may be a long one."""
    base, _, query = url.partition("?")
    return is_endpoint(base) and _QUERY.fullmatch(query) is not None
