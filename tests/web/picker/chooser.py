"""A person at the picker, in this process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode

import httpx2

from web.visitor import IDA, SAME_ORIGIN, SITE, Visitor

FORM = {"content-type": "application/x-www-form-urlencoded", **SAME_ORIGIN}


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.action = ""
        self.hidden: list[tuple[str, str]] = []
        self.ticked: set[str] = set()
        self.tickable: set[str] = set()
        self.all: list[str] = []
        self.buttons: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = named["action"]
        elif tag == "button":
            self.buttons.add(named.get("value", ""))
        elif tag == "input" and named["type"] == "hidden":
            self.hidden.append((named["name"], named["value"]))
        elif tag == "input" and named.get("name") == "a":
            self.all.append(named["value"])
            self.tickable |= set() if "disabled" in named else {named["value"]}
            self.ticked |= {named["value"]} if "checked" in named else set()


@dataclass(slots=True)
class Sheet:
    """The page as a browser sees it: `all` are the accounts in order, as `kind/id`."""

    page: httpx2.Response
    action: str = ""
    hidden: list[tuple[str, str]] = field(default_factory=list)
    ticked: set[str] = field(default_factory=set)
    tickable: set[str] = field(default_factory=set)
    all: list[str] = field(default_factory=list)
    buttons: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Read the page."""
        seen = _Reader(self.page.text)
        self.action, self.hidden, self.buttons = seen.action, seen.hidden, seen.buttons
        self.ticked, self.tickable, self.all = seen.ticked, seen.tickable, seen.all

    @property
    def token(self) -> str:
        """The form's token."""
        return dict(self.hidden)["token"]


@dataclass(frozen=True, slots=True)
class Chooser:
    """A browser, from the consent to the saved choice."""

    visitor: Visitor

    def arrive(self, person: str = IDA, client: str = "google-ads") -> Sheet:
        """Consent, and open the page that asks what to share."""
        answer = self.visitor.get(self.visitor.return_path(client, person))
        assert "/accounts/" in answer.headers["location"]
        return self.open(answer.headers["location"])

    def open(self, path: str) -> Sheet:
        """Open the page."""
        page = self.visitor.send("GET", f"{SITE}{path}")
        assert page.status_code == 200, page.text
        return Sheet(page)

    def post(
        self,
        sheet: Sheet,
        do: str,
        *,
        ticked: Iterable[str] | None = None,
        search: str = "",
        headers: Mapping[str, str] = FORM,
        extra: Iterable[tuple[str, str]] = (),
    ) -> httpx2.Response:
        """Press a button, with these boxes ticked (default: those that are)."""
        ticks = [("a", each) for each in (sheet.ticked & sheet.tickable if ticked is None else ticked)]
        body = urlencode([*sheet.hidden, ("q", search), *ticks, ("do", do), *extra]).encode()
        return self.visitor.send("POST", f"{SITE}{sheet.action}", headers=headers, content=body)

    def press(self, sheet: Sheet, do: str, *, ticked: Iterable[str] | None = None, search: str = "") -> Sheet:
        """Press a button that shows the page again."""
        answer = self.post(sheet, do, ticked=ticked, search=search)
        assert answer.status_code == 200, answer.text
        return Sheet(answer)

    def save(self, sheet: Sheet, ticked: Iterable[str] | None = None) -> httpx2.Response:
        """Save, and return the page that follows."""
        answer = self.post(sheet, "save", ticked=ticked)
        assert answer.status_code == 303, answer.text
        return self.visitor.send("GET", f"{SITE}{answer.headers['location']}")
