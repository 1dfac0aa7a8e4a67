"""A browser of somebody who works at the business, in front of the dashboard in this process."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx2
from starlette.applications import Starlette
from starlette.routing import Mount

from grantkeeper.aio import AsyncKeeper
from grantkeeper.emulator import Emulator
from grantkeeper.emulator.visitor import forms
from grantkeeper.keeper import Keeper
from grantkeeper.model import Role
from grantkeeper.settings import ServiceSettings, SignIn
from grantkeeper.web.dashboard import dashboard_app
from web.visitor import SAME_ORIGIN, Visitor

SITE = "https://grants.fjord.example"
CALLBACK = f"{SITE}/dashboard/callback"
SESSION = "__Host-grantkeeper-operator"
START = "__Host-grantkeeper-sign-in"
ASKED = "__Host-grantkeeper-asked"
SETTINGS = ServiceSettings(
    url=SITE,
    business_name="Fjord Media",
    sign_in=SignIn(client="google-ads", redirect_uri=CALLBACK, domains=("fjord-media.example",), role="operator"),
)


def mounted(keeper: Keeper, settings: ServiceSettings = SETTINGS) -> Starlette:
    """Return the service as far as it is the dashboard."""
    return Starlette(routes=[Mount("/dashboard", dashboard_app(AsyncKeeper(keeper), settings))])


class Staff(Visitor):
    """One browser. Redirects are returned, not followed."""

    def __init__(self, app: Starlette, emulator: Emulator) -> None:
        super().__init__(app, emulator, owner=None, site=SITE)
        self.prefix = "/dashboard"

    @property
    def session(self) -> str:
        """The session's cookie, "" without one."""
        return next((each.value or "" for each in self.http.cookies.jar if each.name == SESSION), "")

    def come_in(self, keeper: Keeper, role: Role = "admin", email: str = "") -> None:
        """Be invited with a role, open the address and press its button."""
        _, token = keeper.operators.invite(email or f"{role}@fjord-media.example", role, by="cli")
        path = f"/sign-in/{token.reveal()}"
        answer = self.submit(self.get(path), "sign-in", path=path)
        assert answer.status_code == 303, answer.text

    def submit(
        self,
        page: httpx2.Response,
        form: str,
        fields: Mapping[str, str] | None = None,
        *,
        path: str = "",
        headers: Mapping[str, str] = SAME_ORIGIN,
    ) -> httpx2.Response:
        """Send a page's form with some fields filled in; `path` where it has no address of its own."""
        found = forms(page.text)[form]
        to = urlsplit(found.action).path.removeprefix(self.prefix) if found.action else path
        return self.post(to, dict(found.hidden) | dict(fields or {}), headers)
