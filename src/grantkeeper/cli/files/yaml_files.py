"""google-ads.yaml and googleads.yaml, as the official libraries read them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from grantkeeper.errors import InvalidInput, Misconfigured
from grantkeeper.model import Secret

from .items import TEMPLATE, Api, Found, Item, Unusable, UnusableError, customer_id, network_code, refresh_token

LARGEST: Final = 256 * 1024
"""Bytes. Such a file has one or two kB; the parser takes seconds for each MB."""

DEEPEST: Final = 16
"""Levels of nesting; the libraries' files have four, of logging."""

_SECTIONS: Final[dict[str, Api]] = {"ad_manager": "ad_manager", "dfp": "ad_manager", "adwords": "google_ads"}
_TOP: Final = frozenset({"refresh_token", "client_id", "client_secret", "json_key_file_path", "developer_token"})
_SERVICE_ACCOUNT: Final = ("json_key_file_path", "path_to_private_key_file", "service_account_email")
_NOTHING: Final = frozenset({"", "~", "null", "Null", "NULL", "None"})

DEVELOPER_TOKEN: Final = (
    "The developer token is not kept: Google ended developer tokens on 2026-09-09, and no call needs one."  # noqa: S105
)
ADWORDS_API: Final = (
    "The AdWords API was switched off in 2022; the Google Ads API takes the same token, through "
    "grantkeeper.clients.google_ads."
)
DFP: Final = "dfp is the old name of the section; today's googleads reads ad_manager."
NO_CONSENT: Final = "Nobody consented to it, so there is nothing to keep: leave it to the official library."


def read_yaml(file: Path, content: bytes, *, owner: str) -> list[Found]:
    """Return what a file of an official library holds.

    Raises:
        InvalidInput: it is no such file; the message quotes nothing of it. Misconfigured: no YAML reader is installed.
    """
    document = _parsed(file, content)
    sections = [(name, document[name]) for name in _SECTIONS if isinstance(document.get(name), dict)]
    if document.keys() & _TOP:
        sections.insert(0, ("google-ads", document))
    if not sections:
        raise InvalidInput(
            f"{file} is neither a google-ads.yaml nor a googleads.yaml.",
            advice="The one has refresh_token at its top, the other in a section ad_manager.",
        )
    return [_found(name, section, owner) for name, section in sections]


def _parsed(file: Path, content: bytes) -> dict[str, Any]:
    """Read YAML as texts, lists and tables: no types are guessed, nothing is made, aliases are refused."""
    try:
        import yaml
    except ImportError:
        raise Misconfigured(
            f"{file}: reading YAML needs PyYAML, which is not installed.", advice="Run: pip install 'grantkeeper[yaml]'"
        ) from None

    if len(content) > LARGEST:
        raise InvalidInput(f"{file} is larger than {LARGEST // 1024} kB.", advice="Is the path right?")
    where, document = "", None
    try:
        if _is_harmless(yaml.parse(content, yaml.BaseLoader)):
            document = yaml.load(content, yaml.BaseLoader)  # noqa: S506 - makes texts, lists and tables, nothing else
    except yaml.YAMLError as error:  # its own words quote the file
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
    except (RecursionError, ValueError):
        where = ""
    if isinstance(document, dict):
        return document
    del content, document  # a traceback that shows local variables must not show it
    raise InvalidInput(f"{file} cannot be read as YAML{where}.", advice="Aliases (*name) are not read either.")


def _is_harmless(events: Iterable[Any]) -> bool:
    """Tell whether a YAML document has neither aliases, which make a small file mean a huge one, nor great depth.

    No such file needs them; PyYAML takes half a minute for five thousand brackets.
    """
    depth = 0
    for event in events:
        kind = type(event).__name__
        depth += kind.endswith("StartEvent") - kind.endswith("EndEvent")
        if kind == "AliasEvent" or depth > DEEPEST:
            return False
    return True


def _found(name: str, section: dict[str, Any], owner: str) -> Found:
    try:
        return _item(name, section, owner)
    except UnusableError as error:
        return Unusable(place=name, owner=owner, reason=f"{name} {error.reason}", advice=error.advice)


def _item(name: str, section: dict[str, Any], owner: str) -> Item:
    if any(_text(section, key) for key in _SERVICE_ACCOUNT):
        raise UnusableError("uses a service account", NO_CONSENT)
    token = refresh_token(_text(section, "refresh_token"))
    client_id, client_secret = _text(section, "client_id"), _text(section, "client_secret")
    if not client_id or TEMPLATE.search(client_id):
        raise UnusableError("has no client_id", "Copy it from where the refresh token was made.")
    return Item(
        place=name,
        owner=owner,
        refresh_token=token,
        client_id=client_id,
        client_secret=Secret(client_secret) if client_secret else None,
        accounts=_accounts(section),
        api=_SECTIONS.get(name, "google_ads"),
        notes=_notes(name, section),
    )


def _accounts(section: dict[str, Any]) -> tuple[str, ...]:
    """Return the accounts that calls are made for. login_customer_id is a way to them, not one of them."""
    customer_id("login_customer_id", _text(section, "login_customer_id"))
    customers = [customer_id(key, _text(section, key)) for key in ("customer_id", "client_customer_id")]
    return tuple(filter(None, (*customers, network_code(_text(section, "network_code")))))


def _notes(name: str, section: dict[str, Any]) -> tuple[str, ...]:
    notes = [DEVELOPER_TOKEN] if _text(section, "developer_token") else []
    notes += [ADWORDS_API] if name == "adwords" else []
    notes += [DFP] if name == "dfp" else []
    return tuple(notes)


def _text(section: dict[str, Any], key: str) -> str:
    value = section.get(key)
    return value.strip() if isinstance(value, str) and value.strip() not in _NOTHING else ""
