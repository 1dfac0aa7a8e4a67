"""Google's rules for redirect URIs, checked before Google shows its error page to a customer.

Source: developers.google.com/identity/protocols/oauth2/web-server, "Redirect URI validation rules" (read 2026-11-22).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote

from ..errors import Misconfigured, check_word, printable
from .urls import is_loopback, parts

_PRIVATE_ENDINGS: Final = frozenset(
    ["corp", "example", "home", "internal", "invalid", "lan", "local", "localdomain", "localhost", "onion", "test"]
)
"""Last labels that are on no public suffix list (RFC 2606, RFC 6761, RFC 6762, RFC 7686 and habit)."""
_TRAVERSAL: Final = re.compile(r"[/\\]\.\.")
_BAD_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|%00|%C0%80", re.IGNORECASE)


def check_redirect_uri(redirect_uri: str, *, kind: Literal["web", "installed"] = "web") -> None:
    """Check a redirect URI against Google's rules.

    Raises:
        Misconfigured: Google would refuse it; the message says which rule and what to write instead.
        InvalidInput: there is no such kind.
    """
    check_word("kind", kind, ("web", "installed"))
    problem = _problem(redirect_uri, kind)
    if problem:
        raise Misconfigured(f"The redirect URI {printable(redirect_uri, 200)!r} cannot be used at Google: {problem}")


def _problem(redirect_uri: str, kind: Literal["web", "installed"]) -> str:
    """Return which rule is broken and what to do, or ""."""
    split = parts(redirect_uri)
    if split is None:
        return "it is not an absolute http(s) URL of printable ASCII, such as https://app.example.com/grants/callback."
    if split.username is not None or split.password is not None:
        return "it has a user name or password; remove them."
    if "#" in redirect_uri:
        return "it has a fragment; remove '#' and what follows."
    if "*" in redirect_uri:
        return "it has a wildcard; write each redirect URI out."
    if _BAD_PERCENT.search(redirect_uri) or _TRAVERSAL.search(unquote(split.path)):
        return "its path goes up (/..) or has a broken percent sign; write the path plainly."
    if _leads_on(split):
        return "its query holds another URL (an open redirect); remove it."
    host = split.hostname or ""
    if is_loopback(host):
        return "" if split.scheme == "http" or kind == "web" else "on loopback it is http, not https; change it."
    if kind == "installed":
        return "a client of the kind 'installed' is called back on loopback; write http://127.0.0.1."
    return _host_problem(split, host)


def _host_problem(split: SplitResult, host: str) -> str:
    if split.scheme != "https":
        return "http is allowed on localhost only; write https."
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return "its host is an IP address; use a domain name (only loopback addresses are exempt)."
    last = host.rstrip(".").rpartition(".")[2].casefold()
    if "." not in host.strip(".") or last in _PRIVATE_ENDINGS or last.isdigit():
        return "its host does not end in a public domain; use one such as app.example.com, or localhost to try."
    if host == "googleusercontent.com" or host.endswith(".googleusercontent.com"):
        return "its host must not be googleusercontent.com; use a domain of your own."
    return ""


def _leads_on(split: SplitResult) -> bool:
    values = (value.strip().casefold() for _, value in parse_qsl(split.query, keep_blank_values=True))
    return any(value.startswith(("http:", "https:", "//", "\\")) for value in values)
