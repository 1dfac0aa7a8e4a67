"""What the emulator's tests share: an emulator with a still clock, and a client's requests to it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode, urlsplit

from grantkeeper.emulator import Clock, Emulator, Request, Response, Visitor
from grantkeeper.emulator.wire import Params

IDA = "ida@nordwind-outdoor.example"
LUCIA = "lucia@casa-verde.example"
MATEO = "mateo.moreno@mail.example"
BASE = "https://www.googleapis.com/auth/"
ADWORDS, DFP, EMAIL, PROFILE = BASE + "adwords", BASE + "dfp", BASE + "userinfo.email", BASE + "userinfo.profile"
FORM = "application/x-www-form-urlencoded"
TESTING = "2345678901-testing.apps.googleusercontent.com"


class Box:
    """An emulator and one client of it; a request's parameter is left out by giving None."""

    def __init__(self, client_id: str | None = None) -> None:
        self.emulator = Emulator(clock=Clock.fixed())
        self.use(client_id or self.emulator.world.clients[0].id)

    def use(self, client_id: str) -> None:
        """Be another client from now on."""
        client = self.emulator.world.client(client_id)
        assert client is not None
        self.client, self.redirect_uri = client, client.redirect_uris[0]

    def url(self, **changes: str | None) -> str:
        """Return an authorization request's URL."""
        params: dict[str, str | None] = {
            "client_id": self.client.id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": ADWORDS,
            "access_type": "offline",
            "state": "a state",
        }
        left = {name: value for name, value in (params | changes).items() if value is not None}
        return f"{self.emulator.base_url}/o/oauth2/v2/auth?{urlencode(left)}"

    def back(self, person: str = IDA, *, allow: Any = "all", deny: bool = False, **changes: Any) -> Params:
        """Walk a new browser through the pages; return the parameters that come back to the client."""
        return answer(self.emulator.consent(self.url(**changes), person, allow=allow, deny=deny))

    def silent(self, visitor: Visitor, **changes: str | None) -> Params:
        """Open the URL in this browser, which must come back at once."""
        response = visitor.get(self.url(**changes))
        assert response.status == 302
        return answer(response.header("location"))

    def post(self, path: str, form: dict[str, str | None], **headers: str) -> Response:
        """Send a form."""
        body = urlencode({name: value for name, value in form.items() if value is not None})
        return self.emulator.handle(
            Request(method="POST", url=path, headers={"content-type": FORM, **headers}, body=body.encode())
        )

    def get(self, path: str, **headers: str) -> Response:
        """Fetch a path."""
        return self.emulator.handle(Request(method="GET", url=path, headers=headers))

    def exchange(self, code: str, /, **changes: str | None) -> Response:
        """Exchange a code."""
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.client.id,
            "client_secret": self.client.secret,
        }
        return self.post("/token", form | changes)

    def refresh(self, refresh_token: str, /, **changes: str | None) -> Response:
        """Refresh."""
        form: dict[str, str | None] = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": self.client.id,
            "client_secret": self.client.secret,
        }
        return self.post("/token", form | changes)

    def grant(self, person: str = IDA, *, allow: Any = "all", **changes: Any) -> dict[str, Any]:
        """Walk through the pages and exchange the code; return the token answer."""
        response = self.exchange(self.back(person, allow=allow, **changes)["code"])
        assert response.status == 200
        return dict(response.json())


def answer(url: str) -> Params:
    """Return the parameters of a redirect."""
    return Params.parse(urlsplit(url).query)


def refusal(response: Response) -> tuple[int, str, str]:
    """Return an error answer's status, error and description."""
    body = response.json()
    return response.status, body["error"], body["error_description"]
