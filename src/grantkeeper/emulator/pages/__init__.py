"""The pages: plain HTML without scripts, safe to show in any browser."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2

from grantkeeper.emulator import wire

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.oauth.request import ShownError
    from grantkeeper.emulator.wire import Response
    from grantkeeper.emulator.world import Person

STYLE_PATH = "/_emulator/style.css"
# Browsers hold every redirect after a form's post against form-action, and the walk ends at the client's callback,
# which may go on to any site: so any site is allowed there, and nothing else anywhere.
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' http: https:; "
    "frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = (
    ("content-security-policy", _POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-store"),
)
_COLOURS = ("#2f5d62", "#7a4b6a", "#8a5a2b", "#3f5a8a", "#5a6b2f", "#8a3f45")


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(resources.files("grantkeeper.emulator.pages"))),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def page(emulator: Emulator, template: str, status: int = 200, **values: Any) -> Response:
    """Render a page with its safe headers."""
    text = _environment().get_template(template).render(style=STYLE_PATH, base_url=emulator.base_url, **values)
    return wire.html(text, status, HEADERS)


def error(emulator: Emulator, shown: ShownError) -> Response:
    """Render the page that Google shows instead of going back to the client."""
    return page(emulator, "error.html", shown.status, error=shown)


def style() -> Response:
    """Return the style sheet."""
    text = resources.files("grantkeeper.emulator.pages").joinpath("style.css").read_text("utf-8")
    headers = (("content-type", "text/css; charset=utf-8"), ("cache-control", "no-cache"))
    return wire.Response(headers=headers, body=text.encode())


def icon() -> Response:
    """Return the pages' icon: a box."""
    text = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" fill="none" stroke="#1f5f5b" stroke-width="2.5" '
        'stroke-linejoin="round"><path d="M16 3 28 9v14l-12 6L4 23V9z"/><path d="m4 9 12 6 12-6M16 15v14"/></svg>'
    )
    return wire.Response(headers=(("content-type", "image/svg+xml"), *HEADERS), body=text.encode())


def avatar(person: Person) -> Response:
    """Return a person's picture: the initials on a colour of their own."""
    template = _environment().from_string(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96" width="96" height="96">'
        '<rect width="96" height="96" fill="{{ colour }}"/><text x="48" y="50" fill="#fff" font-size="36" '
        'font-family="system-ui, sans-serif" text-anchor="middle" dominant-baseline="central">'
        "{{ initials }}</text></svg>"
    )
    text = template.render(colour=_COLOURS[int(person.sub) % len(_COLOURS)], initials=person.initials)
    return wire.Response(headers=(("content-type", "image/svg+xml"), *HEADERS), body=text.encode())
