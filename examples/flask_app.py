"""grantkeeper in Flask: two plain views. Run: flask --app flask_app run, behind https."""

from __future__ import annotations

import atexit
import hmac
import os
import secrets

from flask import Flask, abort, flash, redirect, render_template_string, request, session, url_for
from werkzeug.wrappers import Response

from grantkeeper import (
    AccountMismatch,
    BadCallback,
    ConsentDenied,
    GrantkeeperError,
    GrantStatus,
    Keeper,
    NotFound,
    Redirect,
)

keeper = Keeper.from_env()  # one per process, shared by its threads
atexit.register(keeper.close)

app = Flask(__name__)
# Lax, not Strict: with Strict the browser would come back from the consent screen without its session.
app.config.update(SECRET_KEY=os.environ["SESSION_SECRET"], SESSION_COOKIE_SECURE=True, SESSION_COOKIE_SAMESITE="Lax")

PAGE = """<!doctype html><title>Connections</title>
{% for said in get_flashed_messages() %}<p>{{ said }}</p>{% endfor %}
{% for grant in grants %}<p>{{ grant.client }}: {{ grant.email }}</p>{% endfor %}
{% for client in clients %}
<form method="post" action="{{ url_for('connect', client=client.name) }}" id="connect-{{ client.name }}">
<input type="hidden" name="form_token" value="{{ token }}">
<button>Connect {{ client.name }}</button>
</form>
{% endfor %}"""


def customer() -> str:
    """Return whose browser this is: your sign-in puts your own id of the customer into the session."""
    signed_in: str = session.get("customer") or abort(401)
    return signed_in


def form_token() -> str:
    """Return what proves that a form is of this site. Flask has nothing for it; with Flask-WTF: CSRFProtect(app)."""
    token: str = session.setdefault("form_token", secrets.token_urlsafe(32))
    return token


@app.get("/")
def home() -> str:
    """Show what is connected, and a button for each OAuth client."""
    grants = keeper.grants(customer(), status=GrantStatus.ACTIVE)
    return render_template_string(PAGE, grants=grants, clients=keeper.clients, token=form_token())


@app.post("/grants/connect/<client>")
def connect(client: str) -> Response:
    """Send the browser to the consent screen."""
    owner = customer()
    if not hmac.compare_digest(request.form.get("form_token", "").encode(), form_token().encode()):
        abort(403)
    try:
        to = keeper.begin(owner, client, flow=session.get("flow"))
    except NotFound:
        abort(404)
    session["flow"] = to.flow
    return redirect(to.url, 303)


@app.get("/grants/callback/<client>")
def callback(client: str) -> Response:
    """Take the browser back."""
    try:
        done = keeper.complete(session.get("flow"), request.args, client=client, owner=customer())
    except ConsentDenied:
        said = "You said no. Nothing was changed."
    except AccountMismatch as error:
        said = f"That was another account. Please sign in as {' or '.join(error.expected)}."
    except BadCallback:
        said = "That was begun in another browser, or took too long. Please start again."
    except GrantkeeperError as error:
        app.logger.warning("connecting %s: %s", client, error)
        said = "That did not work. Please try again later."
    else:
        if isinstance(done, Redirect):  # no refresh token came: to the consent screen once more
            session["flow"] = done.flow
            return redirect(done.url, 303)
        said = f"Connected as {done.email}." if done.usable else "A box that is needed was left unticked."
    flash(said)
    return redirect(url_for("home"), 303)  # so that code and state leave the address bar
