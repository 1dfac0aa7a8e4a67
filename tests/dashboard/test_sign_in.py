"""Coming in and going out by the pages."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from dashboard.staff import ASKED, SESSION, SITE, Staff
from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from web.visitor import heading

SAM = "sam@fjord-media.example"
IDA = "ida@nordwind-outdoor.example"


def through_openid(staff: Staff, emulator: Emulator, person: str) -> str:
    """Press the button, sign in at the provider, and return the path that leads back, unopened."""
    away = staff.submit(staff.get("/sign-in"), "openid")
    assert away.status_code == 303
    return emulator.consent(away.headers["location"], person).removeprefix(f"{SITE}/dashboard")


def cookies(answer: object) -> dict[str, str]:
    """Return the Set-Cookie lines of an answer by the cookie's name."""
    lines = answer.headers.get_list("set-cookie")  # type: ignore[attr-defined]
    return {line.partition("=")[0]: line for line in lines}


def test_opening_a_one_time_link_uses_nothing_up_and_its_button_does(
    staff: Staff, other: Staff, keeper: Keeper
) -> None:
    """V-32, V-36: a mail scanner sees a page; who presses the button gets a session that nobody knew before."""
    _, token = keeper.operators.invite("ada@fjord-media.example", "admin", by="cli")
    path = f"/sign-in/{token.reveal()}"
    for _ in range(3):
        assert heading(other.get(path)) == "Sign in"
    page = staff.get(path)
    answer = staff.submit(page, "sign-in", path=path)

    assert (answer.status_code, answer.headers["location"]) == (303, "/dashboard/")
    line = cookies(answer)[SESSION]
    assert all(word in line for word in ("HttpOnly", "Secure", "SameSite=strict", "Path=/")), line
    assert "Domain" not in line
    assert staff.get("/grants").status_code == 200
    assert heading(other.get(path)) == "This sign-in link cannot be used any more"
    assert other.get("/grants").status_code == 303


def test_a_cookie_that_was_planted_never_becomes_the_session(staff: Staff, keeper: Keeper) -> None:
    """V-36: fixation. The session's value is made at the sign-in, whatever the browser brought."""
    planted = "A" * 43
    staff.http.cookies.set(SESSION, planted, domain="grants.fjord.example", path="/")
    staff.come_in(keeper)

    assert staff.session not in ("", planted)
    assert keeper.operators.session(planted) is None
    assert keeper.operators.session(staff.session) is not None


def test_signing_in_again_changes_the_session_and_ends_the_one_before(staff: Staff, keeper: Keeper) -> None:
    """V-36: rotated at each sign-in."""
    staff.come_in(keeper)
    before = staff.session
    staff.come_in(keeper)

    assert staff.session != before
    assert keeper.operators.session(before) is None


def test_a_session_that_was_signed_out_is_worth_nothing(admin: Staff, other: Staff) -> None:
    """V-36: replay after the sign-out; the browser forgets it, and so does the server."""
    kept = admin.session
    answer = admin.submit(admin.get("/grants"), "sign-out")
    assert answer.headers["location"] == "/dashboard/sign-in"
    assert admin.session == ""

    other.http.cookies.set(SESSION, kept, domain="grants.fjord.example", path="/")
    assert other.get("/grants").headers["location"] == "/dashboard/sign-in"


def test_a_page_that_follows_keeps_nobody_signed_in(admin: Staff, emulator: Emulator) -> None:
    """V-36: eight hours without a click, while the page has looked every minute."""
    for _ in range(16):
        assert admin.get("/grants", **{"x-grantkeeper-live": "1"}).status_code == 200
        emulator.clock.advance(timedelta(minutes=30))

    assert admin.get("/grants", **{"x-grantkeeper-live": "1"}).status_code == 401
    assert admin.get("/grants").status_code == 303


def test_somebody_of_the_domain_comes_in_with_their_login(staff: Staff, emulator: Emulator, keeper: Keeper) -> None:
    """O-01: the way back leads on from a page of ours, because a Strict cookie would stay behind on a redirect."""
    page = staff.get(through_openid(staff, emulator, SAM))

    assert page.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/dashboard/">' in page.text
    assert "SameSite=strict" in cookies(page)[SESSION]
    assert keeper.operators.all()[0].email == SAM
    assert staff.get("/grants").status_code == 200


def test_a_login_that_may_not_come_in_reads_why(staff: Staff, emulator: Emulator, keeper: Keeper) -> None:
    """Another domain: no session, a sentence, and the way to try another account."""
    page = staff.get(through_openid(staff, emulator, IDA))

    assert (page.status_code, heading(page)) == (403, "You are not signed in")
    assert IDA in page.text
    assert SESSION not in cookies(page)
    assert keeper.operators.all() == []


