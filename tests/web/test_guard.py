"""Headers, cookies, forms, sizes: what stands between the world and the pages."""

from __future__ import annotations

from http.cookies import SimpleCookie

import httpx2
import pytest
from starlette.applications import Starlette

from grantkeeper.emulator import Emulator
from web.visitor import SAME_ORIGIN, SITE, Visitor, heading

CSP = (
    "default-src 'none'; style-src 'self'; form-action 'self' https://app.example.com https://emulator.test; "
    "frame-ancestors 'none'; base-uri 'none'"
)
SAFE = {
    "cache-control": "no-store",
    "content-security-policy": CSP,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
    "magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), usb=()",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=63072000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
HTML = {"content-type": "text/html; charset=utf-8", "content-language": "en", "vary": "Accept-Language"}


def golden(answer: httpx2.Response) -> dict[str, str]:
    """Return an answer's headers without what differs from one to the next."""
    return {
        name: value
        for name, value in answer.headers.items()
        if name not in ("content-length", "set-cookie", "location")
    }


def test_the_headers_of_each_route_are_exactly_these(visitor: Visitor) -> None:
    """V-38, V-26, O-18: golden for every kind of answer."""
    away = visitor.press(visitor.get("/connect/google-ads"))
    expected = {
        "/": SAFE | HTML,
        "/connect/google-ads": SAFE | HTML,
        "/callback/google-ads?state=unknown&code=x": SAFE | HTML,
        "/result/google-ads/" + "a" * 64: SAFE | HTML,
        "/elsewhere": SAFE | HTML,
        "/healthz": SAFE | {"content-type": "application/json"},
        "/static/style.css": SAFE
        | {"content-type": "text/css; charset=utf-8", "cache-control": "public, max-age=86400"},
    }
    assert {path: golden(visitor.get(path)) for path in expected} == expected
    assert golden(away) == SAFE
    assert golden(visitor.get("/elsewhere", accept="application/json")) == SAFE | {
        "content-type": "application/problem+json"
    }


def test_a_crash_and_an_oversized_request_wear_the_same_headers(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V-38: also what is answered around the routes; a crash says nothing of itself."""

    def broken(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("an inner secret")

    assert golden(visitor.get("/", cookie="x" * 60_000)) == SAFE | HTML
    monkeypatch.setattr("grantkeeper.keeper.Keeper.grants", broken)
    page = visitor.get("/")
    assert (page.status_code, heading(page)) == (500, "Something went wrong on our side")
    assert golden(page) == SAFE | HTML
    assert "inner secret" not in page.text


def test_every_redirect_is_a_303_to_where_we_mean(visitor: Visitor) -> None:
    """O-17: the start, the way back, and no redirect for a slash too many."""
    start = visitor.press(visitor.get("/connect/google-ads"))
    back = visitor.get(visitor.return_path())
    assert (start.status_code, back.status_code) == (303, 303)
    assert start.headers["location"].startswith("https://emulator.test/o/oauth2/v2/auth?")
    for path in (
        "/connect/google-ads/",
        "//connect/google-ads",
        "/callback/google-ads/?state=x",
        "/%2e%2e/",
        "/static/",
    ):
        assert visitor.get(path).status_code == 404


def test_the_cookie_is_bound_to_this_host_over_https(visitor: Visitor) -> None:
    """V-36: __Host-, Secure, HttpOnly, SameSite=Lax, Path=/, no Domain, 256 bits; one for the browser's life."""
    page = visitor.get("/connect/google-ads")
    (morsel,) = SimpleCookie(page.headers["set-cookie"]).values()
    assert (morsel.key, morsel["path"], morsel["domain"]) == ("__Host-grantkeeper", "/", "")
    assert (morsel["secure"], morsel["httponly"], morsel["samesite"].lower()) == (True, True, "lax")
    assert len(morsel.value) == 43
    again = SimpleCookie(visitor.press(page).headers["set-cookie"])
    assert again["__Host-grantkeeper"].value == morsel.value


def test_a_page_that_starts_nothing_sets_no_cookie(visitor: Visitor) -> None:
    """Reading the start page or a probe leaves nothing in the browser."""
    for path in ("/", "/healthz", "/static/style.css", "/elsewhere"):
        assert "set-cookie" not in visitor.get(path).headers


def test_fetching_the_page_a_hundred_times_starts_nothing(visitor: Visitor, emulator: Emulator, app: Starlette) -> None:
    """V-32: GET and HEAD of the connect page, as by mail scanners and prefetch, write no flow and call nobody."""
    with Visitor(app, emulator, owner="acme") as scanner:
        pages = [scanner.send(method, "/connect/google-ads") for method in ("GET", "HEAD") * 50]
    assert {page.status_code for page in pages} == {200}
    assert emulator.latest(10) == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (SAME_ORIGIN, 303),
        ({"sec-fetch-site": "same-origin", "origin": SITE}, 303),
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"origin": SITE}, 303),
        ({}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": f"{SITE}.evil.example"}, 403),
        ({"origin": SITE.replace("https", "http")}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "https://blog.example.com"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": SITE}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "https://evil.example"}, 403),
    ],
)
def test_a_form_from_elsewhere_starts_nothing(visitor: Visitor, headers: dict[str, str], status: int) -> None:
    """V-37: the table of what a browser says about where a form came from; the token is right in every row."""
    token = token_of(visitor.get("/connect/google-ads"))
    assert visitor.post("/connect/google-ads", {"token": token}, headers).status_code == status


