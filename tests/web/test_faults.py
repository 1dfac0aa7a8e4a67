"""Faults of ours and answers of the host application: the status says what happened, the log says why."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator
from grantkeeper.errors import (
    Conflict,
    DatabaseUnavailable,
    GrantkeeperError,
    InvalidInput,
    Misconfigured,
    SealBroken,
)
from grantkeeper.store import SqlStore
from grantkeeper.web import grantkeeper_app
from web.visitor import SITE, Visitor, heading

PROBLEM = {"accept": "application/problem+json"}
ROUTES = ("/", "/connect/google-ads", "/callback/google-ads?state=x&code=y", "/result/google-ads/" + "a" * 64)
"""Every address that belongs to an owner."""


def owned_by(web: AsyncKeeper, emulator: Emulator, owner: Callable[[Request], object]) -> Visitor:
    """Return a browser at pages whose host application says this about it."""
    pages = grantkeeper_app(web, owner=owner, business_name="Fjord Media")  # type: ignore[arg-type]
    return Visitor(pages, emulator, owner=None)


def noted(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return what the pages told the operators."""
    return [(each.levelname, each.getMessage()) for each in caplog.records if each.name == "grantkeeper.web"]


@pytest.mark.parametrize("kind", [SealBroken, Misconfigured, InvalidInput, Conflict])
def test_a_fault_of_ours_is_a_500_and_one_line_of_log(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: type[GrantkeeperError]
) -> None:
    """A monitor sees the status, the operators see the reason, the person sees neither the reason nor a traceback."""

    def broken(*_args: object, **_kwargs: object) -> None:
        raise kind("The inner reason.", advice="Mend it.")

    monkeypatch.setattr(SqlStore, "grants", broken)
    page = visitor.get("/")
    assert (page.status_code, heading(page)) == (500, "This is on our side")
    assert "inner reason" not in page.text
    assert noted(caplog) == [("ERROR", f"a page ended in {kind.__name__}: The inner reason. Mend it.")]
    assert all(each.exc_info is None for each in caplog.records if each.name == "grantkeeper.web")


def test_a_database_that_is_away_is_a_503_and_a_warning(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It passes by itself; so says the status, and so says the level."""

    def away(*_args: object, **_kwargs: object) -> None:
        raise DatabaseUnavailable("The database is locked.")

    monkeypatch.setattr(SqlStore, "grants", away)
    page = visitor.get("/connect/google-ads")
    assert (page.status_code, heading(page)) == (503, "We cannot write this down right now")
    assert noted(caplog) == [("WARNING", "a page ended in DatabaseUnavailable: The database is locked.")]


def test_a_fault_cannot_forge_a_line_of_the_log(
    web: AsyncKeeper, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """V-23: line breaks and terminal escapes of an owner callable's own error do not reach the log."""

    def owner(_request: Request) -> str:
        raise InvalidInput("first\r\nERROR second\x1b[2J")

    with owned_by(web, emulator, owner) as visitor:
        assert visitor.get("/").status_code == 500
    assert noted(caplog) == [("ERROR", "a page ended in InvalidInput: first ERROR second [2J")]


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    ("status", "title"),
    [
        (400, "You cannot open this page"),
        (401, "Please sign in to Fjord Media first"),
        (403, "You cannot open this page"),
        (404, "There is no such page"),
        (429, "You cannot open this page"),
        (499, "You cannot open this page"),
        (503, "Something went wrong on our side"),
    ],
)
def test_the_status_that_the_host_application_raises_is_the_answer(
    web: AsyncKeeper, emulator: Emulator, path: str, status: int, title: str
) -> None:
    """V-31: `owner` may refuse in the host application's own way; page and problem say the same, headers are kept."""

    def owner(_request: Request) -> str:
        raise HTTPException(status, detail="an inner secret", headers={"Retry-After": "7"})

    with owned_by(web, emulator, owner) as visitor:
        page, problem = visitor.get(path), visitor.get(path, **PROBLEM)
    assert (page.status_code, heading(page), page.headers["retry-after"]) == (status, title, "7")
    assert (problem.status_code, problem.json()["status"]) == (status, status)
    assert "inner secret" not in page.text + problem.text


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_redirect_to_the_host_applications_sign_in_passes_unchanged(
    web: AsyncKeeper, emulator: Emulator, path: str, status: int
) -> None:
    """V-31: frameworks send a browser to sign in by raising; where to is the host application's word."""

    def owner(_request: Request) -> str:
        raise HTTPException(status, headers={"Location": f"{SITE}/login?next=/grants"})

    with owned_by(web, emulator, owner) as visitor:
        answer = visitor.get(path)
    assert (answer.status_code, answer.headers["location"]) == (status, f"{SITE}/login?next=/grants")
    assert answer.content == b""


@pytest.mark.parametrize("value", [7, 0, True, False, b"x", b"", ["a"], [], {"id": 1}], ids=repr)
def test_an_owner_that_is_no_text_is_one_clear_error_on_every_route(
    web: AsyncKeeper, emulator: Emulator, caplog: pytest.LogCaptureFixture, value: object
) -> None:
    """V-31: also a false value is a mistake of the host application, not a browser that nobody signed in with."""

    def whose_browser(_request: Request) -> object:
        return value

    with owned_by(web, emulator, whose_browser) as visitor:
        pages = [*(visitor.get(path) for path in ROUTES), visitor.post("/connect/google-ads", {})]
    assert {(page.status_code, heading(page)) for page in pages} == {(500, "This is on our side")}
    (line,) = set(noted(caplog))
    assert line[0] == "ERROR"
    assert "whose_browser" in line[1]
    assert f"returned {type(value).__name__}" in line[1]


@pytest.mark.parametrize("value", [" acme", "a\nb", "a\u202eb", "x" * 256, " ", "\ud800"], ids=ascii)
def test_an_unusable_owner_is_the_same_error_on_every_route(
    web: AsyncKeeper, emulator: Emulator, caplog: pytest.LogCaptureFixture, value: str
) -> None:
    """V-31: it is refused before anything is shown, begun, completed or looked up."""

    async def whose_browser(_request: Request) -> str:
        return value

    with owned_by(web, emulator, whose_browser) as visitor:
        pages = [*(visitor.get(path) for path in ROUTES), visitor.post("/connect/google-ads", {})]
    assert {(page.status_code, heading(page)) for page in pages} == {(500, "This is on our side")}
    (line,) = set(noted(caplog))
    assert line[0] == "ERROR"
    assert "whose_browser" in line[1]
    assert emulator.latest(10) == []


@pytest.mark.parametrize("value", [None, ""])
def test_nobody_signed_in_is_no_fault(
    web: AsyncKeeper, emulator: Emulator, caplog: pytest.LogCaptureFixture, value: str | None
) -> None:
    """V-31: None and the empty text say that the browser belongs to nobody: 401, and nothing in the log."""
    with owned_by(web, emulator, lambda _request: value) as visitor:
        assert {visitor.get(path).status_code for path in ROUTES} == {401}
    assert noted(caplog) == []
