"""How others refresh, each in the way that its documentation shows, saved where it saves."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import google.auth.transport.requests
import psycopg
from google.oauth2.credentials import Credentials
from sqlalchemy import make_url

from ..databases import CLIENT, Place, access_token
from .askers import Asker, Opened, send_refresh
from .flask_dance import flask_dance
from .grants import new_name
from .tokenserver import TokenServer, refresh_token

_SECRET = CLIENT.client_secrets[0].reveal()


def others(place: Place, server: TokenServer, endpoint: str) -> list[Opened]:
    """Return how each is opened: that creates its tables, too."""
    os.environ["NO_PROXY"] = "127.0.0.1"
    return [
        lambda _: _one_object(endpoint),
        lambda _: _own_table(place, endpoint),
        lambda _: _social_auth(place, endpoint),
        lambda stack: flask_dance(place, server, endpoint, stack),
    ]


def _credentials(endpoint: str, token: str, refresh: str, expiry: datetime) -> Credentials:
    return Credentials(  # type: ignore[no-untyped-call]
        token,
        refresh_token=refresh,
        token_uri=endpoint,
        client_id=CLIENT.client_id,
        client_secret=_SECRET,
        expiry=expiry.replace(tzinfo=None),
    )


def _over() -> datetime:
    return datetime.now(UTC) - timedelta(hours=1)


def _one_object(endpoint: str) -> Asker:
    """One Credentials object for all threads, asked as every client library asks it before a request."""
    held: dict[str, Credentials] = {}

    def add() -> str:
        name = new_name()
        held[name] = _credentials(endpoint, access_token(), refresh_token(name), _over())
        return name

    def ask(name: str, _thread: int) -> object:
        headers: dict[str, str] = {}
        request = google.auth.transport.requests.Request()
        held[name].before_request(request, "GET", "https://api.example", headers)  # type: ignore[no-untyped-call]
        return headers["authorization"]

    def again(name: str) -> None:
        send_refresh(endpoint, str(held[name].refresh_token))

    return Asker(name="google-auth, one Credentials object, not stored", add=add, ask=ask, again=again)


def _own_table(place: Place, endpoint: str) -> Asker:
    """The guide's way: load, refresh when it is not valid, save."""
    execute = _executor(place)
    execute("CREATE TABLE IF NOT EXISTS own (id VARCHAR(64) PRIMARY KEY, clear TEXT NOT NULL)", ())

    def load(name: str) -> Credentials:
        info = json.loads(execute("SELECT clear FROM own WHERE id = ?", (name,))[0][0])
        return _credentials(endpoint, info["token"], info["refresh_token"], datetime.fromisoformat(info["expiry"]))

    def add() -> str:
        name = new_name()
        fresh = _credentials(endpoint, access_token(), refresh_token(name), _over())
        execute("INSERT INTO own VALUES (?, ?)", (name, fresh.to_json()))  # type: ignore[no-untyped-call]
        return name

    def ask(name: str, _thread: int) -> object:
        credentials = load(name)
        if not credentials.valid:
            credentials.refresh(google.auth.transport.requests.Request())  # type: ignore[no-untyped-call]
            execute("UPDATE own SET clear = ? WHERE id = ?", (credentials.to_json(), name))  # type: ignore[no-untyped-call]
        return credentials.token

    def again(name: str) -> None:
        send_refresh(endpoint, str(load(name).refresh_token))

    return Asker(name="google-auth over a table of your own", add=add, ask=ask, again=again)


def _executor(place: Place) -> Callable[[str, tuple[str, ...]], list[Any]]:
    """Return a function that runs one statement on a connection of its own."""
    import sqlite3

    def lite(statement: str, values: tuple[str, ...]) -> list[Any]:
        with closing(sqlite3.connect(make_url(place.peers).database or "", timeout=30)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    def postgres(statement: str, values: tuple[str, ...]) -> list[Any]:
        with psycopg.connect(place.url) as connection:
            cursor = connection.execute(statement.replace("?", "%s").encode(), values)
            return cursor.fetchall() if cursor.description else []

    return lite if place.kind == "sqlite" else postgres


def _social_auth(place: Place, endpoint: str) -> Asker:
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connections
    from social_core.backends.google import GoogleOAuth2
    from social_django.models import UserSocialAuth
    from social_django.utils import load_strategy

    GoogleOAuth2.REFRESH_TOKEN_URL = endpoint
    call_command("migrate", database=place.name, verbosity=0)
    rows, strategy = UserSocialAuth.objects.using(place.name), load_strategy()

    def add() -> str:
        name, user = new_name(), User.objects.using(place.name).create(username=new_name())
        data = {"access_token": access_token(), "refresh_token": refresh_token(name), "expires": 3600}
        data["auth_time"] = int(time.time()) - 7200
        rows.create(user=user, provider="google-oauth2", uid=name, extra_data=data)
        return name

    def ask(name: str, _thread: int) -> object:
        try:
            return rows.get(uid=name, provider="google-oauth2").get_access_token(strategy)
        finally:
            connections.close_all()  # as at the end of a request

    def again(name: str) -> None:
        send_refresh(endpoint, rows.get(uid=name).extra_data["refresh_token"])

    return Asker(name="python-social-auth (Django)", add=add, ask=ask, again=again)
