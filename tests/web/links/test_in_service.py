"""Invitations inside the whole service, below a prefix, with its logs and its limits."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from starlette.types import ASGIApp

from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator
from grantkeeper.emulator.visitor import forms
from grantkeeper.keeper import Keeper
from grantkeeper.seal import KeyRing, new_key
from grantkeeper.settings import ServiceSettings
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, oauth_client
from grantkeeper.web.service.app import service_app
from web.links.guest import Guest, path_of
from web.visitor import IDA, SITE, heading


@pytest.fixture
def app(keeper: Keeper, settings: ServiceSettings) -> ASGIApp:
    """The whole service."""
    return service_app(AsyncKeeper(keeper), settings)


def test_a_walk_through_the_service_ends_well_and_names_no_link_in_its_logs(
    keeper: Keeper, guest: Guest, caplog: pytest.LogCaptureFixture
) -> None:
    """V-20: what opens a link is in no log, however its address is misspelt; the canaries look at each record."""
    made = keeper.link("acme", "google-ads")
    token = path_of(made).rpartition("/")[2]
    with caplog.at_level(logging.INFO):
        for path in (f"/connect/{token}/", f"//connect/{token}", f"/connect/x/{token}", f"/accounts/{token}/y"):
            assert guest.get(path).status_code == 404
        page = guest.use(made)
    assert heading(page) == "Thank you"
    ours = [str(vars(record)) for record in caplog.records if record.name.startswith("grantkeeper")]
    assert ours
    assert not [text for text in ours if token in text]


@pytest.mark.parametrize(("url", "other"), [("http://127.0.0.1:8765", "https"), (SITE, "http")])
def test_the_services_own_address_says_whether_https_is_in_use(
    emulator: Emulator, tmp_path: Path, url: str, other: str
) -> None:
    """V-39c: one client whose redirect_uri is of another scheme breaks the links of no other."""
    mine = replace(oauth_client(emulator, "google-ads", ["adwords"]), redirect_uri=f"{url}/callback/google-ads")
    emulator.client_secret(None, [mine.redirect_uri])
    odd = replace(
        oauth_client(emulator, "ad-manager", ["ad_manager"]),
        redirect_uri=f"{other}://127.0.0.1:8765/callback/ad-manager",
    )
    store = SqlStore(f"sqlite:///{tmp_path / 'two.sqlite3'}")
    store.migrate()
    with Keeper(
        store=store,
        sealer=KeyRing.parse(new_key()),
        clients=(mine, odd),
        transport=EmulatorTransport(emulator),
        now=emulator.clock.now,
        pages_url=url,
    ) as keeper:
        service = service_app(AsyncKeeper(keeper), ServiceSettings(url=url))
        with Guest(service, emulator, owner=None, site=url) as guest:
            page = guest.open(keeper.link("acme", "google-ads"))
            away = guest.post(urlsplit(str(page.url)).path, dict(forms(page.text)["connect"].hidden))
            back = urlsplit(emulator.consent(away.headers["location"], IDA))
            came = guest.get(f"{back.path}?{back.query}")
            assert (came.status_code, heading(guest.get(came.headers["location"]))) == (303, "Thank you")


def test_a_page_of_no_use_and_the_root_are_pages_of_the_business(keeper: Keeper, guest: Guest) -> None:
    """Whoever mistypes sees a page, not a program's answer."""
    assert heading(guest.get("/")) == "There is no such page"
    assert heading(guest.get(f"/connect/{'A' * 43}")) == "This invitation cannot be used"
    assert guest.get("/static/style.css").headers["content-type"].startswith("text/css")


def test_below_a_prefix_every_address_of_a_walk_carries_it(
    emulator: Emulator, keeper: Keeper, browser: Callable[[], Guest]
) -> None:
    """The service at https://HOST/PREFIX: forms, sheets and redirects stay below it."""
    service = service_app(AsyncKeeper(keeper), ServiceSettings(url=f"{SITE}/grants", business_name="Fjord Media"))
    made = keeper.link("acme", "google-ads")
    with Guest(service, emulator, owner=None) as guest:
        guest.prefix = "/grants"
        page = guest.get(path_of(made))
        assert 'href="/grants/static/style.css' in page.text
        away = guest.submit(page)
        assert away.status_code == 303
        back = emulator.consent(away.headers["location"], "ida@nordwind-outdoor.example").removeprefix(SITE)
        answer = guest.get(back)
        assert answer.headers["location"].startswith("/grants/result/google-ads/")
        assert heading(guest.send("GET", f"{SITE}{answer.headers['location']}")) == "Thank you"
