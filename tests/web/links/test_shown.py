"""How the pages of invitations look and speak: headers, the business's own face, languages, hostile names."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator
from grantkeeper.errors import Misconfigured
from grantkeeper.keeper import Keeper
from grantkeeper.model import Picker
from grantkeeper.settings import ServiceSettings
from grantkeeper.web.languages import LANGUAGES, Words, catalogue
from grantkeeper.web.links.app import links_app
from grantkeeper.web.links.brand import (
    BLACK,
    DARK_CARD,
    LIGHT_CARD,
    LOGO_POLICY,
    MOST_LOGO,
    READABLE,
    WHITE,
    brand_of,
    contrast,
    ink_on,
    readable,
)
from web.links.guest import Guest, path_of
from web.test_escaping import PAYLOADS, Seen
from web.test_guard import HTML, SAFE, golden
from web.visitor import IDA, SITE, heading

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9"/></svg>'
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20
CSP = (
    "default-src 'none'; style-src 'self'; form-action 'self' https://app.example.com https://emulator.test "
    "https://portal.example.com; frame-ancestors 'none'; base-uri 'none'"
)


@pytest.fixture
def branded(keeper: Keeper, emulator: Emulator, tmp_path: Path) -> Callable[..., Guest]:
    """Open a browser at a service with these settings."""

    def opened(*, logo: bytes | None = None, **values: str) -> Guest:
        file = tmp_path / "logo" if logo is not None else None
        if file is not None and logo is not None:
            file.write_bytes(logo)
        made = ServiceSettings(url=SITE, business_name="Fjord Media", logo=file, **values)  # type: ignore[arg-type]
        return Guest(links_app(AsyncKeeper(keeper), made), emulator, owner=None)

    return opened


def test_the_headers_of_each_route_are_exactly_these(keeper: Keeper, guest: Guest) -> None:
    """V-38, V-26, O-16, O-18: golden for every kind of answer; the origins that a walk may lead to, and no others."""
    made = keeper.link("acme", "google-ads")
    page, plain = SAFE | {"content-security-policy": CSP} | HTML, SAFE | {"content-security-policy": CSP}
    for path in (path_of(made), "/connect/x", "/callback/google-ads?state=x&code=x", f"/result/google-ads/{'a' * 64}"):
        assert golden(guest.get(path)) == page, path
    assert golden(guest.send("HEAD", path_of(made))) == page
    assert golden(guest.submit(guest.open(made))) == plain


def test_every_redirect_is_a_303(keeper: Keeper, guest: Guest) -> None:
    """O-17: the button, the way back, the way home."""
    made = keeper.link("acme", "google-ads", return_to=f"{SITE}/home")
    start = guest.submit(guest.open(made))
    path = guest.emulator.consent(start.headers["location"], IDA).removeprefix(SITE)
    back = guest.get(path)
    home = guest.get(back.headers["location"].replace("/result/", "/return/"))
    assert [start.status_code, back.status_code, home.status_code] == [303, 303, 303]
    assert "?" not in back.headers["location"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_only_get_comes_back(keeper: Keeper, guest: Guest, emulator: Emulator, method: str) -> None:
    """O-20: a callback by another method is refused and spends nothing."""
    path = guest.back_path(keeper.link("acme", "google-ads", expect=IDA))
    assert guest.send(method, path).status_code == 405
    assert heading(guest.onward(path)) == "Google Ads is connected"


def test_no_page_frames_or_scripts_anything(keeper: Keeper, guest: Guest) -> None:
    """O-19, O-21: no opener is spoken to and the provider is never framed; nothing comes from elsewhere."""
    made = keeper.link("acme", "google-ads", expect=IDA)
    for page in (guest.open(made), guest.use(made)):
        assert not re.search(r"<(iframe|frame|object|embed|script)\b|postMessage|opener", page.text)
        assert not re.search(r'(src|<link[^>]*href)="(https?:)?//', page.text)


# --- the business's own face -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("logo", "kind"), [(SVG, "image/svg+xml"), (PNG, "image/png")])
def test_a_logo_is_a_picture_on_the_page_and_harmless_by_itself(
    keeper: Keeper, branded: Callable[..., Guest], logo: bytes, kind: str
) -> None:
    """V-38: as an image only, from us only; opened by itself it runs nothing and is of no origin."""
    with branded(logo=logo) as guest:
        page = guest.open(keeper.link("acme", "google-ads"))
        address = re.search(r'<img class="logo" src="([^"]+)" alt="Fjord Media">', page.text)
        assert address is not None
        assert " img-src 'self';" in page.headers["content-security-policy"]
        picture = guest.get(address[1])
        assert (picture.content, picture.headers["content-type"]) == (logo, kind)
        assert picture.headers["content-security-policy"] == LOGO_POLICY
        assert picture.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"GIF89a", "neither a PNG nor an SVG"),
        (b"<html/>", "neither a PNG nor an SVG"),
        (b"<svg>", "neither a PNG nor an SVG"),
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + SVG, "neither a PNG nor an SVG"),
        (PNG + b"x" * MOST_LOGO, "larger than 256 KiB"),
    ],
)
def test_what_is_no_logo_is_refused_before_anything_is_served(tmp_path: Path, content: bytes, said: str) -> None:
    """The operator is told at the start which setting to change."""
    file = tmp_path / "logo.svg"
    file.write_bytes(content)
    with pytest.raises(Misconfigured, match=said) as refused:
        brand_of(ServiceSettings(logo=file))
    assert "[service]" in refused.value.advice


def test_the_colour_comes_as_a_style_sheet_of_ours(keeper: Keeper, branded: Callable[..., Guest]) -> None:
    """No inline style: an address with a hash, and both schemes in it."""
    with branded(colour="#ffd400", text="Fjord Media AS, Oslo\nOrg. 123") as guest:
        page = guest.open(keeper.link("acme", "google-ads"))
        assert "Fjord Media AS, Oslo\nOrg. 123" in page.text
        address = re.search(r'href="(/static/brand.css\?v=[0-9a-f]{12})"', page.text)
        assert address is not None
        sheet = guest.get(address[1])
        assert sheet.headers["content-type"].startswith("text/css")
        assert "--brand:#ffd400;" in sheet.text
        assert "--on-accent:#000000;" in sheet.text
        assert "prefers-color-scheme: dark" in sheet.text
        assert "style=" not in page.text


@pytest.mark.parametrize("colour", ["red", "#fff", "#ffffff;}", "#gggggg"])
def test_what_is_no_colour_is_refused(colour: str) -> None:
    """What could be more than a colour in a style sheet does not get there."""
    with pytest.raises(Misconfigured, match="colour"):
        brand_of(ServiceSettings(colour=colour))


@given(colour=st.tuples(*[st.integers(0, 255)] * 3))
def test_every_colour_can_be_read(colour: tuple[int, int, int]) -> None:
    """WCAG 2.2, 1.4.3: the words on a button of any colour, and links in a shade of it, in both schemes."""
    assert ink_on(colour) in (WHITE, BLACK)
    assert contrast(ink_on(colour), colour) >= READABLE
    for card in (LIGHT_CARD, DARK_CARD):
        assert contrast(readable(colour, card), card) >= READABLE


def test_contrast_is_that_of_wcag() -> None:
    """Black on white is 21; #767676 is the lightest grey that can be read on white."""
    assert contrast(WHITE, BLACK) == pytest.approx(21)
    assert contrast((0x76, 0x76, 0x76), WHITE) == pytest.approx(4.54, abs=0.01)


