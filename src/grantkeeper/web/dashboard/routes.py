"""Every address of the dashboard, and the least role for each of its methods: the one place that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.routing import Route

from grantkeeper.web.dashboard.rooms import grant, grants
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
