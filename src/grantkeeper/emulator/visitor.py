"""A browser without a window: walks the emulator's own pages by their forms, as a person would."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode, urljoin

from grantkeeper.emulator.oauth import scopes as catalogue
from grantkeeper.emulator.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grantkeeper.emulator.core import Emulator

_MOST_STEPS = 8
"""Chooser, consent and the redirects between them are fewer; more would be a loop."""


class PageShown(Exception):
    """The walk ended on a page instead of at the client."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"a page with status {response.status}")
        self.status = response.status
        self.text = response.text()


@dataclass(slots=True)
class Form:
    """A form of a page: where it goes, its hidden fields, the check boxes that can be ticked, and its buttons."""

    id: str
    action: str
    hidden: list[tuple[str, str]] = field(default_factory=list)
    boxes: list[tuple[str, str]] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(named.get("id", ""), named.get("action", "")))
        elif tag in {"input", "button"} and self.found and "name" in named:
            form, pair = self.found[-1], (named["name"], named.get("value", ""))
            kinds = {"hidden": form.hidden, "checkbox": form.boxes}
            kind = form.buttons if tag == "button" else kinds.get(named["type"])
            if kind is not None and "disabled" not in named:
                kind.append(pair)


def forms(page: str) -> dict[str, Form]:
    """Return the forms of a page by their id."""
    parser = _Forms()
    parser.feed(page)
    return {form.id: form for form in parser.found}


class Visitor:
    """One browser: it keeps its cookies from walk to walk."""

    def __init__(self, emulator: Emulator) -> None:
        self._emulator = emulator
        self._cookies: dict[str, str] = {}

    def get(self, url: str) -> Response:
        """Open a URL of the emulator."""
        return self._send(Request(method="GET", url=url, headers=self._headers()))

    def post(self, url: str, fields: Iterable[tuple[str, str]]) -> Response:
        """Send a form to the emulator."""
        headers = {**self._headers(), "content-type": "application/x-www-form-urlencoded"}
        return self._send(Request(method="POST", url=url, headers=headers, body=urlencode(list(fields)).encode()))

    def consent(
        self, url: str, person: str, *, allow: Literal["all"] | Iterable[str] = "all", deny: bool = False
    ) -> str:
        """Choose the person, decide on the scopes, and return the URL that this ends at, at the client.

        `allow` names the scopes to tick where there are boxes, in full or by their last part.

        Raises:
            PageShown: the walk ended on a page, as on an error.
        """
        response = self.get(url)
        for _ in range(_MOST_STEPS):
            location = response.header("location")
            if location:
                target = urljoin(self._emulator.base_url + "/", location)
                if not target.startswith(self._emulator.base_url + "/"):
                    return location
                response = self.get(target)
                continue
            found = forms(response.text())
            if "accounts" in found:
                response = self._choose(found["accounts"], person)
            elif "consent" in found:
                response = self._decide(found["consent"], allow, deny=deny)
            else:
                break
        raise PageShown(response)

    def _choose(self, form: Form, name: str) -> Response:
        person = self._emulator.world.person(name)
        if person is None:
            raise KeyError(f"{name}: nobody of that name in this world")
        return self.post(form.action, [*form.hidden, ("person", person.sub)])

    def _decide(self, form: Form, allow: Literal["all"] | Iterable[str], *, deny: bool) -> Response:
        if deny:
            return self.post(form.action, [*form.hidden, ("action", "cancel")])
        wanted = None if allow == "all" else set(allow)
        ticked = [box for box in form.boxes if wanted is None or {box[1], box[1].removeprefix(catalogue.BASE)} & wanted]
        return self.post(form.action, [*form.hidden, *ticked, ("action", "allow")])

    def _headers(self) -> dict[str, str]:
        return {"cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}

    def _send(self, request: Request) -> Response:
        response = self._emulator.handle(request)
        for name, value in response.headers:
            if name == "set-cookie":
                key, _, text = value.partition(";")[0].partition("=")
                self._cookies[key] = text
        return response
