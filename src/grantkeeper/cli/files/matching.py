"""To which of our OAuth clients a refresh token of a file was given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from grantkeeper.model import Secret

from .items import Api, Found, Item, Unusable, UnusableError, cleaned, shown

if TYPE_CHECKING:
    from grantkeeper.model import OAuthClient

_SCOPES: Final[dict[Api, tuple[str, ...]]] = {
    "google_ads": ("https://www.googleapis.com/auth/adwords",),
    "ad_manager": ("https://www.googleapis.com/auth/dfp", "https://www.googleapis.com/auth/admanager"),
}
"""What a client asks for whose grants the file's kind is for."""

_ADD: Final = """\
Add it to grantkeeper.toml, with the client_secret.json of that client from Google Cloud: [clients.NAME], \
provider = "google", client_secret_file = "client_secret.json", redirect_uri = "...", scopes = ["{scope}"]."""
_NAMES: Final[dict[Api, str]] = {"google_ads": "adwords", "ad_manager": "ad_manager", "": "adwords"}

OTHER_SECRET: Final = "The client_secret in the file is not the one that is configured here; that one is used."  # noqa: S105


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A refresh token that is to be imported, its OAuth client found. `places` are those of the same token below it."""

    item: Item
    client: OAuthClient
    places: tuple[str, ...] = ()


def matched(found: Iterable[Found], clients: Sequence[OAuthClient], named: str | None) -> list[Task | Unusable]:
    """Return what can be tried and what cannot, in the file's order; the same token of the same owner is one task.

    `named` is the OAuth client that the command names for all of them.
    """
    tasks: list[Task | Unusable] = []
    seen: dict[tuple[str, str, Secret], int] = {}
    for each in found:
        task = each if isinstance(each, Unusable) else _task(each, clients, named)
        if isinstance(task, Unusable):
            tasks.append(task)
            continue
        first = seen.setdefault((task.item.owner, task.client.name, task.item.refresh_token), len(tasks))
        before = tasks[first] if first < len(tasks) else None
        if isinstance(before, Task):
            tasks[first] = _together(before, task)
        else:
            tasks.append(task)
    return tasks


def _task(item: Item, clients: Sequence[OAuthClient], named: str | None) -> Task | Unusable:
    try:
        client = _client(item, clients, named)
    except UnusableError as error:
        return Unusable(place=item.place, owner=cleaned(item.owner), reason=error.reason, advice=error.advice)
    if item.client_secret is not None and item.client_secret not in client.client_secrets:
        item = replace(item, notes=(*item.notes, OTHER_SECRET))
    return Task(item=item, client=client)


def _together(first: Task, again: Task) -> Task:
    """One token on several lines, one for each account: they are shared together."""
    accounts = dict.fromkeys((*first.item.accounts, *again.item.accounts))
    notes = dict.fromkeys((*first.item.notes, *again.item.notes))
    item = replace(first.item, accounts=tuple(accounts), notes=tuple(notes))
    return replace(first, item=item, places=(*first.places, again.item.place))


def _client(item: Item, clients: Sequence[OAuthClient], named: str | None) -> OAuthClient:
    """Return the OAuth client that the line, the command or the client_id names; raises UnusableError."""
    name = item.client or named
    possible = [each for each in clients if name in (None, each.name)]
    if not possible:
        known = ", ".join(each.name for each in clients) or "none"
        raise UnusableError(
            f"names an OAuth client {shown(name or '')!r} that is not there", f"Configured are: {known}."
        )
    if item.client_id:
        possible = [each for each in possible if each.client_id == item.client_id]
        if not possible:
            raise _other_client(item, clients, name)
    if len(possible) > 1:
        possible = [each for each in possible if set(_SCOPES.get(item.api, ())) & set(each.scopes)] or possible
    if len(possible) > 1:
        names = ", ".join(each.name for each in possible)
        raise UnusableError("could be of several OAuth clients", f"Say which: --client, one of {names}.")
    return possible[0]


def _other_client(item: Item, clients: Sequence[OAuthClient], name: str | None) -> UnusableError:
    client_id = shown(item.client_id)
    others = [each.name for each in clients if each.client_id == item.client_id]
    if others:
        return UnusableError(
            f"is of another OAuth client than {name}", f"Its client_id is that of {', '.join(others)}."
        )
    return UnusableError(
        f"is of the OAuth client {client_id}, which is not configured", _ADD.format(scope=_NAMES[item.api])
    )