# --- languages -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", LANGUAGES)
def test_each_page_speaks_the_language_of_the_link(
    keeper: Keeper, browser: Callable[[], Guest], emulator: Emulator, code: str
) -> None:
    """From the invitation to the end, also for who prefers another language, and no English in between."""
    say = Words(code)
    made = keeper.link("acme", "google-ads", language=code, picker=Picker(), message="Hei!", code=True, expect=IDA)
    assert made.code is not None
    guest = browser()
    guest.http.headers["accept-language"] = "fr" if code == "de" else "de"
    invited = guest.open(made)
    denied = guest.use(made, deny=True, code=made.code.reveal())
    picker = guest.use(made, code=made.code.reveal())
    silent = guest.submit(picker, "picker", q="nowhere", do="search")
    done = guest.onward(guest.submit(picker, "picker", a="google_ads/2223334441", do="save").headers["location"])
    for page in (invited, denied, picker, silent, done):
        assert f'<html lang="{code}">' in page.text
        assert page.headers["content-language"] == code
        assert page.headers["vary"] == "Accept-Language"
    assert heading(invited) == say("Connect {client}", client="Google Ads")
    assert heading(denied) == say("Nothing was connected")
    assert heading(picker) == say("Choose what to share")
    assert heading(done) == say("{client} is connected", client="Google Ads")
    if code != "en":
        english = [key for key in catalogue(code) if " " in key and "{" not in key and key not in (", ", "Code")]
        shown = " ".join(page.text for page in (invited, denied, picker, silent, done))
        assert [key for key in english if key in shown] == []


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_without_a_language_of_its_own_the_link_follows_the_browser(keeper: Keeper, guest: Guest, code: str) -> None:
    """RFC 9110 12.5.4; also on the pages of refusals."""
    page = guest.get(path_of(keeper.link("acme", "google-ads")), **{"accept-language": f"{code}-XX, en;q=0.5"})
    assert heading(page) == Words(code)("Connect {client}", client="Google Ads")
    page = guest.get("/connect/none", **{"accept-language": code})
    assert heading(page) == Words(code)("This invitation cannot be used")


