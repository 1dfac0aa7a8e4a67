"""From the link to the page that says how it ended, one test for each ending; and what does not start anything."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from grantkeeper.emulator import Emulator
from grantkeeper.errors import BadCallback, ConsentRequired
from grantkeeper.keeper import Keeper
from grantkeeper.model import GrantStatus, LinkStatus, Picker
from web.links.guest import Guest, path_of, token_in
from web.visitor import IDA, SAME_ORIGIN, SITE, TOM, heading, token_requests

HOME = "https://portal.example.com/clients/acme?tab=links"


def test_the_page_says_who_asks_for_whom_for_what_and_how_to_undo_it(keeper: Keeper, guest: Guest) -> None:
    """V-31 (c): business, owner, permissions in plain words, who is expected, its own words, no scope URL."""
    page = guest.open(keeper.link("Nordwind Outdoor", "google-ads", expect=IDA, message="Hello Ida,\nas agreed."))
    assert (page.status_code, heading(page)) == (200, "Connect Google Ads")
    for words in (
        "Fjord Media",
        "Nordwind Outdoor",
        "See, edit, create and delete your Google Ads accounts and data",
        f"This invitation is for <b>{IDA}</b>",
        "Hello Ida,\nas agreed.",
        "How to undo it",
        "Did you ask for this?",
    ):
        assert words in page.text
    assert "googleapis.com" not in page.text


def test_an_expected_person_is_connected_at_once(keeper: Keeper, guest: Guest) -> None:
    """A pinned invitation needs nobody's word: the grant is active, the page says connected."""
    made = keeper.link("acme", "google-ads", expect=IDA)
    page = guest.use(made)
    assert (page.status_code, heading(page)) == (200, "Google Ads is connected")
    assert keeper.find("acme", "google-ads").usable
    assert keeper.links.get(made.link.id).status is LinkStatus.CONFIRMED


def test_whoever_was_not_named_is_thanked_and_waits(keeper: Keeper, guest: Guest) -> None:
    """V-31 (b): the grant is pending, and the page says who confirms."""
    page = guest.use(keeper.link("acme", "google-ads"))
    assert (page.status_code, heading(page)) == (200, "Thank you")
    assert f"You gave access as {IDA}. Fjord Media confirms that it was you" in page.text
    assert keeper.find("acme", "google-ads").status is GrantStatus.PENDING


def test_another_person_than_the_invited_one_is_refused_and_may_try_again(
    keeper: Keeper, guest: Guest, emulator: Emulator
) -> None:
    """V-31 (d): the page names both; the button follows the link once more, and the right person is taken."""
    page = guest.use(keeper.link("acme", "google-ads", expect=IDA), TOM)
    assert heading(page) == "That was another account"
    assert f"Fjord Media invited {IDA}, and {TOM} signed in" in page.text
    assert list(keeper.grants()) == []
    away = guest.submit(page).headers["location"]
    assert heading(guest.onward(emulator.consent(away, IDA).removeprefix(SITE))) == "Google Ads is connected"


def test_whoever_has_the_address_is_not_told_who_is_connected(keeper: Keeper, guest: Guest) -> None:
    """V-31: the page and the problem name whoever signed in, and nobody else; what operators see does."""
    guest.use(keeper.link("acme", "google-ads", confirm="auto"))
    made = keeper.link("acme", "google-ads")
    page = guest.use(made, TOM)
    assert heading(page) == "That was another account"
    assert "acme is connected as another account" in page.text
    assert (TOM in page.text, IDA in page.text) == (True, False)
    told = guest.get(str(page.url), accept="application/problem+json").text
    assert (TOM in told, IDA in told) == (True, False)
    assert IDA in keeper.links.get(made.link.id).failure


def test_denying_changes_nothing_and_the_button_goes_again(keeper: Keeper, guest: Guest, emulator: Emulator) -> None:
    """Single use by success only: after a no the same link still works."""
    made = keeper.link("acme", "google-ads", expect=IDA)
    page = guest.use(made, deny=True)
    assert heading(page) == "Nothing was connected"
    assert keeper.links.get(made.link.id).status is LinkStatus.FAILED
    assert guest.open(made).status_code == 200
    away = guest.submit(page).headers["location"]
    assert heading(guest.onward(emulator.consent(away, IDA).removeprefix(SITE))) == "Google Ads is connected"


def test_a_missing_permission_is_named_and_asked_again(keeper: Keeper, guest: Guest, emulator: Emulator) -> None:
    """O-24: as in the embedded pages, with a button that follows the link again."""
    page = guest.use(keeper.link("acme", "ad-manager", expect=IDA), allow=["dfp"])
    assert heading(page) == "Almost: a permission is missing"
    away = guest.submit(page).headers["location"]
    assert heading(guest.onward(emulator.consent(away, IDA).removeprefix(SITE))) == "Ad Manager is connected"


