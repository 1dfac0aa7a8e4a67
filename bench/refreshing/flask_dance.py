"""Flask-Dance refreshes when an API is called through it, inside of a request to a Flask application."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from typing import Any

from flask import Flask, g, request
from sqlalchemy import Column, ForeignKey, Integer, String, create_engine
from sqlalchemy.orm import declarative_base, relationship, scoped_session, sessionmaker

from ..databases import CLIENT, Place, access_token
from .askers import Asker, send_refresh
from .grants import new_name
from .tokenserver import SCOPE, TokenServer, refresh_token


def flask_dance(place: Place, server: TokenServer, endpoint: str, stack: ExitStack) -> Asker:
    """Return an application whose view calls an API for the user of the request."""
    from flask_dance.consumer.storage.sqla import SQLAlchemyStorage
    from flask_dance.contrib.google import make_google_blueprint

    os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"  # the token endpoint is plain HTTP on loopback
    base, person, oauth = _tables()
    engine = create_engine(place.peers)
    stack.callback(engine.dispose)
    base.metadata.create_all(engine)
    session = scoped_session(sessionmaker(engine))
    blueprint = make_google_blueprint(
        client_id=CLIENT.client_id,
        client_secret=CLIENT.client_secrets[0].reveal(),
        scope=SCOPE.split(),
        offline=True,
        storage=SQLAlchemyStorage(oauth, session, user=lambda: session.query(person).filter_by(name=g.person).one()),
    )
    blueprint.auto_refresh_url = endpoint
    return _asker(session, person, oauth, _application(blueprint, session, server.resource()), endpoint)


def _tables() -> tuple[Any, Any, Any]:
    from flask_dance.consumer.storage.sqla import OAuthConsumerMixin

    base: Any = declarative_base()

    class Person(base):  # type: ignore[misc]
        __tablename__ = "flask_dance_person"
        id = Column(Integer, primary_key=True)
        name = Column(String(64), unique=True)

    class OAuth(OAuthConsumerMixin, base):  # type: ignore[misc]
        user_id = Column(Integer, ForeignKey(Person.id))
        user = relationship(Person)

    return base, Person, OAuth


def _application(blueprint: Any, session: Any, resource: str) -> Flask:
    from flask_dance.contrib.google import google

    app = Flask("bench")
    app.config.update(SECRET_KEY="of the benchmark only", PROPAGATE_EXCEPTIONS=True)

    @app.before_request
    def signed_in() -> None:
        g.person = request.args["person"]

    app.register_blueprint(blueprint)

    @app.get("/report")
    def report() -> str:
        assert google.get(resource).ok
        return str(google.access_token)

    @app.teardown_appcontext
    def done(_error: BaseException | None) -> None:
        session.remove()

    return app


def _asker(session: Any, person: Any, oauth: Any, app: Flask, endpoint: str) -> Asker:
    def add() -> str:
        name = new_name()
        token = {"access_token": access_token(), "refresh_token": refresh_token(name), "expires_at": time.time() - 60}
        session.add(oauth(provider="google", token=token | {"token_type": "Bearer"}, user=person(name=name)))
        session.commit()
        session.remove()
        return name

    def ask(name: str, _thread: int) -> object:
        return app.test_client().get("/report", query_string={"person": name}).text

    def again(name: str) -> None:
        stored = session.query(oauth).join(person).filter(person.name == name).one().token["refresh_token"]
        session.remove()
        send_refresh(endpoint, stored)

    return Asker(name="Flask-Dance (SQLAlchemy)", add=add, ask=ask, again=again)
