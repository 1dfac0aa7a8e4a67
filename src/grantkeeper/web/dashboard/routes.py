"""Every address of the dashboard, and the least role for each of its methods: the one place that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from grantkeeper.web.dashboard.rooms import clients, grant, grants, links
from grantkeeper.web.dashboard.rooms.admin import audit, keys, operators, webhooks
from grantkeeper.web.dashboard.signing import Signing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from grantkeeper.model import Role
    from grantkeeper.web.dashboard.desk import Desk
    from grantkeeper.web.dashboard.visit import Handler


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """An address behind the sign-in."""

    path: str
    handlers: Mapping[str, tuple[Role, Handler]]


ROOMS: Final = (
    Room(path="/", handlers={"GET": ("viewer", grants.start)}),
    Room(path="/find", handlers={"GET": ("viewer", grants.find)}),
    Room(path="/grants", handlers={"GET": ("viewer", grants.listing)}),
    Room(path="/grants/{grant}", handlers={"GET": ("viewer", grant.show_grant)}),
    Room(path="/grants/{grant}/confirm", handlers={"POST": ("operator", grant.confirm)}),
    Room(path="/grants/{grant}/refresh", handlers={"POST": ("operator", grant.refresh)}),
    Room(path="/grants/{grant}/link", handlers={"POST": ("operator", grant.reconnect)}),
    Room(
        path="/grants/{grant}/disconnect",
        handlers={"GET": ("operator", grant.before_end), "POST": ("operator", grant.end)},
    ),
    Room(path="/links", handlers={"GET": ("viewer", links.listing), "POST": ("operator", links.create)}),
    Room(path="/links/{link}/address", handlers={"POST": ("operator", links.show_again)}),
    Room(path="/links/{link}/revoke", handlers={"POST": ("operator", links.revoke)}),
    Room(path="/clients", handlers={"GET": ("viewer", clients.listing)}),
    Room(path="/keys", handlers={"GET": ("admin", keys.listing), "POST": ("admin", keys.create)}),
    Room(path="/keys/{key}/revoke", handlers={"POST": ("admin", keys.revoke)}),
    Room(path="/webhooks", handlers={"GET": ("admin", webhooks.listing), "POST": ("admin", webhooks.add)}),
    Room(path="/webhooks/{endpoint}", handlers={"GET": ("admin", webhooks.show), "POST": ("admin", webhooks.change)}),
    Room(path="/webhooks/{endpoint}/rotate", handlers={"POST": ("admin", webhooks.rotate)}),
    Room(path="/webhooks/{endpoint}/switch", handlers={"POST": ("admin", webhooks.switch)}),
    Room(path="/webhooks/{endpoint}/test", handlers={"POST": ("admin", webhooks.test)}),
    Room(path="/webhooks/{endpoint}/replay", handlers={"POST": ("admin", webhooks.replay)}),
    Room(path="/webhooks/{endpoint}/remove", handlers={"POST": ("admin", webhooks.remove)}),
    Room(path="/sign-out-everywhere", handlers={"POST": ("viewer", operators.sign_out_myself)}),
    Room(path="/operators", handlers={"GET": ("admin", operators.listing), "POST": ("admin", operators.invite)}),
    Room(path="/operators/{operator}/link", handlers={"POST": ("admin", operators.again)}),
    Room(path="/operators/{operator}/role", handlers={"POST": ("admin", operators.set_role)}),
    Room(path="/operators/{operator}/disable", handlers={"POST": ("admin", operators.disable)}),
    Room(path="/operators/{operator}/sign-out", handlers={"POST": ("admin", operators.sign_out)}),
    Room(path="/audit", handlers={"GET": ("admin", audit.listing)}),
    Room(path="/audit/verify", handlers={"POST": ("admin", audit.verify)}),
)


def open_routes(desk: Desk) -> list[Route]:
    """Return the addresses for a browser without a session."""
    signing = Signing(desk=desk)
    return [
        Route("/sign-in", signing.sign_in, methods=["GET"]),
        Route("/sign-in/openid", signing.begin, methods=["POST"]),
        Route("/sign-in/{link}", signing.link, methods=["GET", "POST"]),
        Route("/callback", signing.callback, methods=["GET"]),
        Route("/sign-out", signing.out, methods=["POST"]),
    ]
