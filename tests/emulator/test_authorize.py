"""The authorization endpoint: what it asks, what it answers, what it refuses."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from emulator.box import ADWORDS, BASE, DFP, EMAIL, IDA, LUCIA, MATEO, TESTING, Box, answer
from grantkeeper.emulator import PageShown, Visitor
from grantkeeper.emulator.visitor import forms

TWO = f"{ADWORDS} {DFP}"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def shown(box: Box, person: str = IDA, **changes: Any) -> str:
    """Return the error page that a request ends on, as `status code`, then its text."""
    with pytest.raises(PageShown) as caught:
        box.back(person, **changes)
    found = re.search(r"Error (\d+: \w+)</p>", caught.value.text)
    assert found
    assert found[1].startswith(str(caught.value.status))
    return found[1] + "\n" + caught.value.text


def test_consent_comes_back_with_everything_that_google_sends(box: Box) -> None:
    """State, iss, code, scope, authuser, hd and prompt."""
    back = box.back(IDA, scope="email " + ADWORDS)
    assert [name for name, _ in back] == ["state", "iss", "code", "scope", "authuser", "hd", "prompt"]
    assert back["state"] == "a state"
    assert back["iss"] == box.emulator.issuer == box.emulator.endpoints()["issuer"]
    assert back["code"].startswith("4/0A")
    assert len(back["code"]) <= 256
    assert set(back["scope"].split()) == {"openid", EMAIL, ADWORDS}
    assert (back["authuser"], back["hd"], back["prompt"]) == ("0", "nordwind-outdoor.example", "consent")
    assert "hd" not in box.back(MATEO)
    assert "state" not in box.back(IDA, state=None)


def test_the_redirect_uris_own_query_stays(box: Box) -> None:
    """RFC 6749 section 3.1.2."""
    client = box.emulator.add_client("https://app.example/cb?tenant=7")
    box.use(client.id)
    assert box.emulator.consent(box.url(), IDA).startswith("https://app.example/cb?tenant=7&state=a+state&iss=")


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"client_id": None}, "400: invalid_request", "Missing required parameter: client_id"),
        ({"redirect_uri": None}, "400: invalid_request", "Missing required parameter: redirect_uri"),
        ({"response_type": None}, "400: invalid_request", "Missing required parameter: response_type"),
        ({"scope": " "}, "400: invalid_request", "Missing required parameter: scope"),
        ({"client_id": "nobody"}, "401: invalid_client", "The OAuth client was not found."),
        ({"redirect_uri": "http://127.0.0.1:8765/callback/google-ads/"}, "400: redirect_uri_mismatch", "Asked for"),
        ({"response_type": "token"}, "400: unsupported_response_type", "Invalid response_type: token"),
        ({"scope": f"{ADWORDS} nonsense"}, "400: invalid_scope", f"{{valid=[{ADWORDS}], invalid=[nonsense]}}"),
        ({"prompt": "none consent"}, "400: invalid_request", "prompt: none consent"),
        ({"prompt": "login"}, "400: invalid_request", "prompt: login"),
        ({"access_type": "forever"}, "400: invalid_request", "access_type: forever"),
        ({"code_challenge": "short"}, "400: invalid_request", "code_challenge"),
        ({"code_challenge_method": "S256"}, "400: invalid_request", "Missing required parameter: code_challenge"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "S512"}, "400: invalid_request", "S512"),
    ],
)
def test_a_wrong_request_ends_on_a_page_and_is_not_redirected(
    box: Box, changes: dict[str, Any], error: str, said: str
) -> None:
    """The client hears nothing of these; the person reads Google's words."""
    page = shown(box, **changes)
    assert page.startswith(error)
    assert said in page


def test_a_doubled_parameter_is_refused(box: Box) -> None:
    """RFC 6749 section 3.1: parameters must not be included more than once."""
    response = box.get(box.url() + "&state=another")
    assert response.status == 400
    assert "OAuth 2 parameters can only have a single value: state" in response.text()


def test_embedded_browsers_are_refused(box: Box) -> None:
    """Google's disallowed_useragent."""
    response = box.get(box.url(), **{"user-agent": "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) Chrome/130"})
    assert (response.status, "disallowed_useragent" in response.text()) == (403, True)


