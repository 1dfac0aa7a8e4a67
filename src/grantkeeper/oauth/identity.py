"""Who consented: id_token validation (OpenID Connect Core 1.0 3.1.3.7, RFC 8725). No I/O, no clock."""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError

from ..errors import BadCallback, printable
from ..model import OAuthClient, Provider, Secret
from ..strictjson import read_strict_object
from .keys import ASYMMETRIC, PublicKey, candidates, jwks_answer, jwks_request

__all__ = ["IdTokenInvalid", "Identity", "folded", "id_token_identity", "jwks_answer", "jwks_request", "same_identity"]

MAX_ID_TOKEN_LENGTH: Final = 16 * 1024
"""Google's have about 1.2 kB (RFC 8725 3.11 asks for a limit)."""
CLOCK_SKEW: Final = timedelta(seconds=60)
"""How far two clocks may disagree. Google's own library takes 0 and refuses tokens as "used too early"."""
MAX_AGE: Final = timedelta(hours=1)
"""An id_token is made for the answer that carries it, so an older one is another one (OIDF: iat-is-week-in-past)."""
MAX_EMAIL_LENGTH: Final = 254
"""The longest address that mail can be sent to (RFC 5321 4.5.3.1.3: 256 with its brackets)."""

_COMPACT: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_SUBJECT: Final = re.compile(r"[\x20-\x7e]{1,255}")  # OpenID Connect Core 2: at most 255 ASCII characters
_HASHES: Final = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}

Claims = Mapping[str, object]


class IdTokenInvalid(BadCallback):
    """The id_token is not to be believed.

    Attributes:
        unknown_kid: True when no known key has its `kid`: fetch the keys once more and try again, once.
    """

    def __init__(self, why: str, *, unknown_kid: bool = False) -> None:
        super().__init__(f"The provider's id_token is not valid: {why}.")
        self.unknown_kid = unknown_kid


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The person who consented. (issuer, subject) is who it is, case-sensitive; the rest is for people to read.

    `issuer` is the provider's, whatever alias the id_token carried. `email` is "" when the id_token has none, or one
    that cannot be shown and stored as it is; `hosted_domain` too, and for a consumer's account. `name` is cleaned.
    """

    issuer: str
    subject: str
    email: str
    email_verified: bool
    hosted_domain: str
    name: str


def folded(address: str) -> str:
    """Return an address, or a domain, as it is compared: in lower case, by ASCII's letters only.

    Unicode's own folding takes the Kelvin sign for a k, and so another person's address for somebody's.
    """
    return "".join(letter.lower() if letter.isascii() else letter for letter in address)


class _Registry(jws.JWSRegistry):
    max_header_length = 4096  # the library's 512 is less than a header with a certificate chain, which is ignored here

    def get_alg(self, name: str) -> Any:
        """Return the one allowed algorithm, without the library's warnings: `EdDSA` is deprecated and still in use."""
        if self.allowed is None or name not in self.allowed:
            raise UnsupportedAlgorithmError
        return self.algorithms[name]


def id_token_identity(
    id_token: Secret,
    *,
    keys: Mapping[str, object],
    client: OAuthClient,
    nonce: str | None,
    now: datetime,
    access_token: Secret | None,
) -> Identity:
    """Return who an id_token is about, after every check of OpenID Connect Core 3.1.3.7 and 3.1.3.8.

    `keys` is the provider's JSON Web Key Set. `nonce` is what the authorization request carried; None when it carried
    none (and on refresh, Core 12.2). `access_token` is checked against at_hash when both are there.

    Raises:
        IdTokenInvalid: it fails any of the checks.
    """
    header = _header(id_token)
    algorithm = _algorithm(header, client.provider)
    claims = _verified(id_token, _key(header, algorithm, keys), algorithm)
    _check_issuer_and_audience(claims, client)
    _check_times(claims, now)
    _check_nonce(claims, nonce)
    _check_at_hash(claims, access_token, algorithm)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not _SUBJECT.fullmatch(subject):
        raise IdTokenInvalid("sub is missing or not a string of at most 255 characters")
    return Identity(
        issuer=client.provider.issuer,
        subject=subject,
        email=_exact(claims, "email"),
        email_verified=claims.get("email_verified") in (True, "true"),  # some providers write the string
        hosted_domain=_exact(claims, "hd"),
        name=printable(_text(claims, "name"), MAX_EMAIL_LENGTH),
    )


