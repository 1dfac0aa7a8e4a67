"""The demo's site and the service in a real Chromium. Every page is photographed into var/screenshots."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

import grpc_roots  # noqa: F401 - first of all: gRPC reads its roots once
from browser.looking import SCREENSHOTS
from browser.person import Person, Window
from browser.serving import Service, chromium_started, serving
from grantkeeper.cli.demo.stage import Stage, set_stage

WINDOWS = {
    "phone": Window(name="phone", width=360, height=740, scheme="light"),
    "desktop": Window(name="desktop", width=1280, height=860, scheme="dark"),
}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """The demo's emulator, keeper and site, on ports."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        set_stage(tmp_path, port=listener.getsockname()[1]) as made,
        made.in_background(listener),
    ):
        yield made


@pytest.fixture
def chromium(stage: Stage) -> Iterator[Browser]:
    """A Chromium of its own."""
    assert stage.url
    with chromium_started() as browser:
        yield browser


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The whole service of an agency, on a port."""
    with serving(tmp_path) as made:
        yield made


@pytest.fixture
def at_service(service: Service) -> Iterator[Browser]:
    """A Chromium of its own; it goes before the service does."""
    assert service.url
    with chromium_started() as browser:
        yield browser


@pytest.fixture(params=list(WINDOWS))
def window(request: pytest.FixtureRequest) -> Window:
    """One of the sizes."""
    return WINDOWS[request.param]


@pytest.fixture
def ida(chromium: Browser, stage: Stage, window: Window, request: pytest.FixtureRequest) -> Iterator[Person]:
    """Ida, signed in at the agency's site, in a browser of her own."""
    shots = SCREENSHOTS / request.node.originalname.removeprefix("test_")
    with Person.opened(chromium, stage, window, shots) as person:
        person.sign_in("nordwind-outdoor")
        yield person


@pytest.fixture
def stranger(chromium: Browser, stage: Stage, window: Window, request: pytest.FixtureRequest) -> Iterator[Person]:
    """Another browser, signed in as the same customer."""
    shots = SCREENSHOTS / request.node.originalname.removeprefix("test_") / "stranger"
    with Person.opened(chromium, stage, window, shots) as person:
        person.sign_in("nordwind-outdoor")
        yield person
