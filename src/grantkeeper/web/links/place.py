"""Where a browser is on its walk: which link it followed, and what it remembers of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from grantkeeper.errors import BadCallback, GrantkeeperError, InvalidInput, NotFound
from grantkeeper.keeper.consent.invited import sha256
from grantkeeper.oauth.authorization import query_pairs
from grantkeeper.web import guard
from grantkeeper.web.links import wording
from grantkeeper.web.pages import prefix

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.model import Link

_REF: Final = re.compile(r"[0-9a-f]{64}")
_WALKED: Final = re.compile(r"([0-9a-f]{64})\.([A-Za-z0-9._-]{1,64})\.([0-9a-f]{64})")
"""Hash of the link's token, OAuth client, name of the flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Finds the link of a browser's walk by its cookie and by what the address names; changes nothing.

    `origin` is the service's own, `return_to` are the origins that a person may be led back to.
    """

    keeper: AsyncKeeper
    origin: str
    return_to: frozenset[str]

    @property
    def secure(self) -> bool:
        """Whether https is in use."""
        return self.origin.startswith("https:")

    @property
    def cookie(self) -> str:
        """The name of the cookie that binds flows to this browser."""
        return guard.cookie_name(secure=self.secure)

    @property
    def walked(self) -> str:
        """The name of the cookie that remembers which link was followed last, and how to read what came of it."""
        return f"{self.cookie}-walk"

    async def owner(self, request: Request) -> str | None:
        """Return for whom this browser walks, None when it does not: that is whose pages it sees (V-31)."""
        link = await self.link_of(request)
        return link.owner if link else None

    async def link_of(self, request: Request) -> Link | None:
        """Return the link by which this browser began the flow that the address names, else None."""
        if not hasattr(request.state, "link"):
            ref, flow = self.ref_of(request), guard.browser_secret(request, self)
            found = None
            if ref and flow:
                found = await self.keeper.run(self.keeper.keeper.links.of_flow, flow, ref)
            request.state.link = found
            if found is not None:
                request.state.language = found.language
        link: Link | None = request.state.link
        return link

    def ref_of(self, request: Request) -> str:
        """Return the name of the flow that the path or the callback's state names, "" when none does."""
        if "ref" in request.path_params:
            ref = str(request.path_params["ref"])
            return ref if _REF.fullmatch(ref) else ""
        try:
            pairs = query_pairs(request.scope["query_string"].decode("latin-1"))
        except BadCallback:
            return ""
        return next((guard.reference(value) for name, value in pairs if name == "state"), "")

    def allows(self, url: str) -> bool:
        """Tell whether a person may be led back there: its origin is on the list, character by character (V-55)."""
        return bool(url) and guard.origin_of(url) in self.return_to

    async def address_of(self, link: Link) -> tuple[str, str | None]:
        """Return the token and the code of a link, or stop when it is of no use any more."""
        try:
            kept = await self.keeper.run(self.keeper.keeper.links.invitation, link.id)
        except (InvalidInput, NotFound):
            raise wording.invalid() from None
        return kept.url.rpartition("/")[2], kept.code.reveal() if kept.code else None

    # --- what the browser remembers ------------------------------------------------------------------------------

    def remember(self, response: Response, token_hash: str, client: str, away: str) -> None:
        """Let the browser know which flow it began by which link."""
        state = dict(parse_qsl(urlsplit(away).query)).get("state", "")
        value = f"{token_hash}.{client}.{guard.reference(state)}"
        if _WALKED.fullmatch(value):
            guard.keep(response, self, self.walked, value)

    def move(self, request: Request, response: Response) -> None:
        """Remember the second flow that a callback began because the provider has to be asked again (O-29)."""
        walked = _WALKED.fullmatch(request.cookies.get(self.walked, ""))
        away = response.headers.get("location", "")
        if walked and "state=" in away:
            self.remember(response, walked[1], walked[2], away)

    async def ended_here(self, request: Request) -> str:
        """Return the page that says how this browser used the link at this address, "" when it did not (R-59)."""
        walked = _WALKED.fullmatch(request.cookies.get(self.walked, ""))
        if walked is None or walked[1] != sha256(str(request.path_params["token"])):
            return ""
        flow = guard.browser_secret(request, self)
        try:
            await self.keeper.result(flow, walked[3])
        except GrantkeeperError:
            return ""  # it was used by another attempt, or by somebody else
        return f"{prefix(request)}/result/{walked[2]}/{walked[3]}"
