"""What is shown once, or again on request: an address, a secret. Nothing of it is ever in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.responses import Response

    from grantkeeper.model import Invitation
    from grantkeeper.web.dashboard.visit import Visit


def address(visit: Visit, made: Invitation, *, back: str) -> Response:
    """Show the address of a link, to be copied and sent."""
    code = made.code.reveal() if made.code else ""
    return visit.page("address.html", link=made.link, url=made.url, code=code, back=back)


def once(visit: Visit, *, title: str, label: str, value: str, text: str, back: str) -> Response:
    """Show a secret, which is shown once."""
    return visit.page("shown_once.html", title=title, label=label, value=value, text=text, back=back)
