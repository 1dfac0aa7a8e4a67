"""Google's client_secret.json, as downloaded from the Google Cloud console, with every member checked.

Source: cloud.google.com/docs/authentication and the file itself (read 2026-11-22). Since June 2025 (new clients) and
November 2025 (old ones) a client secret can be seen and downloaded at its creation only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from ..errors import Misconfigured, printable
from ..model import Provider, Secret
from ..strictjson import read_object
from .google_redirects import check_redirect_uri

MAX_LENGTH: Final = 64 * 1024
"""Longer than any such file: a redirect URI has at most 2 kB, and a client holds 100 at the most."""

_VISIBLE: Final = re.compile(r"[\x21-\x7e]{1,512}")
_NEW_SECRET: Final = "In Google Cloud, open the OAuth client, add a secret and download the file at once"  # noqa: S105
_OTHER_FILES: Final = {
    "service_account": "It is the key of a service account",
    "authorized_user": "It holds one person's credentials",
    "external_account": "It is a workload identity configuration",
}
_OTHER_SPELLINGS: Final = {
    # The file ships the old authorization endpoint; older files have older token endpoints, which still work.
    "https://accounts.google.com/o/oauth2/v2/auth": ("https://accounts.google.com/o/oauth2/auth",),
    "https://oauth2.googleapis.com/token": (
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v4/token",
    ),
}
_OTHER_PATHS: Final = {
    "/o/oauth2/v2/auth": ("/o/oauth2/auth",),
    "/token": ("/o/oauth2/token", "/oauth2/v4/token"),
}

Kind = Literal["web", "installed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedClient:
    """What the file says. `project_id` is "" when it does not."""

    client_id: str
    client_secret: Secret
    kind: Kind
    project_id: str
    redirect_uris: tuple[str, ...]


def parse_client_secret_json(data: bytes | str, *, redirect_uri: str, provider: Provider) -> ParsedClient:
    """Return what a client_secret.json says, once all of it fits `provider` and `redirect_uri`.

    Raises:
        Misconfigured: anything is wrong with the file or the redirect URI; the message names the member and what to do.
            It never holds the secret.
    """
    try:
        return _parsed(data, redirect_uri, provider)
    except Misconfigured as error:
        problem = error.with_traceback(None)
    del data  # and no frame below: a traceback that shows local values would show the secret
    raise problem


def _parsed(data: bytes | str, redirect_uri: str, provider: Provider) -> ParsedClient:
    kind, members = _application(data)
    _check_endpoints(members, provider)
    redirect_uris = _redirect_uris(members, kind)
    _check_redirect_uri(redirect_uri, kind, redirect_uris)
    _check_optional(members)
    return ParsedClient(
        client_id=_word(members, "client_id", "Download the file again"),
        client_secret=Secret(_word(members, "client_secret", _NEW_SECRET)),
        kind=kind,
        project_id=str(members.get("project_id", "")),
        redirect_uris=redirect_uris,
    )


def _wrong(what: str, advice: str) -> Misconfigured:
    return Misconfigured(f"client_secret.json: {what}. {advice}.")


def _application(data: bytes | str) -> tuple[Kind, Mapping[str, object]]:
    """Return which of `web` and `installed` the file has, and its members."""
    again = "Download it again: Google Cloud, APIs & Services, Credentials, your OAuth client, Download JSON"
    if len(data) > MAX_LENGTH:
        raise _wrong("it is longer than 64 kB, so it is another file", again)
    found = read_object(data)
    if found is None:
        raise _wrong("it is not a JSON object in UTF-8", again)
    if found.odd:
        raise _wrong("a member is there twice, or a number is none", again)
    other = found.members.get("type")
    if isinstance(other, str) and other in _OTHER_FILES:
        raise _wrong(_OTHER_FILES[other], "Download the OAuth client's file (of the type Web application) instead")
    kinds: list[Kind] = [kind for kind in ("web", "installed") if kind in found.members]
    if len(kinds) != 1:
        raise _wrong("it must have exactly one of the members 'web' and 'installed'", again)
    members = found.members[kinds[0]]
    if not isinstance(members, dict):
        raise _wrong(f"the member '{kinds[0]}' is not an object", again)
    return kinds[0], members


def _word(members: Mapping[str, object], name: str, advice: str) -> str:
    """Return a member that is a non-empty string of visible ASCII."""
    value = members.get(name)
    if not isinstance(value, str) or not _VISIBLE.fullmatch(value):
        what = "is missing" if name not in members else "is empty" if value == "" else "is not a plain string"
        raise _wrong(f"the member '{name}' {what}", advice)
    return value


def _check_endpoints(members: Mapping[str, object], provider: Provider) -> None:
    """Refuse a file that would send the secret, or the customers, to somebody else (RFC 9700 4.4)."""
    for name, endpoint in (("auth_uri", provider.authorization_endpoint), ("token_uri", provider.token_endpoint)):
        value = _word(members, name, f"Write {endpoint}, or download the file again")
        if value not in _spellings(endpoint):
            raise _wrong(
                f"the member '{name}' is {printable(value, 200)!r}, which is not {provider.title or provider.name}'s",
                f"Do not use a file that somebody changed; the right value is {endpoint}. "
                "If you work with the emulator, use the file that it made, and switch it off for a file from Google",
            )


def _spellings(endpoint: str) -> tuple[str, ...]:
    if endpoint in _OTHER_SPELLINGS:
        return (endpoint, *_OTHER_SPELLINGS[endpoint])
    for path, others in _OTHER_PATHS.items():
        if endpoint.endswith(path):
            base = endpoint.removesuffix(path)
            return (endpoint, *(base + other for other in others))
    return (endpoint,)


def _redirect_uris(members: Mapping[str, object], kind: Kind) -> tuple[str, ...]:
    """Return the registered redirect URIs. Newer files of installed applications may have none: loopback is implied."""
    value = members.get("redirect_uris", [] if kind == "installed" else None)
    advice = "Add your redirect URI to the OAuth client in Google Cloud, then download the file again"
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _wrong("the member 'redirect_uris' is missing or not a list of strings", advice)
    if not value and kind == "web":
        raise _wrong("the member 'redirect_uris' is empty", advice)
    return tuple(value)


def _check_redirect_uri(redirect_uri: str, kind: Kind, registered: tuple[str, ...]) -> None:
    """Check the redirect URI: letter by letter for web, any loopback port for installed (RFC 8252 7.3)."""
    if not redirect_uri:
        raise Misconfigured("redirect_uri is missing. Write the address of your callback, as registered at Google.")
    check_redirect_uri(redirect_uri, kind=kind)
    if kind == "web" and redirect_uri not in registered:
        listed = ", ".join(printable(one, 200) for one in registered[:20])
        raise Misconfigured(
            f"The redirect URI {printable(redirect_uri, 200)!r} is not among those of client_secret.json: {listed}. "
            "Write one of these (they are compared letter by letter), or add yours to the OAuth client in Google Cloud "
            "and download the file again."
        )


def _check_optional(members: Mapping[str, object]) -> None:
    for name in ("project_id", "auth_provider_x509_cert_url", "universe_domain"):
        if name in members:
            _word(members, name, "Download the file again")
    origins = members.get("javascript_origins", [])
    if not isinstance(origins, list) or not all(isinstance(one, str) for one in origins):
        raise _wrong("the member 'javascript_origins' is not a list of strings", "Download the file again")