def same_identity(id_token: Secret, *, issuer: str, subject: str, client: OAuthClient) -> bool:
    """Tell whether an id_token that came with a refresh is about the grant's person and for this client; never raises.

    (`issuer`, `subject`) is the grant's. iss, sub and aud have to be the same as before (OpenID Connect Core 12.2); the
    issuer may use any of its names. A nonce and the times say nothing about who it is. The signature is not looked at:
    it came from the token endpoint itself over TLS (Core 3.1.3.7 step 6). So this decides nothing but whether to go on.
    """
    claims = _segment(id_token, 1) if _segment(id_token, 0) is not None else None
    if claims is None:
        return False
    names = (client.provider.issuer, *client.provider.issuer_aliases)
    same_person = issuer in names and claims.get("iss") in names and claims.get("sub") == subject
    return same_person and _is_for(claims, client.client_id)


def _is_for(claims: Claims, client_id: str) -> bool:
    """Core 3.1.3.7 steps 3 to 5: among several audiences, azp has to say that it was issued to this one."""
    audience = claims.get("aud")
    if not isinstance(audience, list):
        return audience == client_id and claims.get("azp", client_id) == client_id
    default = client_id if len(audience) == 1 else None
    return client_id in audience and claims.get("azp", default) == client_id


def _exact(claims: Claims, name: str) -> str:
    """Return a text that is shown, compared and stored just as it came; "" when it is none of that kind."""
    value = _text(claims, name)
    return value if printable(value, MAX_EMAIL_LENGTH) == value else ""


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _segment(id_token: Secret, index: int) -> dict[str, object] | None:
    """Return the JSON object in one segment (RFC 7515 7.1), or None. The caller's frame never holds the token."""
    text = id_token.reveal()
    if len(text) > MAX_ID_TOKEN_LENGTH or not _COMPACT.fullmatch(text):
        return None
    segment = text.split(".")[index]
    try:
        return read_strict_object(base64.b64decode(segment + "=" * (-len(segment) % 4), b"-_", validate=True))
    except ValueError:
        return None


def _header(id_token: Secret) -> dict[str, object]:
    """Return the header. Its jwk, jku, x5u and x5c are never looked at: a signer does not vouch for itself."""
    header = _segment(id_token, 0)
    if header is None:
        raise IdTokenInvalid("it is not a signed JWT of at most 16 kB")
    if "crit" in header or "b64" in header:
        raise IdTokenInvalid("it asks for extensions that are not known here (crit, RFC 7515 4.1.11)")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.casefold().removeprefix("application/") != "jwt":
        raise IdTokenInvalid("it is a token of another kind (typ, RFC 8725 3.11)")
    return header


def _algorithm(header: Mapping[str, object], provider: Provider) -> str:
    algorithm = header.get("alg")
    allowed = ASYMMETRIC.intersection(provider.id_token_algorithms)
    if not isinstance(algorithm, str) or algorithm not in allowed:
        raise IdTokenInvalid("its algorithm is not one that this provider signs with (RFC 8725 3.1)")
    return algorithm


def _key(header: Mapping[str, object], algorithm: str, keys: Mapping[str, object]) -> PublicKey:
    """Return the one key that may have signed; two are as bad as none (RFC 7515 4.1.4, OpenID Connect Core 10.1)."""
    kid = header.get("kid")
    if kid is not None and not isinstance(kid, str):
        raise IdTokenInvalid("its kid is no string")
    found = candidates(keys, algorithm=algorithm, kid=kid)
    if not found:
        raise IdTokenInvalid("the provider has no such key", unknown_kid=True)
    if len(found) > 1:
        raise IdTokenInvalid("more than one of the provider's keys may have signed it")
    return found[0]


