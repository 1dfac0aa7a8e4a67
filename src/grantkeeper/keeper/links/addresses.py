"""Addresses of pages: where links lead, and where a person may be led back to (V-55)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ...errors import InvalidInput, Misconfigured, printable

LONGEST: Final = 2000
"""Characters of an address: what every browser, proxy and mail program still takes."""

_HOST: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
_ORIGIN: Final = re.compile(
    rf"(?:https://(?:{_HOST}|\[[0-9a-f:.]+\])|http://(?:localhost|127\.0\.0\.1|\[::1\]))(?::[1-9][0-9]{{0,4}})?"
)
"""RFC 6454 6.2, as browsers write it: lower case, no user. Without TLS only on this machine."""

_BEHIND: Final = re.compile(r"(?:[/?][A-Za-z0-9._~:/?@!$&'()*+,;=%-]*)?")
"""What may follow an origin: path and query of RFC 3986 3.3 and 3.4. No fragment, what is added would be lost in it."""

_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


class Addresses:
    """The service's own address, and the origins of the business that a person may be led back to.

    Args:
        pages_url: where people reach the service, "" when there is none.
        return_to: origins, `https://app.example.com`.

    Raises:
        InvalidInput: one of them is none.
    """

    def __init__(self, pages_url: str, return_to: Iterable[str]) -> None:
        self._pages = checked_pages_url(pages_url) if pages_url else ""
        self._origins = frozenset(checked_origin(each) for each in return_to)

    def link(self, token: str) -> str:
        """Return the address of a link; raises Misconfigured when the service has none."""
        if not self._pages:
            raise Misconfigured(
                "A link needs the address at which people reach the service, and there is none.",
                advice='Set url = "https://grants.example.com" in the section [service], or pass pages_url to Keeper.',
            )
        return f"{self._pages}/connect/{token}"

    def checked_return(self, url: str) -> str:
        """Return the address if it is one of an allowed origin, compared character by character, else InvalidInput."""
        found = _ORIGIN.match(url)
        if len(url) > LONGEST or found is None or not _BEHIND.fullmatch(url, found.end()):
            raise InvalidInput(
                "return_to is not an absolute https address without user and fragment.",
                advice="Write it as https://app.example.com/path, percent-encoded, the host in lower case.",
            )
        if found[0] not in self._origins:
            raise InvalidInput(
                f"return_to leads to {printable(found[0], 80)}, which is not among the allowed origins.",
                advice="Add the origin to return_to in the section [service] (or pass it to Keeper).",
            )
        return url


def checked_origin(text: str) -> str:
    """Return an origin as browsers write it; raises InvalidInput."""
    if not _ORIGIN.fullmatch(text) or text.endswith(":443"):
        raise InvalidInput(
            f"{printable(text, 80)!r} is not an origin.",
            advice="Write https://HOST or https://HOST:PORT, lower case, without a slash at its end; http:// only for "
            "this machine.",
        )
    return text


def checked_pages_url(text: str) -> str:
    """Return the address of the service, without a slash at its end; raises InvalidInput."""
    plain = text.rstrip("/")
    found = _ORIGIN.match(plain)
    if found is None or not _PATH.fullmatch(plain, found.end()):
        raise InvalidInput(
            f"{printable(text, 80)!r} is not an address at which people can reach the service.",
            advice="Write https://HOST, with a path where there is one; http:// only for this machine.",
        )
    return plain
