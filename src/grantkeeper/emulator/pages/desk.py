"""The emulator's own desk: the front page, and the verbs over HTTP for other processes and languages.

A browser on another site must not move anything here: a form needs the front page's token, JSON needs its content type
(which a foreign page cannot send without asking first, and nobody here answers that question).
"""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

from grantkeeper.emulator import pages, wire
from grantkeeper.emulator.visitor import PageShown

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.wire import Request, Response
    from grantkeeper.emulator.world import AdsAccount, Person

_SHOWN, _LOOKED_AT = 12, 500
_SHOWN_BELOW = 10


class _Verb(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """The members of a verb's JSON."""


class _Nothing(_Verb):
    pass


class _Times(_Verb):
    times: int = 1


class _Who(_Verb):
    person: str


class _Advance(_Verb):
    seconds: float


class _Slow(_Verb):
    seconds: float
    times: int = 1


class _Fail(_Verb):
    status: int
    times: int = 1
    path: str = "/token"
    body: dict[str, Any] | str | None = None
    content_type: str | None = None
    retry_after_seconds: float | None = None


class _Refuse(_Verb):
    api: str
    code: str
    times: int = 1
    account: str | None = None


class _Only(_Verb):
    scopes: list[str] | None


class _Rotate(_Verb):
    kind: Literal["none", "grace", "strict"]
    grace_seconds: float = 0


class _Block(_Verb):
    person: str
    scope: str


class _ClientId(_Verb):
    client_id: str


class _NewClient(_Verb):
    redirect_uris: list[str] = []
    kind: Literal["web", "installed"] = "web"
    name: str = "Another app"
    project: str | None = None


class _Consent(_Verb):
    url: str
    person: str
    allow: list[str] | None = None
    deny: bool = False


class _Mint(_Verb):
    person: str
    scopes: list[str]
    client_id: str | None = None


def _fail(emulator: Emulator, given: _Fail) -> None:
    seconds = given.retry_after_seconds
    emulator.fail(
        given.status,
        times=given.times,
        path=given.path,
        body=given.body,
        content_type=given.content_type,
        retry_after=None if seconds is None else timedelta(seconds=seconds),
    )


def _add_client(emulator: Emulator, given: _NewClient) -> dict[str, Any]:
    client = emulator.add_client(*given.redirect_uris, kind=given.kind, name=given.name, project=given.project)
    return emulator.client_secret(client.id)


def _consent(emulator: Emulator, given: _Consent) -> dict[str, str]:
    allow: Literal["all"] | list[str] = "all" if given.allow is None else given.allow
    return {"url": emulator.consent(given.url, given.person, allow=allow, deny=given.deny)}


_VERBS: dict[str, tuple[type[Any], Callable[[Emulator, Any], Any]]] = {
    "advance": (_Advance, lambda emulator, given: emulator.clock.advance(timedelta(seconds=given.seconds))),
    "revoke": (_Who, lambda emulator, given: emulator.revoke(given.person)),
    "suspend": (_Who, lambda emulator, given: emulator.suspend(given.person)),
    "rapt": (_Who, lambda emulator, given: emulator.rapt(given.person)),
    "restore": (_Who, lambda emulator, given: emulator.restore(given.person)),
    "admin_block": (_Block, lambda emulator, given: emulator.admin_block(given.person, given.scope)),
    "grant_only": (_Only, lambda emulator, given: emulator.grant_only(given.scopes)),
    "delete_client": (_ClientId, lambda emulator, given: emulator.delete_client(given.client_id)),
    "expire_tokens": (_Nothing, lambda emulator, _: emulator.expire_tokens()),
    "rotate": (_Rotate, lambda emulator, given: emulator.rotate(given.kind, timedelta(seconds=given.grace_seconds))),
    "rotate_keys": (_Nothing, lambda emulator, _: emulator.rotate_keys()),
    "fail": (_Fail, _fail),
    "refuse": (
        _Refuse,
        lambda emulator, given: emulator.refuse(given.api, given.code, times=given.times, account=given.account),
    ),
    "lose_answer": (_Times, lambda emulator, given: emulator.lose_answer(given.times)),
    "slow": (_Slow, lambda emulator, given: emulator.slow(timedelta(seconds=given.seconds), given.times)),
    "release": (_Nothing, lambda emulator, _: emulator.release()),
    "omit_refresh_token": (_Times, lambda emulator, given: emulator.omit_refresh_token(given.times)),
    "add_client": (_NewClient, _add_client),
    "consent": (_Consent, _consent),
    "mint": (
        _Mint,
        lambda emulator, given: {"access_token": emulator.mint(given.person, *given.scopes, client_id=given.client_id)},
    ),
}


def route(emulator: Emulator, request: Request) -> Response:
    """Answer what is below /_emulator/."""
    name = request.path.removeprefix("/_emulator/")
    if request.method == "POST":
        return _verb(emulator, request, name)
    if request.path == pages.STYLE_PATH:
        return pages.style()
    if name == "icon.svg":
        return pages.icon()
    if name == "clock":
        return wire.json({"now": emulator.clock.now().isoformat(), "runs": emulator.clock.runs})
    if name == "requests":
        return wire.json([_logged(each) for each in emulator.requests(request.query.get("path"))])
    person = emulator.world.person(name.removeprefix("people/").removesuffix(".svg"))
    if person and name == f"people/{person.sub}.svg":
        return pages.avatar(person)
    return wire.json({"error": "not_found"}, 404)


def _logged(exchange: Any) -> dict[str, Any]:
    """Return an exchange without what was sent: that holds secrets."""
    return {
        "at": exchange.at.isoformat(),
        "method": exchange.method,
        "path": exchange.path,
        "status": exchange.status,
        "grant_type": exchange.form.get("grant_type") or None,
    }


def _verb(emulator: Emulator, request: Request, name: str) -> Response:
    if name not in _VERBS:
        return wire.json({"error": "not_found", "verbs": sorted(_VERBS)}, 404)
    members, act = _VERBS[name]
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            given = msgspec.json.decode(request.body or b"{}", type=members)
            return wire.json(act(emulator, given) or {})
        form = dict(request.form())
        if not hmac.compare_digest(form.pop("token", "").encode(), emulator.page_secret.encode()):
            return wire.json({"error": "send JSON, with content-type: application/json"}, 415)
        act(emulator, msgspec.convert(form, type=members, strict=False))
    except (msgspec.MsgspecError, ValueError, KeyError, PageShown) as error:
        return wire.json({"error": str(error)}, 400)
    return wire.redirect("/", 303)


class _Row(NamedTuple):
    """An ad account, its depth below managers, who has direct access, and how many accounts below are not shown."""

    account: AdsAccount
    depth: int
    access: list[str]
    more: int


def index(emulator: Emulator, request: Request) -> Response:
    """Show the front page."""
    if request.method != "GET":
        return wire.json({"error": "not_found"}, 404)
    world = emulator.world
    return pages.page(
        emulator,
        "index.html",
        token=emulator.page_secret,
        now=emulator.clock.now(),
        runs=emulator.clock.runs,
        people=[(person, _grants(emulator, person)) for person in world.people],
        accounts=_tree(emulator),
        networks=world.networks,
        clients=[(client, world.project(client.project)) for client in world.clients],
        log=[each for each in emulator.latest(_LOOKED_AT) if not _own(each.path)][:_SHOWN],
    )


def _own(path: str) -> bool:
    """Tell whether a path is the desk's, and not Google's."""
    return path == "/" or path.startswith("/_emulator/")


def _grants(emulator: Emulator, person: Person) -> list[tuple[str, int]]:
    return [
        (client.name, emulator.live_refresh_tokens(person.sub, client.id))
        for client in emulator.world.clients
        if (person.sub, client.id) in emulator.state.consents
    ]


def _tree(emulator: Emulator) -> list[_Row]:
    """Return the ad accounts, children after their manager; of those with many, the first alone."""
    world = emulator.world
    people: dict[str, list[str]] = defaultdict(list)
    for each in world.ads_access:
        people[each.account].append(each.person)
    rows: list[_Row] = []

    def walk(account: AdsAccount, depth: int) -> None:
        children = world.children(account.id)
        shown = children[:_SHOWN_BELOW]
        rows.append(_Row(account, min(depth, 2), people[account.id], len(children) - len(shown)))
        for child in shown:
            walk(child, depth + 1)

    tops = [each for each in world.ads_accounts if not world.managers(each.id)]
    for account in tops:
        walk(account, 0)
    return rows