def _verified(id_token: Secret, key: PublicKey, algorithm: str) -> Claims:
    claims = _segment(id_token, 1) if _signature_is_good(id_token, key, algorithm) else None
    if claims is None:
        raise IdTokenInvalid("its signature is not good, or its content no JSON object")
    return claims


def _signature_is_good(id_token: Secret, key: PublicKey, algorithm: str) -> bool:
    registry = _Registry(algorithms=[algorithm], strict_check_header=False)
    try:
        jws.deserialize_compact(id_token.reveal(), key, registry=registry)
    except (JoseError, ValueError, TypeError):
        return False
    return True


def _check_issuer_and_audience(claims: Claims, client: OAuthClient) -> None:
    """Core 3.1.3.7 steps 2 to 5. No other audience is trusted, so a token for several is refused."""
    provider, audience = client.provider, claims.get("aud")
    if claims.get("iss") not in (provider.issuer, *provider.issuer_aliases):
        raise IdTokenInvalid("another issuer made it (iss)")
    audiences = audience if isinstance(audience, list) else [audience]
    if not audiences or any(one != client.client_id for one in audiences):
        raise IdTokenInvalid("it is meant for another application, or for others too (aud)")
    if claims.get("azp", client.client_id) != client.client_id:
        raise IdTokenInvalid("it was issued to another application (azp)")


def _check_times(claims: Claims, now: datetime) -> None:
    """Core 3.1.3.7 steps 9 and 10: exp and iat are required, nbf counts when there (RFC 7519 4.1.5)."""
    expires, issued = _moment(claims, "exp"), _moment(claims, "iat")
    if expires is None or issued is None:
        raise IdTokenInvalid("it does not say when it was made and when it ends (iat, exp)")
    if now >= expires + CLOCK_SKEW:
        raise IdTokenInvalid("it is over (exp); check this machine's clock")
    not_before = _moment(claims, "nbf") if "nbf" in claims else issued
    if not_before is None or max(issued, not_before) > now + CLOCK_SKEW:
        raise IdTokenInvalid("it is from the future (iat, nbf); check this machine's clock")
    if issued < now - MAX_AGE - CLOCK_SKEW:
        raise IdTokenInvalid("it is old (iat); check this machine's clock")


def _moment(claims: Claims, name: str) -> datetime | None:
    """Return a NumericDate (RFC 7519 2), or None."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _check_nonce(claims: Claims, nonce: str | None) -> None:
    """Core 3.1.3.7 step 11."""
    found = claims.get("nonce")
    if nonce is not None and not (isinstance(found, str) and _same(found, nonce)):
        raise IdTokenInvalid("it belongs to another sign-in (nonce)")


def _check_at_hash(claims: Claims, access_token: Secret | None, algorithm: str) -> None:
    """Core 3.1.3.8: the left half of the access token's hash, with the hash of the signature's algorithm."""
    if access_token is None or "at_hash" not in claims:
        return
    make, found = _HASHES.get(algorithm[-3:]), claims["at_hash"]
    if algorithm in ("EdDSA", "Ed25519"):
        make = hashlib.sha512  # RFC 8032 5.1: Ed25519 hashes with SHA-512
    if make is None or not isinstance(found, str):
        raise IdTokenInvalid("its at_hash cannot be checked")
    digest = make(access_token.reveal().encode()).digest()
    if not _same(found, base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()):
        raise IdTokenInvalid("it belongs to another access token (at_hash)")


def _same(one: str, other: str) -> bool:
    """Compare in constant time. Surrogates, which JSON can carry and UTF-8 cannot, are passed through."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
