"""OAuth clients that the tests of the protocol speak for."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import parse_qsl

from grantkeeper.model import OAuthClient, Provider, Request, Secret
from grantkeeper.providers import google

ADWORDS = "https://www.googleapis.com/auth/adwords"
DFP = "https://www.googleapis.com/auth/dfp"
EMAIL = "https://www.googleapis.com/auth/userinfo.email"

GOOGLE = OAuthClient(
    name="google-ads",
    provider=google.PROVIDER,
    client_id="1234567890-abc.apps.googleusercontent.com",
    client_secrets=(Secret("GOCSPX-old-secret"), Secret("GOCSPX-new-secret")),
    redirect_uri="https://app.example.com/callback",
    scopes=(ADWORDS,),
    optional_scopes=(DFP,),
)

PLAIN = Provider(
    name="plain",
    issuer="https://as.example.com",
    authorization_endpoint="https://as.example.com/authorize",
    token_endpoint="https://as.example.com/token",
)


def client(provider: Provider = PLAIN, **changes: Any) -> OAuthClient:
    """Return the Google client, at another provider and otherwise changed."""
    return dataclasses.replace(GOOGLE, provider=provider, **changes)


def form(request: Request) -> dict[str, str]:
    """Return a request's form; a doubled parameter fails."""
    pairs = parse_qsl(request.body.decode("ascii"), strict_parsing=True, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)
