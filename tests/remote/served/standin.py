"""The routes of the service that a Remote asks, over a Keeper, until the service itself is there to be served."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec

from grantkeeper import Keeper, Secret, errors
from grantkeeper.errors import GrantkeeperError
from grantkeeper.model import AccessToken, GrantStatus
from remote.served.fake import Answer, Answering, Call

STATUS: tuple[tuple[type[GrantkeeperError], int], ...] = (
    (errors.NotFound, 404),
    (errors.InvalidInput, 422),
    (errors.ConsentRequired, 409),
    (errors.AccessRefused, 403),
    (errors.Conflict, 409),
    (errors.ProviderUnavailable, 503),
    (errors.DatabaseUnavailable, 503),
    (errors.ServiceUnavailable, 503),
)


def problem_of(error: GrantkeeperError) -> Answer:
    """Return an error as a problem document."""
    said = error.provider
    members = {name: value for name, value in vars(error).items() if name not in {"advice", "provider"}}
    if isinstance(members.get("retry_after"), timedelta):
        members["retry_after"] = members["retry_after"].total_seconds()
    words = said and {
        "error": said.error,
        "error_description": said.description,
        "error_uri": said.uri,
        "subtype": said.subtype,
        "request_id": said.request_id,
    }
    status = next((status for kind, status in STATUS if isinstance(error, kind)), 500)
    name = type(error).__name__
    snake = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
    body = {
        "type": f"urn:grantkeeper:problem:{snake}",
        "title": name,
        "status": status,
        "detail": error.args[0],
        "error": name,
        "advice": error.advice,
        **({"provider": words} if words else {}),
        **members,
    }
    return Answer(status=status, body=body, headers={"content-type": "application/problem+json"})


def standin(keeper: Keeper) -> Answering:
    """Return what answers from the keeper."""
    routes = _routes(keeper)

    def answer(call: Call) -> Answer:
        for method, pattern, route in routes:
            found = re.fullmatch(pattern, call.path)
            if method == call.method and found:
                try:
                    return Answer(body=route(call, *found.groups()))
                except GrantkeeperError as error:
                    return problem_of(error)
        return Answer(status=404, body=b"no such route")

    return answer


def _token(token: AccessToken) -> Any:
    return {"access_token": token.value.reveal(), "expires_at": token.expires_at, "scopes": sorted(token.scopes)}


def _grants(keeper: Keeper, call: Call) -> Any:
    status = call.query.get("status")
    found = list(
        keeper.grants(
            call.query.get("owner"), call.query.get("client"), status=None if status is None else GrantStatus(status)
        )
    )
    start, limit = int(call.query.get("cursor", 0)), int(call.query["limit"])
    more = start + limit < len(found)
    return {"items": found[start : start + limit], "next": str(start + limit) if more else None}


def _body(call: Call) -> dict[str, Any]:
    found: dict[str, Any] = call.json()
    return found


def _link(keeper: Keeper, call: Call) -> Any:
    values = _body(call)
    made = keeper.link(**values | {"expires_in": timedelta(seconds=values["expires_in"])})
    return {"link": made.link, "url": made.url, "code": made.code and made.code.reveal()}


def _routes(keeper: Keeper) -> list[tuple[str, str, Callable[..., Any]]]:
    grant = r"/v1/grants/([\w-]+)"
    plain = msgspec.to_builtins
    return [
        ("GET", "/v1/grants", lambda call: _grants(keeper, call)),
        ("GET", "/v1/grants/find", lambda call: keeper.find(**call.query)),
        ("GET", grant, lambda _, grant_id: keeper.get(grant_id)),
        ("DELETE", grant, lambda call, grant_id: keeper.revoke(grant_id, siblings=call.query["siblings"])),
        (
            "GET",
            f"{grant}/token",
            lambda call, grant_id: _token(
                keeper.token(grant_id, min_ttl=timedelta(seconds=int(call.query["min_ttl"])))
            ),
        ),
        ("POST", f"{grant}/refresh", lambda _, grant_id: _token(keeper.refresh(grant_id))),
        (
            "POST",
            f"{grant}/rejected",
            lambda call, grant_id: keeper.report_rejected(grant_id, Secret(_body(call)["token"])),
        ),
        ("POST", f"{grant}/confirm", lambda call, grant_id: keeper.confirm(grant_id, **_body(call))),
        (
            "GET",
            f"{grant}/accounts",
            lambda call, grant_id: {"items": plain(keeper.accounts(grant_id, **call.query))},
        ),
        ("GET", f"{grant}/account", lambda call, grant_id: keeper.account(grant_id, **call.query)),
        ("GET", f"{grant}/looks", lambda _, grant_id: {"items": keeper.looks(grant_id)}),
        ("GET", f"{grant}/siblings", lambda _, grant_id: {"items": keeper.siblings(grant_id)}),
        (
            "GET",
            "/v1/events",
            lambda call: {
                "items": keeper.events(
                    grant_id=call.query.get("grant_id"),
                    kind=call.query.get("kind"),
                    after=int(call.query["after"]),
                    limit=int(call.query["limit"]),
                )
            },
        ),
        ("POST", "/v1/links", lambda call: _link(keeper, call)),
    ]
