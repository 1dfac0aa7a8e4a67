"""Any provider that publishes metadata (RFC 8414, OpenID Connect Discovery 1.0).

The issuer, and every URL in its metadata, is at a host of the public Internet, or at one that `allow_private_hosts`
names (V-50, V-51). By spelling alone a name is not known to be one: send the requests with
`HttpTransport(guard=PublicOnly(allow_private_hosts))`, which judges what it resolves to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final, Literal
from urllib.parse import urlsplit

from ..errors import InvalidInput, Misconfigured, ProviderUnavailable, ProviderWords, check_word, printable
from ..model import Death, Provider, Reason, Request, Response
from ..strictjson import read_strict_object
from .addresses import checked_target
from .urls import is_endpoint

MAX_METADATA_LENGTH: Final = 256 * 1024
"""Real documents have 1 to 8 kB."""
_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA", "RS384", "PS384", "ES384", "RS512", "PS512", "ES512")
"""What may sign id_tokens here; `none` and HMACs never (RFC 8725 3.1)."""
_ENDPOINTS: Final = (
    "authorization_endpoint",
    "token_endpoint",
    "revocation_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
)
_REAUTHENTICATE: Final = frozenset({"interaction_required", "login_required", "consent_required"})

Metadata = Mapping[str, object]


def discovery_request(
    issuer: str, *, form: Literal["openid", "oauth"] = "openid", allow_private_hosts: Collection[str] = ()
) -> Request:
    """Return the request for an issuer's metadata.

    `openid` appends `/.well-known/openid-configuration` to the issuer's path (OpenID Connect Discovery 4); `oauth`
    puts `/.well-known/oauth-authorization-server` before it (RFC 8414 3.1). `allow_private_hosts` are hosts of your
    own, in lower case, that may be called wherever they are, on any port; on this machine also without TLS.

    Raises:
        Misconfigured: the issuer is no https URL of a public host, or has a query or fragment (RFC 8414 2).
    """
    check_word("form", form, ("openid", "oauth"))
    _check_issuer_url(issuer, allow_private_hosts)
    split = urlsplit(issuer)
    path = split.path.rstrip("/")
    if form == "openid":
        path += "/.well-known/openid-configuration"
    else:
        path = f"/.well-known/oauth-authorization-server{path}"
    return Request(method="GET", url=f"{split.scheme}://{split.netloc}{path}", headers={"accept": "application/json"})


def _check_issuer_url(issuer: str, allow_private_hosts: Collection[str]) -> None:
    if not is_endpoint(issuer) or "?" in issuer:
        raise Misconfigured(
            f"The issuer {printable(issuer, 200)!r} is not an https URL without query and fragment. Write it as the "
            "provider's documentation does."
        )
    _check_address("The issuer", issuer, allow_private_hosts)


def _check_address(what: str, url: str, allow_private_hosts: Collection[str]) -> None:
    """Check that a URL may be called, as far as its spelling tells (V-51)."""
    try:
        checked_target(url, allow_private_hosts)
    except InvalidInput as error:
        said = error.args[0]
    else:
        return
    raise Misconfigured(
        f"{what} is not to be called. {said}",
        advice="If it is a host of your own that nobody else can point elsewhere, name it in allow_private_hosts.",
    )


def discovery_answer(response: Response) -> Metadata:
    """Return the metadata in an answer (RFC 8414 3.2).

    Raises:
        ProviderUnavailable: it is not a JSON object of at most 256 kB.
    """
    found = None
    if response.status == 200 and len(response.body) <= MAX_METADATA_LENGTH:
        found = read_strict_object(response.body)
    if found is None:
        raise ProviderUnavailable(f"The provider's metadata could not be read (HTTP status {response.status}).")
    return found


def provider_from_metadata(
    name: str, issuer: str, metadata: Metadata, *, allow_private_hosts: Collection[str] = ()
) -> Provider:
    """Return the provider that `metadata` describes (RFC 8414 2, OpenID Connect Discovery 3).

    `allow_private_hosts` as for `discovery_request`; that the issuer is one of them lets its metadata name no other.

    Raises:
        Misconfigured: the issuer in it is not exactly `issuer` (RFC 8414 3.3), an endpoint is missing, not https or not
            at a public host, or it cannot do what grantkeeper always does (code flow, PKCE with S256, a way to
            authenticate).
    """
    _check_issuer_url(issuer, allow_private_hosts)
    if metadata.get("issuer") != issuer:
        raise Misconfigured(
            f"The metadata is not that of the issuer {printable(issuer, 200)!r} but of "
            f"{printable(str(metadata.get('issuer')), 200)!r}: every letter and slash counts (RFC 8414 3.3)."
        )
    _check_abilities(metadata)
    algorithms = _list(metadata, "id_token_signing_alg_values_supported") or ("RS256",)
    endpoints = {member: _endpoint(metadata, member, allow_private_hosts) for member in _ENDPOINTS}
    return Provider(
        name=name,
        issuer=issuer,
        authorization_endpoint=_required(endpoints, "authorization_endpoint"),
        token_endpoint=_required(endpoints, "token_endpoint"),
        revocation_endpoint=endpoints["revocation_endpoint"],
        userinfo_endpoint=endpoints["userinfo_endpoint"],
        jwks_uri=endpoints["jwks_uri"],
        id_token_algorithms=tuple(one for one in _ALGORITHMS if one in algorithms),
        iss_parameter=(
            "required" if metadata.get("authorization_response_iss_parameter_supported") is True else "optional"
        ),
        client_authentication=_client_authentication(metadata),
        identity_scopes=_identity_scopes(metadata),
        deaths=deaths,
    )


def warnings_about(metadata: Metadata) -> tuple[str, ...]:
    """Return what an operator should know before trusting a provider with this metadata, in sentences."""
    found = []
    if _list(metadata, "code_challenge_methods_supported") is None:
        found.append(
            "The provider does not say that it supports PKCE. A stolen code is then stopped by state and nonce only "
            "(RFC 9700 2.1.1); ask the provider."
        )
    if metadata.get("authorization_response_iss_parameter_supported") is not True:
        found.append(
            "The provider does not promise to name itself in its answers (iss, RFC 9207). Keep one redirect URI per "
            "OAuth client."
        )
    return tuple(found)


def deaths(words: ProviderWords) -> Death | None:
    """Return what a refused refresh means by the letter of RFC 6749 5.2 and OpenID Connect Core 3.1.2.6."""
    if words.error in _REAUTHENTICATE:
        return Death(reason=Reason.REAUTHENTICATION)
    # Not certain: providers answer so as well while their own copies disagree; a second refusal confirms it.
    return Death(reason=Reason.REVOKED_OR_EXPIRED, certain=False) if words.error == "invalid_grant" else None


def _check_abilities(metadata: Metadata) -> None:
    """Check what must be there once the metadata speaks about it; absent means the default, which fits."""
    for member, needed, why in (
        ("response_types_supported", "code", "the authorization code flow"),
        ("grant_types_supported", "authorization_code", "the authorization code grant"),
        ("code_challenge_methods_supported", "S256", "PKCE with S256; plain is no protection (RFC 7636 7.2)"),
    ):
        listed = _list(metadata, member)
        if listed is not None and needed not in listed:
            raise Misconfigured(f"The provider does not support {why}: {member} lacks {needed!r}.")


def _client_authentication(metadata: Metadata) -> Literal["client_secret_post", "client_secret_basic"]:
    """Return the method to use; basic is the default when none is listed (RFC 8414 2)."""
    listed = _list(metadata, "token_endpoint_auth_methods_supported")
    if listed is None or "client_secret_basic" in listed:
        return "client_secret_basic"
    if "client_secret_post" in listed:
        return "client_secret_post"
    raise Misconfigured("The provider accepts no client secret: token_endpoint_auth_methods_supported lacks both ways.")


def _identity_scopes(metadata: Metadata) -> tuple[str, ...]:
    """Return the scopes that make the provider say who consented; none when it speaks no OpenID Connect."""
    listed = _list(metadata, "scopes_supported")
    if listed is None:
        return ("openid", "email") if "jwks_uri" in metadata else ()
    return tuple(scope for scope in ("openid", "email") if scope in listed)


def _list(metadata: Metadata, member: str) -> tuple[str, ...] | None:
    value = metadata.get(member)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Misconfigured(f"The provider's metadata is wrong: {member} is not a list of strings.")
    return tuple(value)


def _required(endpoints: Mapping[str, str | None], member: str) -> str:
    found = endpoints[member]
    if found is None:
        raise Misconfigured(f"The provider's metadata lacks {member}.")
    return found


def _endpoint(metadata: Metadata, member: str, allow_private_hosts: Collection[str]) -> str | None:
    value = metadata.get(member)
    if value is None:
        return None
    if not isinstance(value, str) or not is_endpoint(value):
        raise Misconfigured(f"The provider's metadata is wrong: {member} is not an https URL.")
    _check_address(f"The provider's {member}", value, allow_private_hosts)
    return value