def token_of(page: httpx2.Response) -> str:
    """Return the token in the page's form."""
    return page.text.partition('name="token" value="')[2].partition('"')[0]


def test_a_token_of_another_browser_owner_or_client_starts_nothing(visitor: Visitor, stranger: Visitor) -> None:
    """V-37: the token belongs to one browser, one owner and one client; without it, or without the cookie: 403."""
    token, other = token_of(visitor.get("/connect/google-ads")), token_of(visitor.get("/connect/ad-manager"))
    foreign = token_of(stranger.get("/connect/google-ads"))
    for value in ("", "x", other, foreign):
        page = visitor.post("/connect/google-ads", {"token": value})
        assert (page.status_code, heading(page)) == (403, "This page has been open too long")
    swapped = {**SAME_ORIGIN, "x-test-owner": "somebody-else"}
    assert visitor.post("/connect/google-ads", {"token": token}, swapped).status_code == 403
    visitor.http.cookies.clear()
    assert visitor.post("/connect/google-ads", {"token": token}).status_code == 403


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain", ""])
def test_only_a_urlencoded_form_is_read(visitor: Visitor, kind: str) -> None:
    """V-37: a body that scripts and other forms can send across sites is no form of ours."""
    token = token_of(visitor.get("/connect/google-ads"))
    headers = {**SAME_ORIGIN, "content-type": kind}
    assert (
        visitor.send("POST", "/connect/google-ads", headers=headers, content=f"token={token}".encode()).status_code
        == 403
    )


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"content-length": "9000"}, b"", 413),
        ({"content-length": "-1"}, b"", 413),
        ({"cookie": "a=" + "x" * 50_000}, b"", 431),
        ({"content-type": "application/x-www-form-urlencoded", **SAME_ORIGIN}, b"token=" + b"x" * 9000, 413),
    ],
)
def test_what_is_too_large_is_turned_away(visitor: Visitor, headers: dict[str, str], body: bytes, status: int) -> None:
    """V-48: bodies and headers have limits, announced or not."""
    assert visitor.send("POST", "/connect/google-ads", headers=headers, content=body or None).status_code == status


@pytest.mark.parametrize(
    "spoofed",
    [
        {"host": "evil.example"},
        {"x-forwarded-host": "evil.example", "x-forwarded-proto": "http"},
        {"forwarded": "host=evil.example;proto=http"},
        {"x_forwarded_host": "evil.example"},
        {"x-original-url": "/evil", "x-forwarded-prefix": "//evil.example"},
    ],
)
def test_no_header_decides_where_we_are(visitor: Visitor, spoofed: dict[str, str]) -> None:
    """V-39c: origin, scheme and cookie come from the configured redirect URI."""
    page = visitor.send("GET", "/connect/google-ads", headers=spoofed)
    assert "evil" not in page.text
    assert page.headers["set-cookie"].startswith("__Host-grantkeeper=")
    assert page.headers["content-security-policy"] == CSP


@pytest.mark.parametrize("length", ["9" * 5000, "8193", "0" * 5000 + "8193", "-1", "8e3", ""])
def test_a_length_that_is_no_small_number_is_refused(visitor: Visitor, length: str) -> None:
    """A5 4.1.4: also one of more digits than Python reads as a number; refused, not a crash."""
    page = visitor.get("/", **{"content-length": length})
    assert (page.status_code, heading(page)) == (413, "That is too much")


def test_a_length_may_begin_with_zeros(visitor: Visitor) -> None:
    """RFC 9110 8.6: Content-Length is 1*DIGIT; what counts is the number."""
    assert visitor.get("/", **{"content-length": "0" * 5000 + "12"}).status_code == 200
