"""What stands between the world and a choice."""

from __future__ import annotations

import pytest
from starlette.applications import Starlette

from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from grantkeeper.web.guard import MAX_PICKER_BODY, MAX_TICKS
from keeper.people import account_events
from web.picker.chooser import FORM, Chooser, Sheet
from web.test_escaping import KNOWN_TAGS, Seen
from web.test_guard import CSP, HTML, SAFE, golden
from web.visitor import OWNER_HEADER, SITE, Visitor, heading

SHOP = "google_ads/2223334441"
PICKER_TAGS = KNOWN_TAGS | {"script", "label", "fieldset", "legend", "bdi", "i", "details", "summary"}
WITH_SCRIPT = SAFE | {"content-security-policy": CSP.replace("style-src", "script-src 'self'; style-src")}


def nothing_is_shared(keeper: Keeper) -> bool:
    """Tell whether the grant of `acme` is as it was before anybody chose."""
    return keeper.accounts(keeper.find("acme", "google-ads").id) == [] and account_events(keeper) == []


def test_only_the_picker_may_run_a_script_and_only_ours(chooser: Chooser) -> None:
    """V-38: script-src 'self' on its own page; nothing inline, nothing from elsewhere, no script anywhere else."""
    sheet = chooser.arrive()
    seen = Seen(sheet.page.text)
    assert golden(sheet.page) == WITH_SCRIPT | HTML
    assert "<script>" not in sheet.page.text
    assert not {name for name in seen.attributes if name.startswith("on") or name == "style"}
    (script,) = [link for link in seen.links if link.endswith(".js") or ".js?" in link]
    answer = chooser.visitor.send("GET", f"{SITE}{script}")
    assert golden(answer) == SAFE | {
        "content-type": "text/javascript; charset=utf-8",
        "cache-control": "public, max-age=86400",
    }
    end = chooser.save(sheet, [SHOP])
    assert golden(end) == SAFE | HTML
    assert "<script" not in end.text


def test_names_of_accounts_are_text(chooser: Chooser) -> None:
    """V-39: markup, and a right-to-left override that would turn `exe.png` around; emoji and Arabic stay readable."""
    sheet = chooser.arrive()
    found = chooser.press(sheet, "search", search="</title><script src=//evil.example>")
    for page in (sheet.page, found.page, chooser.save(sheet, sheet.tickable)):
        seen = Seen(page.text)
        assert seen.tags <= PICKER_TAGS
        assert not [link for link in seen.links if "evil" in link]
        assert "\u202e" not in page.text
    assert "Both <b>North</b> & South" in Seen(sheet.page.text).text
    assert "حلويات دمشق 🍰" in sheet.page.text


@pytest.mark.parametrize("what", ["browser", "owner"])
def test_another_browser_or_owner_is_refused_as_at_the_result(
    chooser: Chooser, stranger: Visitor, keeper: Keeper, what: str
) -> None:
    """O-01, V-31: the address alone opens nothing and saves nothing."""
    sheet = chooser.arrive()
    if what == "owner":
        chooser.visitor.http.headers[OWNER_HEADER] = "somebody-else"
    else:
        chooser = Chooser(stranger)
        stranger.get("/connect/google-ads")  # gives it a cookie of its own
    shown = chooser.visitor.send("GET", f"{SITE}{sheet.action}")
    result = chooser.visitor.send("GET", f"{SITE}{sheet.action.replace('/accounts/', '/result/')}")
    answer = chooser.post(sheet, "save", ticked=[SHOP])
    assert shown.status_code == result.status_code == answer.status_code == 400
    assert heading(shown) == heading(result) == heading(answer) == "We cannot go on from here"
    assert nothing_is_shared(keeper)


