"""The authorization request, and what may come back from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from django.conf import settings as django_settings
from django.http import QueryDict
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams
from werkzeug.datastructures import ImmutableMultiDict, MultiDict

from grantkeeper.errors import WORDS_LIMIT, BadCallback, InvalidInput
from grantkeeper.model import OAuthClient
from grantkeeper.oauth.authorization import (
    CallbackParams,
    authorization_response,
    authorization_url,
    check_issuer,
    code_challenge,
    query_pairs,
)
from grantkeeper.providers import google
from oauth.clients import ADWORDS, DFP, GOOGLE, PLAIN, client

if not django_settings.configured:
    django_settings.configure()

CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def sent(made: OAuthClient, **options: Any) -> dict[str, str]:
    """Return the parameters of an authorization request; a doubled one fails."""
    url = authorization_url(
        made, redirect_uri=made.redirect_uri, state="the-state", code_challenge=CHALLENGE, nonce="the-nonce", **options
    )
    pairs = parse_qsl(urlsplit(url).query, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_the_challenge_is_that_of_the_rfc() -> None:
    """O-04: RFC 7636 appendix B."""
    assert code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == CHALLENGE


@pytest.mark.parametrize("verifier", ["", "a" * 42, "a" * 129, "a" * 42 + "=", "a" * 42 + "é", "a" * 43 + "\n"])
def test_a_verifier_is_43_to_128_unreserved_characters(verifier: str) -> None:
    """O-04: RFC 7636 4.1; and the message does not show it."""
    with pytest.raises(InvalidInput) as caught:
        code_challenge(verifier)
    assert len(verifier) < 2 or verifier not in str(caught.value)


def test_a_request_to_google_says_all_that_is_needed() -> None:
    """RFC 6749 4.1.1, RFC 7636 4.3, Google's web-server page: no more, no less, no secret (O-31)."""
    assert sent(GOOGLE) == {
        "response_type": "code",
        "client_id": GOOGLE.client_id,
        "redirect_uri": "https://app.example.com/callback",
        "scope": f"{ADWORDS} {DFP} openid email",
        "state": "the-state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "nonce": "the-nonce",
        "access_type": "offline",
        "include_granted_scopes": "true",
    }


def test_consent_is_asked_for_only_when_forced() -> None:
    """Google: prompt=consent, prompt=select_account, and both as one list."""
    assert "prompt" not in sent(GOOGLE)
    assert sent(GOOGLE, force_consent=True)["prompt"] == "consent"
    assert sent(GOOGLE, choose_account=True)["prompt"] == "select_account"
    assert sent(GOOGLE, choose_account=True, force_consent=True)["prompt"] == "select_account consent"


def test_a_login_hint_is_passed_on() -> None:
    """OpenID Connect Core 3.1.2.1."""
    assert sent(GOOGLE, login_hint="mara+ads@nordwind.example")["login_hint"] == "mara+ads@nordwind.example"
    assert "login_hint" not in sent(GOOGLE, login_hint="")


def test_a_nonce_goes_along_only_with_openid() -> None:
    """OpenID Connect Core 3.1.2.1: without openid there is no id_token to hold it."""
    plain = dataclasses.replace(PLAIN, identity_scopes=())
    assert "nonce" not in sent(client(plain))
    assert sent(client(plain, scopes=("openid",)))["nonce"] == "the-nonce"


def test_scopes_come_once_and_as_the_provider_separates_them() -> None:
    """RFC 6749 3.3: spaces; several platforms: commas."""
    comma = dataclasses.replace(PLAIN, scope_separator=",")
    assert sent(client(comma, scopes=("a", "email", "b"), optional_scopes=("b", "a")))["scope"] == "a,email,b,openid"


def test_an_endpoints_own_query_is_kept() -> None:
    """RFC 6749 3.1."""
    own = dataclasses.replace(PLAIN, authorization_endpoint="https://as.example.com/authorize?tenant=7")
    assert sent(client(own))["tenant"] == "7"


