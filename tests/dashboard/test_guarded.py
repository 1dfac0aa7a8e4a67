"""Every address of the dashboard against who may not: no session, too small a role, another site's form, odd paths."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from dashboard.staff import SITE, Staff
from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from grantkeeper.keeper.operators.people import ROLES
from grantkeeper.model import Role
from grantkeeper.testing import Connect
from grantkeeper.web.dashboard.routes import ROOMS
from web.visitor import heading

EVERY = [(room.path, method, role) for room in ROOMS for method, (role, _) in room.handlers.items()]
REVEALING = {
    "/grants/{grant}/link": "link token",
    "/links/{link}/address": "link token",
    "/operators/{operator}/link": "one-time link",
    "/webhooks/{endpoint}/rotate": "webhook secret",
}
"""Forms whose answer shows something secret, because that is what they are for."""
MARKED = [
    pytest.param(path, method, role, marks=pytest.mark.reveals(REVEALING[path]) if path in REVEALING else ())
    for path, method, role in EVERY
]
POSTS = [path for path, method, _ in EVERY if method == "POST"]
OPEN = {
    ("/sign-in", "GET"),
    ("/sign-in/openid", "POST"),
    ("/sign-in/{link}", "GET"),
    ("/sign-in/{link}", "POST"),
    ("/callback", "GET"),
    ("/sign-out", "POST"),
}
"""What a browser without a session may ask for; and the style sheets and the script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """Ids of what the paths name."""

    grant: str
    link: str
    key: str
    operator: str
    endpoint: str

    def path(self, pattern: str) -> str:
        """Return a pattern's path with these in it."""
        return re.sub(r"\{(\w+)\}", lambda found: str(getattr(self, found[1], "0")), pattern)


@pytest.fixture
def things(keeper: Keeper, connect: Connect) -> Things:
    """One of each."""
    made = keeper.keys.create("nightly", ["tokens:read"], by="cli")
    operator, _ = keeper.operators.invite("zoe@fjord-media.example", "viewer", by="cli")
    return Things(
        grant=connect("acme", "ida@nordwind-outdoor.example").id,
        link=keeper.link("beta", "google-ads", by="cli").link.id,
        key=made.key.id,
        operator=operator.id,
        endpoint=keeper.webhooks.add("https://hooks.fjord.example/x", by="cli")[0].id,
    )


@pytest.fixture(params=ROLES)
def role(request: pytest.FixtureRequest) -> Role:
    """Each role in turn."""
    found: Role = request.param
    return found


@pytest.fixture
def somebody(staff: Staff, keeper: Keeper, role: Role) -> Staff:
    """Somebody with this role, signed in; there is another admin."""
    keeper.operators.invite("first@fjord-media.example", "admin", by="cli")
    staff.come_in(keeper, role)
    return staff


def _all_routes(app: Starlette) -> Iterator[tuple[str, str]]:
    inner = app.routes[0].app  # type: ignore[attr-defined]
    while not isinstance(inner, Starlette):
        inner = inner.app
    for route in inner.routes:
        assert isinstance(route, Route)
        yield from ((route.path, method) for method in sorted(route.methods or ()) if method != "HEAD")


def token_of(browser: Staff) -> str:
    """Return the token that the session's forms carry."""
    found = re.search(r'name="token" value="([^"]+)"', browser.get("/grants").text)
    assert found
    return found[1]


def test_every_route_is_in_the_table_or_open_on_purpose(app: Starlette) -> None:
    """A route that nobody gave a role is found here."""
    known = {(path, method) for path, method, _ in EVERY} | OPEN
    found = {(path, method) for path, method in _all_routes(app) if not path.startswith("/static/")}

    assert found == known


