"""What others do for the same work: find the customer's token in the database, and see that it has not expired.

Each is asked in the way of its own documentation, with the rows that its own models make. All of them keep tokens in
clear, so they have nothing to open. None of them refreshes here: that is one more call that the program has to make.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
from google.oauth2.credentials import Credentials
from sqlalchemy import Column, Integer, create_engine, insert, make_url
from sqlalchemy.orm import declarative_base, scoped_session, sessionmaker

from .databases import CLIENT, LIFE, Filled, Place, access_token, grant_id
from .measure import Contender, each_of

SOCIAL_AUTH, ALLAUTH, FLASK_DANCE = "python-social-auth (Django)", "django-allauth", "Flask-Dance (SQLAlchemy)"
STORES = (SOCIAL_AUTH, ALLAUTH, FLASK_DANCE)
"""The peers that bring their own tables, as grantkeeper does."""
_BATCH = 5_000


def settle(places: list[Place]) -> None:
    """Configure Django, once for all places."""
    import django
    from django.conf import settings

    backend = {"client_id": CLIENT.client_id, "secret": "s"}
    settings.configure(
        DATABASES={place.name: _django_database(place) for place in places} | {"default": {}},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sites",
            "social_django",
            "allauth",
            "allauth.account",
            "allauth.socialaccount",
            "allauth.socialaccount.providers.google",
        ],
        MIDDLEWARE=["allauth.account.middleware.AccountMiddleware"],
        SITE_ID=1,
        USE_TZ=True,
        SECRET_KEY="of the benchmark only",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        AUTHENTICATION_BACKENDS=["social_core.backends.google.GoogleOAuth2"],
        SOCIALACCOUNT_PROVIDERS={"google": {"APPS": [backend]}},
    )
    django.setup()


def _django_database(place: Place) -> dict[str, Any]:
    url = make_url(place.peers)
    if place.kind == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": url.database}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": url.database,
        "USER": url.username,
        "PASSWORD": url.password,
        "HOST": url.query["host"],
    }


def peers(filled: Filled) -> list[Contender]:
    """Fill the peers' tables and return them."""
    from django.core.management import call_command

    place = filled.place
    call_command("migrate", database=place.name, verbosity=0)
    _fill_users(place)
    return [
        Contender(name="google-auth over a table of your own", prepare=each_of(_own_table(filled))),
        Contender(name=SOCIAL_AUTH, prepare=each_of(_social_auth(place))),
        Contender(name=ALLAUTH, prepare=each_of(_allauth(place))),
        Contender(name=FLASK_DANCE, prepare=each_of(_flask_dance(place))),
    ]


def _own_table(filled: Filled) -> Callable[[int], str]:
    """The guide's way: a row of yours in clear, made into Credentials."""
    read = _clear_reader(filled.place)

    def token(number: int) -> str:
        credentials = Credentials.from_authorized_user_info(json.loads(read(grant_id(number))))  # type: ignore[no-untyped-call]
        assert credentials.valid
        return str(credentials.token)

    return token


def _clear_reader(place: Place) -> Callable[[str], str]:
    import sqlite3

    if place.kind == "sqlite":
        lite = sqlite3.connect(make_url(place.url).database or "")
        return lambda row: str(lite.execute("SELECT clear FROM bare WHERE id = ?", (row,)).fetchone()[0])
    postgres = psycopg.connect(place.url, autocommit=True)
    return lambda row: str(postgres.execute("SELECT clear FROM bare WHERE id = %s", (row,)).fetchone()[0])  # type: ignore[index]


def _in_batches(size: int) -> list[range]:
    return [range(start, min(start + _BATCH, size)) for start in range(0, size, _BATCH)]


def _fill_users(place: Place) -> None:
    from django.contrib.auth.models import User

    for numbers in _in_batches(place.size):
        User.objects.using(place.name).bulk_create(User(id=number + 1, username=f"u{number}") for number in numbers)


def _social_auth(place: Place) -> Callable[[int], str]:
    from social_django.models import UserSocialAuth
    from social_django.utils import load_strategy

    ends = int((datetime.now(UTC) + LIFE).timestamp())
    for numbers in _in_batches(place.size):
        UserSocialAuth.objects.using(place.name).bulk_create(
            UserSocialAuth(
                user_id=number + 1,
                provider="google-oauth2",
                uid=str(number),
                extra_data={"access_token": access_token(), "refresh_token": "r", "expires": ends},
            )
            for number in numbers
        )
    strategy, rows = load_strategy(), UserSocialAuth.objects.using(place.name)

    def token(number: int) -> str:
        return str(rows.get(user_id=number + 1, provider="google-oauth2").get_access_token(strategy))

    return token


def _allauth(place: Place) -> Callable[[int], str]:
    from allauth.socialaccount.models import SocialAccount, SocialToken
    from django.utils import timezone

    ends = timezone.now() + LIFE
    for numbers in _in_batches(place.size):
        accounts = [SocialAccount(id=n + 1, user_id=n + 1, provider="google", uid=str(n)) for n in numbers]
        SocialAccount.objects.using(place.name).bulk_create(accounts)
        SocialToken.objects.using(place.name).bulk_create(
            SocialToken(account_id=number + 1, token=access_token(), token_secret="r", expires_at=ends)
            for number in numbers
        )
    rows = SocialToken.objects.using(place.name)

    def token(number: int) -> str:
        found = rows.get(account__user_id=number + 1, account__provider="google")
        assert found.expires_at > timezone.now()
        return str(found.token)

    return token


def _flask_dance(place: Place) -> Callable[[int], str]:
    from flask_dance.consumer.storage.sqla import OAuthConsumerMixin, SQLAlchemyStorage
    from flask_dance.contrib.google import make_google_blueprint

    base: Any = declarative_base()

    class OAuth(OAuthConsumerMixin, base):  # type: ignore[misc]
        user_id = Column(Integer, index=True)

    engine = create_engine(place.peers)
    base.metadata.create_all(engine)
    ends = (datetime.now(UTC) + LIFE).timestamp()
    with engine.begin() as connection:
        for numbers in _in_batches(place.size):
            rows = [
                {
                    "provider": "google",
                    "user_id": number + 1,
                    "created_at": datetime.now(UTC).replace(tzinfo=None),
                    "token": {"access_token": access_token(), "refresh_token": "r", "expires_at": ends},
                }
                for number in numbers
            ]
            connection.execute(insert(OAuth.__table__), rows)
    session = scoped_session(sessionmaker(engine))
    blueprint = make_google_blueprint(client_id="c", client_secret="s")
    storage = SQLAlchemyStorage(OAuth, session, user_required=True)

    def token(number: int) -> str:
        found = storage.get(blueprint, user_id=number + 1)
        assert found["expires_at"] > datetime.now(UTC).timestamp()
        return str(found["access_token"])

    return token