PAIRS = [("state", "s t+a/t=e"), ("code", "4/0AäZ"), ("state", "again"), ("empty", "")]
QUERY = urlencode(PAIRS)


def django_query() -> QueryDict:
    """Return what Django's request.GET would be."""
    return QueryDict(QUERY)


@pytest.mark.parametrize(
    "params",
    [
        QUERY,
        f"?{QUERY}",
        f"https://app.example.com/callback?{QUERY}#_=_",
        f"/callback?{QUERY}",
        QueryParams(QUERY),
        MultiDict(PAIRS),
        ImmutableMultiDict(PAIRS),
        django_query(),
        {"state": ["s t+a/t=e", "again"], "code": "4/0AäZ", "empty": ("",)},
        PAIRS,
        tuple(map(list, PAIRS)),
        iter(PAIRS),
    ],
    ids=lambda params: type(params).__name__,
)
def test_every_framework_shows_doubled_parameters(params: object) -> None:
    """O-14: a multidict shows its first (or last) value only, unless it is asked for all."""
    assert sorted(query_pairs(params)) == sorted(PAIRS)


def test_a_query_with_a_url_in_it_is_still_a_query() -> None:
    """Google's iss is a URL; only what begins like a URL is one."""
    assert query_pairs("iss=https://accounts.google.com&a=b?c") == [
        ("iss", "https://accounts.google.com"),
        ("a", "b?c"),
    ]


def many() -> Iterator[tuple[str, str]]:
    """Yield pairs without end."""
    while True:
        yield "a", "b"


@pytest.mark.parametrize(
    "params",
    [
        "a=" + "b" * 16_384,
        "&".join(f"a{number}=b" for number in range(65)),
        {f"a{number}": "b" for number in range(65)},
        [("a", "b" * 20_000)],
        many(),
        "code=%ff%fe",
        "https://[::1/callback?state=a",
        {"code": 7},
        {"code": [b"bytes"]},
        [("code",)],
        ["ab"],
        {"code": None},
        "x" * 10_000_000,
    ],
)
def test_what_is_too_much_or_no_text_is_a_bad_callback(params: object) -> None:
    """O-13: 16 kB and 64 parameters are the most; a stranger can cause this, so it is refused and nothing spent."""
    with pytest.raises(BadCallback):
        query_pairs(params)


@pytest.mark.parametrize("params", [None, 7, b"code=a", object()])
def test_what_no_framework_calls_parameters_is_the_programs_error(params: object) -> None:
    """The message says what to pass."""
    with pytest.raises(InvalidInput, match="pass the query string"):
        query_pairs(params)


def test_a_success_is_read() -> None:
    """RFC 6749 4.1.2; what Google adds is ignored."""
    read = authorization_response(
        query_pairs("state=abc&iss=https://accounts.google.com&code=4/0Aa&scope=x%20y&authuser=0&hd=a.b&prompt=none")
    )
    assert read == CallbackParams(state="abc", code="4/0Aa", words=None, iss="https://accounts.google.com")
    assert "abc" not in repr(read)
    assert "4/0Aa" not in repr(read)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "\x1b[31mred",
        "a\r\nSet-Cookie: b=c",
        "\u202eabc",
        "x" * 10_000,
        "\ud800",
        "\0",
        "a\u2028b",
    ],
)
def test_an_errors_words_are_cleaned_and_cut(hostile: str) -> None:
    """O-13: hostile error, description and URI: no control characters, no bidirectional ones, at most 300."""
    read = authorization_response(
        [("error", hostile), ("error_description", hostile), ("error_uri", hostile), ("state", "s")]
    )

    assert read.code is None
    assert read.words is not None
    for shown in (read.words.error, read.words.description, read.words.uri):
        assert len(shown) <= WORDS_LIMIT
        assert shown.isprintable()


KNOWN = ["state", "code", "iss", "scope", "authuser", "hd", "prompt"]


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("second", ["same", "other"])
def test_a_doubled_parameter_is_refused(name: str, second: str) -> None:
    """O-14: RFC 6749 3.1, every parameter, with the same value and with another."""
    pairs = [(each, "v") for each in KNOWN]
    with pytest.raises(BadCallback, match="twice"):
        authorization_response([*pairs, (name, "v" if second == "same" else "w")])


