"""Who consents in these tests, and what they look at."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

from grantkeeper import Redirect
from grantkeeper.emulator import Emulator

IDA = "ida@nordwind-outdoor.example"
TOM = "tom.becker@nordwind-outdoor.example"
SAM = "sam@fjord-media.example"
ADWORDS = "https://www.googleapis.com/auth/adwords"
DFP = "https://www.googleapis.com/auth/dfp"


def asked(redirect: Redirect) -> dict[str, str]:
    """The parameters of an authorization request."""
    return {name: values[0] for name, values in parse_qs(urlsplit(redirect.url).query).items()}


def renamed(subject: str, claims: dict[str, Any], header: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The id_token of a person with another subject."""
    return claims | {"sub": subject}, header


def exchanges(emulator: Emulator) -> int:
    """How many authorization codes were sent to the token endpoint."""
    return len(emulator.requests("/token", grant_type="authorization_code"))


def refreshes(emulator: Emulator) -> int:
    """How many refreshes reached the provider."""
    return len(emulator.requests("/token", grant_type="refresh_token"))
