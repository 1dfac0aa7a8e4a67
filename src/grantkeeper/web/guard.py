"""What stands between the world and the pages: headers, size limits, the browser's cookie, the form's token."""

from __future__ import annotations

import hmac
import re
import secrets
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Final, Literal, Protocol
from urllib.parse import parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request

from grantkeeper.keeper.consent.invited import sha256
from grantkeeper.web.outcome import Stop, cross_site, stale_form, too_large

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from starlette.responses import Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from grantkeeper.web.face import Face

COOKIE_LIFE: Final = 3600
"""Seconds. A flow lives ten minutes; the page that says how it ended can be read again for an hour."""
MAX_BODY: Final = 8 * 1024
"""Bytes. All forms but one have one hidden field of 43 characters."""
MAX_TICKS: Final = 20_000
"""Accounts that can be ticked at once: four times the largest tree that we know of."""
MAX_PICKER_BODY: Final = 100 * MAX_TICKS
"""Bytes. A ticked Google Ads account takes 27; a site is named by its URL, percent-encoded."""
MAX_HEADERS: Final = 48 * 1024
"""Bytes, request target included: a callback of 16 kB is refused by the keeper with a page of its own."""
_SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_PICKER: Final = re.compile(r"/accounts/[^/]+/[0-9a-f]{64}$")
"""The end of the only path whose form may be large."""

FIXED_HEADERS: Final = (
    ("cache-control", "no-store"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        (
            "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
            "microphone=(), midi=(), payment=(), publickey-credentials-get=(), usb=()"
        ),
    ),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
)
_HSTS: Final = ("strict-transport-security", "max-age=63072000")


def content_security_policy(
    form_targets: Iterable[str], *, scripts: Literal["none", "own"] = "none", images: Literal["none", "own"] = "none"
) -> str:
    """Return the policy: nothing but our own style sheet, and forms to us and on to the providers.

    `own` adds scripts that we serve, for the one page that has one, or the business's logo; none is ever inline.

    Chromium applies `form-action` to the redirect that answers a form, so the providers' origins must be in it
    (CSP level 3, 6.4.1; observed in Chromium, November 2026).
    """
    targets = " ".join(("'self'", *sorted(set(form_targets))))
    own = " script-src 'self';" if scripts == "own" else ""
    pictures = " img-src 'self';" if images == "own" else ""
    end = f"style-src 'self'; form-action {targets}; frame-ancestors 'none'; base-uri 'none'"
    return f"default-src 'none';{own}{pictures} {end}"


def origin_of(url: str) -> str:
    """Return scheme, host and port of an absolute URL, as browsers write an origin (RFC 6454 6.2)."""
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    port = "" if parts.port in (None, default) else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}{port}"


class Jar(Protocol):
    """Whose cookies they are: the name of the one that binds flows to a browser, and whether https is in use."""

    @property
    def cookie(self) -> str:
        """The cookie's name."""

    @property
    def secure(self) -> bool:
        """Whether https is in use."""


class Guard:
    """ASGI middleware: puts the safe headers on every answer and turns away what is too large (A5 4.1.4)."""

    def __init__(self, app: ASGIApp, *, face: Face, refuse: Callable[[Request, Stop], Response]) -> None:
        """Take the application inside, what its pages know, and how to show a refusal."""
        self._app, self._face, self._refuse = app, face, refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or turn it away."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                face = self._face
                dress(headers, form_targets=face.form_targets(), secure=face.secure, images=face.images)
            await send(message)

        stop = _oversized(scope)
        inner = self._app if stop is None else self._refuse(Request(scope), stop)
        await inner(scope, receive, dressed)


def dress(
    headers: MutableHeaders, *, form_targets: Iterable[str] = (), secure: bool = False, images: bool = False
) -> None:
    """Set the safe headers where they are not set; the style sheet has a Cache-Control of its own."""
    for name, value in FIXED_HEADERS:
        headers.setdefault(name, value)
    policy = content_security_policy(form_targets, images="own" if images else "none")
    headers.setdefault("content-security-policy", policy)
    if secure:
        headers.setdefault(*_HSTS)