@pytest.mark.parametrize(("path", "method", "least"), MARKED)
def test_a_role_may_what_the_table_says_and_no_more(
    somebody: Staff, things: Things, keeper: Keeper, role: Role, path: str, method: str, least: Role
) -> None:
    """Every route and every role: 403 exactly where the table says more, whatever there is to see."""
    audit_before = keeper._store.audit.head().number
    where = things.path(path)
    answer = somebody.get(where) if method == "GET" else somebody.post(where, {"token": token_of(somebody)})

    may = ROLES.index(role) >= ROLES.index(least)
    assert (answer.status_code == 403) == (not may), (answer.status_code, heading(answer))
    assert answer.status_code < 500
    if not may:
        assert heading(answer) == "Your role does not allow this"
        assert keeper._store.audit.head().number == audit_before


@pytest.mark.parametrize(("path", "method"), [(path, method) for path, method, _ in EVERY])
def test_without_a_session_there_is_nothing(
    staff: Staff, things: Things, keeper: Keeper, path: str, method: str
) -> None:
    """A page leads to the sign-in, a form is refused, and nothing of anything is said."""
    before = keeper._store.audit.head().number
    where = things.path(path)
    answer = staff.get(where) if method == "GET" else staff.post(where, {"token": "x"})

    assert answer.status_code == (303 if method == "GET" else 401)
    assert "acme" not in answer.text
    assert keeper._store.audit.head().number == before


FOREIGN = {
    "another site": {"sec-fetch-site": "cross-site", "origin": "https://evil.example"},
    "a sibling of ours": {"sec-fetch-site": "same-site", "origin": "https://other.fjord.example"},
    "typed in by a script": {"sec-fetch-site": "none", "origin": "null"},
    "an old browser, another origin": {"origin": "https://evil.example"},
    "an old browser, null": {"origin": "null"},
    "an old browser, nothing": {},
    "ours in part": {"origin": f"{SITE}.evil.example"},
}


@pytest.mark.parametrize("path", [*POSTS, "/sign-out"])
@pytest.mark.parametrize("case", FOREIGN)
def test_a_form_of_another_site_changes_nothing(
    admin: Staff, things: Things, keeper: Keeper, path: str, case: str
) -> None:
    """V-37: every form, however it comes, even with the right token."""
    token, before = token_of(admin), keeper._store.audit.head().number
    answer = admin.post(things.path(path), {"token": token}, FOREIGN[case])

    assert (answer.status_code, heading(answer)) == (403, "That did not come from our page")
    assert keeper._store.audit.head().number == before


@pytest.mark.parametrize("path", [*POSTS, "/sign-out"])
@pytest.mark.parametrize("token", ["", "x", "another session's"])
def test_a_form_without_its_sessions_token_changes_nothing(
    admin: Staff, other: Staff, things: Things, keeper: Keeper, path: str, token: str
) -> None:
    """V-37: the token is that of this session."""
    if token == "another session's":
        other.come_in(keeper, "admin", "eve@fjord-media.example")
        token = token_of(other)
    before = keeper._store.audit.head().number
    answer = admin.post(things.path(path), {"token": token})

    assert answer.status_code == 403
    assert keeper._store.audit.head().number == before


@pytest.mark.parametrize("path", ["/sign-in/openid", "/sign-in/{token}"])
@pytest.mark.parametrize("case", FOREIGN)
def test_a_sign_in_that_another_site_sends_is_refused(staff: Staff, keeper: Keeper, path: str, case: str) -> None:
    """V-37: login is a form like others, and the one-time link is not used up."""
    _, link = keeper.operators.invite("ada@fjord-media.example", "admin", by="cli")
    page = staff.get("/sign-in")
    token = re.search(r'name="token" value="([^"]+)"', page.text)
    assert token
    answer = staff.post(path.replace("{token}", link.reveal()), {"token": token[1]}, FOREIGN[case])

    assert answer.status_code == 403
    assert keeper.operators.invited(link.reveal()) is not None


@pytest.mark.parametrize(("path", "method"), [(path, method) for path, method, _ in EVERY if method == "GET"])
def test_looking_changes_nothing(admin: Staff, things: Things, keeper: Keeper, path: str, method: str) -> None:
    """V-37: no GET of any page writes an audit entry or an event, or changes a grant."""
    admin.get("/grants")
    audit, events, grant = keeper._store.audit.head(), keeper.events(limit=1000), keeper.get(things.grant)
    admin.get(things.path(path))

    assert (keeper._store.audit.head(), keeper.events(limit=1000), keeper.get(things.grant)) == (audit, events, grant)


