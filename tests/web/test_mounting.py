"""The pages inside another application, under any prefix, and on their own."""

from __future__ import annotations

import dataclasses

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from grantkeeper.testing import emulated_keeper, oauth_client
from grantkeeper.web import grantkeeper_app
from web.visitor import IDA, SITE, Visitor, heading


def under_starlette(pages: Starlette, prefix: str) -> ASGIApp:
    """Mount in Starlette."""
    return Starlette(routes=[Mount(prefix, pages)])


def under_fastapi(pages: Starlette, prefix: str) -> ASGIApp:
    """Mount in FastAPI."""
    app = FastAPI()
    app.mount(prefix, pages)
    return app


@pytest.mark.parametrize("host", [under_starlette, under_fastapi])
@pytest.mark.parametrize("prefix", ["/grants", "/a/b", "/größe"])
def test_the_whole_walk_works_under_a_prefix(
    emulator: Emulator, app: Starlette, keeper: Keeper, host: object, prefix: str
) -> None:
    """Links, forms, redirects and the style sheet carry the prefix; no lifespan event is needed."""
    assert callable(host)
    with Visitor(host(app, prefix), emulator, owner="acme") as visitor:
        visitor.prefix = prefix
        page = visitor.get("/connect/google-ads")
        sheet = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
        assert visitor.send("GET", f"{SITE}{sheet}").headers["content-type"].startswith("text/css")
        away = visitor.press(page).headers["location"]
        back = emulator.consent(away, IDA).removeprefix(SITE)
        assert heading(visitor.end(back)) == "Google Ads is connected"


def test_a_hostile_prefix_is_not_an_address_elsewhere(app: Starlette, emulator: Emulator) -> None:
    """V-55: a root_path of two slashes would make links and redirects lead to another host."""

    async def odd(scope: dict[str, object], receive: object, send: object) -> None:
        await app({**scope, "root_path": "//evil.example"}, receive, send)  # type: ignore[arg-type]

    with Visitor(odd, emulator, owner="acme") as visitor:  # type: ignore[arg-type]
        assert "//evil.example" not in visitor.get("/").text


def test_on_http_loopback_the_cookie_has_its_plain_name(emulator: Emulator, keeper: Keeper) -> None:
    """V-36: without https there is no __Host- and no HSTS; the configured redirect URI decides."""
    client = dataclasses.replace(keeper.client("google-ads"), redirect_uri="http://127.0.0.1:8765/callback/google-ads")
    local = emulated_keeper(emulator, keeper._store, clients=[client])
    pages = grantkeeper_app(AsyncKeeper(local), owner=lambda _request: "acme")
    with Visitor(pages, emulator, owner="acme", site="https://127.0.0.1:8765") as visitor:
        answer = visitor.get("/connect/google-ads")
    assert answer.headers["set-cookie"].startswith("grantkeeper=")
    assert "secure" not in answer.headers["set-cookie"].lower()
    assert "strict-transport-security" not in answer.headers


def test_a_client_that_cannot_be_connected_beside_the_others_is_named(
    emulator: Emulator, keeper: Keeper, caplog: pytest.LogCaptureFixture
) -> None:
    """Its way back is http, and the cookie of the others goes over https only."""
    odd = dataclasses.replace(
        oauth_client(emulator, "ad-manager", ["ad_manager"]), redirect_uri="http://127.0.0.1:8765/callback/ad-manager"
    )
    mine = keeper.client("google-ads")
    mixed = emulated_keeper(emulator, keeper._store, clients=(mine, odd))
    grantkeeper_app(AsyncKeeper(mixed), owner=lambda _: "acme")

    assert [record.getMessage().split()[0] for record in caplog.records] == ["ad-manager"]
