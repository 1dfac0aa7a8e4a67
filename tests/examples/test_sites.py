"""The examples of the three frameworks, as running sites: each ending of a consent, and what must not work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.desk import IDA, prepared
from examples.site import FRAMEWORKS, HOME, SAME_ORIGIN, Site, words
from grantkeeper import GrantStatus, NotFound, Reason

TOM = "tom.becker@nordwind-outdoor.example"
LUCIA = "lucia@casa-verde.example"
SAM = "sam@fjord-media.example"


@pytest.fixture(scope="module", params=FRAMEWORKS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One site for all tests: Django is configured once in a process. Each test has owners of its own."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patched, prepared(folder, site=HOME) as desk:
        patched.setenv("SESSION_SECRET", "a secret of the site's own, for its session cookies")
        with FRAMEWORKS[request.param](desk) as made:
            yield made


@pytest.fixture(autouse=True)
def _nobody_consented_before(site: Site) -> None:
    """Let a person who consented in an earlier test be new to the provider."""
    for person in site.emulator.world.people:
        site.emulator.revoke(person.email)


def test_who_allows_is_connected_and_found_again(site: Site) -> None:
    """The grant is of the owner who is signed in, and the site shows it at the next visit."""
    with site.browser("allows") as browser:
        assert site.endings["allowed"] in words(browser.connect("google-ads", IDA))
        assert IDA in browser.http.get("/").text

    assert site.keeper.find("allows", "google-ads").usable
    with site.browser("allows") as next_visit:
        assert IDA in next_visit.http.get("/").text


def test_who_says_no_is_told_that_nothing_was_changed(site: Site) -> None:
    """Denial has an ending of its own."""
    with site.browser("denies") as browser:
        assert site.endings["denied"] in words(browser.connect("ad-manager", LUCIA, deny=True))

    with pytest.raises(NotFound):
        site.keeper.find("denies", "ad-manager")


def test_a_box_left_unticked_is_told(site: Site) -> None:
    """O-24: partial consent is neither failure nor success; a second consent heals it."""
    with site.browser("in-part") as browser:
        assert site.endings["partial"] in words(browser.connect("ad-manager", TOM, allow=["dfp"]))
        grant = site.keeper.find("in-part", "ad-manager")
        assert (grant.status, grant.reason) == (GrantStatus.CONSENT_REQUIRED, Reason.SCOPES_MISSING)

        browser.connect("ad-manager", TOM)

    assert site.keeper.get(grant.id).usable


def test_a_reload_of_the_callback_shows_the_same_and_sends_nothing(site: Site) -> None:
    """R-59: the second look at the same address spends nothing."""
    with site.browser("reloads") as browser:
        back = browser.way_back("google-ads", IDA)
        first = browser.arrive(back)
        asked = len(site.emulator.requests("/token"))
        again = browser.arrive(back)

    assert site.endings["allowed"] in words(first)
    assert words(again) == words(first)
    assert len(site.emulator.requests("/token")) == asked


def test_without_a_refresh_token_the_browser_goes_to_the_consent_screen_once_more(site: Site) -> None:
    """O-29: the second pass is a Redirect that the view passes on."""
    site.emulator.omit_refresh_token()
    with site.browser("twice") as browser:
        answer = browser.connect("google-ads", SAM)
        assert answer.status_code == 303
        browser.arrive(site.emulator.consent(answer.headers["location"], SAM))

    assert site.keeper.find("twice", "google-ads").usable


def test_another_account_is_refused(site: Site) -> None:
    """O-27: the connected account stays, and the page says whom to sign in as."""
    with site.browser("switches") as browser:
        browser.connect("google-ads", IDA)
        assert site.endings["another account"] in words(browser.connect("google-ads", LUCIA))

    assert site.keeper.find("switches", "google-ads").email == IDA


def test_a_callback_in_another_browser_is_refused_and_not_spent(site: Site) -> None:
    """O-01: even signed in as the same owner; the browser that began can still complete it."""
    with site.browser("watched") as browser, site.browser("watched") as stranger:
        back = browser.way_back("google-ads", IDA)
        asked = len(site.emulator.requests("/token"))
        assert site.endings["refused"] in words(stranger.arrive(back))
        assert len(site.emulator.requests("/token")) == asked
        assert site.endings["allowed"] in words(browser.arrive(back))


def test_trouble_at_the_provider_is_an_ending_too(site: Site) -> None:
    """No page of a framework's own for a 503 of the provider."""
    with site.browser("unlucky") as browser:
        back = browser.way_back("google-ads", IDA)
        site.emulator.fail(503)
        assert site.endings["trouble"] in words(browser.arrive(back))


def test_a_form_of_another_site_starts_nothing(site: Site) -> None:
    """V-37: a POST without the form's token is refused."""
    with site.browser("forged") as browser:
        form = browser.form("google-ads")
        answer = browser.http.post(form.action, data={}, headers=SAME_ORIGIN)

    assert 400 <= answer.status_code < 500
    assert "location" not in answer.headers


def test_starting_takes_a_post(site: Site) -> None:
    """V-32: fetching the address starts nothing."""
    with site.browser("fetched") as browser:
        answer = browser.http.get(browser.form("google-ads").action)

    assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/grants/callback/google-ads?state=x&code=y"])
def test_nothing_is_shown_to_who_is_not_signed_in(site: Site, path: str) -> None:
    """V-31: the owner comes from the site's session, never from the URL."""
    with site.browser(None) as browser:
        assert browser.http.get(path).status_code in {401, 403}


def test_an_oauth_client_that_is_not_there_is_not_found(site: Site) -> None:
    """The form's address with another name."""
    with site.browser("curious") as browser:
        form = browser.form("google-ads")
        action = form.action.replace("google-ads", "no-such-client")
        answer = browser.http.post(action, data=dict(form.hidden), headers=SAME_ORIGIN)

    assert answer.status_code == 404