def test_what_is_hostile_in_a_request_is_shown_as_text(box: Box) -> None:
    """The error page quotes the request, escaped."""
    page = shown(box, scope="<script>alert(1)</script>")
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_testing_project_admits_its_testers_only() -> None:
    """Error 403: access_denied on a page."""
    box = Box(TESTING)
    assert "code" in box.back(IDA)
    assert shown(box, LUCIA).startswith("403: access_denied")


def test_deny_comes_back_as_access_denied(box: Box) -> None:
    """Cancel redirects with the error and the state, and leaves no consent."""
    assert dict(box.back(deny=True)) == {"state": "a state", "error": "access_denied"}
    assert box.emulator.state.consents == {}


def test_boxes_are_unticked_and_only_what_is_ticked_is_granted(box: Box) -> None:
    """Granular consent: more than one scope that is not about signing in."""
    visitor = Visitor(box.emulator)
    form = forms(visitor.get(box.url(scope="openid " + TWO)).text())["accounts"]
    person = box.emulator.world.person(IDA)
    assert person
    page = visitor.get(visitor.post(form.action, [*form.hidden, ("person", person.sub)]).header("location")).text()
    assert len(forms(page)["consent"].boxes) == 2
    assert "checked" not in page
    assert set(box.back(scope="openid " + TWO, allow=["dfp"])["scope"].split()) == {"openid", DFP}


def test_select_all_ticks_every_box_without_a_script(box: Box) -> None:
    """The link shows the same page, ticked."""
    visitor = Visitor(box.emulator)
    form = forms(visitor.get(box.url(scope=TWO)).text())["accounts"]
    person = box.emulator.world.people[0]
    where = visitor.post(form.action, [*form.hidden, ("person", person.sub)]).header("location")
    assert visitor.get(where + "&all=1").text().count(" checked>") == 2


def test_one_scope_has_no_box_and_is_granted_by_allow(box: Box) -> None:
    """A single scope that is not about signing in is all or nothing."""
    assert box.back(allow=[])["scope"] == ADWORDS


def test_granting_nothing_is_access_denied(box: Box) -> None:
    """With sign-in scopes beside it, these alone are granted instead."""
    assert box.back(scope=TWO, allow=[])["error"] == "access_denied"
    assert set(box.back(scope="openid email " + TWO, allow=[])["scope"].split()) == {"openid", EMAIL}


def test_a_browser_that_consented_comes_back_without_a_screen(box: Box) -> None:
    """Silent: prompt=none in the answer, and no refresh token for the code."""
    visitor = Visitor(box.emulator)
    visitor.consent(box.url(), IDA)
    back = box.silent(visitor)
    assert back["prompt"] == "none"
    assert "refresh_token" not in box.exchange(back["code"]).json()


def test_a_new_browser_chooses_the_account_but_need_not_consent_again(box: Box) -> None:
    """The consent belongs to the person, the session to the browser."""
    box.back()
    assert box.back()["prompt"] == "none"


@pytest.mark.parametrize(("prompt", "first"), [("consent", "accounts"), ("select_account", "accounts")])
def test_prompt_brings_the_screens_back(box: Box, prompt: str, first: str) -> None:
    """Both show the chooser; consent shows the consent page too."""
    visitor = Visitor(box.emulator)
    visitor.consent(box.url(), IDA)
    assert first in forms(visitor.get(box.url(prompt=prompt)).text())
    back = answer(visitor.consent(box.url(prompt=prompt), IDA))
    assert back["prompt"] == ("consent" if prompt == "consent" else "none")


def test_online_consent_does_not_cover_offline_access(box: Box) -> None:
    """The first offline request asks again, so that it brings a refresh token."""
    assert "refresh_token" not in box.grant(access_type=None)
    assert "refresh_token" in box.grant(access_type="offline")


def test_prompt_none_never_shows_a_page(box: Box) -> None:
    """Without a session, or without consent, it comes back as interaction_required."""
    visitor = Visitor(box.emulator)
    assert box.silent(visitor, prompt="none")["error"] == "interaction_required"
    visitor.consent(box.url(), IDA)
    assert "code" in box.silent(visitor, prompt="none")
    assert box.silent(visitor, prompt="none", scope=DFP)["error"] == "interaction_required"
    assert box.silent(visitor, prompt="none", login_hint=LUCIA)["error"] == "interaction_required"


