"""V-21: a Secret shows itself to nobody who does not ask for it by name."""

from __future__ import annotations

import copy
import dataclasses
import io
import json
import logging
import pickle
import pprint
import reprlib
import string
import traceback
from collections.abc import Callable

import msgspec
import pytest
import rich.pretty
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.traceback import Traceback

from grantkeeper import AccessToken, OAuthClient, Redirect, Secret
from grantkeeper.emulator import Clock
from grantkeeper.model import Request, Response, Tokens
from grantkeeper.providers import google

values = st.text(string.ascii_letters + string.digits + "-_/.", min_size=12, max_size=200).map("zq{}".format)
NOW = Clock.fixed().now()


@dataclasses.dataclass(frozen=True, slots=True)
class Holder:
    """Somebody's own value that holds a secret."""

    secret: Secret
    others: dict[str, list[Secret]]


def _logged(secret: Secret) -> str:
    stream = io.StringIO()
    record = logging.makeLogRecord({"msg": "%s %r %s", "args": (secret, secret, [secret]), "secret": secret})
    logging.StreamHandler(stream).emit(record)
    return stream.getvalue() + repr(vars(record))


def _fail(secret: Secret) -> None:
    held = Holder(secret, {"more": [secret]})
    raise ValueError(secret, held)


def _failed(secret: Secret) -> Exception:
    try:
        _fail(secret)
    except ValueError as error:
        return error
    raise AssertionError


def _traced(secret: Secret) -> str:
    return "".join(traceback.TracebackException.from_exception(_failed(secret), capture_locals=True).format())


def _richly_traced(secret: Secret) -> str:
    error, console = _failed(secret), Console(file=io.StringIO(), width=400)
    console.print(Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def _as_dict(secret: Secret) -> str:
    return repr(dataclasses.asdict(Holder(secret, {"more": [secret]})))


WAYS: dict[str, Callable[[Secret], object]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": format,
    "format with width": lambda secret: format(secret, ">500"),
    "f-string": lambda secret: f"{secret} {secret!r} {secret!s} {secret!a} {secret:.400}",
    "percent": lambda secret: "%s %r %a" % (secret, secret, secret),  # noqa: UP031 - this way too
    "str.format": "{0} {0!r} {0!s:>300}".format,
    "join of a list": lambda secret: " ".join(map(str, [secret, [secret], {secret: secret}])),
    "logging": _logged,
    "exception": lambda secret: str(ValueError(secret)) + repr(ValueError(secret)),
    "traceback with locals": _traced,
    "rich traceback with locals": _richly_traced,
    "rich": lambda secret: rich.pretty.pretty_repr(Holder(secret, {"more": [secret]})),
    "pprint": lambda secret: pprint.pformat(Holder(secret, {"more": [secret]})),
    "reprlib": reprlib.repr,
    "dataclass": lambda secret: repr(Holder(secret, {"more": [secret]})),
    "asdict": _as_dict,
    "astuple": lambda secret: repr(dataclasses.astuple(Holder(secret, {}))),
    "vars": lambda secret: repr(getattr(secret, "__dict__", None)) + repr(dir(secret)),
    "json": lambda secret: json.dumps({"secret": secret}),
    "json with default": lambda secret: json.dumps({"secret": secret}, default=str),
    "msgspec": msgspec.json.encode,
    "msgspec to builtins": lambda secret: msgspec.to_builtins({"secret": secret}, enc_hook=repr),
    "pickle": pickle.dumps,
    "pickle of a holder": lambda secret: pickle.dumps(Holder(secret, {})),
    "copy": lambda secret: repr(copy.copy(secret)),
    "deepcopy": lambda secret: repr(copy.deepcopy(Holder(secret, {"more": [secret]}))),
    "replace": lambda secret: repr(dataclasses.replace(Holder(secret, {}), others={"a": [secret]})),
    "access token": lambda secret: repr(AccessToken(value=secret, expires_at=NOW, scopes=frozenset())),
    "tokens": lambda secret: repr(Tokens(refresh_token=secret, access_token=secret)),
    "flow": lambda secret: repr(
        Redirect(url=f"https://provider.example/auth?state={secret.reveal()}", flow=secret.reveal())
    ),
    "request": lambda secret: repr(
        Request(method="POST", url="https://provider.example/", body=secret.reveal().encode())
    ),
    "response": lambda secret: repr(Response(status=200, body=secret.reveal().encode())),
    "client": lambda secret: repr(
        OAuthClient(
            name="n",
            provider=google.PROVIDER,
            client_id="i",
            client_secrets=(secret,),
            redirect_uri="https://app.example/",
            scopes=(),
        )
    ),
}


@pytest.mark.parametrize("way", list(WAYS))
@given(value=values)
def test_a_secret_shows_itself_to_nobody(way: str, value: str) -> None:
    """V-21: whatever turns a Secret, or what holds one, into text or bytes masks it, or refuses without naming it."""
    try:
        shown = WAYS[way](Secret(value))
    except Exception as error:  # noqa: BLE001 - whatever is raised is looked at
        shown = f"{error!r} {error}"

    assert value not in str(shown)
    assert value.encode() not in (shown if isinstance(shown, bytes) else b"")


@pytest.mark.parametrize("way", ["pickle", "pickle of a holder", "json", "msgspec"])
def test_what_would_write_a_secret_down_is_refused(way: str) -> None:
    """V-21: pickle, JSON and msgspec have no masked form to give, so they raise."""
    with pytest.raises(TypeError):
        WAYS[way](Secret("a-secret-of-this-test"))


@given(value=values)
def test_a_secret_is_itself_when_asked_by_name(value: str) -> None:
    """V-21: `reveal` is the only way, copies are the same secret, and equality is by value."""
    secret = Secret(value)

    assert secret.reveal() == value
    assert copy.deepcopy(secret) == secret == Secret(value)
    assert secret != Secret(value + "x")
    assert secret != value


def test_secrets_have_no_place_for_other_attributes() -> None:
    """V-21: slots: no __dict__ that a serialiser could walk."""
    secret = Secret("a-secret-of-this-test")

    assert not hasattr(secret, "__dict__")
    with pytest.raises(AttributeError):
        secret.note = "x"  # type: ignore[attr-defined]
