"""What an operation of the API is: one line of a table, from which routes, rights and the OpenAPI document come."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import msgspec

from grantkeeper.model import Scope

if TYPE_CHECKING:
    from grantkeeper.aio import AsyncKeeper
    from grantkeeper.model import ApiKey
    from grantkeeper.web.api.serving.streaming import Ticker

Method: TypeAlias = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_PLACE: Final = re.compile(r"\{(\w+)\}")
_NAMES: Final[Mapping[str, str]] = {"number": r"[1-9][0-9]{0,17}"}
"""What stands in a path: a number, else an id, of which none is longer or has other characters."""
_ID: Final = r"[A-Za-z0-9_.~-]{1,128}"


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an operation answers; `body` is encoded as JSON, None is 204."""

    body: Any = None
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    stream: AsyncGenerator[bytes, None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, checked: who asks, the path's ids, the query and the body as the operation says they are.

    `check` looks again whether the key is good. What may hold a secret is not in its repr.
    """

    keeper: AsyncKeeper
    key: ApiKey
    path: Mapping[str, str]
    query: Any
    body: Any = field(repr=False)
    headers: Mapping[bytes, bytes] = field(repr=False)
    check: Callable[[], Awaitable[ApiKey]] = field(repr=False)
    ticker: Ticker

    @property
    def by(self) -> str:
        """Who does it, for the audit log."""
        return f"key:{self.key.id}"

    @property
    def owners(self) -> tuple[str, ...] | None:
        """The owners that the key is restricted to; None for any."""
        return None if self.key.owners is None else tuple(sorted(self.key.owners))

    @property
    def clients(self) -> tuple[str, ...] | None:
        """The OAuth clients that the key is restricted to; None for any."""
        return None if self.key.clients is None else tuple(sorted(self.key.clients))


Handler: TypeAlias = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation. `answers` is the type of a good answer's body, None for none; `errors` the statuses of others.

    `again` answers a request that came before, in place of the answer that would be kept: for answers that get old.
    `whole`: for keys without a restriction only, because what it is about belongs to no owner.
    """

    method: Method
    path: str
    name: str
    scope: Scope
    summary: str
    handler: Handler
    again: Handler | None = None
    query: type[msgspec.Struct] = Nothing
    body: type[msgspec.Struct] | None = None
    answers: Any = None
    status: int = 200
    errors: tuple[int, ...] = ()
    whole: bool = False
    streams: bool = False
    description: str = ""
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        """Make the pattern of its path."""
        inside = _PLACE.sub(lambda found: f"(?P<{found[1]}>{_NAMES.get(found[1], _ID)})", self.path)
        object.__setattr__(self, "pattern", re.compile(inside, re.ASCII))

    @property
    def places(self) -> tuple[str, ...]:
        """The names of what stands in the path."""
        return tuple(_PLACE.findall(self.path))

    @property
    def statuses(self) -> tuple[int, ...]:
        """Every status of an answer that is not good, those that any operation may have among them."""
        common = {400, 401, 403, 422, 429, 500, 503}
        common |= {404} if self.places else set()
        common |= {409, 413, 415} if self.method == "POST" else {413, 415} if self.body is not None else set()
        return tuple(sorted(common | set(self.errors)))
