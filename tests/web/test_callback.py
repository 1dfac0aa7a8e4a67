"""What the way back accepts, what it refuses, and what a refusal costs: nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from grantkeeper.emulator import Emulator
from grantkeeper.errors import DatabaseUnavailable
from grantkeeper.keeper import Keeper
from grantkeeper.store import SqlStore
from web.visitor import IDA, SITE, Visitor, heading, token_requests

PARAMETERS = ("state", "iss", "code", "scope", "authuser", "prompt")


def changed(path: str, **values: str | None) -> str:
    """Return the path with parameters set, or left out where None."""
    parts = urlsplit(path)
    kept = {name: value for name, value in parse_qsl(parts.query) if name not in values}
    return f"{parts.path}?{urlencode(kept | {name: value for name, value in values.items() if value is not None})}"


def test_another_browser_is_refused_and_spends_nothing(
    visitor: Visitor, stranger: Visitor, emulator: Emulator, keeper: Keeper
) -> None:
    """O-01: a valid state in a browser that did not begin, with a cookie of its own or none: 4xx, no token request."""
    path = visitor.return_path()
    for _ in ("without a cookie", "with a cookie of its own"):
        page = stranger.get(path)
        assert (page.status_code, heading(page)) == (400, "We cannot go on from here")
        stranger.get("/connect/google-ads")
    assert token_requests(emulator) == 0
    assert list(keeper.grants()) == []
    assert heading(visitor.end(path)) == "Google Ads is connected"


def test_fifty_callbacks_at_once_are_one_token_request(visitor: Visitor, emulator: Emulator) -> None:
    """O-03: whoever is not first learns how it ended, or that it is being handled."""
    path = visitor.return_path()
    answers = visitor.together([path] * 50)
    assert {answer.status_code for answer in answers} <= {303, 400}
    assert token_requests(emulator) == 1
    assert heading(visitor.end(path)) == "Google Ads is connected"


def test_the_callback_of_another_client_is_refused(visitor: Visitor, emulator: Emulator) -> None:
    """O-08: the flow's own client must be the path's; nothing is spent."""
    path = visitor.return_path("google-ads")
    assert visitor.get(path.replace("/callback/google-ads", "/callback/ad-manager")).status_code == 400
    assert token_requests(emulator) == 0
    assert heading(visitor.end(path)) == "Google Ads is connected"


def test_another_owner_in_the_same_browser_is_refused(visitor: Visitor, emulator: Emulator) -> None:
    """V-31: signing in as somebody else between start and return does not bind the account to that one."""
    path = visitor.return_path()
    assert visitor.get(path, **{"x-test-owner": "somebody-else"}).status_code == 400
    assert token_requests(emulator) == 0


@pytest.mark.parametrize("name", PARAMETERS[:4])
def test_a_doubled_parameter_is_refused(visitor: Visitor, emulator: Emulator, name: str) -> None:
    """O-14: each parameter of the response twice, with the same and with another value."""
    path = visitor.return_path()
    for value in (dict(parse_qsl(urlsplit(path).query)).get(name, "x"), "other"):
        assert visitor.get(f"{path}&{urlencode({name: value})}").status_code == 400
    assert token_requests(emulator) == 0


@pytest.mark.parametrize(
    "values",
    [
        {"state": None},
        {"state": ""},
        {"state": "x" * 43},
        {"code": None},
        {"error": "access_denied"},
        {"iss": "https://elsewhere.example"},
        {"iss": "https://emulator.test/"},
        {"code": "x" * 20_000},
    ],
    ids=["no state", "empty state", "unknown state", "no code", "code and error", "foreign iss", "slash", "oversized"],
)
def test_a_callback_that_is_not_in_order_is_refused(
    visitor: Visitor, emulator: Emulator, values: dict[str, str | None]
) -> None:
    """O-12, O-13: a page that says so, no token request, and the flow can still end well."""
    path = visitor.return_path()
    assert visitor.get(changed(path, **values)).status_code == 400
    assert token_requests(emulator) == 0
    assert heading(visitor.end(path)) == "Google Ads is connected"


def test_an_expired_flow_is_refused(visitor: Visitor, emulator: Emulator) -> None:
    """O-02: after the flow's lifetime the way back is closed."""
    path = visitor.return_path()
    emulator.clock.advance(timedelta(minutes=11))
    page = visitor.get(path)
    assert page.status_code == 400
    assert "ten minutes" in page.text


