"""id_tokens as a provider, or a forger, would make them: by cryptography alone, not by the library under test."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

RSA: Final = rsa.generate_private_key(65537, 2048)
OTHER_RSA: Final = rsa.generate_private_key(65537, 2048)
SHORT_RSA: Final = rsa.generate_private_key(65537, 1024)
EC: Final = ec.generate_private_key(ec.SECP256R1())

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | bytes


def b64(data: bytes) -> str:
    """Return base64url without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def jwk(key: Key, **members: Any) -> dict[str, Any]:
    """Return the public key as a JSON Web Key (RFC 7517)."""
    if isinstance(key, bytes):
        return {"kty": "oct", "k": b64(key)} | members
    public = key.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)} | members
    point = public.public_numbers()
    x, y = (b64(value.to_bytes(32, "big")) for value in (point.x, point.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y} | members


def sign(header: dict[str, Any] | bytes, claims: dict[str, Any] | bytes, key: Key | None) -> str:
    """Return a compact JWS (RFC 7515 7.1): RS256, ES256, HS256 by the kind of key, or unsigned."""
    parts = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims))
    signed = ".".join(map(b64, parts))
    return f"{signed}.{b64(_signature(signed.encode(), key))}"


def _signature(data: bytes, key: Key | None) -> bytes:
    if key is None:
        return b""
    if isinstance(key, bytes):
        return hmac.new(key, data, hashlib.sha256).digest()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")