@pytest.mark.parametrize("name", ["error", "error_description", "error_uri", "state"])
def test_a_doubled_parameter_of_an_error_is_refused(name: str) -> None:
    """O-14: on errors, too."""
    pairs = [(each, "v") for each in ("error", "error_description", "error_uri", "state")]
    with pytest.raises(BadCallback, match="twice"):
        authorization_response([*pairs, (name, "v")])


@pytest.mark.parametrize(
    "query",
    [
        "",
        "code=a",
        "error=access_denied",
        "state=&code=a",
        "state=s",
        "state=s&code=",
        "state=s&error=",
        "state=s&code=a&error=b",
        "state=" + "s" * 513 + "&code=a",
        "state=s&code=" + "a" * 4097,
        "state=s&code=a&iss=" + "i" * 2049,
        "state=s%00&code=a",
        "state=s&code=a%0Ab",
        "state=s&code=%C3%A4",
        "state=%F0%9F%98%80&code=a",
        "state=s&code=a&iss=https://a%0d%0a",
    ],
)
def test_an_incomplete_or_impossible_answer_is_refused(query: str) -> None:
    """RFC 6749 4.1.2 and appendix A.5, A.11: missing, empty, both, oversized, unprintable."""
    with pytest.raises(BadCallback):
        authorization_response(query_pairs(query))


ISSUER = "https://accounts.google.com"


@pytest.mark.parametrize("rest", ["code=a", "error=access_denied"])
@pytest.mark.parametrize(
    "iss",
    [
        "https://accounts.google.com/",
        "https://accounts.google.co",
        "https://ACCOUNTS.google.com",
        "http://accounts.google.com",
        "accounts.google.com",
        "https://accounts.google.com.evil.example",
        "https://evil.example",
        "",
        " https://accounts.google.com",
    ],
)
def test_another_issuer_is_refused(iss: str, rest: str) -> None:
    """O-12: RFC 9207 2.4, exact strings, on success and on error (OIDF invalid-authorization-response-iss)."""
    read = authorization_response(query_pairs(f"state=s&{rest}&iss={quote(iss)}"))
    with pytest.raises(BadCallback, match="iss"):
        check_issuer(read, google.PROVIDER)


@pytest.mark.parametrize("rest", ["code=a", "error=access_denied"])
def test_a_missing_issuer_is_refused_only_when_it_was_promised(rest: str) -> None:
    """O-12: OIDF remove-authorization-response-iss."""
    without = authorization_response(query_pairs(f"state=s&{rest}"))
    named = authorization_response(query_pairs(f"state=s&{rest}&iss={ISSUER}"))
    required = dataclasses.replace(google.PROVIDER, iss_parameter="required")

    check_issuer(without, google.PROVIDER)
    check_issuer(named, google.PROVIDER)
    check_issuer(named, required)
    with pytest.raises(BadCallback, match="iss"):
        check_issuer(without, required)


names = st.sampled_from(["state", "code", "error", "error_description", "iss", "x"]) | st.text(max_size=20)


@given(
    st.one_of(st.text(), st.lists(st.tuples(names, st.text())), st.dictionaries(names, st.text() | st.lists(st.text())))
)
def test_whatever_comes_back_is_read_or_refused(params: object) -> None:
    """V-71: nothing but BadCallback, whatever a stranger puts into a URL."""
    try:
        read = authorization_response(query_pairs(params))
    except BadCallback:
        return
    assert bool(read.code) != bool(read.words)
    assert read.state.isascii()


@given(
    st.lists(
        st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), st.text(st.characters(codec="utf-8"))), max_size=10
    )
)
def test_a_query_is_read_as_it_was_written(pairs: list[tuple[str, str]]) -> None:
    """What urlencode writes comes back whole (RFC 6749 appendix B)."""
    assert query_pairs("?" + urlencode(pairs)) == pairs
