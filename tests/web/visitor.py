"""A browser for the pages in this process: cookies, forms, and what a browser says about where a form came from."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Iterable, Mapping
from typing import Literal, Self
from urllib.parse import urlencode, urlsplit

import httpx2
from starlette.types import ASGIApp

from grantkeeper.emulator import Emulator
from grantkeeper.emulator.visitor import forms

OWNER_HEADER = "x-test-owner"
SITE = "https://app.example.com"
IDA = "ida@nordwind-outdoor.example"
TOM = "tom.becker@nordwind-outdoor.example"
SAME_ORIGIN = {"sec-fetch-site": "same-origin", "origin": "null"}
"""What Chromium sends with the form of a page whose referrer policy is no-referrer."""


class Visitor:
    """One browser. Redirects are returned, not followed."""

    def __init__(self, app: ASGIApp, emulator: Emulator, *, owner: str | None, site: str = SITE) -> None:
        self._runner = asyncio.Runner()
        headers = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        if owner is not None:
            headers[OWNER_HEADER] = owner
        # Crashes come out as answers, as a server would send them.
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        self.http = httpx2.AsyncClient(transport=transport, base_url=site, headers=headers)
        self.emulator = emulator
        self.prefix = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._runner.run(self.http.aclose())
        self._runner.close()

    def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> httpx2.Response:
        """Send one request to our pages; `path` is a path below the prefix, or a whole URL of ours."""
        url = path if path.startswith("http") else f"{self.prefix}{path}"
        return self._runner.run(self.http.request(method, url, headers=headers, content=content))

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """Open an address of ours."""
        return self.send("GET", path, headers=headers)

    def post(self, path: str, fields: Mapping[str, str], headers: Mapping[str, str] = SAME_ORIGIN) -> httpx2.Response:
        """Send fields to an address of ours."""
        body = urlencode(fields).encode()
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, headers={**kind, **headers}, content=body)

    def together(self, paths: Iterable[str]) -> list[httpx2.Response]:
        """Open several addresses at once."""

        async def all_of_them() -> list[httpx2.Response]:
            return await asyncio.gather(*(self.http.get(path) for path in paths))

        return self._runner.run(all_of_them())

    def press(self, page: httpx2.Response, form: str = "connect") -> httpx2.Response:
        """Send a page's form as it is."""
        found = forms(page.text)[form]
        return self.send(
            "POST",
            f"{SITE}{found.action}",
            headers={"content-type": "application/x-www-form-urlencoded", **SAME_ORIGIN},
            content=urlencode(found.hidden).encode(),
        )

    def depart(self, client: str = "google-ads") -> str:
        """Open the page, press its button, and return where it leads."""
        answer = self.press(self.get(f"/connect/{client}"))
        assert answer.status_code == 303
        return answer.headers["location"]

    def return_path(
        self,
        client: str = "google-ads",
        person: str = IDA,
        *,
        allow: Literal["all"] | Iterable[str] = "all",
        deny: bool = False,
    ) -> str:
        """Go to the provider, consent there, and return the address that leads back, unopened."""
        return below(self.emulator.consent(self.depart(client), person, allow=allow, deny=deny))

    def end(self, path: str) -> httpx2.Response:
        """Open the way back and the page that it leads to."""
        answer = self.get(path)
        assert answer.status_code == 303
        return self.get(f"{SITE}{answer.headers['location']}")


def below(url: str) -> str:
    """Return path and query of a URL of ours."""
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}" == SITE
    return f"{parts.path}?{parts.query}"


def heading(page: httpx2.Response) -> str:
    """Return a page's main heading."""
    found = re.search(r"<h1>(.*?)</h1>", page.text, re.DOTALL)
    assert found is not None, page.text
    return html.unescape(found[1])


def token_requests(emulator: Emulator) -> int:
    """Return how often the token endpoint was asked."""
    return len(emulator.requests("/token"))
