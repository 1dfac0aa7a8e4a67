"""API keys: which programs may ask, for what; new ones, whose secret is shown once, and their end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from grantkeeper.errors import InvalidInput, NotFound
from grantkeeper.model import Scope
from grantkeeper.web.dashboard.rooms.shown import once

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.responses import Response

    from grantkeeper.model import ApiKey
    from grantkeeper.web.dashboard.visit import Visit

LIVES: Final = {"": "until it is revoked", "30": "30 days", "90": "90 days", "365": "1 year"}
SCOPES: Final = {
    Scope.GRANTS_READ: "see grants and accounts",
    Scope.TOKENS_READ: "read access tokens",
    Scope.LINKS_WRITE: "make links",
    Scope.GRANTS_WRITE: "confirm, refresh and disconnect",
    Scope.EVENTS_READ: "follow events",
    Scope.ADMIN: "everything, keys and webhooks too",
}
_PREFIX: Final = "scope "


async def listing(visit: Visit) -> Response:
    """Show every key, those that have ended too."""
    return await _page(visit, {})


async def create(visit: Visit) -> Response:
    """Make a key and show its secret; a mistake shows the form again."""
    try:
        made = await visit.run(
            visit.verbs.keys.create, visit.fields.get("name", ""), **_wish(visit.fields), by=visit.by
        )
    except (InvalidInput, NotFound) as error:
        return await _page(visit, visit.fields, status=422, wrong=f"{error.args[0]} {error.advice}".strip())
    return once(
        visit,
        title=f"The key {made.key.name}",
        label="The key",
        value=made.secret.reveal(),
        text="It is shown once: only its hash is kept. Give it to the program, and to nobody else.",
        back="/keys",
    )


async def revoke(visit: Visit) -> Response:
    """End a key at once."""
    await visit.run(visit.verbs.keys.revoke, visit.part("key"), by=visit.by)
    return visit.go("/keys", "key_revoked")


def _wish(fields: Mapping[str, str]) -> dict[str, Any]:
    days = fields.get("days", "")
    if days not in LIVES:
        raise InvalidInput("Choose how long the key is good.")
    return {
        "scopes": [scope.value for scope in SCOPES if fields.get(_PREFIX + scope.value)],
        "owners": lines(fields.get("owners", "")),
        "clients": lines(fields.get("clients", "")),
        "expires_in": timedelta(days=int(days)) if days else None,
    }


def lines(text: str) -> list[str] | None:
    """Return what stands on the lines of a field, None when there is nothing: no restriction."""
    return [each.strip() for each in text.splitlines() if each.strip()] or None


async def _page(visit: Visit, fields: Mapping[str, str], *, status: int = 200, wrong: str = "") -> Response:
    keys = await visit.run(visit.verbs.keys.all)
    now = visit.now
    rows = [(each, _standing(each, now)) for each in reversed(keys)]
    people = {f"operator:{each.id}": each.email for each in await visit.run(visit.verbs.operators.all)}
    return visit.page(
        "keys.html",
        status=status,
        rows=rows,
        people=people,
        fields=fields,
        wrong=wrong,
        scopes=[(_PREFIX + scope.value, scope.value, text) for scope, text in SCOPES.items()],
        lives=LIVES,
    )


def _standing(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at is not None and key.expires_at <= now else "good"
