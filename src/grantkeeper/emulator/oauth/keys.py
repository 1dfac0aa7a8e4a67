"""The keys that sign id_tokens, published as a JWKS and as certificates, and the id_tokens themselves."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import RSAKey

from grantkeeper.emulator.oauth.scopes import EMAIL, PROFILE

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.world import Person

ID_TOKEN_LIFE = timedelta(hours=1)
_PUBLISHED = 2
"""Google publishes the signing key and the one before it: what was signed just before a rotation still verifies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    kid: str
    private: rsa.RSAPrivateKey = field(repr=False)
    jose: RSAKey = field(repr=False)

    @classmethod
    def new(cls) -> _Key:
        kid, private = secrets.token_hex(20), rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        # Once a key and not once a signature: reading one takes far longer than signing.
        jose = RSAKey.import_key(pem, {"kid": kid, "alg": "RS256", "use": "sig"})
        return cls(kid=kid, private=private, jose=jose)

    def certificate(self, now: datetime) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "federated-signon.emulator")])
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=16))
            .sign(self.private, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM).decode()


class Keys:
    """The signing keys, newest first; the first is made when it is needed."""

    def __init__(self) -> None:
        self._keys: list[_Key] = []

    def _published(self) -> list[_Key]:
        if not self._keys:
            self.rotate()
        return self._keys

    def rotate(self) -> None:
        """Sign with a new key from now on; the one before stays published, older ones go."""
        self._keys = [_Key.new(), *self._keys][:_PUBLISHED]

    def jwks(self) -> dict[str, Any]:
        """Return the public keys as a JWK Set (RFC 7517 section 5)."""
        return {"keys": [key.jose.as_dict(private=False) for key in self._published()]}

    def certificates(self, now: datetime) -> dict[str, str]:
        """Return the public keys as certificates: kid -> PEM, the older form that google-auth reads."""
        return {key.kid: key.certificate(now) for key in self._published()}

    def sign(self, claims: dict[str, Any], header: dict[str, Any]) -> str:
        """Return a signed JWT; the header's `kid` and `alg` may be overridden."""
        return jwt.encode(header, claims, self._published()[0].jose, algorithms=["RS256"])

    def header(self) -> dict[str, Any]:
        """Return the header that Google's id_tokens have."""
        return {"alg": "RS256", "kid": self._published()[0].kid, "typ": "JWT"}

    def verify(self, token: str) -> dict[str, Any]:
        """Return the claims of a token signed with a published key.

        Raises:
            ValueError: it is not such a token.
        """
        for key in self._published():
            try:
                return dict(jwt.decode(token, key.jose, algorithms=["RS256"]).claims)
            except Exception:  # noqa: BLE001, S112 (whatever is wrong with a foreign text, it is not our token)
                continue
        raise ValueError("not signed here")


def half_hash(token: str) -> str:
    """Return `at_hash` of an access token. Source: OpenID Connect Core 1.0 section 3.1.3.6."""
    digest = hashlib.sha256(token.encode()).digest()
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()


def person_claims(emulator: Emulator, person: Person, scopes: frozenset[str]) -> dict[str, Any]:
    """Return what the scopes let a client know of a person. Source: openid-connect#an-id-tokens-payload, 2026-11-22."""
    claims: dict[str, Any] = {"sub": person.sub}
    if EMAIL in scopes:
        claims |= {"email": person.email, "email_verified": True}
        claims |= {"hd": person.hd} if person.hd else {}
    if PROFILE in scopes:
        claims |= {"name": person.name, "given_name": person.given_name}
        claims |= {"family_name": person.family_name} if person.family_name else {}
        claims["picture"] = f"{emulator.base_url}/_emulator/people/{person.sub}.svg"
    return claims


def id_token(
    emulator: Emulator, person: Person, client_id: str, scopes: frozenset[str], access_token: str, nonce: str
) -> str:
    """Return a signed id_token; an armed fault may change it."""
    now = emulator.clock.now()
    claims = {
        "iss": emulator.issuer,
        "azp": client_id,
        "aud": client_id,
        **person_claims(emulator, person, scopes),
        "at_hash": half_hash(access_token),
        **({"nonce": nonce} if nonce else {}),
        "iat": int(now.timestamp()),
        "exp": int((now + ID_TOKEN_LIFE).timestamp()),
    }
    header = emulator.keys.header()
    tamper = emulator.faults.take_id_token()
    if tamper:
        changed = tamper(claims, header)
        if isinstance(changed, str):
            return changed
        claims, header = changed
    return emulator.keys.sign(claims, header)
