"""A grant as a client of any other Google API (package google-api-python-client).

analytics = google_api.service(keeper, grant.id, "analyticsdata", "v1beta")
analytics.properties().runReport(property="properties/1", body={...}).execute()
"""

from __future__ import annotations

import difflib
import json
from collections import deque
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from grantkeeper.errors import InvalidInput
from grantkeeper.model import TokenSource

from . import google_auth
from .bearer import HTTP_ALLOWED, carries_tokens
from .extras import extra

if TYPE_CHECKING:
    from google_auth_httplib2 import AuthorizedHttp
    from googleapiclient.discovery import Resource

    from .grant_credentials import GrantCredentials

__all__ = ["service"]

_TIMEOUT: Final = timedelta(minutes=1)
"""googleapiclient's own default (googleapiclient/http.py, DEFAULT_HTTP_TIMEOUT_SEC)."""


def service(
    source: TokenSource,
    grant_id: str,
    name: str,
    version: str,
    *,
    api_endpoint: str | None = None,
    quota_project_id: str | None = None,
    timeout: timedelta = _TIMEOUT,
) -> Resource:
    """Return a googleapiclient service that acts for the grant. No network: the API's description is in the package.

    Safe to share between threads, which googleapiclient's own services are not (its docs/thread_safety.md): see
    `GrantHttp`. `close()` it, or use it as a context manager, to close its connections.

    Args:
        source: a Keeper or a Remote.
        grant_id: the grant.
        name: of the API, as in Google's list: "analyticsdata", "searchconsole", "youtube", "merchantapi" ...
        version: "v1beta", "v3"; of an API in parts also which part: "accounts_v1".
        api_endpoint: instead of the API's own host, for all of its paths: a host, or a URL; http only on this machine.
        quota_project_id: sent as `x-goog-user-project`, for the APIs that bill another project than the OAuth client's.
        timeout: of connecting, and of each wait for more of an answer.

    Raises:
        InvalidInput: there is no such API in the installed package, or the endpoint or the timeout cannot be right.
        Misconfigured: google-api-python-client is not installed.
    """
    if timeout <= timedelta(0):
        raise InvalidInput(f"timeout={timeout} is too short.", advice="Allowed is anything above zero.")
    with extra("google-api", "google-api-python-client"):
        from googleapiclient.discovery import build_from_document

    document = _document(name, version)
    if api_endpoint is not None:
        document["rootUrl"] = _root(api_endpoint)
    credentials = google_auth.credentials(source, grant_id, quota_project_id=quota_project_id)
    return build_from_document(document, http=GrantHttp(credentials, timeout))


class GrantHttp:
    """What googleapiclient calls an http, for any number of threads.

    An `httplib2.Http` serves one thread at a time: each request takes one that is idle, or a new one, and gives it back
    when it is done. So there are as many connections as requests at once, and they are used again. A 401 is reported to
    the source and answered with another token, once; httplib2 drops `Authorization` at every redirect.
    """

    def __init__(self, credentials: GrantCredentials, timeout: timedelta) -> None:
        self.credentials = credentials
        self._timeout = timeout.total_seconds()
        self._idle: deque[AuthorizedHttp] = deque()
        self._closed = False

    def request(self, uri: str, method: str = "GET", *arguments: Any, **options: Any) -> tuple[Any, bytes]:
        """Send a request as `httplib2.Http.request` does; returns its response and the body.

        Raises:
            google.auth.exceptions.RefreshError: there is no token; `__cause__` says why.
        """
        http = self._take()
        try:
            answer: tuple[Any, bytes] = http.request(uri, method, *arguments, **options)
        except BaseException:
            http.close()
            raise
        self._idle.append(http)
        if self._closed:
            self.close()
        return answer

    def close(self) -> None:
        """Close the connections, those in use as soon as they are not. Later requests get one each."""
        self._closed = True
        while self._idle:
            self._take().close()

    def _take(self) -> AuthorizedHttp:
        try:
            return self._idle.pop()  # the one used last: its connection is the likeliest to be still open
        except IndexError:
            return self._new()

    def _new(self) -> AuthorizedHttp:
        from google_auth_httplib2 import AuthorizedHttp
        from googleapiclient.http import build_http

        http = build_http()
        http.timeout = self._timeout
        return AuthorizedHttp(self.credentials, http=http, max_refresh_attempts=1)

    def __repr__(self) -> str:
        return f"GrantHttp({self.credentials!r})"


def _document(name: str, version: str) -> dict[str, Any]:
    """Return the description of an API that comes with the package."""
    from googleapiclient.discovery_cache import DISCOVERY_DOC_DIR

    paths = {path.stem: path for path in Path(DISCOVERY_DOC_DIR).glob("*.json")}
    path = paths.get(f"{name}.{version}")
    if path is None:
        raise InvalidInput(
            f"There is no API {name!r:.60} in version {version!r:.40}.", advice=_advice(name, set(paths))
        )
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def _advice(name: str, known: set[str]) -> str:
    names = {each.partition(".")[0] for each in known}
    if name in names:
        versions = sorted(each.partition(".")[2] for each in known if each.partition(".")[0] == name)
        return f"Its versions are {', '.join(versions)}."
    near = difflib.get_close_matches(name[:100], names, n=3, cutoff=0.5)
    more = f"Near names: {', '.join(near)}. " if near else ""
    return f"{more}A newer google-api-python-client may have it; Google Ads and Ad Manager have builders of their own."


def _root(endpoint: str) -> str:
    url = endpoint if "://" in endpoint else f"https://{endpoint}"
    if carries_tokens(url):
        parts = urlsplit(url)
        if not (parts.path.strip("/") or parts.query or parts.fragment or parts.username):
            return f"{url.rstrip('/')}/"
    raise InvalidInput(
        f"api_endpoint={endpoint!r:.80} cannot be called safely.",
        advice=f"Allowed are 'host', 'host:port' and a URL without a path. {HTTP_ALLOWED}",
    )
