"""Who is asking: which address, and which name of ours they used. Nothing is believed that a stranger can write."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    Headers: TypeAlias = Iterable[tuple[bytes, bytes]]

Address: TypeAlias = IPv4Address | IPv6Address
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
"""What proxies make: UUIDs, hex, trace ids. Nothing that a log or a header could trip over."""
_LONGEST: Final = 4096
"""Bytes of an X-Forwarded-For that are read: a chain of proxies has a few addresses of at most 45 characters."""


class Proxies:
    """The proxies whose word is taken; by default there are none (V-39c).

    Only the header's exact name counts: `X_Forwarded_For`, which some servers make the same, is another header here.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ip_network(each) for each in networks)

    def __bool__(self) -> bool:
        """Tell whether any is trusted."""
        return bool(self._networks)

    def trusts(self, address: Address | None) -> bool:
        """Tell whether this address is one of them."""
        return address is not None and any(address in each for each in self._networks)

    def client(self, peer: str, headers: Headers) -> str:
        """Return the address that a request comes from, `peer` being who connected.

        Read from the right, because each proxy appends whom it saw: the first that is no proxy of ours is the client,
        and what stands to its left is what that client wrote. Several headers are one list (RFC 9110 5.3).
        """
        found = _address(peer)
        if not self.trusts(found):
            return peer
        lists = [value for name, value in headers if name == b"x-forwarded-for"]
        for written in reversed(b",".join(lists)[-_LONGEST:].split(b",")):
            named = _address(written.strip().decode("latin-1"))
            if named is None:
                break
            found = named
            if not self.trusts(found):
                break
        return str(found)

    def request_id(self, peer: str, headers: Headers) -> str | None:
        """Return the X-Request-Id that one of our proxies sent, when it is one."""
        if not self.trusts(_address(peer)):
            return None
        sent = [value for name, value in headers if name == b"x-request-id"]
        return sent[0].decode("ascii") if len(sent) == 1 and _REQUEST_ID.fullmatch(sent[0]) else None


def _address(written: str) -> Address | None:
    """Return an address, without the port that some proxies add; IPv4 in IPv6 is IPv4 (RFC 4291 2.5.5.2)."""
    if written.startswith("["):
        written = written[1:].partition("]")[0]
    elif written.count(":") == 1:
        written = written.partition(":")[0]
    try:
        found = ip_address(written)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


class Names:
    """By which Host a browser may call the pages: the service's own, else it is DNS rebinding or a wrong proxy."""

    def __init__(self, url: str) -> None:
        split = urlsplit(url)
        port = {"https": ":443", "http": ":80"}.get(split.scheme, "")
        own = split.netloc.encode()
        self._own = frozenset({own} if split.port else {own, own + port.encode()})

    def own(self, headers: Headers) -> bool:
        """Tell whether the one Host is the service's."""
        host = _host(headers)
        return host is not None and host in self._own

    def plain(self, headers: Headers) -> bool:
        """Tell whether the one Host is the service's, or names no more than an address, as probes do.

        A name that somebody pointed at us is refused: a page of theirs could read what is only for the neighbourhood.
        """
        host = _host(headers)
        if host is None or host in self._own:
            return host is not None
        name = host.decode("latin-1")
        return name.partition(":")[0] == "localhost" or _address(name) is not None


def _host(headers: Headers) -> bytes | None:
    found = [value for name, value in headers if name == b"host"]
    return found[0].lower() if len(found) == 1 else None