def test_a_second_pass_ends_well_and_is_remembered(keeper: Keeper, guest: Guest, emulator: Emulator) -> None:
    """O-29, R-59: no refresh token came, the browser goes once more; the link then leads to the end of that."""
    made = keeper.link("acme", "google-ads", expect=IDA)
    path = guest.back_path(made)
    emulator.omit_refresh_token(1)
    second = guest.get(path).headers["location"]
    assert "prompt=consent" in second
    assert heading(guest.onward(emulator.consent(second, IDA).removeprefix(SITE))) == "Google Ads is connected"
    assert heading(guest.onward(path_of(made))) == "Google Ads is connected"


def test_accounts_are_chosen_as_the_link_says(keeper: Keeper, guest: Guest) -> None:
    """The link carries the picker's options: the page comes after the consent, and shares what is ticked."""
    page = guest.use(keeper.link("acme", "google-ads", expect=IDA, picker=Picker()))
    assert heading(page) == "Choose what to share"
    done = guest.submit(page, "picker", a="google_ads/2223334441", do="save")
    assert heading(guest.onward(done.headers["location"])) == "Google Ads is connected"
    assert [each.id for each in keeper.accounts(keeper.find("acme", "google-ads").id)] == ["2223334441"]


def test_a_reconnect_link_says_why(keeper: Keeper, guest: Guest, emulator: Emulator) -> None:
    """The reason of a dead grant stands on the page in plain words; the same grant comes back to life."""
    guest.use(keeper.link("acme", "google-ads", expect=IDA))
    grant = keeper.find("acme", "google-ads")
    emulator.revoke(IDA)
    emulator.clock.advance(timedelta(hours=2))
    with pytest.raises(Exception, match="again"):
        keeper.token(grant.id)
    made = keeper.link("acme", "google-ads", grant_id=grant.id)
    assert "access was withdrawn, was not used for a long time" in guest.open(made).text
    assert heading(guest.use(made)) == "Google Ads is connected"
    assert keeper.find("acme", "google-ads").id == grant.id


def test_a_code_told_in_another_way_is_asked_for(keeper: Keeper, guest: Guest) -> None:
    """V-34: without it, or with a wrong one, the page comes again; after five the link is of no use."""
    made = keeper.link("acme", "google-ads", expect=IDA, code=True)
    assert made.code is not None
    page = guest.submit(guest.open(made), code="")
    assert (page.status_code, 'role="alert"' in page.text) == (422, True)
    wrong = f"{(int(made.code.reveal()) + 1) % 10**6:06}"
    for _ in range(5):
        page = guest.submit(guest.open(made), code=wrong)
    assert heading(guest.open(made)) == "This invitation cannot be used"
    again = keeper.link("acme", "google-ads", expect=IDA, code=True)
    assert again.code is not None
    assert heading(guest.use(again, code=again.code.reveal())) == "Google Ads is connected"


# --- what starts nothing ---------------------------------------------------------------------------------------------


def test_fetching_a_link_a_hundred_times_changes_nothing(
    keeper: Keeper, browser: Callable[[], Guest], emulator: Emulator
) -> None:
    """V-32: GET and HEAD by mail scanners, prefetch and an image's src write nothing and call nobody."""
    made = keeper.link("acme", "google-ads")
    before = (keeper.links.get(made.link.id), keeper.events(limit=1000), keeper._store.audit.read())
    image = {"sec-fetch-dest": "image", "sec-fetch-mode": "no-cors", "sec-fetch-site": "cross-site"}
    scanner = browser()
    for headers in ({}, {"purpose": "prefetch"}, image):
        pages = [scanner.send(method, path_of(made), headers=headers) for method in ("GET", "HEAD") * 17]
        assert {page.status_code for page in pages} == {200}
    assert (keeper.links.get(made.link.id), keeper.events(limit=1000), keeper._store.audit.read()) == before
    assert emulator.latest(10) == []


def test_a_link_of_no_use_is_the_same_page_whatever_is_the_matter(
    keeper: Keeper, browser: Callable[[], Guest], emulator: Emulator
) -> None:
    """V-33: unknown, misshapen, used, withdrawn and expired differ in nothing, neither for GET nor for POST."""
    used, gone, old = (keeper.link("acme", "google-ads", expect=IDA) for _ in range(3))
    form = token_in(browser().open(old))
    browser().use(used)
    keeper.links.revoke(gone.link.id)
    emulator.clock.advance(timedelta(days=8))
    paths = [path_of(each) for each in (used, gone, old)] + [f"/connect/{'A' * 43}", "/connect/short"]
    stranger = browser()
    pages = [stranger.get(path) for path in paths] + [stranger.post(path, {"token": form}) for path in paths]
    assert {heading(page) for page in pages} == {"This invitation cannot be used"}
    assert len({(page.status_code, page.text, *sorted(page.headers)) for page in pages}) == 1
    assert pages[0].status_code == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (SAME_ORIGIN, 303),
        ({"origin": SITE}, 303),
        ({}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"sec-fetch-site": "same-site", "origin": "https://blog.example.com"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "null"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "https://evil.example"}, 403),
    ],
)
def test_a_form_from_elsewhere_follows_no_link(
    keeper: Keeper, guest: Guest, headers: dict[str, str], status: int
) -> None:
    """V-37: the table of what a browser says about where a form came from; the token is right in every row."""
    made = keeper.link("acme", "google-ads")
    token = token_in(guest.open(made))
    answer = guest.post(path_of(made), {"token": token}, headers)
    assert answer.status_code == status
    assert keeper.links.get(made.link.id).status is (LinkStatus.OPENED if status == 303 else LinkStatus.INVITED)


