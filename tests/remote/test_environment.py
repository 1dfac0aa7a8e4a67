"""Where a Remote gets its service and its key from."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from grantkeeper import AsyncRemote, InvalidInput, Misconfigured, Remote, Secret
from remote.conftest import GRANT
from remote.fake import KEY, Fake


def test_the_environment_says_which_service_and_which_key(fake: Fake) -> None:
    """Two variables."""
    with Remote.from_env({"GRANTKEEPER_URL": fake.url, "GRANTKEEPER_API_KEY": KEY}) as remote:
        remote.token(GRANT)

    assert fake.calls[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_key_may_be_in_a_file(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Docker and Kubernetes hand secrets over; the line break at its end is nobody's key."""
    (tmp_path / "key").write_text(f"{KEY}\n")
    monkeypatch.setenv("GRANTKEEPER_URL", f"{fake.url}/")
    monkeypatch.setenv("GRANTKEEPER_API_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.delenv("GRANTKEEPER_API_KEY", raising=False)
    with AsyncRemote.from_env().remote as remote:
        remote.token(GRANT)

    assert fake.calls[0].headers["authorization"] == f"Bearer {KEY}"
    assert fake.calls[0].path == f"/v1/grants/{GRANT}/token"


URL = "https://grants.example.com"
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "GRANTKEEPER_URL is not set"),
        ({"GRANTKEEPER_URL": ""}, "GRANTKEEPER_URL is not set"),
        ({"GRANTKEEPER_URL": "grants.example.com", "GRANTKEEPER_API_KEY": KEY}, "GRANTKEEPER_URL: .*not an https"),
        ({"GRANTKEEPER_URL": URL}, "GRANTKEEPER_API_KEY is not set.*GRANTKEEPER_API_KEY_FILE"),
        ({"GRANTKEEPER_URL": URL, "GRANTKEEPER_API_KEY": f"{KEY}\n"}, "GRANTKEEPER_API_KEY: .*keys create"),
        ({"GRANTKEEPER_URL": URL, "GRANTKEEPER_API_KEY": KEY, "GRANTKEEPER_API_KEY_FILE": "/x"}, "Both"),
        ({"GRANTKEEPER_URL": URL, "GRANTKEEPER_API_KEY_FILE": "/no/such/file"}, "'/no/such/file' cannot be read"),
        ({"GRANTKEEPER_URL": URL, "GRANTKEEPER_API_KEY_FILE": "/"}, "GRANTKEEPER_API_KEY_FILE='/' cannot be read"),
        ({"GRANTKEEPER_URL": URL, "GRANTKEEPER_API_KEY_FILE": "a\0b"}, "cannot be read"),
        ({"GRANTKEEPER_URL": URL, "GRANTKEEPER_API_KEY_FILE": "/dev/zero"}, "GRANTKEEPER_API_KEY_FILE: "),
        ({"GRANTKEEPER_URL": URL, "GRANTKEEPER_API_KEY": KEY, "GRANTKEEPER_CA_FILE": "/no/file"}, "ca_file"),
        ({"GRANTKEEPER_URL": URL, "GRANTKEEPER_API_KEY": KEY, "GRANTKEEPER_PROXY": "proxy"}, "proxy must be"),
    ],
)
def test_what_is_missing_or_wrong_is_said_by_its_name(environ: dict[str, str], words: str) -> None:
    """V-20: Misconfigured, and never the key itself."""
    with pytest.raises(Misconfigured, match=words) as caught:
        Remote.from_env(environ)

    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://grants.example.com",
        "ftp://grants.example.com",
        "https://user:pass@grants.example.com",
        "https://grants.example.com?x=1",
        "https://grants.example.com#x",
        "https://grants.example.com\r\n",
        "https://",
        "",
        None,
        7,
    ],
)
def test_an_address_that_leaks_or_leads_nowhere_is_refused(url: str) -> None:
    """The key goes over TLS, or to this machine."""
    with pytest.raises(InvalidInput, match="https") as caught:
        Remote(url, KEY)

    assert "pass@" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://localhost:8765", "HTTP://127.0.0.1:8765"])
def test_what_is_on_this_machine_is_reached_through_no_proxy(url: str) -> None:
    """A proxy would read the key: the address has no TLS."""
    with pytest.raises(InvalidInput, match="proxy"):
        Remote(url, KEY, proxy="http://proxy.example.com:3128")
    with pytest.raises(Misconfigured, match="GRANTKEEPER_PROXY"):
        Remote.from_env(
            {"GRANTKEEPER_URL": url, "GRANTKEEPER_API_KEY": KEY, "GRANTKEEPER_PROXY": "http://proxy.example.com:3128"}
        )


@pytest.mark.parametrize("key", ["", "short", "a b" * 10, "tök" * 10, "x" * 600, None, b"x" * 40, Secret("")])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    """Without showing it."""
    with pytest.raises(InvalidInput, match="API key is not one") as caught:
        Remote(URL, key)

    assert not key or str(key) not in str(caught.value)


@pytest.mark.parametrize("given", [{"timeout": timedelta()}, {"max_stale": -SECOND}, {"max_away": -SECOND}])
def test_times_that_cannot_be_meant_are_refused(given: dict[str, timedelta]) -> None:
    """No time to answer, or older than new."""
    with pytest.raises(InvalidInput, match="timeout"):
        Remote(URL, KEY, **given)  # type: ignore[arg-type]
