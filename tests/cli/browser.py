"""A browser without a window for `connect`: walks the served emulator's pages. Also a program for $BROWSER."""

from __future__ import annotations

import os
import sys
from urllib.parse import urljoin

import requests

from grantkeeper.emulator import World
from grantkeeper.emulator.visitor import forms


def visit(url: str, person: str, decision: str = "allows") -> requests.Response:
    """Walk from the authorization request to the page that the client answers with.

    `decision` is `allows`, `declines`, or `allows only A,B` with the last parts of scopes.
    """
    session = requests.Session()
    session.trust_env = False
    page = session.get(url, timeout=20)
    for _ in range(4):
        found = forms(page.text)
        if "accounts" in found:
            sub = next(each.sub for each in World.load().people if each.email == person)
            form, fields = found["accounts"], [("person", sub)]
        elif "consent" in found:
            form, fields = found["consent"], decided(found["consent"].boxes, decision)
        else:
            break
        page = session.post(urljoin(page.url, form.action), data=[*form.hidden, *fields], timeout=20)
    return page


def decided(boxes: list[tuple[str, str]], decision: str) -> list[tuple[str, str]]:
    """Return the fields that a decision sends."""
    if decision == "declines":
        return [("action", "cancel")]
    _, _, only = decision.partition("allows only ")
    ticked = [box for box in boxes if not only or box[1].rpartition("/")[2] in only.split(",")]
    return [*ticked, ("action", "allow")]


if __name__ == "__main__":
    visit(sys.argv[1], os.environ["WALKS_AS"], os.environ.get("WALKS_AND", "allows"))
