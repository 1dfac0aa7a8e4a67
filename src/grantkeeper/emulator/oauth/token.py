"""The token endpoint (RFC 6749 sections 3.2, 4.1.3, 5 and 6), with Google's own words.

Source: developers.google.com/identity/protocols/oauth2/web-server; error bodies as captured; 2026-11-22.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from grantkeeper.emulator import wire
from grantkeeper.emulator.oauth import scopes as catalogue
from grantkeeper.emulator.oauth.keys import id_token
from grantkeeper.emulator.state import CODE_LIFE, TESTING_LIFE, Access, Code, Refresh

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.wire import Params, Request, Response
    from grantkeeper.emulator.world import Client, Person

NO_STORE = (
    ("cache-control", "no-cache, no-store, max-age=0, must-revalidate"),
    ("pragma", "no-cache"),
    ("expires", "Mon, 01 Jan 1990 00:00:00 GMT"),
)
_RECENT = timedelta(hours=12)
"""How long Google still knows that a dead token was one: "expired or revoked", after that "Bad Request"."""
_DEAD = "Token has been expired or revoked."


class TokenError(Exception):
    """An error answer of the token endpoint."""

    def __init__(self, status: int, error: str, description: str, **more: str) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "error_description": description, **more}


def token(emulator: Emulator, request: Request) -> Response:
    """Exchange a code, or refresh."""
    try:
        form = _form(request)
        client = _client(emulator, request, form)
        answer = _answer(emulator, client, form)
    except TokenError as error:
        return wire.json(error.body, error.status, NO_STORE)
    tamper = emulator.faults.take_token_answer()
    changed = tamper(answer) if tamper else answer
    if isinstance(changed, bytes):
        return wire.Response(headers=(("content-type", wire.TYPE_JSON), *NO_STORE), body=changed)
    return wire.json(changed, headers=NO_STORE)


def _form(request: Request) -> Params:
    if request.method != "POST":
        raise TokenError(405, "invalid_request", "Only POST is allowed.")
    form = request.form()
    doubled = form.doubled()
    if doubled:
        raise _invalid_request(f"OAuth 2 parameters can only have a single value: {doubled}")
    return form


def _answer(emulator: Emulator, client: Client, form: Params) -> dict[str, Any]:
    grant_type = _required(form, "grant_type")
    if grant_type == "authorization_code":
        return _exchange(emulator, client, form)
    if grant_type == "refresh_token":
        return _refresh(emulator, client, form)
    raise TokenError(400, "unsupported_grant_type", f"Invalid grant_type: {grant_type}")


def _invalid_request(said: str) -> TokenError:
    return TokenError(400, "invalid_request", said)


def _invalid_grant(said: str = "Bad Request") -> TokenError:
    return TokenError(400, "invalid_grant", said)


def _required(form: Params, name: str) -> str:
    value = form.get(name)
    if not value:
        raise _invalid_request(f"Missing required parameter: {name}")
    return value


def _client(emulator: Emulator, request: Request, form: Params) -> Client:
    """Authenticate the client: client_secret_basic, with or without URL-encoding, or client_secret_post."""
    header = request.headers.get("authorization", "")
    pairs = _basic(header) if header else [(form.get("client_id"), form.get("client_secret"))]
    client_id, secret = pairs[0]
    if not client_id:
        raise _invalid_request("Could not determine client ID from request.")
    found = next(((client, given) for name, given in pairs if (client := emulator.world.client(name))), None)
    if any(name in emulator.faults.deleted_clients for name, _ in pairs):
        raise TokenError(401, "deleted_client", "The OAuth client was deleted.")
    if found is None:
        raise TokenError(401, "invalid_client", "The OAuth client was not found.")
    if not secret:
        raise _invalid_request("client_secret is missing.")
    if not any(hmac.compare_digest(given.encode(), found[0].secret.encode()) for _, given in pairs):
        raise TokenError(401, "invalid_client", "The provided client secret is invalid.")
    return found[0]


def _basic(header: str) -> list[tuple[str, str]]:
    """Return the pairs that a Basic header may mean: as sent (google-auth-oauthlib), and decoded (RFC 6749 2.3.1)."""
    scheme, _, text = header.partition(" ")
    try:
        name, colon, secret = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise TokenError(401, "invalid_client", "Unauthorized")
    return [(name, secret), (unquote_plus(name), unquote_plus(secret))]


def _exchange(emulator: Emulator, client: Client, form: Params) -> dict[str, Any]:
    now = emulator.clock.now()
    code = _code(emulator, client, form, now)
    person = _person(emulator, code.sub, code.scopes)
    emulator.state.codes[code.value] = replace(code, redeemed=True)
    family = secrets.token_hex(8)
    refresh = None
    if code.refreshable and not emulator.faults.take_refresh_token():
        limited = emulator.world.project(client.project).publishing == "testing" and code.scopes - catalogue.SIGN_IN
        ends = now + TESTING_LIFE if limited else None
        refresh = emulator.state.new_refresh(client.id, code.sub, code.scopes, family, now, ends)
    access = emulator.state.new_access(client.id, code.sub, code.scopes, family, now, offline=refresh is not None)
    return _body(emulator, person, access, refresh, now, nonce=code.nonce, show_refresh=True)


def _code(emulator: Emulator, client: Client, form: Params, now: datetime) -> Code:
    value = _required(form, "code")
    redirect_uri = _required(form, "redirect_uri")
    code = emulator.state.codes.get(value)
    if not value.startswith("4/"):
        raise _invalid_grant("Malformed auth code.")
    if code is None or code.client_id != client.id or code.issued_at + CODE_LIFE <= now:
        raise _invalid_grant()
    if code.redeemed:
        raise _invalid_grant("Code was already redeemed.")
    if code.redirect_uri != redirect_uri:
        raise TokenError(400, "redirect_uri_mismatch", "Bad Request")
    _check_verifier(code, form.get("code_verifier"))
    return code


def _check_verifier(code: Code, verifier: str) -> None:
    """RFC 7636 section 4.6."""
    if not code.challenge:
        if verifier:
            raise _invalid_grant("code_verifier or verifier is not needed.")
        return
    if not verifier:
        raise _invalid_grant("Missing code verifier.")
    made = verifier
    if code.challenge_method == "S256":
        made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not hmac.compare_digest(made.encode(), code.challenge.encode()):
        raise _invalid_grant("Invalid code verifier.")


def _person(emulator: Emulator, sub: str, scopes: frozenset[str]) -> Person:
    """Return the person, if the account is in a state to get tokens."""
    person = emulator.world.person(sub)
    if person is None:
        raise _invalid_grant("Account has been deleted")
    if sub in emulator.faults.suspended:
        raise _invalid_grant("Account disabled")
    if any((sub, scope) in emulator.faults.blocked for scope in scopes):
        said = "Access to your account data is restricted by policies within your organization."
        raise TokenError(400, "admin_policy_enforced", said)
    return person


def _refresh(emulator: Emulator, client: Client, form: Params) -> dict[str, Any]:
    now = emulator.clock.now()
    held = _held(emulator, client, _required(form, "refresh_token"), now)
    person = _person(emulator, held.sub, held.scopes)
    if held.sub in emulator.faults.rapt:
        raise TokenError(
            400,
            "invalid_grant",
            "reauth related error (invalid_rapt)",
            error_subtype="invalid_rapt",
            error_uri="https://support.google.com/a/answer/9368756",
        )
    scopes = catalogue.normalise(form.get("scope").split()) or held.scopes
    if scopes - held.scopes:
        raise TokenError(400, "invalid_scope", "Bad Request")
    rotates = emulator.faults.rotation.kind != "none"
    used = replace(held, used_at=now, used_up_at=held.used_up_at or (now if rotates else None))
    emulator.state.refresh[held.value] = used
    if rotates:
        used = emulator.state.new_refresh(client.id, held.sub, held.scopes, held.family, now, held.expires_at)
    access = emulator.state.new_access(client.id, held.sub, scopes, held.family, now, offline=True)
    return _body(emulator, person, access, used, now, nonce="", show_refresh=rotates)


def _held(emulator: Emulator, client: Client, value: str, now: datetime) -> Refresh:
    held = emulator.state.refresh.get(value)
    if held is None:
        raise _invalid_grant()
    if held.client_id != client.id:
        raise TokenError(401, "unauthorized_client", "Unauthorized")
    died_at = held.death(now)
    if died_at is not None:
        raise _invalid_grant(_DEAD if now - died_at < _RECENT else "Bad Request")
    if held.used_up_at is not None and not _in_grace(emulator, held.used_up_at, now):
        if emulator.faults.rotation.reuse_ends_family:
            emulator.state.end_family(held.family, now)
        raise _invalid_grant(_DEAD)
    return held


def _in_grace(emulator: Emulator, used_up_at: datetime, now: datetime) -> bool:
    """Tell whether a replaced token may be used once more; if not, its use may mean theft (RFC 9700 4.14.2)."""
    rotation = emulator.faults.rotation
    return rotation.kind == "none" or (rotation.kind == "grace" and now - used_up_at <= rotation.grace)


def _body(
    emulator: Emulator,
    person: Person,
    access: Access,
    refresh: Refresh | None,
    now: datetime,
    *,
    nonce: str,
    show_refresh: bool,
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "access_token": access.value,
        "expires_in": int((access.expires_at - now).total_seconds()),
    }
    if refresh and show_refresh:
        body["refresh_token"] = refresh.value
    body |= {"scope": catalogue.line(access.scopes), "token_type": "Bearer"}
    if catalogue.OPENID in access.scopes:
        body["id_token"] = id_token(emulator, person, access.client_id, access.scopes, access.value, nonce)
    if refresh and refresh.expires_at:
        body["refresh_token_expires_in"] = int((refresh.expires_at - now).total_seconds())
    return body
