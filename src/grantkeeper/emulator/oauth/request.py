"""The authorization request: what Google takes, what it refuses, and how it says so.

Source: developers.google.com/identity/protocols/oauth2/web-server and /openid-connect/reference; error pages as
captured; 2026-11-22.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from grantkeeper.emulator.oauth import scopes as catalogue

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.wire import Params, Request
    from grantkeeper.emulator.world import Client, Project

_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}")
"""RFC 7636 sections 4.1 and 4.2."""
_WEBVIEW = re.compile(r"; wv\)")
"""How Android's embedded web view names itself."""
_PROMPTS = frozenset({"none", "consent", "select_account"})


class ShownError(Exception):
    """What Google shows on a page of its own; the browser is not sent back to the client."""

    def __init__(self, status: int, code: str, said: str, *, advice: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.said, self.advice = status, code, said, advice


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A good authorization request. `scopes` are Google's full names."""

    client: Client
    project: Project
    redirect_uri: str = field(repr=False)
    scopes: frozenset[str]
    state: str | None = field(repr=False)
    offline: bool
    incremental: bool
    prompts: frozenset[str]
    login_hint: str
    hd: str
    nonce: str = field(repr=False)
    challenge: str = field(repr=False)
    challenge_method: str


def read(emulator: Emulator, request: Request) -> Ask:
    """Return the request, checked.

    Raises:
        ShownError: Google would show a page.
    """
    params = request.query
    if _WEBVIEW.search(request.headers.get("user-agent", "")):
        raise ShownError(403, "disallowed_useragent", "Embedded browsers may not be used to sign in.")
    doubled = params.doubled()
    if doubled:
        raise _invalid(f"OAuth 2 parameters can only have a single value: {doubled}")
    client = _client(emulator, _required(params, "client_id"))
    redirect_uri = _redirect_uri(client, _required(params, "redirect_uri"))
    response_type = _required(params, "response_type")
    if response_type != "code":
        raise ShownError(
            400,
            "unsupported_response_type",
            f"Invalid response_type: {response_type}",
            advice="This emulator does the code flow only.",
        )
    prompts = frozenset(params.get("prompt").split())
    if prompts - _PROMPTS or ("none" in prompts and len(prompts) > 1):
        raise _invalid(f"Invalid parameter value for prompt: {params.get('prompt')}")
    return Ask(
        client=client,
        project=emulator.world.project(client.project),
        redirect_uri=redirect_uri,
        scopes=_scopes(_required(params, "scope")),
        state=params.get("state") if "state" in params else None,
        offline=_choice(params, "access_type", ("online", "offline")) == "offline",
        incremental=_choice(params, "include_granted_scopes", ("false", "true")) == "true",
        prompts=prompts,
        login_hint=params.get("login_hint"),
        hd=params.get("hd"),
        nonce=params.get("nonce"),
        challenge=_challenge(params),
        challenge_method=_choice(params, "code_challenge_method", ("plain", "S256")),
    )


def _invalid(said: str) -> ShownError:
    return ShownError(400, "invalid_request", said)


def _required(params: Params, name: str) -> str:
    value = params.get(name)
    if not value.strip():
        raise _invalid(f"Missing required parameter: {name}")
    return value


def _choice(params: Params, name: str, known: tuple[str, ...]) -> str:
    value = params.get(name) or known[0]
    if value not in known:
        raise _invalid(f"Invalid parameter value for {name}: {value}")
    return value


def _client(emulator: Emulator, client_id: str) -> Client:
    if client_id in emulator.faults.deleted_clients:
        raise ShownError(401, "deleted_client", "The OAuth client was deleted.")
    client = emulator.world.client(client_id)
    if client is None:
        raise ShownError(401, "invalid_client", "The OAuth client was not found.")
    return client


def _redirect_uri(client: Client, uri: str) -> str:
    if not client.accepts_redirect(uri):
        registered = client.redirect_uris or ("none",)
        advice = "\n".join(["Asked for:", uri, "Registered for this client:", *registered])
        said = "The redirect URI in the request does not match the ones authorized for the OAuth client."
        raise ShownError(400, "redirect_uri_mismatch", said, advice=advice)
    return uri


def _scopes(line: str) -> frozenset[str]:
    asked = line.split()
    invalid = [each for each in asked if not catalogue.known(each)]
    if invalid:
        valid = [each for each in asked if catalogue.known(each)]
        said = f"Some requested scopes were invalid. {{valid=[{', '.join(valid)}], invalid=[{', '.join(invalid)}]}}"
        raise ShownError(400, "invalid_scope", said)
    return catalogue.normalise(asked)


def _challenge(params: Params) -> str:
    challenge = params.get("code_challenge")
    if challenge and not _CHALLENGE.fullmatch(challenge):
        raise _invalid("Invalid parameter value for code_challenge")
    if not challenge and params.get("code_challenge_method"):
        raise _invalid("Missing required parameter: code_challenge")
    return challenge
