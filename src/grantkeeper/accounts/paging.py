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
from .refusals import concerns_account, rest_refusal, title

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
_AT_ONCE: Final = 16
"""Requests in a batch, whose answers are in memory together: a driver sends eight side by side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list: each answer from `url` has a page of it as `member`, and `parameters` go with every request.

    Of an `optional` one, a refusal that lies in the account (`concerns_account`) means that it is empty.
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


@dataclass(slots=True, kw_only=True)
class _Reading:
    """A list that is being read: its rows so far, the token of its next page, and the tokens that were followed."""

    listing: Listing
    rows: list[Row] = field(default_factory=list)
    token: str = ""
    followed: set[str] = field(default_factory=set)

    def take(self, api: str, answer: Response) -> bool:
        """Take a page; return whether there is another."""
        self.followed.add(self.token)
        if self.listing.optional and not self.token and concerns_account(api, answer):
            return False
        page, self.token = _page(api, self.listing.member, answer)
        self.rows += page
        if not self.token:
            return False
        if self.token in self.followed:
            raise unreadable(api, "its pages go round")
        if len(self.followed) >= MOST_PAGES:
            raise unreadable(api, f"it has more than {MOST_PAGES} pages")
        return True


def listed(api: str, *listings: Listing) -> Fetch[list[list[Row]]]:
    """Read lists to their ends, side by side; returns the rows of each.

    Raises:
        ProviderUnavailable: an answer is no page of a list, or a list has no end.
        GrantkeeperError: the API refused (`rest_refusal`).
    """
    readings = [_Reading(listing=each) for each in listings]
    due = list(readings)
    rows = 0
    while due:
        batch, due = due[:_AT_ONCE], due[_AT_ONCE:]
        answers = yield tuple(each.listing.request(each.token) for each in batch)
        for each, answer in zip(batch, answers, strict=True):
            rows -= len(each.rows)
            if each.take(api, answer):
                due.append(each)
            rows += len(each.rows)
            if rows > MOST_ROWS:
                raise unreadable(api, f"it has more than {MOST_ROWS}")
    return [each.rows for each in readings]


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


def _page(api: str, member: str, answer: Response) -> tuple[Sequence[Row], str]:
    """Return a page's rows and the token of the next one, "" after the last."""
    if not 200 <= answer.status < 300:
        raise rest_refusal(api, answer)
    page = read_object(answer.body)
    if page is None:
        raise unreadable(api, "the answer is not a JSON object")
    if page.members.get("error") is not None:
        raise rest_refusal(api, answer)
    following = page.members.get("nextPageToken") or ""
    if not isinstance(following, str) or len(following) > LONGEST_TOKEN:
        raise unreadable(api, "'nextPageToken' is not a token")
    return sublist(api, page.members, member), following
