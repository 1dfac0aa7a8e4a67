"""A browser without a window: real HTTP, cookies, redirects, and the real pages' forms."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Self
from urllib.parse import urljoin, urlsplit

import httpx2

from grantkeeper.emulator.visitor import Form, forms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Browser:
    """One browser with its cookies. Cookies are kept per host, not per port, as browsers do (RFC 6265 8.5)."""

    def __init__(self) -> None:
        # A page of the demo may wait for Google's client libraries, which take seconds to load the first time.
        self._http = httpx2.Client(trust_env=False, follow_redirects=True, timeout=60)
        self.page: httpx2.Response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._http.close()

    def open(self, url: str) -> Self:
        """Go to an address."""
        self.page = self._http.get(url)
        return self

    def reload(self) -> Self:
        """Load the page again."""
        return self.open(self.url)

    @property
    def url(self) -> str:
        """The address bar."""
        return str(self.page.url)

    @property
    def status(self) -> int:
        """The page's status."""
        return int(self.page.status_code)

    @property
    def way(self) -> list[str]:
        """The addresses that the last step went through before this page."""
        return [str(each.url) for each in self.page.history]

    @property
    def heading(self) -> str:
        """The page's main heading."""
        return self._element("h1")

    @property
    def lead(self) -> str:
        """The sentence below it."""
        return self._element('p class="lead"')

    @property
    def text(self) -> str:
        """What a person reads on the page."""
        return _plain(re.sub(r"<head>.*?</head>", "", self.page.text, flags=re.DOTALL))

    def _element(self, tag: str) -> str:
        found = re.search(rf"<{tag}[^>]*>(.*?)</{tag.split()[0]}>", self.page.text, re.DOTALL)
        return _plain(found[1]) if found else ""

    def form(self, name: str) -> Form:
        """Return the page's form with this id.

        Raises:
            LookupError: there is none.
        """
        found = forms(self.page.text)
        if name not in found:
            raise LookupError(f"the page “{self.heading}” has no form {name!r}, only {sorted(found)}")
        return found[name]

    def send(self, name: str, extra: Iterable[tuple[str, str]] = ()) -> Self:
        """Send a form as its page says, with what a person adds."""
        form = self.form(name)
        parts = urlsplit(self.url)
        fields: Mapping[str, list[str]] = _lists([*form.hidden, *extra])
        self.page = self._http.post(
            urljoin(self.url, form.action), data=fields, headers={"origin": f"{parts.scheme}://{parts.netloc}"}
        )
        return self


def _lists(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def _plain(markup: str) -> str:
    """Return what a screen reader would say: words of inline elements stay joined, hidden ornaments are left out."""
    spoken = re.sub(r"<(span|svg)[^>]* aria-hidden=.*?</\1>", "", markup, flags=re.DOTALL)
    joined = re.sub(r"</?(a|b|code|em|q)\b[^>]*>", "", spoken)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", joined)).split())