def test_the_service_has_a_language_for_everybody_else(keeper: Keeper, branded: Callable[..., Guest]) -> None:
    """`[service] language` is for browsers that ask for none that we have."""
    with branded(language="ja") as guest:
        made = keeper.link("acme", "google-ads")
        assert '<html lang="ja">' in guest.get(path_of(made), **{"accept-language": "fi"}).text
        assert '<html lang="en">' in guest.get(path_of(made), **{"accept-language": "en"}).text


# --- hostile words ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("payload", PAYLOADS)
def test_names_messages_titles_and_texts_are_text(
    keeper: Keeper, emulator: Emulator, settings: ServiceSettings, payload: str
) -> None:
    """V-39: whatever a business or its customer is called, in every language."""
    hostile = dataclasses.replace(
        settings, business_name=f"{payload} business", titles={"google-ads": f"{payload} title"}, text=f"{payload} text"
    )
    with Guest(links_app(AsyncKeeper(keeper), hostile), emulator, owner=None) as guest:
        for code in LANGUAGES:
            made = keeper.link(f"{payload} {code}", "google-ads", message=f"{payload} message", language=code)
            for page in (guest.open(made), guest.use(made)):
                seen = Seen(page.text)
                assert seen.tags <= SPOKEN_TAGS
                assert not {name for name in seen.attributes if name.startswith("on") or name == "style"}
                assert not [link for link in seen.links if "evil" in link or link.lower().startswith("javascript")]
                assert f"{payload} text" in seen.text
                assert f"{payload} business" in seen.text


SPOKEN_TAGS = {"html", "head", "meta", "title", "link", "body", "header", "main", "footer", "div", "p", "span"} | {
    "h1",
    "h2",
    "ul",
    "li",
    "em",
    "b",
    "a",
    "form",
    "input",
    "button",
    "svg",
    "circle",
    "path",
    "figure",
    "figcaption",
    "blockquote",
}