def test_the_way_back_opens_no_session_in_another_browser(
    staff: Staff, other: Staff, emulator: Emulator, keeper: Keeper
) -> None:
    """O-01, V-35: login CSRF. An attacker's way back in a victim's browser signs nobody in."""
    other.get("/sign-in")
    back = through_openid(staff, emulator, SAM)
    page = other.get(back)

    assert page.status_code == 403
    assert other.session == ""
    assert emulator.requests("/token") == ()
    assert staff.get(back).status_code == 200


def test_beginning_a_sign_in_ends_the_session_that_was(admin: Staff, keeper: Keeper, emulator: Emulator) -> None:
    """V-36: two people at one browser are never both signed in."""
    before = admin.session
    admin.http.cookies.delete(SESSION)
    page = admin.get("/sign-in")
    admin.http.cookies.set(SESSION, before, domain="grants.fjord.example", path="/")
    admin.submit(page, "openid")

    assert admin.session == ""
    assert keeper.operators.session(before) is None


def test_a_link_from_elsewhere_is_opened_once_more_from_our_own_site(admin: Staff) -> None:
    """A Strict cookie does not come along from a mail: the page asks again, and stays at its own address."""
    page = admin.get("/grants?status=pending")
    assert page.status_code == 200
    admin.http.cookies.clear()
    page = admin.get("/grants?status=pending", **{"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})

    found = re.search(r'content="0; url=([^"]*)"', page.text)
    assert found
    assert found[1] == "/dashboard/grants?status=pending"


@pytest.mark.parametrize("path", ["//evil.example/x", "/%2Fevil.example", "/grants/..%2F..%2Fx", "/\\evil.example"])
def test_it_never_leads_to_another_site(staff: Staff, path: str) -> None:
    """V-55: whatever is in the path, it begins with our own prefix."""
    page = staff.get(path, **{"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"})
    led = re.findall(r'(?:content="0; url=|href=")([^"]*)"', page.text)
    for to in (*led, page.headers.get("location", "/dashboard/")):
        assert to.startswith(("/dashboard/", "#")), to


def test_a_sign_in_leads_on_to_the_page_that_was_asked_for(staff: Staff, keeper: Keeper, emulator: Emulator) -> None:
    """By a one-time link and by a login; once, in this browser only."""
    staff.get("/grants?status=pending&email=ida%40nordwind-outdoor.example")
    _, token = keeper.operators.invite("ada@fjord-media.example", "admin", by="cli")
    path = f"/sign-in/{token.reveal()}"
    answer = staff.submit(staff.get(path), "sign-in", path=path)
    assert answer.headers["location"] == "/dashboard/grants?status=pending&email=ida%40nordwind-outdoor.example"

    staff.submit(staff.get("/grants"), "sign-out")
    staff.get("/audit")
    page = staff.get(through_openid(staff, emulator, SAM))
    assert 'content="0; url=/dashboard/audit"' in page.text
    staff.submit(staff.get("/grants"), "sign-out")
    page = staff.get(through_openid(staff, emulator, SAM))
    assert 'content="0; url=/dashboard/"' in page.text


@pytest.mark.parametrize(
    "planted",
    [
        "//evil.example",
        "/%2Fevil.example",
        "/\\evil.example",
        "https://evil.example",
        "/..%2F..",
        "/a/../x",
        "/a;x",
        '/a">',
        "",
    ],
)
def test_what_else_is_in_its_place_leads_to_the_start(staff: Staff, keeper: Keeper, planted: str) -> None:
    """V-55: a cookie that somebody planted leads to no other site, and out of no attribute."""
    from urllib.parse import quote

    staff.http.cookies.set(ASKED, quote(planted, safe=""), domain="grants.fjord.example", path="/")
    _, token = keeper.operators.invite("ada@fjord-media.example", "admin", by="cli")
    path = f"/sign-in/{token.reveal()}"

    assert staff.submit(staff.get(path), "sign-in", path=path).headers["location"] == "/dashboard/"


def test_without_a_rule_there_is_no_way_through_a_provider(keeper: Keeper, emulator: Emulator) -> None:
    """Nothing of it answers unless the configuration says so."""
    from dataclasses import replace

    from dashboard.staff import SETTINGS, mounted

    with Staff(mounted(keeper, replace(SETTINGS, sign_in=None)), emulator) as staff:
        page = staff.get("/sign-in")
        assert "openid" not in page.text
        assert staff.get("/callback?code=x&state=y").status_code == 404