def test_a_token_of_another_link_browser_or_form_follows_no_link(
    keeper: Keeper, guest: Guest, browser: Callable[[], Guest]
) -> None:
    """V-37: the form belongs to one browser and one link; without the cookie it is worth nothing."""
    made, other = keeper.link("acme", "google-ads"), keeper.link("acme", "google-ads")
    token = token_in(guest.open(made))
    for value in ("", "x", token_in(guest.open(other)), token_in(browser().open(made))):
        page = guest.post(path_of(made), {"token": value})
        assert (page.status_code, heading(page)) == (403, "This page has been open too long")
        assert 'href="?"' in page.text
    guest.http.cookies.clear()
    assert guest.post(path_of(made), {"token": token}).status_code == 403
    assert keeper.links.get(made.link.id).status is LinkStatus.INVITED


# --- two browsers ----------------------------------------------------------------------------------------------------


def test_the_browser_of_whoever_made_the_link_cannot_finish_for_its_victim(
    keeper: Keeper, browser: Callable[[], Guest]
) -> None:
    """V-31: A has a link made and sends it to B; B consents: pending only, and A has no proof of B's browser."""
    made = keeper.link("attacker", "google-ads", confirm="proof", return_to=HOME)
    attacker, victim = browser(), browser()
    attacker.submit(attacker.open(made))
    home = victim.use(made).headers["location"]
    grant = keeper.find("attacker", "google-ads")
    assert grant.status is GrantStatus.PENDING
    with pytest.raises(BadCallback):
        keeper.confirm(grant.id, proof="0" * 64)
    assert heading(attacker.open(made)) == "This invitation cannot be used"
    ref = "result/google-ads/" + "0" * 64
    assert attacker.get(f"/{ref}").status_code == 400
    proof = parse_qs(urlsplit(home).query)["grantkeeper_proof"][0]
    assert keeper.confirm(grant.id, proof=proof).usable


def test_the_way_back_in_another_browser_is_refused(
    keeper: Keeper, guest: Guest, browser: Callable[[], Guest], emulator: Emulator
) -> None:
    """O-01, V-35: callback, accounts, result and return of a walk are for the browser that began it."""
    path = guest.back_path(keeper.link("acme", "google-ads", expect=IDA, return_to=HOME))
    stranger = browser()
    stranger.open(keeper.link("acme", "google-ads"))
    assert stranger.get(path).status_code == 400
    assert token_requests(emulator) == 0
    done = str(guest.onward(path).url).removeprefix(SITE)
    for each in (done, done.replace("/result/", "/accounts/"), done.replace("/result/", "/return/")):
        assert stranger.get(each).status_code in (400, 404)


# --- again -----------------------------------------------------------------------------------------------------------


def test_reload_back_and_the_link_itself_show_the_same_end(keeper: Keeper, guest: Guest, emulator: Emulator) -> None:
    """R-59: in the browser that consented used link, callback and result are one page, and spend nothing."""
    made = keeper.link("acme", "google-ads", expect=IDA)
    path = guest.back_path(made)
    first = guest.onward(path)
    spent = token_requests(emulator)
    for again in (path, str(first.url), path_of(made)):
        page = guest.onward(again)
        assert (page.status_code, page.text) == (200, first.text)
    assert token_requests(emulator) == spent
    assert len(list(keeper.grants())) == 1


def test_a_double_click_on_the_button_is_two_flows_of_which_one_counts(
    keeper: Keeper, guest: Guest, emulator: Emulator
) -> None:
    """R-59: two flows by one link in one browser; the second to come back is told that the link is used."""
    made = keeper.link("acme", "google-ads", expect=IDA)
    first, second = guest.back_path(made), guest.back_path(made)
    assert heading(guest.onward(first)) == "Google Ads is connected"
    page = guest.onward(second)
    assert heading(page) == "We cannot go on from here"
    assert "used, withdrawn or has expired" in page.text
    assert len(list(keeper.grants())) == 1