CONFUSING = [
    "//grants",
    "/./grants",
    "/static/../grants",
    "/static/%2e%2e/grants",
    "/sign-in/../grants",
    "/sign-in/%2e%2e%2fgrants",
    "/sign-in%2f..%2fgrants",
    "/grants%2f",
    "/grants/",
    "/GRANTS",
    "/grants;x=/sign-in",
    "/grants?/sign-in",
    "/grants?path=/static/style.css",
    "/grants%23/sign-in",
    "/grants%3f/static/style.css",
    "/callback/../grants",
    "/static/style.css/../../grants",
    "/%67rants",
    "/operators%00",
    "/sign-in/..%5cgrants",
]


@pytest.mark.parametrize("path", CONFUSING)
def test_no_spelling_of_a_path_is_a_way_around(staff: Staff, things: Things, path: str) -> None:
    """V-39d: what may be done is decided by the route that answers, not by a second reading of the path."""
    answer = staff.get(path, **{"user-agent": "kube-probe/1.29", "x-original-url": "/dashboard/sign-in"})

    assert answer.status_code in (303, 400, 404)
    assert things.grant not in answer.text
    assert "acme" not in answer.text


def test_one_who_is_disabled_is_out_with_the_next_click(admin: Staff, keeper: Keeper) -> None:
    """V-36: looked up at each request; nothing is cached."""
    assert admin.get("/grants").status_code == 200
    keeper.operators.invite("other@fjord-media.example", "admin", by="cli")
    keeper.operators.disable(next(each.id for each in keeper.operators.all() if each.seen_at), by="cli")

    assert admin.get("/grants").status_code == 303


def test_a_role_that_was_taken_is_gone_with_the_next_click(admin: Staff, keeper: Keeper) -> None:
    """The role is that of the row, not of the session."""
    keeper.operators.invite("other@fjord-media.example", "admin", by="cli")
    me = next(each.id for each in keeper.operators.all() if each.seen_at)
    keeper.operators.set_role(me, "viewer", by="cli")

    assert admin.get("/operators").status_code == 403
    assert admin.get("/grants").status_code == 200


OTHERS = ("/sign-in", "/callback?x=y", "/nothing", "/sign-in/x", "/static/nothing.css")
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self' https://emulator.test https://grants.fjord.example; frame-ancestors 'none'; base-uri 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=63072000",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@pytest.mark.parametrize(
    "path",
    [*(path for path, method, _ in EVERY if method == "GET"), "/sign-in", "/callback?x=y", "/nothing", "/sign-in/x"],
)
def test_every_page_has_the_safe_headers(admin: Staff, things: Things, path: str) -> None:
    """V-38: golden, on every address, errors too."""
    answer = admin.get(things.path(path))

    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert "camera=()" in answer.headers["permissions-policy"]


def test_what_nobody_foresaw_has_the_safe_headers_too(
    admin: Staff, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V-38: a crash is a page that tells nothing."""
    monkeypatch.setattr(keeper.overview, "page", lambda **_: 1 / 0)
    answer = admin.get("/grants")

    assert (answer.status_code, heading(answer)) == (500, "Something went wrong on our side")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "ZeroDivision" not in answer.text


@pytest.mark.parametrize("path", [path for path, method, _ in EVERY if method == "GET"])
def test_nothing_on_a_page_is_inline(admin: Staff, things: Things, path: str) -> None:
    """V-38: no inline script, style or handler: the policy would stop it."""
    text = admin.get(things.path(path)).text

    assert re.findall(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=|javascript:", text, re.IGNORECASE) == []


def test_a_form_that_is_too_large_is_turned_away(admin: Staff, emulator: Emulator) -> None:
    """64 kB, and no more fields than any form of ours has."""
    del emulator
    assert admin.post("/links", {"token": "x", "message": "a" * 70_000}).status_code == 413
    assert admin.post("/links", {f"f{n}": "x" for n in range(80)}).status_code == 413
