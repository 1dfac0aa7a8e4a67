"""The authorization request and the way back (RFC 6749 4.1.1 and 4.1.2, RFC 7636, RFC 9207). No I/O, no clock."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from ..errors import BadCallback, InvalidInput, ProviderWords
from ..model import OAuthClient, Provider

MAX_CALLBACK_LENGTH: Final = 16 * 1024
"""Characters in all of a callback's parameters. Google's longest measured is below 2 kB; servers refuse URLs above 8 to
16 kB anyway."""
MAX_CALLBACK_PARAMETERS: Final = 64
_MAX_LENGTHS: Final = {"state": 512, "code": 4096, "iss": 2048}
"""Longest values that mean something: our own state has 43 characters, codes of Google 256 bytes and of Microsoft about
1.5 kB, an issuer is a short URL."""

_VERIFIER: Final = re.compile(r"[A-Za-z0-9\-._~]{43,128}")  # RFC 7636 4.1
_VISIBLE: Final = re.compile(r"[\x20-\x7e]+")  # VSCHAR: RFC 6749 A.5 (state), A.11 (code)
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://|/")

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackParams:
    """An authorization response: exactly one of `code` and `words` is there. repr shows neither state nor code."""

    state: str = field(repr=False)
    code: str | None = field(repr=False)
    words: ProviderWords | None
    iss: str | None


def code_challenge(verifier: str) -> str:
    """Return the S256 challenge of a PKCE verifier (RFC 7636 4.2).

    Raises:
        InvalidInput: the verifier is not 43 to 128 unreserved characters (RFC 7636 4.1).
    """
    if not _VERIFIER.fullmatch(verifier):
        raise InvalidInput("A PKCE verifier has 43 to 128 letters, digits, '-', '.', '_' or '~' (RFC 7636 4.1).")
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


def asked_scopes(client: OAuthClient) -> tuple[str, ...]:
    """Return what is asked for: required, optional and the provider's identity scopes, each once, in this order."""
    every = (*client.scopes, *client.optional_scopes, *client.provider.identity_scopes)
    return tuple(dict.fromkeys(every))


def authorization_url(
    client: OAuthClient,
    *,
    redirect_uri: str,
    state: str,
    code_challenge: str,
    nonce: str,
    login_hint: str | None = None,
    force_consent: bool = False,
    choose_account: bool = False,
) -> str:
    """Return the URL of an authorization request (RFC 6749 4.1.1, RFC 7636 4.3, OpenID Connect Core 3.1.2.1).

    The nonce goes along only when `openid` is asked. A query that the endpoint has already is kept (RFC 6749 3.1).
    """
    provider, scopes = client.provider, asked_scopes(client)
    query = {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": redirect_uri,
        "scope": provider.scope_separator.join(scopes),
        "state": state,
        "code_challenge": code_challenge,
        "code_challenge_method": "S256",
    }
    if "openid" in scopes:
        query["nonce"] = nonce
    if login_hint:
        query["login_hint"] = login_hint
    _add(query, provider.authorization_parameters)
    _add(query, provider.choose_account_parameters if choose_account else {})
    _add(query, provider.force_consent_parameters if force_consent else {})
    endpoint = provider.authorization_endpoint
    return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(query, quote_via=quote)}"


def _add(query: dict[str, str], more: Mapping[str, str]) -> None:
    """Add parameters; values of one name form a space-separated list (`prompt`: OpenID Connect Core 3.1.2.1)."""
    for name, value in more.items():
        query[name] = f"{query[name]} {value}" if name in query else value


def query_pairs(params: object) -> Pairs:
    """Return a callback's parameters as pairs, doubled ones kept, from whatever a web framework calls them.

    `params` is a query string, a whole URL or path with one, a mapping of names to a value or a list of values, a
    sequence of pairs, or a multidict of Starlette, Werkzeug or Django.

    Raises:
        BadCallback: more than 16 kB or 64 parameters, undecodable, or values that are no text.
        InvalidInput: `params` is nothing of the kind.
    """
    found: Pairs = []
    length = 0
    for name, value in _items(params):
        if not isinstance(name, str) or not isinstance(value, str):
            raise BadCallback("The callback's parameters are not text.")
        found.append((name, value))
        length += len(name) + len(value)
        if length > MAX_CALLBACK_LENGTH or len(found) > MAX_CALLBACK_PARAMETERS:
            raise BadCallback("The callback's parameters are too many or too long.")
    return found


