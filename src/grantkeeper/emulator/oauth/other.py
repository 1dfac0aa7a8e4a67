"""Revocation, tokeninfo, userinfo, discovery and keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from grantkeeper.emulator import wire
from grantkeeper.emulator.oauth import scopes as catalogue
from grantkeeper.emulator.oauth.keys import person_claims
from grantkeeper.emulator.oauth.token import NO_STORE

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.wire import Request, Response

_KEYS_MAX_AGE = (("cache-control", "public, max-age=19800, must-revalidate, no-transform"),)


def revoke(emulator: Emulator, request: Request) -> Response:
    """End every grant of the token's person in the client's whole project.

    Source: identity/protocols/oauth2/web-server#tokenrevoke, 2026-11-22. GET answers 404; a dead token 400.
    """
    if request.method != "POST":
        return wire.json({"error": "not_found"}, 404)
    value = request.form().get("token") or request.query.get("token")
    if not value:
        return _refused(400, "invalid_request", "Missing required parameter: token")
    now = emulator.clock.now()
    refresh, access = emulator.state.refresh.get(value), emulator.state.access.get(value)
    live_refresh = refresh is not None and refresh.death(now) is None
    live_access = access is not None and not access.revoked and access.expires_at > now
    token = refresh if live_refresh else access if live_access else None
    client = emulator.world.client(token.client_id) if token else None
    if token is None or client is None:
        return _refused(400, "invalid_token", "Token expired or revoked")
    emulator.end_grants(token.sub, client.project)
    return wire.json({}, headers=NO_STORE)


def tokeninfo(emulator: Emulator, request: Request) -> Response:
    """Say what a token stands for; every number is a text, as Google has it."""
    params = request.form() if request.method == "POST" else request.query
    value = params.get("access_token") or request.query.get("access_token")
    identity = params.get("id_token") or request.query.get("id_token")
    if identity:
        try:
            claims = emulator.keys.verify(identity)
        except ValueError:
            return _refused(400, "invalid_token", "Invalid Value")
        return wire.json({name: _as_text(claim) for name, claim in claims.items()})
    info, token = emulator.introspect(value), emulator.state.access.get(value)
    if info is None or token is None:
        return _refused(400, "invalid_token", "Invalid Value")
    left = int((info.expires_at - emulator.clock.now()).total_seconds())
    answer: dict[str, Any] = {"azp": info.client_id, "aud": info.client_id}
    if catalogue.OPENID in info.scopes:
        answer["sub"] = info.person.sub
    answer |= {
        "scope": catalogue.line(info.scopes),
        "exp": str(int(info.expires_at.timestamp())),
        "expires_in": str(left),
    }
    if catalogue.EMAIL in info.scopes:
        answer |= {"email": info.person.email, "email_verified": "true"}
    return wire.json(answer | {"access_type": "offline" if token.offline else "online"})


def userinfo(emulator: Emulator, request: Request) -> Response:
    """Say who the bearer's person is (OpenID Connect Core 1.0 section 5.3)."""
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    value = bearer.strip() if scheme.lower() == "bearer" else request.query.get("access_token")
    info = emulator.introspect(value)
    if info is None or not info.scopes & catalogue.SIGN_IN:
        challenge = [("www-authenticate", 'Bearer realm="accounts", error="invalid_token"')]
        return _refused(401, "invalid_request", "Invalid Credentials", challenge)
    return wire.json(person_claims(emulator, info.person, info.scopes), headers=NO_STORE)


def jwks(emulator: Emulator, _: Request) -> Response:
    """Publish the signing keys as a JWK Set."""
    return wire.json(emulator.keys.jwks(), headers=_KEYS_MAX_AGE)


def certificates(emulator: Emulator, _: Request) -> Response:
    """Publish the signing keys as certificates."""
    return wire.json(emulator.keys.certificates(emulator.clock.now()), headers=_KEYS_MAX_AGE)


def discovery(emulator: Emulator, _: Request) -> Response:
    """Publish the discovery document."""
    return wire.json(emulator.endpoints(), headers=[("cache-control", "public, max-age=3600")])


def document(base: str) -> dict[str, Any]:
    """Return what Google publishes, at this base URL; of its response and grant types, the code flow works here.

    Source: accounts.google.com/.well-known/openid-configuration and openid-connect/reference, 2026-11-22.
    """
    return {
        "issuer": base,
        "authorization_endpoint": f"{base}/o/oauth2/v2/auth",
        "token_endpoint": f"{base}/token",
        "userinfo_endpoint": f"{base}/v1/userinfo",
        "revocation_endpoint": f"{base}/revoke",
        "jwks_uri": f"{base}/oauth2/v3/certs",
        "response_types_supported": [
            "code", "token", "id_token", "code token", "code id_token", "token id_token", "code token id_token", "none",
        ],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "email", "profile"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "claims_supported": [
            "aud", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss", "name", "picture",
            "sub",
        ],
        "code_challenge_methods_supported": ["plain", "S256"],
        "grant_types_supported": [
            "authorization_code",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ],
        "authorization_response_iss_parameter_supported": True,
    }  # fmt: skip


def _refused(status: int, error: str, said: str, headers: list[tuple[str, str]] | None = None) -> Response:
    return wire.json({"error": error, "error_description": said}, status, [*NO_STORE, *(headers or [])])


def _as_text(claim: object) -> str:
    return str(claim).lower() if isinstance(claim, bool) else str(claim)
