"""The examples as running sites, each in front of a browser: the same walk through three frameworks."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import httpx2
from itsdangerous import TimestampSigner
from starlette.testclient import TestClient

from docs.desk import Desk
from grantkeeper.emulator import Emulator
from grantkeeper.emulator.visitor import Form, forms
from grantkeeper.keeper import Keeper
from house.source import ROOT

HOME = "https://app.example.com"
SAME_ORIGIN = {"origin": HOME, "referer": f"{HOME}/", "sec-fetch-site": "same-origin"}
"""What a browser sends along with a form of the site's own page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An example that runs. `cookie` signs a customer in, as the site's own sign-in would; `open` makes a browser."""

    keeper: Keeper
    emulator: Emulator
    form_page: str
    form_id: str
    endings: dict[str, str]
    cookie: Callable[[str], tuple[str, str]]
    open: Callable[[], httpx2.Client]

    @contextmanager
    def browser(self, owner: str | None) -> Iterator[Browser]:
        """Open a browser, signed in as this owner if there is one."""
        with self.open() as http:
            if owner is not None:
                http.cookies.set(*self.cookie(owner), domain="app.example.com")
            yield Browser(site=self, http=http)


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """A browser at the site."""

    site: Site
    http: httpx2.Client

    def form(self, client: str) -> Form:
        """Return the form that starts."""
        page = self.http.get(self.site.form_page.format(client=client))
        assert page.status_code == 200, page.text
        return forms(page.text)[self.site.form_id.format(client=client)]

    def press(self, client: str) -> httpx2.Response:
        """Press the button."""
        form = self.form(client)
        return self.http.post(form.action, data=dict(form.hidden), headers=SAME_ORIGIN)

    def way_back(self, client: str, person: str, **decision: Any) -> str:
        """Walk to the provider and decide there; returns the address that leads back, unopened."""
        answer = self.press(client)
        assert answer.status_code == 303, answer.text
        return self.site.emulator.consent(answer.headers["location"], person, **decision)

    def arrive(self, url: str) -> httpx2.Response:
        """Open the address that leads back; return the page that it ends at, or the way to the provider again."""
        answer = self.http.get(url)
        while answer.status_code == 303 and not answer.headers["location"].startswith(self.site.emulator.base_url):
            answer = self.http.get(answer.headers["location"])
            assert "state=" not in str(answer.url)
        return answer

    def connect(self, client: str, person: str, **decision: Any) -> httpx2.Response:
        """Walk the whole way."""
        return self.arrive(self.way_back(client, person, **decision))


VIEWS = {
    "allowed": "Connected as ida@nordwind-outdoor.example.",
    "denied": "You said no. Nothing was changed.",
    "partial": "A box that is needed was left unticked.",
    "another account": "That was another account. Please sign in as ida@nordwind-outdoor.example.",
    "refused": "That was begun in another browser, or took too long. Please start again.",
    "trouble": "That did not work. Please try again later.",
}


def load(name: str) -> ModuleType:
    """Run an example's file as the module of its name."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@contextmanager
def fastapi(desk: Desk) -> Iterator[Site]:
    """The FastAPI example, with its lifespan."""
    example = load("fastapi_app")

    def cookie(owner: str) -> tuple[str, str]:
        content = base64.b64encode(json.dumps({"customer": owner}).encode())
        return "session", TimestampSigner(os.environ["SESSION_SECRET"]).sign(content).decode()

    with TestClient(example.app, base_url=HOME):
        yield Site(
            keeper=example.keeper.keeper,
            emulator=desk.emulator,
            form_page="/grants/connect/{client}",
            form_id="connect",
            endings=PAGES,
            cookie=cookie,
            open=lambda: _Quiet(example.app),
        )


PAGES = {
    "allowed": "Google Ads is connected",
    "denied": "Nothing was connected",
    "partial": "Almost: a permission is missing",
    "another account": "That was another account",
    "refused": "We cannot go on from here",
    "trouble": "Google did not answer",
}


class _Quiet(TestClient):
    """Browsers of the FastAPI example: the site's lifespan is not theirs."""

    def __init__(self, app: Any) -> None:
        super().__init__(app, base_url=HOME, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()


@contextmanager
def flask(desk: Desk) -> Iterator[Site]:
    """The Flask example."""
    example = load("flask_app")

    def cookie(owner: str) -> tuple[str, str]:
        signer: Any = example.app.session_interface.get_signing_serializer(example.app)
        return "session", signer.dumps({"customer": owner})

    with example.keeper:
        yield _views(example.app, example.keeper, desk, cookie)


@contextmanager
def django(desk: Desk) -> Iterator[Site]:
    """The Django example, its own database migrated. Django is configured once in a process: forget an earlier time."""
    from django.conf import settings
    from django.utils.functional import empty

    settings._wrapped = empty
    example = load("django_app")
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db import connections
    from django.test import Client

    call_command("migrate", verbosity=0)

    def cookie(owner: str) -> tuple[str, str]:
        user, _ = get_user_model().objects.get_or_create(username=owner)
        client = Client()
        client.force_login(user)
        return "sessionid", client.cookies["sessionid"].value

    with example.keeper:
        yield _views(example.application, example.keeper, desk, cookie)
    connections.close_all()


def _views(app: Any, keeper: Keeper, desk: Desk, cookie: Callable[[str], tuple[str, str]]) -> Site:
    return Site(
        keeper=keeper,
        emulator=desk.emulator,
        form_page="/",
        form_id="connect-{client}",
        endings=VIEWS,
        cookie=cookie,
        open=lambda: httpx2.Client(transport=httpx2.WSGITransport(app), base_url=HOME),
    )


def words(page: httpx2.Response) -> str:
    """Return what a page says, without its marks."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


FRAMEWORKS = {"fastapi": fastapi, "flask": flask, "django": django}
EXAMPLES = sorted(path.stem for path in Path(ROOT / "examples").glob("*.py"))
