"""Google's rules for redirect URIs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantkeeper.errors import Misconfigured
from grantkeeper.providers.google import check_redirect_uri


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.com/callback",
        "https://app.example.com",
        "https://app.example.com:8443/grants/callback/google-ads",
        "https://app.example.com/callback?tenant=7",
        "https://app.example.com/a%20b..c/",
        "https://xn--mnchen-3ya.de/callback",
        "http://localhost/callback",
        "http://localhost:8765/callback",
        "https://localhost/callback",
        "http://127.0.0.1:8765/callback",
        "http://[::1]:8765/callback",
    ],
)
def test_these_are_accepted(uri: str) -> None:
    """TLS anywhere, http on loopback."""
    check_redirect_uri(uri)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("http://app.example.com/callback", "write https"),
        ("https://app.example.com/callback#top", "fragment"),
        ("https://app.example.com/callback#", "fragment"),
        ("https://user@app.example.com/", "user name"),
        ("https://user:pass@app.example.com/", "user name"),
        ("https://:@app.example.com/", "user name"),
        ("https://*.example.com/callback", "wildcard"),
        ("https://app.example.com/*", "wildcard"),
        ("https://203.0.113.7/callback", "IP address"),
        ("https://[2001:db8::7]/callback", "IP address"),
        ("https://intranet/callback", "public domain"),
        ("https://app.internal/callback", "public domain"),
        ("https://app.local./callback", "public domain"),
        ("https://app.test/callback", "public domain"),
        ("https://1.2.3/callback", "public domain"),
        ("https://x.googleusercontent.com/callback", "googleusercontent"),
        ("https://googleusercontent.com/callback", "googleusercontent"),
        ("https://app.example.com/a/../callback", "goes up"),
        ("https://app.example.com/a/%2e%2e/callback", "goes up"),
        ("https://app.example.com/a/%2E%2E%2Fb", "goes up"),
        ("https://app.example.com/a%5C..%5Cb", "goes up"),
        ("https://app.example.com/%zz", "percent"),
        ("https://app.example.com/%", "percent"),
        ("https://app.example.com/%00", "percent"),
        ("https://app.example.com/?next=https://evil.example", "open redirect"),
        ("https://app.example.com/?next=%2F%2Fevil.example", "open redirect"),
        ("https://app.example.com/?next=HTTP%3Aevil", "open redirect"),
        ("https://app.example.com/a b", "printable ASCII"),
        ("https://app.example.com/\n", "printable ASCII"),
        ("https://app.example.com\\@evil.example/", "printable ASCII"),
        ("https://äpp.example.com/", "printable ASCII"),
        ("https://app.example.com:99999/", "absolute"),
        ("https://app.example.com:0/", "absolute"),
        ("https:///callback", "absolute"),
        ("https:app.example.com", "absolute"),
        ("/callback", "absolute"),
        ("app.example.com/callback", "absolute"),
        ("com.example.app:/callback", "absolute"),
        ("urn:ietf:wg:oauth:2.0:oob", "absolute"),
        ("", "absolute"),
        ("https://app.example.com/" + "a" * 3000, "absolute"),
    ],
)
def test_these_are_refused_with_what_to_do(uri: str, why: str) -> None:
    """Google would show its error page to the customer."""
    with pytest.raises(Misconfigured, match=why) as caught:
        check_redirect_uri(uri)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("uri", ["http://127.0.0.1", "http://localhost:51234/", "http://[::1]:1/callback"])
def test_an_installed_client_is_called_back_on_loopback(uri: str) -> None:
    """RFC 8252 7.3."""
    check_redirect_uri(uri, kind="installed")


@pytest.mark.parametrize("uri", ["https://app.example.com/", "https://127.0.0.1/", "http://192.168.0.1/"])
def test_an_installed_client_is_called_back_nowhere_else(uri: str) -> None:
    """RFC 8252 7.3, 8.3."""
    with pytest.raises(Misconfigured):
        check_redirect_uri(uri, kind="installed")


@given(st.text() | st.text().map("https://{}".format) | st.text().map("https://app.example.com/{}".format))
def test_any_text_is_accepted_or_refused(uri: str) -> None:
    """V-71: nothing but Misconfigured, and what is accepted is plain."""
    try:
        check_redirect_uri(uri)
    except Misconfigured:
        return
    assert uri.isascii()
    assert uri.isprintable()
