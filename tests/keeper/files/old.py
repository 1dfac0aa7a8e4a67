"""Refresh tokens that somebody got before there was a grantkeeper, as Google's own example scripts do."""

from __future__ import annotations

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

from grantkeeper import OAuthClient, Secret
from grantkeeper.emulator import Emulator
from grantkeeper.model import Request
from grantkeeper.testing import EmulatorTransport

ADWORDS = "https://www.googleapis.com/auth/adwords"
DFP = "https://www.googleapis.com/auth/dfp"


def old_token(emulator: Emulator, client: OAuthClient, person: str, *scopes: str) -> Secret:
    """Walk a person through a consent without us; returns the refresh token. Only `openid` lets it say whose it is."""
    asked = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": client.redirect_uri,
        "scope": " ".join(scopes or (ADWORDS,)),
        "access_type": "offline",
        "prompt": "consent",
        "state": "an old script's",
    }
    back = emulator.consent(f"{emulator.base_url}/o/oauth2/v2/auth?{urlencode(asked)}", person)
    form = {
        "grant_type": "authorization_code",
        "code": parse_qs(urlsplit(back).query)["code"][0],
        "redirect_uri": client.redirect_uri,
        "client_id": client.client_id,
        "client_secret": client.client_secrets[-1].reveal(),
    }
    headers = {"content-type": "application/x-www-form-urlencoded"}
    request = Request(method="POST", url=f"{emulator.base_url}/token", headers=headers, body=urlencode(form).encode())
    answer = EmulatorTransport(emulator).send(request, deadline=timedelta(seconds=5))
    return Secret(json.loads(answer.body)["refresh_token"])
