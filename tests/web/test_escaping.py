"""V-39: whatever somebody else may write comes out as text."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser
from typing import Any

import pytest

from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator
from grantkeeper.errors import InvalidInput
from grantkeeper.keeper import Keeper
from grantkeeper.model import OAuthClient
from grantkeeper.testing import emulated_keeper
from grantkeeper.web import grantkeeper_app
from web.visitor import OWNER_HEADER, Visitor

PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</title><script src=//evil.example>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    '" onmouseover="alert(1)',
    "<!--<a href=//evil.example>x</a>",
    "&lt;script&gt;",
    '=HYPERLINK("//evil.example")',
)
KNOWN_TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "link",
    "body",
    "header",
    "main",
    "footer",
    "div",
    "p",
    "span",
    "h1",
    "h2",
} | {"ul", "li", "em", "b", "q", "a", "form", "input", "button", "svg", "circle", "path"}


class Seen(HTMLParser):
    """What a browser would make of a page: its elements, its links, its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def assert_is_text(page: str, payload: str) -> None:
    """The payload may be read on the page, and is nothing else than text there."""
    seen = Seen(page)
    assert seen.tags <= KNOWN_TAGS
    assert not {name for name in seen.attributes if name.startswith("on") or name == "style"}
    assert not [link for link in seen.links if "evil" in link or link.lower().startswith("javascript")]
    assert payload in seen.text


def hostile(client: OAuthClient, payload: str) -> OAuthClient:
    """Return the client with the payload wherever its provider is described."""
    words = dict.fromkeys(client.scopes, f"{payload} scope")
    return dataclasses.replace(client, provider=dataclasses.replace(client.provider, title=payload, scope_words=words))


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_of_business_owner_client_provider_and_scopes_are_text(
    emulator: Emulator, keeper: Keeper, payload: str
) -> None:
    """V-39: on the start page, the connect page and the page of an error."""
    client = hostile(keeper.client("google-ads"), payload)
    shown = emulated_keeper(emulator, keeper._store, clients=[client])
    app = grantkeeper_app(
        AsyncKeeper(shown),
        owner=lambda request: request.headers.get(OWNER_HEADER),
        owner_name=lambda _request: f"{payload} owner",
        business_name=f"{payload} business",
        titles={"google-ads": f"{payload} title"},
    )
    with Visitor(app, emulator, owner="acme") as visitor:
        for path in ("/", "/connect/google-ads", "/callback/google-ads?state=x&error=x"):
            assert_is_text(visitor.get(path).text, payload)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_the_provider_says_is_text(visitor: Visitor, emulator: Emulator, payload: str) -> None:
    """V-39, O-13: the error's words at the token endpoint, and the e-mail address in the id_token."""
    path = visitor.return_path()
    emulator.fail(503, times=9, body={"error": payload, "error_description": f"{payload} description"})
    assert_is_text(visitor.end(path).text, payload)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_an_address_of_the_provider_is_text(visitor: Visitor, emulator: Emulator, payload: str) -> None:
    """V-39: the e-mail address in the id_token, on every page that shows it."""

    def change(claims: dict[str, Any], header: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        return claims | {"email": payload}, header

    path = visitor.return_path()
    emulator.tamper_id_token(change)
    page = visitor.end(path)
    for each in (page, visitor.get("/"), visitor.get("/connect/google-ads")):
        assert_is_text(each.text, payload)


@pytest.mark.parametrize(
    "done_url", ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:x", "x", "", "/a b", "/\tx"]
)
def test_the_end_leads_to_the_host_application_only(keeper: Keeper, done_url: str) -> None:
    """V-55: done_url is a path of the same site, or the application is not built."""
    with pytest.raises(InvalidInput):
        grantkeeper_app(AsyncKeeper(keeper), owner=lambda _request: None, done_url=done_url)
