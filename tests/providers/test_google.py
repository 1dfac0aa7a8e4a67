"""Google's quirks: what an answer means, whose grants end together, which scopes there are."""

from __future__ import annotations

import re

import pytest

from grantkeeper.errors import InvalidInput, ProviderWords
from grantkeeper.model import Reason
from grantkeeper.providers.google import PROVIDER, SCOPES, api_scopes, at, deaths, revocation_group

AUTH = "https://www.googleapis.com/auth/"


@pytest.mark.parametrize(
    ("error", "description", "subtype", "reason"),
    [
        ("invalid_grant", "Token has been expired or revoked.", "", Reason.REVOKED_OR_EXPIRED),
        ("invalid_grant", "Bad Request", "", Reason.REVOKED_OR_EXPIRED),
        ("invalid_grant", "", "", Reason.REVOKED_OR_EXPIRED),
        ("invalid_grant", "Something new", "something_new", Reason.REVOKED_OR_EXPIRED),
        ("invalid_grant", "reauth related error (invalid_rapt)", "invalid_rapt", Reason.REAUTHENTICATION),
        ("invalid_grant", "reauth related error (invalid_rapt)", "", Reason.REAUTHENTICATION),
        ("invalid_grant", "Bad Request", "rapt_required", Reason.REAUTHENTICATION),
        ("rapt_required", "", "", Reason.REAUTHENTICATION),
        ("admin_policy_enforced", "", "", Reason.ADMIN_POLICY),
        ("invalid_grant", "Bad Request", "admin_policy_enforced", Reason.ADMIN_POLICY),
        ("invalid_grant", "Account has been deleted", "", Reason.ACCOUNT_GONE),
        ("invalid_grant", "Account disabled", "", Reason.ACCOUNT_GONE),
    ],
)
def test_these_words_end_a_grant(error: str, description: str, subtype: str, reason: Reason) -> None:
    """O-55r, R-30: each death has its own reason."""
    found = deaths(ProviderWords(error=error, description=description, subtype=subtype))
    assert found is not None
    assert found.reason is reason


@pytest.mark.parametrize(
    ("error", "description"),
    [
        ("invalid_client", "The OAuth client was not found."),
        ("invalid_client", "Unauthorized"),
        ("invalid_client", "The provided client secret is invalid."),
        ("deleted_client", "The OAuth client was deleted."),
        ("unauthorized_client", "Unauthorized"),
        ("invalid_grant", "Malformed auth code."),
        ("invalid_grant", "Code was already redeemed."),
        ("invalid_grant", "Missing code verifier."),
        ("invalid_grant", "Invalid code verifier."),
        ("invalid_scope", "Bad Request"),
        ("invalid_request", "Missing required parameter: refresh_token"),
        ("internal_failure", ""),
        ("server_error", "invalid_grant"),
        ("rate_limit_exceeded", ""),
        ("INVALID_GRANT", ""),
        ("error", ""),
    ],
)
def test_these_words_end_no_grant(error: str, description: str) -> None:
    """R-30: whatever is about our client, about a code, or about the provider's health."""
    assert deaths(ProviderWords(error=error, description=description)) is None


@pytest.mark.parametrize(
    ("client_id", "group"),
    [
        ("1234567890-abc.apps.googleusercontent.com", "1234567890"),
        ("1234567890-xyz.apps.googleusercontent.com", "1234567890"),
        ("1234567890.apps.googleusercontent.com", "1234567890"),
        ("project-abc.apps.googleusercontent.com", "project-abc.apps.googleusercontent.com"),
        ("12ab-c", "12ab-c"),
        ("", ""),
    ],
)
def test_a_revocation_ends_what_the_cloud_project_has(client_id: str, group: str) -> None:
    """O-51: all clients of a project share its number."""
    assert revocation_group(client_id) == group


def test_google_elsewhere_keeps_its_quirks() -> None:
    """The emulator's URLs, and nothing else, differ."""
    emulated = at("http://127.0.0.1:8910/")
    assert emulated.issuer == "http://127.0.0.1:8910"
    assert emulated.authorization_endpoint == "http://127.0.0.1:8910/o/oauth2/v2/auth"
    assert emulated.token_endpoint == "http://127.0.0.1:8910/token"
    assert emulated.revocation_endpoint == "http://127.0.0.1:8910/revoke"
    assert emulated.jwks_uri == "http://127.0.0.1:8910/oauth2/v3/certs"
    assert emulated.deaths is PROVIDER.deaths
    assert emulated.authorization_parameters == {"access_type": "offline", "include_granted_scopes": "true"}
    assert "google" not in re.sub(r"name='google'|title='Google'|googleapis.com/auth/", "", repr(emulated)).casefold()


@pytest.mark.parametrize(
    "base",
    [
        "http://example.com",
        "http://10.0.0.1",
        "ftp://localhost",
        "localhost:80",
        "",
        "https://a:b@c",
        "https://a?b",
        "https://a#b",
        "http://127.0.0.1.evil.example",
        "https://",
    ],
)
def test_google_is_not_elsewhere_in_clear(base: str) -> None:
    """O-36: https, or http on loopback."""
    with pytest.raises(InvalidInput, match="https://host"):
        at(base)


@pytest.mark.parametrize("base", ["https://google.test", "http://localhost:1", "http://[::1]:8910", "http://127.0.0.9"])
def test_google_may_be_on_https_or_loopback(base: str) -> None:
    """What an emulator or a test server listens on."""
    assert at(base).issuer == base


@pytest.mark.parametrize(
    ("name", "scopes"),
    [
        ("adwords", (f"{AUTH}adwords",)),
        ("ad_manager", (f"{AUTH}dfp", f"{AUTH}admanager")),
        ("ad_manager_soap", (f"{AUTH}dfp",)),
        ("ad_manager_rest", (f"{AUTH}admanager",)),
        ("webmasters.readonly", (f"{AUTH}webmasters.readonly",)),
        ("tagmanager.edit.containers", (f"{AUTH}tagmanager.edit.containers",)),
        ("youtube.force-ssl", (f"{AUTH}youtube.force-ssl",)),
        ("business.manage", (f"{AUTH}business.manage",)),
        ("openid", ("openid",)),
        (f"{AUTH}something.new", (f"{AUTH}something.new",)),
    ],
)
def test_short_names_answer_scopes(name: str, scopes: tuple[str, ...]) -> None:
    """The successor of GetAPIScope; a full URL answers itself."""
    assert api_scopes(name) == scopes


def test_every_scope_in_the_catalogue_is_one() -> None:
    """RFC 6749 3.3; all of Google's APIs have one prefix."""
    found = {scope for scopes in SCOPES.values() for scope in scopes} - {"openid", "email", "profile"}
    assert all(re.fullmatch(rf"{re.escape(AUTH)}[a-z.-]+", scope) for scope in found)
    assert len(found) > 40


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("adword", "adwords"),
        ("AdWords", "adwords"),
        ("admanger", "admanager"),
        ("xxxxxxxx", "adwords"),
        ("", "adwords"),
    ],
)
def test_an_unknown_name_gets_near_ones(name: str, near: str) -> None:
    """The message helps."""
    with pytest.raises(InvalidInput, match=near):
        api_scopes(name)


@pytest.mark.parametrize(
    "name", ["http://a/b", "https://", "https://a b", "https://a\nb", 'https://a"b', "https://é", "x" * 10_000]
)
def test_what_is_no_scope_is_refused(name: str) -> None:
    """A scope goes into URLs and headers; the message stays short."""
    with pytest.raises(InvalidInput) as caught:
        api_scopes(name)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable()