@pytest.mark.parametrize("by", ["email", "sub"])
def test_a_login_hint_skips_the_chooser_for_who_is_signed_in(box: Box, by: str) -> None:
    """The e-mail address and the sub are both hints; several may be signed in."""
    visitor = Visitor(box.emulator)
    visitor.consent(box.url(), IDA)
    visitor.consent(box.url(prompt="select_account"), LUCIA)
    assert "accounts" in forms(visitor.get(box.url()).text())
    person = box.emulator.world.person(IDA)
    assert person
    back = box.silent(visitor, login_hint=getattr(person, by))
    assert box.exchange(back["code"]).status == 200


def test_a_login_hint_and_a_domain_put_the_people_first(box: Box) -> None:
    """The others stay behind "Use another account": a hint is not a wall."""
    for changes, first in (({"login_hint": LUCIA}, 1), ({"hd": "nordwind-outdoor.example"}, 2), ({"hd": "*"}, 4)):
        page = box.get(box.url(**changes)).text()
        before, after = page.split("<details>")
        assert (before.count('name="person"'), after.count('name="person"')) == (first, 5 - first)


def test_incremental_authorization_adds_what_was_granted_before(box: Box) -> None:
    """include_granted_scopes covers the whole project; without it, only what was asked comes back."""
    box.grant(scope="email")
    assert set(box.back(scope=ADWORDS)["scope"].split()) == {ADWORDS}
    back = box.back(scope=DFP, include_granted_scopes="true")
    assert set(back["scope"].split()) == {ADWORDS, DFP, EMAIL, "openid"}
    other = box.emulator.add_client("https://app.example/cb")
    box.use(other.id)
    assert DFP in box.back(scope=ADWORDS, include_granted_scopes="true")["scope"]


def test_a_second_request_offers_only_what_is_new(box: Box) -> None:
    """What the client has already is listed and kept."""
    box.back(scope=ADWORDS)
    back = box.back(scope=f"{TWO} {BASE}admanager", allow=["dfp"])
    assert set(back["scope"].split()) == {ADWORDS, DFP}


def test_a_form_without_its_pages_token_is_refused(box: Box) -> None:
    """Another site, another browser, an old page: nothing is granted."""
    visitor = Visitor(box.emulator)
    form = forms(visitor.get(box.url()).text())["accounts"]
    fields = dict(form.hidden) | {"person": box.emulator.world.people[0].sub}
    assert visitor.post(form.action, (fields | {"token": "guessed"}).items()).status == 400
    assert Visitor(box.emulator).post(form.action, fields.items()).status == 400
    box.emulator.clock.advance(timedelta(hours=1, seconds=1))
    assert visitor.post(form.action, fields.items()).status == 400
    assert visitor.get(form.action + "?attempt=none").status == 400


def test_consent_cannot_be_sent_twice(box: Box) -> None:
    """The back button and another click find a page that is out of date."""
    visitor = Visitor(box.emulator)
    form = forms(visitor.get(box.url()).text())["accounts"]
    where = visitor.post(form.action, [*form.hidden, ("person", box.emulator.world.people[0].sub)]).header("location")
    decide = forms(visitor.get(where).text())["consent"]
    assert visitor.post(decide.action, [*decide.hidden, ("action", "allow")]).status == 302
    assert visitor.post(decide.action, [*decide.hidden, ("action", "allow")]).status == 400


def test_consent_needs_an_account_first(box: Box) -> None:
    """A page's token alone does not say who consents."""
    visitor = Visitor(box.emulator)
    form = forms(visitor.get(box.url()).text())["accounts"]
    assert visitor.post("/o/oauth2/v2/auth/consent", [*form.hidden, ("action", "allow")]).status == 400
    assert visitor.post(form.action, [*form.hidden, ("person", "nobody")]).status == 400


def test_pages_are_safe_to_show(box: Box) -> None:
    """Strict headers, no script, no inline style, never framed, never stored."""
    for path in (box.url(), box.url(scope="nonsense"), "/"):
        response = box.get(path)
        policy = response.header("content-security-policy")
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.header("cache-control") == "no-store"
        assert "This is an emulator." in response.text()
        assert not re.search(r"<script|<style| style=| on\w+=", response.text())


def test_the_authorization_endpoint_is_opened_by_get(box: Box) -> None:
    """A fetch by another method starts nothing."""
    assert box.post(box.url(), {}).status == 405