def test_another_form_of_again_is_refused(keeper: Keeper, guest: Guest) -> None:
    """V-37: the button that goes again has a token of its own, and only POST presses it."""
    page = guest.use(keeper.link("acme", "google-ads", expect=IDA), deny=True)
    ref = str(page.url).rpartition("/")[2]
    assert guest.get(f"/again/google-ads/{ref}").status_code == 405
    assert guest.post(f"/again/google-ads/{ref}", {"token": "x"}).status_code == 403
    assert guest.post(f"/again/google-ads/{ref}", {"token": token_in(page)}, {}).status_code == 403
    assert guest.post(f"/again/ad-manager/{ref}", {"token": token_in(page)}).status_code == 400
    assert guest.post(f"/again/google-ads/{ref}", {"token": token_in(page)}).status_code == 303


# --- home ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("return_to", "expected"),
    [
        (HOME, f"{HOME}&"),
        ("https://portal.example.com", "https://portal.example.com?"),
        ("https://portal.example.com/?", "https://portal.example.com/?"),
        ("https://portal.example.com/a?x=%26&y", "https://portal.example.com/a?x=%26&y&"),
    ],
)
def test_the_way_home_carries_grant_and_proof_behind_its_own_query(
    keeper: Keeper, guest: Guest, return_to: str, expected: str
) -> None:
    """V-31 (b): what the address had stays as it is; the proof stands in no page, only in the redirect."""
    page = guest.use(keeper.link("acme", "google-ads", return_to=return_to))
    assert heading(page) == "Thank you"
    assert "grantkeeper_proof" not in page.text
    path = page.text.partition('class="button wide" href="')[2].partition('"')[0]
    answer = guest.get(path)
    grant = keeper.find("acme", "google-ads")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{expected}grantkeeper_grant={grant.id}&grantkeeper_proof=")
    assert answer.headers["referrer-policy"] == "no-referrer"
    proof = parse_qs(urlsplit(answer.headers["location"]).query)["grantkeeper_proof"][0]
    assert keeper.confirm(grant.id, proof=proof).usable


def test_where_a_proof_is_asked_for_the_person_is_led_home_at_once(keeper: Keeper, guest: Guest) -> None:
    """V-31 (b): no page in between that somebody has to press through; a failed attempt stays on its page."""
    made = keeper.link("acme", "google-ads", confirm="proof", return_to=HOME)
    assert heading(guest.use(made, deny=True)) == "Nothing was connected"
    answer = guest.use(made)
    assert (answer.status_code, answer.headers["location"].startswith(f"{HOME}&")) == (303, True)


def test_a_person_who_said_no_is_led_home_without_a_proof(keeper: Keeper, guest: Guest) -> None:
    """The way back is offered, and proves nothing."""
    page = guest.use(keeper.link("acme", "google-ads", return_to=HOME), deny=True)
    path = page.text.partition('<p class="after"><a href="')[2].partition('"')[0]
    assert guest.get(path).headers["location"] == HOME


def test_who_is_not_confirmed_yet_chooses_what_to_share_and_nobody_else_sees_it(
    keeper: Keeper, guest: Guest, emulator: Emulator
) -> None:
    """V-31: the page works on what came with the consent; programs are told nothing before the business confirms."""
    page = guest.use(keeper.link("acme", "google-ads", picker=Picker()))
    assert heading(page) == "Choose what to share"
    grant = keeper.find("acme", "google-ads")
    for verb in (keeper.accounts, keeper.discover, keeper.token):
        with pytest.raises(ConsentRequired) as refused:
            verb(grant.id)
        assert refused.value.reason == "not_confirmed"
    refreshes = len(emulator.requests("/token", grant_type="refresh_token"))
    done = guest.onward(guest.submit(page, "picker", a="google_ads/2223334441", do="save").headers["location"])
    assert heading(done) == "Thank you"
    assert "1 account is shared" in done.text
    assert len(emulator.requests("/token", grant_type="refresh_token")) == refreshes
    keeper.confirm(grant.id)
    assert [each.id for each in keeper.accounts(grant.id)] == ["2223334441"]


def test_the_choice_waits_no_longer_than_the_token_of_the_consent(
    keeper: Keeper, guest: Guest, emulator: Emulator
) -> None:
    """What is not confirmed is never refreshed: an hour later the page says that it cannot look."""
    path = guest.back_path(keeper.link("acme", "google-ads", picker=Picker()))
    answer = guest.get(path)
    emulator.clock.advance(timedelta(minutes=59, seconds=59))
    grant = keeper.find("acme", "google-ads")
    emulator.clock.advance(timedelta(seconds=2))
    with pytest.raises(ConsentRequired):
        keeper.to_choose(grant.id)
    assert "/accounts/" in answer.headers["location"]
    assert not emulator.requests("/token", grant_type="refresh_token")
