"""What the dashboard's pages share: the keeper, the settings, names of cookies, how things are called."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote

from grantkeeper.errors import Misconfigured, printable
from grantkeeper.keeper.operators.sessions import ABSOLUTE
from grantkeeper.web.face import scope_words
from grantkeeper.web.guard import COOKIE_LIFE, check_token, form_token, origin_of
from grantkeeper.web.links.brand import Brand

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from starlette.requests import Request
    from starlette.responses import Response

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.keeper import Keeper
    from grantkeeper.settings import ServiceSettings

_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
SESSION: Final = "grantkeeper-operator"
START: Final = "grantkeeper-sign-in"
ASKED: Final = "grantkeeper-asked"
_ADDRESS: Final = re.compile(r"/[A-Za-z0-9][A-Za-z0-9/_.~:@%-]{0,400}(\?[A-Za-z0-9_.~:@%=&+-]{0,400})?")
"""A page of ours below our prefix, with its query: what a sign-in leads on to, and nothing else (V-55)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Everything that a page needs beside the request.

    Whether https is in use, and which origin forms come from, the configured `url` says, never a header (V-39c).
    """

    keeper: AsyncKeeper
    settings: ServiceSettings
    brand: Brand = field(default_factory=Brand)

    def __post_init__(self) -> None:
        """Refuse to run without an address: nothing could be told from another site's form."""
        if not self.settings.url:
            raise Misconfigured(
                "It is not known where people reach the service.",
                advice='Write it into the configuration: [service] url = "https://grants.example.com".',
            )

    @property
    def verbs(self) -> Keeper:
        """The keeper whose verbs are run on threads."""
        return self.keeper.keeper

    @property
    def business(self) -> str:
        """How the business is called."""
        return self.settings.business_name or "grantkeeper"

    @property
    def origin(self) -> str:
        """The origin of the service's own pages."""
        return origin_of(self.settings.url)

    @property
    def secure(self) -> bool:
        """Whether https is in use."""
        return self.settings.url.startswith("https:")

    @property
    def now(self) -> datetime:
        """The keeper's time."""
        return self.verbs.overview.now()

    def title(self, client: str) -> str:
        """Return how to call an OAuthClient: its title, or `google-ads` as `Google Ads`."""
        plain = " ".join(word[:1].upper() + word[1:] for word in re.split(r"[-_ ]+", client))
        return printable(self.settings.titles.get(client) or plain, 60)

    def words(self, client: str, scopes: Iterable[str]) -> list[str]:
        """Return what scopes allow, in plain words; the scopes themselves for a client that is not configured."""
        found = {each.name: each for each in self.keeper.clients}.get(client)
        ordered = sorted(scopes)
        return scope_words(found.provider, ordered) if found else [printable(each, 120) for each in ordered]

    def cookie(self, name: str) -> str:
        """Return a cookie's name; `__Host-` pins Path=/, Secure and no Domain (RFC 6265bis 4.1.3)."""
        return f"__Host-{name}" if self.secure else name

    def token(self, secret: str) -> str:
        """Return the token that a form carries: bound to what the browser's cookie holds (V-37)."""
        return form_token(secret, "dashboard", self.origin)

    def check_token(self, sent: str, secret: str) -> None:
        """Raise Stop unless a form's token is this browser's."""
        check_token(sent, secret or None, "dashboard", self.origin)

    def read(self, request: Request, name: str) -> str:
        """Return what a cookie of ours holds, "" when it is none."""
        value = request.cookies.get(self.cookie(name), "")
        return value if _SECRET.fullmatch(value) else ""

    def keep_session(self, response: Response, value: str) -> None:
        """Keep a session in the browser: Strict, so that no other site's link or form brings it along (V-36)."""
        life = int(ABSOLUTE.total_seconds())
        response.set_cookie(
            self.cookie(SESSION), value, max_age=life, path="/", secure=self.secure, httponly=True, samesite="strict"
        )

    def drop_session(self, response: Response) -> None:
        """Take the session out of the browser."""
        response.delete_cookie(self.cookie(SESSION), path="/", secure=self.secure, httponly=True, samesite="strict")

    def keep_start(self, response: Response, value: str) -> None:
        """Keep what binds a sign-in to this browser: Lax, because the provider's page leads back with a link."""
        response.set_cookie(
            self.cookie(START), value, max_age=COOKIE_LIFE, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def keep_asked(self, response: Response, path: str) -> None:
        """Keep which page was asked for until somebody has signed in, or forget the one before."""
        name = self.cookie(ASKED)
        if _led_to(path) == "/":
            response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")
            return
        response.set_cookie(
            name,
            quote(path, safe=""),
            max_age=COOKIE_LIFE,
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def asked(self, request: Request) -> str:
        """Return the path below our prefix that was asked for before the sign-in, "/" when it is none of ours."""
        return _led_to(unquote(request.cookies.get(self.cookie(ASKED), "")))


def _led_to(path: str) -> str:
    """Return the path if it can only be a page of ours, else "/"."""
    return path if _ADDRESS.fullmatch(path) and ".." not in unquote(path) else "/"