@pytest.mark.parametrize("description", ["<script>alert(1)</script>" * 5, "a\r\nSet-Cookie: x=y", "‮evil‬", "x" * 15_000])
def test_a_hostile_error_description_is_cut_and_escaped(visitor: Visitor, description: str) -> None:
    """O-13: state first; then what the provider says is shown as text, cut, without control or bidi characters."""
    path = changed(visitor.return_path(deny=True), error="access_denied", error_description=description)
    page = visitor.end(path)
    assert heading(page) == "Nothing was connected"
    assert "<script" not in page.text
    assert "‮" not in page.text
    assert "x" * 301 not in page.text
    assert "set-cookie" not in page.headers


def test_code_and_state_leave_the_address_bar(visitor: Visitor) -> None:
    """O-16: 303 to a path without a query; no-referrer and no-store on both answers; no foreign resource."""
    path = visitor.return_path()
    secrets = [value for name, value in parse_qsl(urlsplit(path).query) if name in ("code", "state")]
    answer = visitor.get(path)
    page = visitor.get(f"{SITE}{answer.headers['location']}")
    assert "?" not in answer.headers["location"]
    for each in (answer, page):
        assert each.headers["referrer-policy"] == "no-referrer"
        assert each.headers["cache-control"] == "no-store"
        assert all(secret not in each.text and secret not in str(each.headers) for secret in secrets)
    fetched = re.findall(r'<(?:link|script|img|iframe)[^>]+(?:href|src)="([^"]*)', page.text)
    assert {urlsplit(found).netloc for found in fetched} == {""}


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "DELETE"])
def test_only_get_completes(visitor: Visitor, emulator: Emulator, method: str) -> None:
    """O-20: any other method answers 405 and leaves the state as it is."""
    path = visitor.return_path()
    assert visitor.send(method, path).status_code == 405
    assert token_requests(emulator) == 0
    assert heading(visitor.end(path)) == "Google Ads is connected"


def test_the_provider_is_never_framed(visitor: Visitor) -> None:
    """O-21: no page of ours embeds anything, or runs a script."""
    for page in (visitor.get("/"), visitor.get("/connect/google-ads"), visitor.end(visitor.return_path(person=IDA))):
        assert not re.search(r"<(iframe|frame|object|embed|script)\b", page.text)


@pytest.mark.parametrize("verb", ["flow", "consume_flow"])
def test_a_database_that_fails_once_costs_a_reload(
    visitor: Visitor, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, verb: str
) -> None:
    """O-03: the callback's own address answers 503 and spends nothing; the same address ends the flow afterwards."""

    def away(*_args: object, **_kwargs: object) -> None:
        raise DatabaseUnavailable("The database is locked.")

    path = visitor.return_path()
    with monkeypatch.context() as broken:
        broken.setattr(SqlStore, verb, away)
        page = visitor.get(path)
    assert (page.status_code, heading(page)) == (503, "We cannot write this down right now")
    assert "Reload this page in a moment" in page.text
    assert token_requests(emulator) == 0
    noted = [(each.levelname, each.getMessage()) for each in caplog.records if each.name == "grantkeeper.web"]
    assert noted == [("WARNING", "connecting google-ads ended in DatabaseUnavailable: The database is locked.")]
    assert heading(visitor.end(path)) == "Google Ads is connected"


def test_a_database_that_fails_after_the_code_was_spent_offers_a_new_start(
    visitor: Visitor, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R-59: a reload sends no second token request, and the page's button begins anew."""

    def away(*_args: object, **_kwargs: object) -> None:
        raise DatabaseUnavailable("The database is locked.")

    path = visitor.return_path()
    with monkeypatch.context() as broken:
        broken.setattr(SqlStore, "insert_grant", away)
        assert visitor.get(path).status_code == 503
    page = visitor.get(path)
    assert page.status_code == 503
    assert token_requests(emulator) == 1
    assert visitor.press(page).status_code == 303
