"""grantkeeper in Django, a project in one file: two plain views. Run: python django_app.py migrate, then runserver."""

from __future__ import annotations

import atexit
import logging
import os
import sys

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import Http404, HttpRequest, HttpResponse
from django.template import engines
from django.urls import path, reverse
from django.views.decorators.http import require_GET, require_POST

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

settings.configure(
    SECRET_KEY=os.environ["SESSION_SECRET"],
    ALLOWED_HOSTS=["app.example.com"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "site.sqlite3"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    # SESSION_COOKIE_SAMESITE stays Lax: with Strict the browser would come back without its session.
    SESSION_COOKIE_SECURE=True,
    CSRF_COOKIE_SECURE=True,
)

log = logging.getLogger(__name__)
keeper = Keeper.from_env()  # one per process, shared by its threads
atexit.register(keeper.close)

PAGE = """<!doctype html><title>Connections</title>
<p>{{ said }}</p>
{% for grant in grants %}<p>{{ grant.client }}: {{ grant.email }}</p>{% endfor %}
{% for client in clients %}
<form method="post" action="{% url 'connect' client.name %}" id="connect-{{ client.name }}">
{% csrf_token %}
<button>Connect {{ client.name }}</button>
</form>
{% endfor %}"""


def customer(request: HttpRequest) -> str:
    """Return whose browser this is: here the name of who is signed in is your id of the customer."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    return str(request.user.get_username())


def see(url: str) -> HttpResponse:
    """Return a redirect that is followed with GET."""
    return HttpResponse(status=303, headers={"Location": url})


def home(request: HttpRequest) -> HttpResponse:
    """Show what is connected, and a button for each OAuth client."""
    said = request.session.pop("said", "")
    grants = keeper.grants(customer(request), status=GrantStatus.ACTIVE)
    page = engines["django"].from_string(PAGE)
    return HttpResponse(page.render({"said": said, "grants": grants, "clients": keeper.clients}, request))


def connect(request: HttpRequest, client: str) -> HttpResponse:
    """Send the browser to the consent screen."""
    try:
        to = keeper.begin(customer(request), client, flow=request.session.get("flow"))
    except NotFound:
        raise Http404 from None
    request.session["flow"] = to.flow
    return see(to.url)


def callback(request: HttpRequest, client: str) -> HttpResponse:
    """Take the browser back."""
    flow = request.session.get("flow")
    try:
        done = keeper.complete(flow, request.GET, client=client, owner=customer(request))
    except ConsentDenied:
        said = "You said no. Nothing was changed."
    except AccountMismatch as error:
        said = f"That was another account. Please sign in as {' or '.join(error.expected)}."
    except BadCallback:
        said = "That was begun in another browser, or took too long. Please start again."
    except GrantkeeperError as error:
        log.warning("connecting %s: %s", client, error)
        said = "That did not work. Please try again later."
    else:
        if isinstance(done, Redirect):  # no refresh token came: to the consent screen once more
            request.session["flow"] = done.flow
            return see(done.url)
        said = f"Connected as {done.email}." if done.usable else "A box that is needed was left unticked."
    request.session["said"] = said
    return see(reverse("home"))  # so that code and state leave the address bar


urlpatterns = [
    path("", require_GET(home), name="home"),
    path("grants/connect/<slug:client>", require_POST(connect), name="connect"),
    path("grants/callback/<slug:client>", require_GET(callback)),
]
application = get_wsgi_application()

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
