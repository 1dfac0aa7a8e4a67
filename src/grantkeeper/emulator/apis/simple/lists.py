"""What the lists share: who may see what, and pages (google.aip.dev/158, 2026-11-23)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from grantkeeper.emulator.apis.access import Method, caller
from grantkeeper.emulator.apis.status import ApiError, invalid_argument
from grantkeeper.emulator.wire import Params, Request, Response, json

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.world import Asset, AssetApi, Person

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Who asks, and the assets of the API that they may use, in the order of the world's file; `every` by their ids."""

    person: Person
    assets: tuple[Asset, ...]
    every: Mapping[str, Asset]

    def below(self, parent: str) -> tuple[Asset, ...]:
        """Return those right below another."""
        return tuple(each for each in self.assets if each.parent == parent)

    def tops(self) -> tuple[Asset, ...]:
        """Return what stands at the top, be it that they may use no more than something below it."""
        ids = {self._top(each).id for each in self.assets}
        return tuple(each for each in self.every.values() if each.id in ids)

    def _top(self, asset: Asset) -> Asset:
        return self._top(self.every[asset.parent]) if asset.parent else asset


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """How an API cuts lists: the size of a page when none is asked for, the largest, and its parameter's name.

    `strict` APIs refuse a larger size, the others take it for the largest.
    """

    usual: int
    most: int
    size: str = "pageSize"
    strict: bool = False

    def cut(self, query: Params, items: Sequence[_T]) -> tuple[Sequence[_T], dict[str, Any]]:
        """Return the page that the query asks for, and what the answer says of the next one.

        Raises:
            ApiError: the size or the token is none.
        """
        size, start = self._size(query), _start(query.get("pageToken"))
        end = start + size
        more = {"nextPageToken": base64.urlsafe_b64encode(str(end).encode()).decode()} if end < len(items) else {}
        return items[start:end], more

    def _size(self, query: Params) -> int:
        text = query.get(self.size) or "0"
        if not re.fullmatch("[0-9]{1,9}", text) or (self.strict and int(text) > self.most):
            raise invalid_argument(f"Invalid value at '{self.size}' (TYPE_INT32)")
        return min(int(text), self.most) or self.usual


def answer(work: Callable[[], dict[str, Any]]) -> Response:
    """Answer with what the work returns, or with its refusal."""
    try:
        return json(work())
    except ApiError as error:
        return error.response()


def seen(emulator: Emulator, request: Request, api: AssetApi, method: Method) -> Seen:
    """Return what the caller may see.

    Raises:
        ApiError: the caller has no access token, or one without a scope that is enough.
    """
    who = caller(emulator, request.headers, method)
    every = {each.id: each for each in emulator.world.assets if each.api == api}
    return Seen(person=who.person, assets=emulator.world.assets_of(api, who.person.email), every=every)


def named(member: str, rows: Sequence[_T]) -> dict[str, Any]:
    """Return the list as a member of the answer; an empty list is left out, as protobuf's JSON does."""
    return {member: list(rows)} if rows else {}


def _start(token: str) -> int:
    try:
        start = base64.b64decode(token.encode(), b"-_", validate=True).decode() or "0"
    except (binascii.Error, UnicodeError) as error:
        raise invalid_argument() from error
    if not re.fullmatch("[0-9]{1,9}", start):
        raise invalid_argument()
    return int(start)