def _oversized(scope: Scope) -> Stop | None:
    """Return the refusal of a request that is larger than anything we expect (RFC 6585 5, RFC 9110 15.5.14)."""
    sent = dict(scope["headers"])
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
        return too_large(431)
    if len(scope.get("query_string", b"")) > MAX_HEADERS:
        return too_large(414)
    length = sent.get(b"content-length", b"0")
    most = MAX_PICKER_BODY if scope["method"] == "POST" and _PICKER.search(scope["path"]) else MAX_BODY
    return None if length.isdigit() and _at_most(length, most) else too_large(413)


def _at_most(digits: bytes, limit: int) -> bool:
    """Compare without reading a number of thousands of digits, which `int` refuses with ValueError."""
    short = digits.lstrip(b"0") or b"0"
    return len(short) <= len(str(limit)) and int(short) <= limit


def browser_secret(request: Request, face: Jar) -> str | None:
    """Return this browser's secret from its cookie, or None when there is none of the right form."""
    value = request.cookies.get(face.cookie, "")
    return value if _SECRET.fullmatch(value) else None


def new_secret() -> str:
    """Return 256 random bits in base64url: the value that binds flows and forms to one browser (O-01)."""
    return secrets.token_urlsafe(32)


def cookie_name(*, secure: bool) -> str:
    """Return the name of our cookie; `__Host-` over https pins Path=/, Secure and no Domain (RFC 6265bis 4.1.3)."""
    return "__Host-grantkeeper" if secure else "grantkeeper"


def set_cookie(response: Response, face: Jar, value: str) -> None:
    """Keep the secret in this browser."""
    keep(response, face, face.cookie, value)


def keep(response: Response, face: Jar, name: str, value: str) -> None:
    """Keep a value in this browser for an hour, out of reach of scripts and of other sites' forms."""
    response.set_cookie(name, value, max_age=COOKIE_LIFE, path="/", secure=face.secure, httponly=True, samesite="lax")


def reference(state: str) -> str:
    """Return the name of a flow in an address: the hash of its state, which alone opens nothing."""
    return sha256(state)


def form_token(secret: str, *about: str) -> str:
    """Return the token of a form: bound to the browser's secret and to what the form is about."""
    message = b"\0".join(part.encode("utf-8", "surrogatepass") for part in ("grantkeeper form", *about))
    return urlsafe_b64encode(hmac.digest(secret.encode(), message, "sha256")).rstrip(b"=").decode()


async def read_form(request: Request, *, most: int = MAX_BODY, fields: int = 8) -> list[tuple[str, str]]:
    """Return the fields of a urlencoded form of at most `most` bytes, in order.

    Raises:
        Stop: it is larger, has more fields, or is no such form.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise stale_form()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise too_large(413)
    if body.count(b"&") >= fields:
        raise too_large(413)
    try:
        # Thousands of fields take a moment: on a thread, so that nobody else waits for them.
        return await run_in_threadpool(parse_qsl, body.decode("ascii"), keep_blank_values=True)
    except ValueError:
        raise stale_form() from None


def check_same_site(request: Request, origin: str) -> None:
    """Refuse a form that another site sent (V-37).

    Sec-Fetch-Site decides where there is one: with `Referrer-Policy: no-referrer` a browser sends `Origin: null` even
    for its own page's form (Fetch, "append a request Origin header"). Without it, Origin must be ours.

    Raises:
        Stop: the request came from elsewhere, or cannot say where from.
    """
    site = request.headers.get("sec-fetch-site")
    sent = request.headers.get("origin")
    fine = sent == origin if site is None else site == "same-origin" and sent in (None, "null", origin)
    if not fine:
        raise cross_site()


def check_token(sent: str, secret: str | None, *about: str) -> str:
    """Return the browser's secret when the form's token belongs to it.

    Raises:
        Stop: no cookie came along, or the token is of another browser, owner or client.
    """
    if secret is None or not hmac.compare_digest(sent.encode(), form_token(secret, *about).encode()):
        raise stale_form()
    return secret
