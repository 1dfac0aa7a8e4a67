"""A request and a response, with no socket near them."""

from __future__ import annotations

import json as _json
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TYPE_JSON = "application/json; charset=utf-8"
TYPE_HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Params:
    """Names and values as they came, in order; a name may occur more than once. Never printed: they hold secrets."""

    pairs: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, text: str) -> Params:
        """Read application/x-www-form-urlencoded text; empty values are kept."""
        return cls(tuple(parse_qsl(text, keep_blank_values=True)))

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of the name."""
        return next((value for key, value in self.pairs if key == name), default)

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of the name, in order."""
        return tuple(value for key, value in self.pairs if key == name)

    def doubled(self) -> str | None:
        """Return the first name that occurs more than once (RFC 6749 section 3.1 forbids that)."""
        seen: set[str] = set()
        for key, _ in self.pairs:
            if key in seen:
                return key
            seen.add(key)
        return None

    def __contains__(self, name: str) -> bool:
        return any(key == name for key, _ in self.pairs)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __getitem__(self, name: str) -> str:
        for key, value in self.pairs:
            if key == name:
                return value
        raise KeyError(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What came in. Header names are lower case; `url` is a path with its query, or absolute."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", {name.lower(): value for name, value in self.headers.items()})

    @property
    def path(self) -> str:
        """The decoded path, never empty."""
        return unquote(urlsplit(self.url).path) or "/"

    @property
    def query(self) -> Params:
        """The parameters of the URL."""
        return Params.parse(urlsplit(self.url).query)

    def form(self) -> Params:
        """Return the body's parameters, if it says that it is a form; else none."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            return Params()
        return Params.parse(self.body.decode("utf-8", "replace"))

    def json(self) -> Any:
        """Return the body read as JSON.

        Raises:
            ValueError: it is not JSON.
        """
        return _json.loads(self.body)

    def cookie(self, name: str) -> str:
        """Return the cookie's value, or an empty text."""
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(self.headers.get("cookie", ""))
        except CookieError:
            return ""
        return jar[name].value if name in jar else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What goes out. Header names are lower case and may repeat."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """Return the first value of the header, or an empty text."""
        return next((value for key, value in self.headers if key == name.lower()), "")

    def json(self) -> Any:
        """Return the body read as JSON.

        Raises:
            ValueError: it is not JSON.
        """
        return _json.loads(self.body)

    def text(self) -> str:
        """Return the body read as UTF-8."""
        return self.body.decode()

    def with_headers(self, headers: Iterable[tuple[str, str]]) -> Response:
        """Return the same response with headers added."""
        return Response(status=self.status, headers=(*self.headers, *headers), body=self.body)


def json(content: Any, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Answer with JSON, laid out over lines as Google does."""
    body = msgspec.json.format(msgspec.json.encode(content), indent=2)
    return Response(status=status, headers=(("content-type", TYPE_JSON), *headers), body=body)


def html(text: str, status: int = 200, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Answer with a page."""
    return Response(status=status, headers=(("content-type", TYPE_HTML), *headers), body=text.encode())


def redirect(url: str, status: int = 302, headers: Iterable[tuple[str, str]] = ()) -> Response:
    """Send the browser on."""
    return Response(status=status, headers=(("location", url), *headers))
