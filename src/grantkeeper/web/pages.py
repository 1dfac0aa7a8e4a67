"""Templates into answers: a page for people, a problem for programs."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jinja2
from starlette.responses import HTMLResponse, Response

from grantkeeper.web.languages import Words, known, preferred
from grantkeeper.web.outcome import Ending, problem, wants_problem

if TYPE_CHECKING:
    from starlette.requests import Request

    from grantkeeper.web.face import Face


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("grantkeeper.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def asset(name: str) -> bytes:
    """Return one of our static files."""
    return resources.files("grantkeeper.web").joinpath("static", name).read_bytes()


@cache
def asset_version(name: str) -> str:
    """Return what changes when the file does, for its address."""
    return hashlib.sha256(asset(name)).hexdigest()[:12]


def prefix(request: Request) -> str:
    """Return the path under which we are mounted, "" at the root; it always begins with exactly one slash."""
    path = str(request.scope.get("root_path", "")).strip("/")
    return f"/{quote(path)}" if path else ""


def words_of(request: Request, face: Face) -> Words:
    """Return the language to speak: the one that was asked for, else what the browser likes best (RFC 9110 12.5.4)."""
    asked = known(getattr(request.state, "language", "") or face.language)
    return Words(asked or preferred(request.headers.get("accept-language", ""), face.default_language))


def page(request: Request, face: Face, template: str, *, status: int = 200, **values: Any) -> Response:
    """Render a template."""
    say = words_of(request, face)
    shared = {"prefix": prefix(request), "version": asset_version, "face": face, "business": face.business, "say": say}
    text = _templates().get_template(template).render(shared | values)
    headers = {"content-language": say.code, "vary": "Accept-Language"}
    return HTMLResponse(text, status_code=status, headers=headers)


def show(request: Request, face: Face, ending: Ending, **values: Any) -> Response:
    """Show how something ended, to whoever asks."""
    if wants_problem(request.headers.get("accept", "")) and ending.status >= 400:
        text = json.dumps(problem(ending), ensure_ascii=False)
        return Response(text, status_code=ending.status, media_type="application/problem+json")
    nothing = {"start": None, "reopen": "", "points": (), "said_by": "", "undo": None, "shares": None}
    shown = nothing | {"back": face.done_url} | values
    return page(request, face, "ending.html", status=ending.page_status, ending=ending, **shown)