def _items(params: object) -> Iterator[tuple[object, object]]:
    """Yield names and values. Multidicts are asked for all values of a name: what they show first hides doubles."""
    if isinstance(params, str):
        yield from _parsed(params)
    elif callable(multi_items := getattr(params, "multi_items", None)):  # Starlette
        yield from multi_items()
    elif callable(lists := getattr(params, "lists", None)):  # Werkzeug, Django
        yield from _flat(lists())
    elif isinstance(params, Mapping):
        yield from _flat(params.items())
    elif isinstance(params, Iterable) and not isinstance(params, bytes | bytearray):
        yield from _two_by_two(params)
    else:
        raise InvalidInput(
            f"The callback's parameters cannot be read from {type(params).__name__}: pass the query string, the URL, "
            "or what your web framework calls the query's arguments."
        )


def _parsed(text: str) -> Pairs:
    """Parse a query string (application/x-www-form-urlencoded, RFC 6749 4.1.2 and appendix B) or a URL's query."""
    if len(text) > 2 * MAX_CALLBACK_LENGTH:  # percent encoding may triple a length; this only spares the parser work
        raise BadCallback("The callback's parameters are too many or too long.")
    pairs: Pairs | None = None
    try:
        query = urlsplit(text).query if _URL.match(text) else text.removeprefix("?")
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_CALLBACK_PARAMETERS)
    except ValueError:
        pass  # raised below: nothing of what a stranger sent goes into the chain of exceptions
    if pairs is None:
        raise BadCallback("The callback's query cannot be read.")
    return pairs


def _flat(items: Iterable[tuple[object, object]]) -> Iterator[tuple[object, object]]:
    for name, values in items:
        if isinstance(values, list | tuple):
            yield from ((name, value) for value in values)
        else:
            yield name, values


def _two_by_two(items: Iterable[object]) -> Iterator[tuple[object, object]]:
    for item in items:
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise BadCallback("The callback's parameters are not pairs of a name and a value.")
        yield item[0], item[1]


def authorization_response(pairs: Iterable[tuple[str, str]]) -> CallbackParams:
    """Read an authorization response (RFC 6749 4.1.2 and 4.1.2.1).

    Raises:
        BadCallback: a parameter came twice (RFC 6749 3.1), state is missing, there is neither or both of code and
            error, or a value is too long or has characters that RFC 6749 appendix A does not allow.
    """
    found = _once(pairs)
    state, code, error = found.get("state"), found.get("code"), found.get("error")
    if not state:
        raise BadCallback("The callback carries no state.")
    if bool(code) == bool(error):
        raise BadCallback("The callback carries both a code and an error, or neither.")
    words = None
    if error:
        words = ProviderWords(
            error=error,
            description=found.get("error_description", ""),
            uri=found.get("error_uri", ""),
            subtype=found.get("error_subtype", ""),
        )
    return CallbackParams(state=state, code=code or None, words=words, iss=found.get("iss"))


def _once(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters as a dict; raise BadCallback for doubled, oversized or unprintable ones."""
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise BadCallback("The callback carries a parameter twice.")
        if len(value) > _MAX_LENGTHS.get(name, MAX_CALLBACK_LENGTH):
            raise BadCallback(f"The callback's {name} is too long.")
        if name in _MAX_LENGTHS and value and not _VISIBLE.fullmatch(value):
            raise BadCallback(f"The callback's {name} has characters that do not belong there.")
        found[name] = value
    return found


def check_issuer(params: CallbackParams, provider: Provider) -> None:
    """Check who answered, on success and on error alike (RFC 9207 2.4): an exact comparison of strings.

    Raises:
        BadCallback: another issuer, or none although the provider's metadata promises one.
    """
    if params.iss is None and provider.iss_parameter == "required":
        raise BadCallback("The callback does not say which provider answered (iss), and this provider always does.")
    if params.iss is not None and params.iss != provider.issuer:
        raise BadCallback("The callback comes from another provider than the one that was asked (iss).")
