"""Lists that come in pages, as Google's REST APIs give them: bounded, and read without trusting what comes.

Source: google.aip.dev/158 (pageSize, pageToken, nextPageToken; an empty list may be left out), 2026-11-23.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar
from urllib.parse import urlencode

from ..errors import ProviderUnavailable, printable
from ..model import FoundAccount, Request, Response
from ..strictjson import read_object
from .refusals import rest_refusal, title

Row: TypeAlias = Mapping[str, object]
_T = TypeVar("_T")
Fetch: TypeAlias = Generator[tuple[Request, ...], tuple[Response, ...], _T]

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of a page: 200 Analytics accounts with a hundred properties each take five of them."""

MOST_PAGES: Final = 500
"""Of one list; Business Profile, with pages of 20, has the shortest."""

MOST_ROWS: Final = 100_000
"""Of all lists of a look; nobody's accounts are that many, and a server that never ends must not fill the memory."""

LONGEST_TOKEN: Final = 4096
_LONGEST_NAME: Final = 300
_NO_LIST: Final = frozenset({400, 403, 404})


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list: each answer from `url` has a page of it as `member`, and `parameters` go with every request.

    Of an `optional` one, a refusal of the list itself (400, 403, 404) means that it is empty.
    """

    url: str
    member: str
    parameters: Mapping[str, str | int] = field(default_factory=dict)
    optional: bool = False

    def request(self, token: str) -> Request:
        """Return the request for the page that `token` names; "" is the first."""
        parameters = {**self.parameters, **({"pageToken": token} if token else {})}
        url = f"{self.url}?{urlencode(parameters)}" if parameters else self.url
        return Request(method="GET", url=url, headers={"accept": "application/json"}, largest=LARGEST)


def listed(api: str, *listings: Listing) -> Fetch[list[list[Row]]]:
    """Read lists to their ends, side by side; returns the rows of each.

    Raises:
        ProviderUnavailable: an answer is no page of a list, or a list has no end.
        GrantkeeperError: the API refused (`rest_refusal`).
    """
    rows: list[list[Row]] = [[] for _ in listings]
    ahead = dict.fromkeys(range(len(listings)), "")
    for _ in range(MOST_PAGES):
        if not ahead:
            return rows
        answers = yield tuple(listings[number].request(token) for number, token in ahead.items())
        following: dict[int, str] = {}
        for number, answer in zip(ahead, answers, strict=True):
            page, token = _page(api, listings[number], answer)
            rows[number] += page
            if token:
                following[number] = token
        ahead = following
        if sum(len(each) for each in rows) > MOST_ROWS:
            raise unreadable(api, f"it has more than {MOST_ROWS}")
    if ahead:
        raise unreadable(api, f"it has more than {MOST_PAGES} pages")
    return rows


def unreadable(api: str, why: str) -> ProviderUnavailable:
    """Make the error for an answer that cannot be what the API documents."""
    return ProviderUnavailable(
        f"The list of accounts that {title(api)} answered with cannot be read: {why}.",
        advice="What was known before stays. Look again later; if it stays so, report it.",
    )


def sublist(api: str, row: Row, member: str) -> list[Row]:
    """Return the objects in a member that may be left out.

    Raises:
        ProviderUnavailable: it is something else than a list of objects.
    """
    found = row.get(member, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise unreadable(api, f"{member!r} is not a list of objects")
    return found


def identifier(api: str, row: Row, member: str, pattern: str) -> str:
    """Return the first group of `pattern`, which the whole member has to match.

    Raises:
        ProviderUnavailable: it does not, or there is no such text.
    """
    value = row.get(member)
    match = re.fullmatch(pattern, value) if isinstance(value, str) else None
    if match is None:
        raise unreadable(api, f"{member!r} is not an id")
    return match[1]


def words(row: Row, *members: str) -> str:
    """Return a text for people, or an API's own word, cleaned; "" where there is none. Members lead into objects."""
    value: object = row
    for member in members:
        value = value.get(member) if isinstance(value, dict) else None
    return printable(value, _LONGEST_NAME) if isinstance(value, str) else ""


def unique(found: Iterable[FoundAccount]) -> list[FoundAccount]:
    """Return the first of each id: what moves while a list is read is on two of its pages."""
    first: dict[str, FoundAccount] = {}
    for account in found:
        first.setdefault(account.id, account)
    return list(first.values())


def _page(api: str, listing: Listing, answer: Response) -> tuple[Sequence[Row], str]:
    """Return a page's rows and the token of the next one, "" after the last."""
    if listing.optional and answer.status in _NO_LIST:
        return (), ""
    if not 200 <= answer.status < 300:
        raise rest_refusal(api, answer)
    page = read_object(answer.body)
    if page is None:
        raise unreadable(api, "the answer is not a JSON object")
    following = page.members.get("nextPageToken") or ""
    if not isinstance(following, str) or len(following) > LONGEST_TOKEN:
        raise unreadable(api, "'nextPageToken' is not a token")
    return sublist(api, page.members, listing.member), following
