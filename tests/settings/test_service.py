"""`[service]` is read as strictly as the rest: each error names the file, the key and what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grantkeeper.errors import Misconfigured
from grantkeeper.settings import ServiceSettings, Settings, SignIn, new_key_file

URL = "https://grants.example.com"
CLIENT = f"""
[clients.google-ads]
provider = "google"
client_secret_file = "client_secret.json"
redirect_uri = "{URL}/callback/google-ads"
scopes = ["adwords"]
"""
EVERYTHING = """\
[service]
url = "https://Grants.Example.com/keeper/"
business_name = "Harbour Agency"
language = "de"
logo = "logo.svg"
colour = "#1A73E8"
text = "Two lines.\\nThat is all."
titles = { google-ads = "Google Ads" }
return_to = ["https://App.example.com/", "http://127.0.0.1:3000"]
trusted_proxies = ["10.0.0.0/24", "fd00::1"]
webhook_private_hosts = ["Hooks.internal", "10.1.2.3"]
requests_per_minute = 10
distinct_grants_per_minute = 20
open_metrics = true
checks = "off"
refreshes_per_second = 5
[service.sign_in]
client = "google-ads"
domains = ["Example.com"]
emails = { "Ann@example.com" = "admin" }
role = "operator"
"""
SIGN_IN = 'url = "https://grants.example.com"\n[service.sign_in]\nclient = "google-ads"\n'


def load(folder: Path, service: str, **environ: str) -> ServiceSettings:
    """Return what a configuration with this `[service]` says of it."""
    (folder / "client_secret.json").write_text(
        json.dumps(
            {
                "web": {
                    "client_id": "123-abc.apps.googleusercontent.com",
                    "client_secret": "client-secret",
                    "auth_uri": "https://accounts.google.com/o/oauth2/auth",
                    "token_uri": "https://oauth2.googleapis.com/token",
                    "redirect_uris": [f"{URL}/callback/google-ads"],
                }
            }
        )
    )
    if not (folder / "grantkeeper.key").exists():
        new_key_file(folder / "grantkeeper.key")
    top = 'database = "sqlite:///grantkeeper.sqlite3"\nkey_file = "grantkeeper.key"\n'
    (folder / "grantkeeper.toml").write_text(f"{top}{CLIENT}\n{service}")
    return Settings.load(folder / "grantkeeper.toml", environ).service


def test_what_is_written_becomes_values(tmp_path: Path) -> None:
    """Every key arrives, addresses in the one form in which they are compared."""
    (tmp_path / "logo.svg").write_text("<svg/>")
    found = load(tmp_path, EVERYTHING)

    assert found == ServiceSettings(
        url="https://grants.example.com/keeper",
        business_name="Harbour Agency",
        language="de",
        logo=tmp_path / "logo.svg",
        colour="#1a73e8",
        text="Two lines.\nThat is all.",
        titles={"google-ads": "Google Ads"},
        return_to=("https://app.example.com", "http://127.0.0.1:3000"),
        trusted_proxies=("10.0.0.0/24", "fd00::1/128"),
        webhook_private_hosts=("hooks.internal", "10.1.2.3"),
        requests_per_minute=10,
        distinct_grants_per_minute=20,
        open_metrics=True,
        checks="off",
        refreshes_per_second=5,
        sign_in=SignIn(
            client="google-ads",
            redirect_uri="https://grants.example.com/keeper/dashboard/callback",
            domains=("example.com",),
            emails={"ann@example.com": "admin"},
            role="operator",
        ),
    )
    assert found.callback("google-ads") == "https://grants.example.com/keeper/callback/google-ads"


def test_without_the_table_nothing_is_trusted_and_there_is_no_address(tmp_path: Path) -> None:
    """V-39c: no proxy is trusted by default; a script needs no `[service]` at all."""
    assert load(tmp_path, "") == ServiceSettings()
    assert ServiceSettings().trusted_proxies == ()
    assert ServiceSettings().callback("google-ads") == ""


def test_the_environment_says_where_the_service_is(tmp_path: Path) -> None:
    """GRANTKEEPER_SERVICE_URL wins over the file and is checked as strictly, by its own name."""
    service = '[service]\nurl = "https://other.example.com"'

    assert load(tmp_path, service, GRANTKEEPER_SERVICE_URL=URL).url == URL
    assert load(tmp_path, "", GRANTKEEPER_SERVICE_URL=URL).url == URL
    with pytest.raises(Misconfigured, match=r"^GRANTKEEPER_SERVICE_URL: is not an https URL"):
        load(tmp_path, service, GRANTKEEPER_SERVICE_URL="http://grants.example.com")


@pytest.mark.parametrize(
    "url",
    [
        "http://grants.example.com",
        "ftp://grants.example.com",
        "grants.example.com",
        "https://user@grants.example.com",
        "https://grants.example.com/?a=b",
        "https://grants.example.com?",
        "https://grants.example.com/#a",
        "https://grants.example.com/a/../b",
        "https://grants.example.com/..",
        "https://grants.example.com/.",
        "https://grants.example.com/%2e%2e/b",
        "https://grants.example.com//b",
        "https://grants.example.com/a;b",
        "https://grants.example.com\\\\b",
        "https://grants.example.com:443",
        "https://grants.example.com:",
        "https://grants.example.com:/a",
        "http://127.0.0.1:80",
        "https://grants.example.com/a b",
        "https://",
    ],
)
def test_an_address_that_could_be_read_differently_is_refused(tmp_path: Path, url: str) -> None:
    """Everything that is sent to people is made of it: no plain http, no user, no query, no tricks in its path."""
    with pytest.raises(Misconfigured, match=r"grantkeeper.toml: service\.url: (is not|has more|names)"):
        load(tmp_path, f'[service]\nurl = "{url}"')


@pytest.mark.parametrize("url", ["http://127.0.0.1:8765", "http://localhost:8765", "http://[::1]:8765", URL])
def test_plain_http_is_for_this_machine(tmp_path: Path, url: str) -> None:
    """Loopback is how one tries it out."""
    assert load(tmp_path, f'[service]\nurl = "{url}/"').url == url


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("[service]\nurll = 1", ["service.urll", "is not a setting", "Did you mean url?"]),
        ("[service]\nurl = 1", ["service.url", "expected a text, got a number"]),
        ('[service]\nchecks = "weekly"', ["service.checks", "daily, off"]),
        ("[service]\nrefreshes_per_second = 0", ["service.refreshes_per_second"]),
        ("[service]\nopen_metrics = 1", ["service.open_metrics", "expected bool, got a number"]),
        ("[service]\nrequests_per_minute = 0", ["service.requests_per_minute", ">= 1"]),
        ('[service]\nlanguage = "tlh"', ["service.language", "de, en, es, fr, ja"]),
        ('[service]\nlogo = "none.svg"', ["service.logo", "there is no file", "none.svg"]),
        ('[service]\nlogo = "grantkeeper.toml"', ["service.logo", "neither an SVG nor a PNG"]),
        ('[service]\ncolour = "red"', ["service.colour", "#rrggbb"]),
        ('[service]\nbusiness_name = "a\\u202eb"', ["service.business_name", "nobody sees"]),
        (f'[service]\ntext = "{"a" * 2001}"', ["service.text", "2000"]),
        ('[service]\ntitles = { other = "x" }', ["service.titles.other", "google-ads"]),
        ('[service]\nreturn_to = ["https://a.example.com/path"]', ["service.return_to", "not an origin"]),
        ('[service]\nreturn_to = ["https://a.example.com?"]', ["service.return_to", "not an origin"]),
        ('[service]\nreturn_to = ["https://a.example.com:"]', ["service.return_to", "not an origin"]),
        ('[service]\nreturn_to = ["https://*.example.com/*"]', ["service.return_to", "not an origin"]),
        ('[service]\nreturn_to = ["http://a.example.com"]', ["service.return_to", "not an origin"]),
        ('[service]\nreturn_to = ["https://a.example.com:443"]', ["service.return_to", "usual port"]),
        ('[service]\nreturn_to = "https://a.example.com"', ["service.return_to", "expected a list, got a text"]),
        ('[service]\ntrusted_proxies = ["10.0.0.1/24"]', ["service.trusted_proxies", "is not a network"]),
        ('[service]\ntrusted_proxies = ["0.0.0.0/0"]', ["service.trusted_proxies", "is everybody"]),
        ('[service]\ntrusted_proxies = ["::/0"]', ["service.trusted_proxies", "is everybody"]),
        ('[service]\nwebhook_private_hosts = ["http://a"]', ["service.webhook_private_hosts", "is not a host"]),
        ('[service.sign_in]\nclient = "google-ads"\ndomains = ["a.example"]', ["service.url", "is missing"]),
        (f"[service]\n{SIGN_IN}", ["service.sign_in", "lets nobody in"]),
        (f'[service]\n{SIGN_IN}domain = ["a"]', ["service.sign_in.domain", "Did you mean domains?"]),
        (f'[service]\n{SIGN_IN}domains = ["localhost"]', ["service.sign_in.domains", "is not a domain"]),
        (f'[service]\n{SIGN_IN}emails = {{ "a@evil@b" = "admin" }}', ["sign_in.emails", "is not an e-mail"]),
        (f'[service]\n{SIGN_IN}emails = {{ "a@b.example" = "root" }}', ["sign_in.emails", "viewer, operator, admin"]),
        (
            f'[service]\n{SIGN_IN}emails = {{ "a@b.example" = "admin", "A@b.example" = "viewer" }}',
            ["sign_in.emails", "there twice"],
        ),
        (f'[service]\n{SIGN_IN}domains = ["a.example"]\nrole = "root"', ["service.sign_in.role", "viewer, operator"]),
        (
            f'[service]\n{SIGN_IN}domains = ["a.example"]\nredirect_uri = "https://grants.example.com/x"',
            ["service.sign_in.redirect_uri", f"{URL}/dashboard/callback"],
        ),
        (
            f'[service]\n{SIGN_IN.replace("google-ads", "other")}domains = ["a.example"]',
            ["service.sign_in.client", "Configured are: google-ads"],
        ),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, service: str, expected: list[str]) -> None:
    """The message names the file and the key; message and advice together say what to do."""
    with pytest.raises(Misconfigured) as refused:
        load(tmp_path, service)
    said = f"{refused.value.args[0]} {refused.value.advice}"
    assert [part for part in ("grantkeeper.toml", *expected) if part not in said] == []
