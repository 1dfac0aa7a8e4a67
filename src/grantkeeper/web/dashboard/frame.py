"""Templates into answers: the same discipline as the pages for customers, with the operators' own frame."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import jinja2
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

from grantkeeper.errors import printable
from grantkeeper.renewal import advice
from grantkeeper.web.dashboard import words
from grantkeeper.web.outcome import problem, wants_problem
from grantkeeper.web.pages import asset_version, prefix

if TYPE_CHECKING:
    from starlette.requests import Request

    from grantkeeper.web.dashboard.desk import Desk
    from grantkeeper.web.outcome import Ending

_SPANS: Final = ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min"))


@cache
def _templates() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("grantkeeper.web", "templates/dashboard"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "advice": advice,
        "version": asset_version,
        "when": when,
        "ago": ago,
        "words": words,
        "joined": joined,
    }
    made.filters |= {"clean": printable, "json": _written}
    return made


def page(request: Request, desk: Desk, template: str, *, status: int = 200, visit: Any, **values: Any) -> Response:
    """Render a page; `visit` is None for a browser that is not signed in."""
    token = desk.token(visit.cookie) if visit else ""
    said = words.SAID.get(request.query_params.get("said", ""), "") if visit else ""
    shared = {"base": prefix(request), "desk": desk, "visit": visit, "now": desk.now, "token": token, "said": said}
    text = _templates().get_template(template).render(**(shared | values))
    return HTMLResponse(text, status_code=status)


def show(request: Request, desk: Desk, ending: Ending, *, status: int | None = None, visit: Any = None) -> Response:
    """Show how something ended, to whoever asks."""
    code = status or ending.page_status
    visit = visit or getattr(request.state, "visit", None)
    if wants_problem(request.headers.get("accept", "")):
        return Response(json.dumps(problem(ending)), status_code=code, media_type="application/problem+json")
    return page(request, desk, "ending.html", status=code, visit=visit, ending=ending)


def bounced(request: Request, desk: Desk, to: str) -> Response:
    """Return a page that opens an address of ours at once, from our own site."""
    return page(request, desk, "onward.html", visit=None, to=to, title="One moment")


def when(at: datetime | None, nothing: str = "never") -> Markup:
    """Return a time to the minute, in UTC, for people and for programs."""
    if at is None:
        return Markup('<span class="nothing">{}</span>').format(nothing)
    return Markup('<time datetime="{}">{}</time>').format(f"{at:%Y-%m-%dT%H:%M:%SZ}", f"{at:%Y-%m-%d %H:%M}")


def ago(at: datetime | None, now: datetime, nothing: str = "never") -> Markup:
    """Return a time as its distance from now, `5 min ago` or `in 3 h`; the whole time is in its title."""
    if at is None:
        return Markup('<span class="nothing">{}</span>').format(nothing)
    span = abs(now - at)
    size = next((f"{span // unit} {name}" for unit, name in _SPANS if span >= unit), "")
    far = (f"{size} ago" if at <= now else f"in {size}") if size else "just now" if at <= now else "now"
    stamp = f"{at:%Y-%m-%dT%H:%M:%SZ}"
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(stamp, f"{at:%Y-%m-%d %H:%M:%S}", far)


def joined(values: Any) -> str:
    """Return values as one text."""
    return ", ".join(printable(str(each), 200) for each in values)


def _written(value: Any) -> str:
    """Return data of an event or an audit entry as people read it: `key: value; key: value`."""
    if isinstance(value, dict):
        return "; ".join(
            f"{name.replace('_', ' ')}: {_written(each)}" for name, each in value.items() if each not in ("", [])
        )
    if isinstance(value, (list, tuple)):
        return ", ".join(_written(each) for each in value)
    return printable("none" if value is None else str(value), 300)
