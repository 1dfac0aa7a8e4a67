"""Raw servers that stand for a provider, and the keepers that ask them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper import GrantkeeperError, Keeper, OAuthClient
from grantkeeper.http import HttpTransport
from grantkeeper.model import Request, Response
from refresh.scene import Scene
from transport.rawserver import RawServer, Script, raw_server, response

NEW = "1//new-" + "r0tat3d" * 4
ACCESS = "ya29.access-" + "t0k3n" * 8
GOOD = {"access_token": ACCESS, "refresh_token": NEW, "expires_in": 3600, "token_type": "Bearer"}
REVOKED = {"error": "invalid_grant", "error_description": "Token has been expired or revoked."}
PLAIN = json.dumps(GOOD).encode()


class Short(HttpTransport):
    """Real HTTP whose deadline is over soon."""

    def __init__(self, most: float, **how: Any) -> None:
        super().__init__(**how)
        self._most = timedelta(seconds=most)

    def send(self, request: Request, *, deadline: timedelta) -> Response:
        """Send."""
        return super().send(request, deadline=min(deadline, self._most))


def at(client: OAuthClient, url: str) -> OAuthClient:
    """Return the client of a provider whose token endpoint is there."""
    return replace(client, provider=replace(client.provider, token_endpoint=f"{url}/token"))


@contextmanager
def misbehaving(scene: Scene, script: Script, *, most: float = 5) -> Iterator[tuple[Keeper, RawServer]]:
    """Run a server and a keeper that asks it."""
    with raw_server(script) as server:
        yield scene.keeper(clients=[at(scene.client, server.url)], transport=Short(most)), server


def told(keeper: Keeper, scene: Scene, grant_id: str) -> GrantkeeperError:
    """Ask for the token; returns the error, which holds no secret."""
    secret = scene.refresh_token(grant_id)
    with pytest.raises(GrantkeeperError) as caught:
        keeper.token(grant_id)
    for text in (str(caught.value), repr(caught.value)):
        assert secret not in text
        assert scene.client.client_secrets[0].reveal() not in text
    return caught.value


def js(content: object, status: str = "400 Bad Request", headers: str = "") -> bytes:
    """Return an answer in JSON."""
    return response(json.dumps(content).encode(), status=status, headers=f"content-type: application/json\r\n{headers}")


def html(status: str) -> bytes:
    """Return a page of a box that stands before the provider."""
    return response(b"<html><h1>Request blocked</h1></html>", status=status, headers="content-type: text/html\r\n")
