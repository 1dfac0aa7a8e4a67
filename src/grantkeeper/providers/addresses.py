"""Which addresses may be called on a stranger's word: https, a public address, a usual port (V-50, V-51).

A name says nothing: what it resolves to is judged, each time before a connection is opened, and the connection goes to
the very address that was judged.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection
from typing import Final
from urllib.parse import SplitResult

from ..errors import InvalidInput, printable
from .urls import is_loopback, parts

PORTS: Final = (None, 443, 8443)
"""None is the scheme's own. A list keeps who adds an endpoint from talking to mail servers and databases."""

URL_LIMIT: Final = 2048

_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(each)
    for each in (
        # IANA IPv4 Special-Purpose Address Registry, 2026-11-28, and what is no host's address
        "0.0.0.0/8",  # this network: Linux connects 0.0.0.0 to itself
        "10.0.0.0/8",
        "100.64.0.0/10",  # carrier-grade NAT; Alibaba's metadata are at 100.100.100.200
        "127.0.0.0/8",
        "168.63.129.16/32",  # Azure's platform, from within; learn.microsoft.com, 2026-11-28
        "169.254.0.0/16",  # link-local: the metadata of AWS, Google, Azure and others
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        # IPv6: within 2000::/3, which alone is given out for the Internet (RFC 4291 2.4)
        "2001::/23",  # Teredo, ORCHID, benchmarking and other protocol assignments
        "2001:db8::/32",
        "2002::/16",  # 6to4: any IPv4 address in disguise
        "2620:4f:8000::/48",
        "3fff::/20",
    )
)
_UNICAST: Final = ipaddress.ip_network("2000::/3")
"""Outside are loopback, link-local, unique local, multicast, IPv4-mapped and -compatible, and NAT64 (64:ff9b::/96)."""

_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label that makes a host an IPv4 address, in one of the ways that inet_aton reads (WHATWG URL, 4.3)."""
_HOST_LIMIT: Final = 253


def is_public(address: str) -> bool:
    """Return True for an IP address that a host of the public Internet can have."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address) and (found.scope_id or found not in _UNICAST):
        return False
    return not any(found in network for network in _NOT_PUBLIC if network.version == found.version)


def checked_target(url: str, private_hosts: Collection[str] = ()) -> str:
    """Return the URL if it may be called, as far as its spelling tells; raises InvalidInput.

    `private_hosts` are hosts, in lower case, that the business allows wherever they are, on any port; one of them that
    is loopback also without TLS.
    """
    split = parts(url)
    if split is None or len(url) > URL_LIMIT or "#" in url or not split.hostname:
        raise InvalidInput(
            f"{printable(str(url), 200)!r} is not the URL of an endpoint.", advice="Write it as https://host/path."
        )
    if "@" in split.netloc or split.username is not None:
        del url  # it holds a password, and a traceback may show it
        raise InvalidInput("The URL of an endpoint has no user name and no password: its requests are signed.")
    host = split.hostname
    allowed = host in private_hosts
    if split.scheme != "https" and not (allowed and is_loopback(host)):
        raise InvalidInput(f"{printable(url, 200)!r} is not an https URL.")
    if split.port not in PORTS and not allowed:
        raise InvalidInput(f"Port {split.port} is not allowed.", advice="Use 443 or 8443.")
    if not allowed:
        _check_host(host, split)
    return url


def _check_host(host: str, split: SplitResult) -> None:
    if split.netloc.startswith("["):
        public = "%" not in host and is_public(host)
    elif _NUMBER.fullmatch(host.rpartition(".")[2]):
        public = is_public(host)
    else:
        public = _is_name(host)
    if not public:
        raise InvalidInput(
            f"{printable(host, 200)!r} is no host of the public Internet.",
            advice="If it is one of your own, the operator lists it in webhook_private_hosts.",
        )


def _is_name(host: str) -> bool:
    labels = host.split(".")
    return len(labels) > 1 and len(host) <= _HOST_LIMIT and all(_LABEL.fullmatch(label) for label in labels)


class PublicOnly:
    """Lets connections go to public addresses only, and to the hosts that the business allows. Thread-safe.

    See `HttpTransport`: it is asked with what a name resolved to, before each connection.
    """

    def __init__(self, private_hosts: Collection[str] = ()) -> None:
        self._private = frozenset(host.lower() for host in private_hosts)

    def __call__(self, host: str, addresses: Collection[str]) -> bool:
        """Return True when all of them may be connected to: one that may not spoils the others."""
        return host.lower().strip("[]") in self._private or (bool(addresses) and all(map(is_public, addresses)))