def test_a_flow_of_another_client_is_not_chosen_for(chooser: Chooser) -> None:
    """The path's client has to be the flow's."""
    sheet = chooser.arrive()
    path = sheet.action.replace("google-ads", "ad-manager")
    assert chooser.visitor.send("GET", f"{SITE}{path}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/accounts/google-ads/zz", "/accounts/no-such/" + "a" * 64, "/accounts/google-ads", "/static/other.js"]
)
def test_what_does_not_exist_is_not_found(visitor: Visitor, path: str) -> None:
    """A malformed reference is no flow."""
    assert visitor.get(path).status_code == 404


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_browser_that_belongs_to_nobody_is_asked_to_sign_in(app: Starlette, emulator: Emulator, method: str) -> None:
    """V-31: before anything of the request is read."""
    with Visitor(app, emulator, owner=None) as nobody:
        assert nobody.send(method, "/accounts/google-ads/" + "a" * 64, headers=FORM, content=b"a=b").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site", "origin": "null"},
        {"sec-fetch-site": "same-site", "origin": "https://blog.example.com"},
        {"sec-fetch-site": "none"},
        {"origin": "https://evil.example"},
        {},
    ],
)
def test_a_form_from_elsewhere_saves_nothing(chooser: Chooser, keeper: Keeper, headers: dict[str, str]) -> None:
    """V-37: the token is right, the place that it comes from is not; the page's button leads back to the picker."""
    sheet = chooser.arrive()
    kind = {"content-type": FORM["content-type"]}
    answer = chooser.post(sheet, "save", ticked=[SHOP], headers={**kind, **headers})
    assert (answer.status_code, heading(answer)) == (403, "That did not come from our page")
    assert f'href="{sheet.action}"' in answer.text
    assert nothing_is_shared(keeper)


def test_a_token_of_another_form_or_flow_saves_nothing(chooser: Chooser, keeper: Keeper) -> None:
    """V-37: the token belongs to one browser, owner, client and flow; that of the connect page is another."""
    sheet = chooser.arrive()
    connect = Sheet(chooser.visitor.get("/connect/google-ads"))
    other = chooser.arrive(client="ad-manager")
    for token in ("", "x", "ü", connect.token, other.token):
        answer = chooser.post(sheet, "save", ticked=[SHOP], extra=[("token", token)])
        assert (answer.status_code, heading(answer)) == (403, "This page has been open too long")
    assert nothing_is_shared(keeper)


def test_a_choice_of_thousands_fits_and_a_flood_does_not(chooser: Chooser, keeper: Keeper) -> None:
    """V-48: the picker's form may be large, within bounds; announced or not."""
    sheet = chooser.arrive()
    many = [f"google_ads/{number:010d}" for number in range(MAX_TICKS - 1)]
    chooser.save(sheet, [SHOP, *many])
    assert len(account_events(keeper)) == 1
    assert chooser.post(sheet, "save", ticked=[f"a/{n}" for n in range(MAX_TICKS + 8)]).status_code == 413
    assert chooser.post(sheet, "save", ticked=["x" * MAX_PICKER_BODY]).status_code == 413
    announced = {**FORM, "content-length": str(MAX_PICKER_BODY + 1)}
    assert chooser.visitor.send("POST", f"{SITE}{sheet.action}", headers=announced).status_code == 413
    assert len(account_events(keeper)) == 1


@pytest.mark.parametrize("path", ["/connect/google-ads", "/accounts/google-ads/zz", "/result/google-ads/" + "a" * 64])
def test_no_other_address_takes_a_large_form(visitor: Visitor, path: str) -> None:
    """V-48: the limit is raised for the picker alone."""
    assert visitor.send("POST", path, headers=FORM, content=b"x" * 9000).status_code == 413
    assert visitor.send("GET", path, headers={"content-length": "9000"}).status_code == 413


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "text/plain"])
def test_only_a_urlencoded_form_is_read(chooser: Chooser, keeper: Keeper, kind: str) -> None:
    """V-37: as everywhere."""
    answer = chooser.post(chooser.arrive(), "save", ticked=[SHOP], headers={**FORM, "content-type": kind})
    assert answer.status_code == 403
    assert nothing_is_shared(keeper)


@pytest.mark.parametrize(
    "do", ["", "SAVE", "save ", "delete", "tick", "untick", "tick ad_manager", "tick x y z", "\x00"]
)
def test_an_unknown_button_saves_nothing(chooser: Chooser, keeper: Keeper, do: str) -> None:
    """It shows the page again, ticks and all."""
    sheet = chooser.press(chooser.arrive(), do, ticked=[SHOP])
    assert sheet.ticked == {SHOP}
    assert nothing_is_shared(keeper)
