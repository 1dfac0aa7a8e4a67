"""V-20: a leak that is planted is found, wherever and however it is written, and is not shown again by saying so."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path

import pytest

from canaries import WINDOW, Aviary, forms

pytest_plugins = ["pytester"]

TESTS = Path(__file__).resolve().parents[1]

LEAKS = """
import base64, json, logging, sys, urllib.parse

import pytest
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from typer import Typer, echo
from typer.testing import CliRunner



@pytest.fixture
def grant(connect):
    return connect("acme", "ida@nordwind-outdoor.example")


@pytest.fixture
def token(keeper, grant):
    return keeper.token(grant.id).value.reveal()


def test_leak_stdout(token):
    print("the token is", token)


def test_leak_stderr(token):
    print(f"<{token}>", file=sys.stderr)


def test_leak_captured(token, capsys):
    print(token)
    capsys.readouterr()


def test_leak_log(token):
    logging.getLogger("somewhere.deep").debug("got %s", token)


def test_leak_log_extra(token):
    logging.getLogger("somewhere.deep").info("got it", extra={"token": token})


def test_leak_log_exception(token):
    try:
        raise ValueError(token)
    except ValueError:
        logging.getLogger("somewhere.deep").exception("went wrong")


@pytest.mark.parametrize("write", [
    lambda token: base64.b64encode(b"id:" + token.encode()).decode(),
    lambda token: base64.urlsafe_b64encode(token.encode()).decode(),
    lambda token: token.encode().hex().upper(),
    lambda token: urllib.parse.quote(token, safe=""),
    lambda token: json.dumps({"Authorization": "Bearer " + token}),
], ids=["base64", "base64url", "hex", "url", "json"])
def test_leak_written(token, write):
    print(write(token))


def test_leak_refresh_token(emulator, grant):
    print(next(iter(emulator.state.refresh)))


def test_leak_client_secret(keeper):
    print(keeper.client("google-ads").client_secrets[0].reveal())


def test_leak_key(tmp_path, capsys):
    from grantkeeper.seal import KeyRing, new_key
    key = new_key()
    KeyRing.parse(key)
    print(base64.b64decode(key).hex())


def test_leak_flow(keeper):
    print(keeper.begin("acme", "google-ads").flow)


def test_leak_state(keeper):
    logging.getLogger("grantkeeper").debug(keeper.begin("acme", "google-ads").url)


def _get(route):
    with TestClient(Starlette(routes=[Route("/", route)])) as client:
        return client.get("/", follow_redirects=False)


def test_leak_page(token):
    assert _get(lambda request: PlainTextResponse(token)).status_code == 200


def test_leak_location(token):
    assert _get(lambda request: RedirectResponse("/done?token=" + token)).status_code == 307


def test_leak_command(token):
    app = Typer()
    app.command()(lambda: echo(token))
    CliRunner().invoke(app, [])


def test_leak_database(keeper, grant, token):
    with keeper._store._engine.begin() as connection:
        connection.execute(text("UPDATE grantkeeper_grant SET reason = :token"), {"token": token})


def test_fine_begin(keeper, caplog):
    logging.getLogger("grantkeeper").debug("%r", keeper.begin("acme", "google-ads"))


def test_fine_token(keeper, grant):
    print(keeper.token(grant.id), keeper.get(grant.id))


def test_fine_redirect(keeper):
    url = keeper.begin("acme", "google-ads").url
    assert _get(lambda request: RedirectResponse(url)).status_code == 307


@pytest.mark.reveals("access token")
def test_fine_on_purpose(token):
    print(token)
"""


def test_a_planted_leak_fails_its_test_and_is_not_repeated(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V-20: each planted leak is found, nothing else is, and the report says where but not what."""
    pytester.makepyfile(test_planted=LEAKS)
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    leaks, fine = LEAKS.count("def test_leak_") + 4, LEAKS.count("def test_fine_")

    result = pytester.runpytest_subprocess("-p", "canaries", "-p", "grantkeeper.testing", "-W", "default", timeout=100)

    result.assert_outcomes(passed=leaks + fine, errors=leaks)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    found = [line for line in result.outlines if "V-20: a secret left: " in line]
    assert len([line for line in found if "ERROR" not in line]) == leaks
    assert not any("ya29." in line or "1//0" in line for line in (*result.outlines, *result.errlines))
    assert not any("test_fine" in line for line in result.outlines if "ERROR" in line)


WARNING = """
import warnings

def test_warns(keeper, connect):
    grant = connect("acme", "ida@nordwind-outdoor.example")
    warnings.warn(keeper.token(grant.id).value.reveal())
"""


def test_a_secret_in_a_warning_after_the_last_test_fails_the_run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """V-20: pytest tells of warnings when a test is over; the run fails all the same, and the warning is withheld."""
    pytester.makepyfile(test_planted=WARNING)
    monkeypatch.setenv("PYTHONPATH", str(TESTS))

    result = pytester.runpytest_subprocess("-p", "canaries", "-p", "grantkeeper.testing", "-W", "default", timeout=60)

    result.assert_outcomes(passed=1, warnings=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*V-20: a secret left after the last test: access token in a warning*"])
    assert not any("ya29." in line for line in (*result.outlines, *result.errlines))


@pytest.mark.parametrize("before", [b"", b"x", b"xx", b"client:"])
@pytest.mark.parametrize(
    "encode", [bytes, base64.b64encode, base64.urlsafe_b64encode, bytes.hex], ids=lambda each: each.__name__
)
def test_a_secret_is_found_inside_of_something_else_that_is_encoded(before: bytes, encode: object) -> None:
    """V-20: base64 has three alignments; a secret is found in each."""
    assert callable(encode)
    aviary, secret = Aviary(), secrets.token_urlsafe(32)
    aviary.add(secret, "state")

    aviary.show("there", encode(before + secret.encode() + b":after"))

    assert aviary.search() == ["state in there"]


def test_a_key_is_found_raw(tmp_path: Path) -> None:
    """V-20: 32 bytes that are no text are found in a file as they are."""
    aviary, key = Aviary(), secrets.token_bytes(32)
    aviary.add(key, "key")
    (tmp_path / "db").write_bytes(b"\x00\xff" + key + b"\x00")
    aviary.add_database(f"sqlite:///{tmp_path / 'db'}")

    assert aviary.search() == ["key in the database file db"]


def test_made_up_values_are_no_canaries() -> None:
    """V-20: a test's `aaaa...` or a short word is not a secret, and is not looked for."""
    aviary = Aviary()
    aviary.add("a" * 64, "Secret")
    aviary.add("short-secret", "Secret")

    aviary.show("there", "a" * 64 + " short-secret")

    assert aviary.search() == []


def test_every_form_of_a_token_has_a_mark_to_be_found_by() -> None:
    """V-20: no form is so chopped by escapes that it cannot be found."""
    aviary, token = Aviary(), "1//0" + secrets.token_urlsafe(72)
    aviary.add(token, "refresh token")

    for form in forms(token.encode()):
        aviary.show("there", form)
        assert aviary.search() == ["refresh token in there"]
    assert len(token) > WINDOW
