"""Providers that describe themselves (RFC 8414, OpenID Connect Discovery)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.errors import Misconfigured, ProviderUnavailable, ProviderWords
from grantkeeper.model import Provider, Reason, Response
from grantkeeper.providers.generic import (
    deaths,
    discovery_answer,
    discovery_request,
    provider_from_metadata,
    warnings_about,
)

ISSUER = "https://as.example.com"
METADATA: dict[str, Any] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "userinfo_endpoint": f"{ISSUER}/me",
    "jwks_uri": f"{ISSUER}/keys",
    "scopes_supported": ["openid", "email", "ads"],
    "response_types_supported": ["code", "code id_token"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
    "code_challenge_methods_supported": ["plain", "S256"],
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
    "id_token_signing_alg_values_supported": ["none", "HS256", "ES256", "RS256"],
    "authorization_response_iss_parameter_supported": True,
}


def metadata(**changes: Any) -> dict[str, Any]:
    """Return metadata with changes; ... leaves a member out."""
    return {name: value for name, value in (METADATA | changes).items() if value is not ...}


def provider(**changes: Any) -> Provider:
    """Return what changed metadata describes."""
    return provider_from_metadata("example", ISSUER, metadata(**changes))


def test_metadata_becomes_a_provider() -> None:
    """RFC 8414 2, RFC 9207 3; `none` and HMACs are left out whatever the document says (O-47)."""
    found = provider()
    assert (found.name, found.issuer) == ("example", ISSUER)
    assert found.authorization_endpoint == f"{ISSUER}/authorize"
    assert found.token_endpoint == f"{ISSUER}/token"
    assert (found.revocation_endpoint, found.jwks_uri) == (f"{ISSUER}/revoke", f"{ISSUER}/keys")
    assert found.userinfo_endpoint == f"{ISSUER}/me"
    assert found.id_token_algorithms == ("RS256", "ES256")
    assert found.iss_parameter == "required"
    assert found.client_authentication == "client_secret_post"
    assert found.identity_scopes == ("openid", "email")
    assert found.rotation == "unknown"


def test_the_least_metadata_has_the_rfcs_defaults() -> None:
    """RFC 8414 2: client_secret_basic; OpenID Connect Discovery 3: RS256; no OpenID, no identity scopes."""
    found = provider(
        **{name: ... for name in METADATA if name not in ("issuer", "authorization_endpoint", "token_endpoint")}
    )
    assert found.client_authentication == "client_secret_basic"
    assert found.id_token_algorithms == ("RS256",)
    assert found.iss_parameter == "optional"
    assert found.identity_scopes == ()
    assert (found.revocation_endpoint, found.jwks_uri) == (None, None)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://as.example.com/",
        "https://AS.example.com",
        "https://as.example.co",
        "https://as.example.com.evil.example",
        "https://as.example.com@evil.example",
        "http://as.example.com",
        "https://as.example.com:443",
        ["https://as.example.com"],
        None,
        ...,
        "\u202e",
    ],
)
def test_the_issuer_must_be_exactly_the_configured_one(issuer: object) -> None:
    """O-44: RFC 8414 3.3, OIDF discovery-issuer-mismatch: slash, case, substring, userinfo."""
    with pytest.raises(Misconfigured, match="every letter and slash"):
        provider(issuer=issuer)


@pytest.mark.parametrize(
    "issuer", ["http://as.example.com", "as.example.com", "", "https://a?b", "https://a#b", "https://u@a"]
)
def test_an_issuer_is_an_https_url(issuer: str) -> None:
    """RFC 8414 2."""
    with pytest.raises(Misconfigured, match="https URL"):
        discovery_request(issuer)
    with pytest.raises(Misconfigured, match="https URL"):
        provider_from_metadata("example", issuer, metadata(issuer=issuer))


@pytest.mark.parametrize(
    ("issuer", "openid", "oauth"),
    [
        (
            "https://a.example",
            "https://a.example/.well-known/openid-configuration",
            "https://a.example/.well-known/oauth-authorization-server",
        ),
        (
            "https://a.example/",
            "https://a.example/.well-known/openid-configuration",
            "https://a.example/.well-known/oauth-authorization-server",
        ),
        (
            "https://a.example/t/7",
            "https://a.example/t/7/.well-known/openid-configuration",
            "https://a.example/.well-known/oauth-authorization-server/t/7",
        ),
        (
            "https://a.example/t/7/",
            "https://a.example/t/7/.well-known/openid-configuration",
            "https://a.example/.well-known/oauth-authorization-server/t/7",
        ),
        (
            "http://127.0.0.1:8910",
            "http://127.0.0.1:8910/.well-known/openid-configuration",
            "http://127.0.0.1:8910/.well-known/oauth-authorization-server",
        ),
    ],
)
def test_the_well_known_part_goes_where_each_specification_says(issuer: str, openid: str, oauth: str) -> None:
    """O-45: with a path, OpenID appends (Discovery 4.1) and OAuth inserts (RFC 8414 3.1); a final slash goes."""
    here = ("127.0.0.1",)
    assert discovery_request(issuer, allow_private_hosts=here).url == openid
    assert discovery_request(issuer, form="oauth", allow_private_hosts=here).url == oauth


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
def test_an_endpoint_that_is_needed_is_named_when_missing(name: str) -> None:
    """RFC 8414 2."""
    with pytest.raises(Misconfigured, match=f"lacks {name}"):
        provider(**{name: ...})


ENDPOINTS = ["authorization_endpoint", "token_endpoint", "revocation_endpoint", "userinfo_endpoint", "jwks_uri"]


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize(
    "value",
    [
        "http://as.example.com/x",
        "/x",
        "",
        7,
        ["https://a"],
        "https://u:p@a/",
        "https://a/#f",
        "javascript:alert(1)",
        "file:///etc/passwd",
    ],
)
def test_an_endpoint_is_an_https_url(name: str, value: object) -> None:
    """V-51, RFC 6749 3.1.2.1 and 3.2: never in clear, never another scheme."""
    with pytest.raises(Misconfigured, match=name):
        provider(**{name: value})


PRIVATE = [
    "https://169.254.169.254/latest/meta-data",
    "https://metadata/x",
    "https://[::ffff:10.0.0.1]/x",
    "https://2130706433/x",
    "https://0x7f.1/x",
    "https://localhost/x",
    "http://127.0.0.1:8910/x",
    "http://localhost/x",
    "https://as.example.com:25/x",
    "https://kubernetes/x",
]


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("value", PRIVATE)
def test_hostile_metadata_lead_to_no_private_host(name: str, value: str) -> None:
    """V-51: what stands inside a discovery document passes the same filter as what a stranger types."""
    with pytest.raises(Misconfigured, match=f"{name} is not to be called"):
        provider(**{name: value})


@pytest.mark.parametrize("issuer", PRIVATE)
def test_an_issuer_at_a_private_host_is_refused_unless_the_business_names_it(issuer: str) -> None:
    """V-50: loudly, host by host; what is named is called on any port."""
    with pytest.raises(Misconfigured, match="not to be called") as refused:
        discovery_request(issuer)
    assert "allow_private_hosts" in refused.value.advice
    described = metadata(issuer=issuer)
    with pytest.raises(Misconfigured, match="not to be called"):
        provider_from_metadata("example", issuer, described)

    named = (str(urlsplit(issuer).hostname),)
    assert discovery_request(issuer, allow_private_hosts=named).url.startswith(issuer.split("/x")[0])
    assert provider_from_metadata("example", issuer, described, allow_private_hosts=named).issuer == issuer


def test_a_private_issuer_opens_no_other_private_host() -> None:
    """V-51: only the hosts that were named, in its metadata as well."""
    issuer, own = "https://sso.corp.example:9443", ("sso.corp.example",)
    endpoints = {name: f"{issuer}/{name}" for name in ENDPOINTS}
    found = provider_from_metadata("corp", issuer, metadata(issuer=issuer, **endpoints), allow_private_hosts=own)
    assert found.token_endpoint == f"{issuer}/token_endpoint"
    for name in ENDPOINTS:
        hostile = metadata(issuer=issuer, **{**endpoints, name: "https://10.0.0.7/x"})
        with pytest.raises(Misconfigured, match=f"{name} is not to be called"):
            provider_from_metadata("corp", issuer, hostile, allow_private_hosts=own)


def test_a_provider_with_plain_pkce_only_is_refused() -> None:
    """O-04: no silent downgrade."""
    with pytest.raises(Misconfigured, match="S256"):
        provider(code_challenge_methods_supported=["plain"])


def test_a_provider_that_does_not_mention_pkce_is_used_with_a_warning() -> None:
    """O-05: state and nonce remain; the operator is told."""
    assert provider(code_challenge_methods_supported=...).name == "example"
    assert any("PKCE" in line for line in warnings_about(metadata(code_challenge_methods_supported=...)))
    assert not any("PKCE" in line for line in warnings_about(metadata()))


def test_a_provider_that_does_not_name_itself_is_warned_about() -> None:
    """O-12: mix-up is then stopped by one redirect URI per OAuthClient only."""
    assert any(
        "9207" in line for line in warnings_about(metadata(authorization_response_iss_parameter_supported=False))
    )
    assert warnings_about(metadata()) == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("response_types_supported", ["token"]),
        ("grant_types_supported", ["client_credentials"]),
        ("token_endpoint_auth_methods_supported", ["private_key_jwt"]),
        ("token_endpoint_auth_methods_supported", []),
    ],
)
def test_a_provider_that_cannot_do_what_is_needed_is_refused(name: str, value: list[str]) -> None:
    """The message names the member."""
    with pytest.raises(Misconfigured, match=name):
        provider(**{name: value})


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in METADATA
        if name.endswith("_supported") and name != "authorization_response_iss_parameter_supported"
    ],
)
@pytest.mark.parametrize("value", ["S256 code", 7, [7], {"S256": 1}])
def test_a_list_is_a_list_of_strings(name: str, value: object) -> None:
    """A string would be searched for substrings."""
    with pytest.raises(Misconfigured, match=name):
        provider(**{name: value})


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("invalid_grant", Reason.REVOKED_OR_EXPIRED),
        ("interaction_required", Reason.REAUTHENTICATION),
        ("login_required", Reason.REAUTHENTICATION),
        ("consent_required", Reason.REAUTHENTICATION),
        ("invalid_client", None),
        ("unauthorized_client", None),
        ("invalid_scope", None),
        ("server_error", None),
        ("", None),
    ],
)
def test_what_ends_a_grant_by_the_letter(error: str, reason: Reason | None) -> None:
    """R-30: RFC 6749 5.2, OpenID Connect Core 3.1.2.6."""
    death = deaths(ProviderWords(error=error))
    assert (death.reason if death else None) == reason


def test_metadata_is_read() -> None:
    """RFC 8414 3.2."""
    assert discovery_answer(Response(status=200, body=json.dumps(METADATA).encode())) == METADATA


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"[]"),
        (200, b"<html>"),
        (200, b'{"issuer":"a","issuer":"b"}'),
        (200, b"{}" + b" " * 256 * 1024),
        (404, b"{}"),
        (302, b"{}"),
        (200, b'{"a":' * 50_000),
    ],
)
def test_what_is_no_metadata_is_the_providers_trouble(status: int, body: bytes) -> None:
    """O-50a: 256 kB, doubled members, depth; O-41: no redirects."""
    with pytest.raises(ProviderUnavailable, match="metadata could not be read"):
        discovery_answer(Response(status=status, body=body))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(METADATA)), values))
def test_any_metadata_is_a_provider_or_refused(changes: dict[str, Any]) -> None:
    """V-71: nothing but Misconfigured; what is accepted is https and never unsigned."""
    try:
        found = provider_from_metadata("example", ISSUER, METADATA | changes)
    except Misconfigured:
        return
    assert found.issuer == ISSUER
    assert found.token_endpoint.startswith("https://")
    assert not {"none", "HS256"} & set(found.id_token_algorithms)
