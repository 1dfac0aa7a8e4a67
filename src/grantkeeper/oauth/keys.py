"""The provider's public keys: reading them, and choosing the one that signed (RFC 7517, RFC 8725). No I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.util import base64_to_int

from ..errors import Misconfigured, ProviderUnavailable
from ..model import Provider, Request, Response
from ..strictjson import read_strict_object

MAX_KEYS: Final = 100
MAX_KEYS_LENGTH: Final = 256 * 1024
"""Limits for a key set, as for every document of a stranger (RFC 8725 3.11); Google's has two keys and 1 kB."""
_MIN_RSA_BITS: Final = 2048  # RFC 7518 3.3

PublicKey = RSAKey | ECKey | OKPKey

_KEY_TYPES: Final = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", "")),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
    "Ed25519": ("OKP", "Ed25519"),
}
"""Signature algorithm -> key type and curve (RFC 7518 3.1, RFC 8037). `none` and the HMACs are not here, and so can
never be allowed by a Provider."""
_PUBLIC_MEMBERS: Final = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}

ASYMMETRIC: Final = frozenset(_KEY_TYPES)


def jwks_request(provider: Provider) -> Request:
    """Return the request for the provider's key set (OpenID Connect Discovery 3, `jwks_uri`).

    Raises:
        Misconfigured: the provider has none.
    """
    if provider.jwks_uri is None:
        raise Misconfigured(f"The provider {provider.name} publishes no keys (jwks_uri).")
    return Request(method="GET", url=provider.jwks_uri, headers={"accept": "application/json"})


def jwks_answer(response: Response) -> Mapping[str, object]:
    """Return the key set in an answer (RFC 7517 5).

    Raises:
        ProviderUnavailable: it is not a key set of at most 256 kB and 100 keys.
    """
    found = None
    if response.status == 200 and len(response.body) <= MAX_KEYS_LENGTH:
        found = read_strict_object(response.body)
    keys = found.get("keys") if found else None
    if found is None or not isinstance(keys, list) or len(keys) > MAX_KEYS:
        raise ProviderUnavailable(f"The provider's keys could not be read (HTTP status {response.status}).")
    return found


def candidates(keys: Mapping[str, object], *, algorithm: str, kid: str | None) -> list[PublicKey]:
    """Return the usable keys that may have signed with `algorithm` under `kid`; without `kid` all of that type.

    Only public members are looked at; keys of another type, curve, use or operation are as good as absent, and so are
    broken ones. More than one is for the caller to refuse: nobody can say which was meant.
    """
    listed = keys.get("keys")
    found = listed[:MAX_KEYS] if isinstance(listed, list) else []
    named = (jwk for jwk in found if isinstance(jwk, dict) and (kid is None or jwk.get("kid") == kid))
    fitting = (jwk for jwk in named if _fits(jwk, algorithm))
    return [key for jwk in fitting if (key := _public_key(jwk)) is not None]


def _fits(jwk: Mapping[str, object], algorithm: str) -> bool:
    key_type, curve = _KEY_TYPES[algorithm]
    operations = jwk.get("key_ops", ["verify"])
    return (
        jwk.get("kty") == key_type
        and jwk.get("crv", "") == curve
        and jwk.get("use", "sig") == "sig"
        and jwk.get("alg", algorithm) == algorithm
        and isinstance(operations, list)
        and "verify" in operations
    )


def _public_key(jwk: Mapping[str, object]) -> PublicKey | None:
    key_type = str(jwk["kty"])
    material = {name: jwk.get(name) for name in _PUBLIC_MEMBERS[key_type]}
    if not all(isinstance(value, str) for value in material.values()):
        return None
    try:
        if key_type == "RSA" and base64_to_int(str(material["n"])).bit_length() < _MIN_RSA_BITS:
            return None
        return _imported(key_type, {"kty": key_type, **{name: str(value) for name, value in material.items()}})
    except (JoseError, ValueError, TypeError):
        return None


def _imported(key_type: str, material: dict[str, str | list[str]]) -> PublicKey:
    if key_type == "RSA":
        return RSAKey.import_key(material)
    return ECKey.import_key(material) if key_type == "EC" else OKPKey.import_key(material)
