"""Google Ads: the accounts that a person reaches directly, and every account below them.

Requests: one for the list, one for each account in it (its whole tree; one more for every further 10,000 rows), and one
for each manager of which it does not follow what is right below it (`trees.unclear`): no manager that is alone on its
level, and none on the lowest level. A tree of 5,000 accounts below 50 managers takes 1 + 1 + 50 in three rounds.

Source: developers.google.com/google-ads/api/docs/oauth/access-model, .../account-management/get-account-hierarchy and
.../rest/common/search, read 2026-11-22.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final, TypeAlias, TypeVar

import msgspec

from ...errors import AccessRefused
from ...model import FoundAccount, Request, Response, Way
from .. import answers, trees
from ..discovery import Discovery, Steps
from ..refusals import meaning
from ..trees import Tree

KIND: Final = "google_ads"
VERSION: Final = "v26"
"""The newest, 2026-11-22 (developers.google.com/google-ads/api/docs/release-notes); each lives for about a year."""
_HOST: Final = "https://googleads.googleapis.com"

_SCOPES: Final = frozenset({"https://www.googleapis.com/auth/adwords"})

_TREE: Final = (
    "SELECT customer_client.id, customer_client.level, customer_client.manager, customer_client.descriptive_name, "
    "customer_client.currency_code, customer_client.time_zone, customer_client.test_account, customer_client.status "
    "FROM customer_client"
)
"""Hidden accounts are among the rows and are kept like any other: hiding one only tidies Google's own list."""
_BELOW: Final = "SELECT customer_client.id, customer_client.level FROM customer_client WHERE customer_client.level <= 1"

_LARGEST: Final = 16 * 1024 * 1024
"""Of a page: 10,000 rows of about 450 bytes are 4.5 MB."""
_AT_ONCE: Final = 50
_MOST_ROOTS: Final = 1_000
"""A person has direct access to 20 accounts at most, as the help pages say; managers have more below them."""
_MOST_ROWS: Final = 300_000
"""Of one look: a manager has 85,000 accounts at most (support.google.com/google-ads/answer/7456530)."""

_GONE: Final = frozenset({"CANCELED", "CLOSED"})
"""Statuses with which Google Ads refuses every call: CUSTOMER_NOT_ENABLED."""
_NOT_ENABLED: Final = "AuthorizationError.CUSTOMER_NOT_ENABLED"
_WHO_CALLS: Final = ("AuthenticationError.", "AuthorizationError.")
_NO_ACCOUNTS: Final = "AuthenticationError.NOT_ADS_USER"
_NONE_OF_GOOGLE_ADS: Final = frozenset(
    {"AuthorizationError.ACCESS_DENIED_FOR_ACCOUNT_TYPE", "AuthenticationError.CUSTOMER_NOT_FOUND"}
)
"""Refusals that say that a listed account is none of Google Ads, or none any more."""

_Id: TypeAlias = Annotated[int, msgspec.Meta(ge=1_000_000_000, le=9_999_999_999)]
"""An int64, which JSON spells as a text; ten digits."""
_Name: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"\Acustomers/[1-9][0-9]{9}\Z")]


class _Client(msgspec.Struct, rename="camel"):
    """A CustomerClient, as far as asked for."""

    id: _Id
    level: Annotated[int, msgspec.Meta(ge=0, le=100)]
    manager: bool = False
    descriptive_name: str = ""
    currency_code: str = ""
    time_zone: str = ""
    test_account: bool = False
    status: str = ""


class _Row(msgspec.Struct, rename="camel"):
    customer_client: _Client


class _Page(answers.Answer, rename="camel"):
    """A SearchGoogleAdsResponse."""

    results: list[_Row] = msgspec.field(default_factory=list)
    next_page_token: str = ""


class _Listed(answers.Answer, rename="camel"):
    """A ListAccessibleCustomersResponse."""

    resource_names: list[_Name] = msgspec.field(default_factory=list)


_LISTED: Final = msgspec.json.Decoder(_Listed)
_PAGE: Final = msgspec.json.Decoder(_Page, strict=False)  # not strict: an int64 comes as a text

_R = TypeVar("_R")
_Asking: TypeAlias = Generator[tuple[Request, ...], tuple[Response, ...], _R]


@dataclass(slots=True, kw_only=True)
class _Search:
    """A query on `customer` in the name of `root`, and what it has found; `refused` when it may not be asked."""

    customer: str
    root: str
    query: str
    rows: list[_Client] = field(default_factory=list)
    token: str = ""
    seen: set[str] = field(default_factory=set)
    refused: AccessRefused | None = None

    def request(self, base: str) -> Request:
        """Return the request for the next page."""
        members = {"query": self.query} | ({"pageToken": self.token} if self.token else {})
        return Request(
            method="POST",
            url=f"{base}/customers/{self.customer}/googleAds:search",
            headers={"content-type": "application/json", "login-customer-id": self.root},
            body=json.dumps(members).encode(),
            largest=_LARGEST,
        )

    def take(self, response: Response) -> bool:
        """Take a page; return whether there is another.

        Raises:
            GrantkeeperError: refused for a reason that is not about this account, or in the middle; or unusable.
        """
        try:
            page = answers.read(KIND, response, _PAGE)
        except AccessRefused as error:
            if self.token or not _is_of_account(error.code):
                raise
            self.refused = error
            return False
        self.rows.extend(each.customer_client for each in page.results)
        self.token = page.next_page_token
        if self.token and (self.token in self.seen or not page.results):
            raise answers.unusable(KIND, "its pages have no end")
        self.seen.add(self.token)
        return bool(self.token)


def _steps(api_url: str | None) -> Steps:
    base = f"{api_url or _HOST}/{VERSION}"
    (listed,) = yield (Request(method="GET", url=f"{base}/customers:listAccessibleCustomers"),)
    searches = [_Search(customer=root, root=root, query=_TREE) for root in _roots(listed)]
    yield from _search(base, searches)
    found = [_tree(each) for each in searches if each.refused is None]
    described = _described(searches)
    told = yield from _told(base, found, described)
    above, ways = trees.parents(found, told), trees.ways(found)
    accounts = [_account(each, above.get(_id(each), ()), ways[_id(each)]) for each in described.values()]
    return accounts + [each for each in _refused(searches) if each.id not in described]


def _roots(response: Response) -> list[str]:
    """Return the ids of the accounts that the person reaches directly; none for a person without any."""
    try:
        listed = answers.read(KIND, response, _LISTED)
    except AccessRefused as error:
        if error.code == _NO_ACCOUNTS:
            return []
        raise
    roots = sorted({each.removeprefix("customers/") for each in listed.resource_names})
    if len(roots) > _MOST_ROOTS:
        raise answers.unusable(KIND, f"it lists {len(roots)} accounts as reached directly")
    return roots


def _search(base: str, searches: Iterable[_Search]) -> _Asking[None]:
    """Ask every search to its end, up to fifty requests at once."""
    due = list(searches)
    rows = 0
    while due:
        batch, due = due[:_AT_ONCE], due[_AT_ONCE:]
        responses = yield tuple(each.request(base) for each in batch)
        for each, response in zip(batch, responses, strict=True):
            before = len(each.rows)
            if each.take(response):
                due.append(each)
            rows += len(each.rows) - before
        if rows > _MOST_ROWS:
            raise answers.unusable(KIND, f"it has more than {_MOST_ROWS:,} rows")


def _told(base: str, found: Sequence[Tree], described: Mapping[str, _Client]) -> _Asking[dict[str, list[str]]]:
    """Ask the managers that have to be asked what is right below them; one that may not be asked tells nothing."""
    asked = [
        _Search(customer=manager, root=root, query=_BELOW)
        for manager, root in trees.unclear(found).items()
        if described[manager].status not in _GONE
    ]
    yield from _search(base, asked)
    return {each.customer: [_id(row) for row in each.rows if row.level == 1] for each in asked if each.refused is None}


def _tree(search: _Search) -> Tree:
    """Return the tree that a root describes, each account by its shortest way."""
    levels: dict[str, int] = {search.root: 0}
    for row in search.rows:
        if (row.level == 0) != (_id(row) == search.root):
            raise answers.unusable(KIND, f"account {row.id} is on level {row.level} below {search.root}")
        levels[_id(row)] = min(levels.get(_id(row), row.level), row.level)
    managers = frozenset(_id(row) for row in search.rows if row.manager)
    return Tree(root=search.root, levels=levels, managers=managers)


def _described(searches: Sequence[_Search]) -> dict[str, _Client]:
    """Return each account as that tree describes it which says most."""
    # A root without a row is one all the same: Google's own example expects that of test accounts.
    answered = [each.root for each in searches if each.refused is None]
    found: dict[str, _Client] = {root: _Client(id=int(root), level=0) for root in answered}
    for row in (row for each in searches for row in each.rows):
        known = found.get(_id(row))
        if known is None or _told_of(row) > _told_of(known):
            found[_id(row)] = row
    return found


def _told_of(row: _Client) -> int:
    return sum(map(bool, (row.descriptive_name, row.status, row.currency_code, row.time_zone)))


def _is_of_account(code: str) -> bool:
    """Tell whether Google Ads itself names a reason that lies in the account that was asked.

    What a proxy or a firewall answers names none, and what lies in the person is as true of every other account: to
    take either for an answer would be to lose everything below.
    """
    found = meaning(KIND, code) if code.startswith(_WHO_CALLS) else None
    return found is not None and found.who == "account"


def _refused(searches: Iterable[_Search]) -> Iterator[FoundAccount]:
    """Return the listed accounts that may not be asked, with why as their status; what is no account is left out."""
    for each in searches:
        code = each.refused.code if each.refused else ""
        if code and code not in _NONE_OF_GOOGLE_ADS:
            status = "NOT_ENABLED" if code == _NOT_ENABLED else code.rpartition(".")[2]
            way = Way(root=each.root, length=0)
            yield FoundAccount(kind=KIND, id=each.root, name="", status=status, enabled=False, ways=(way,))


def _account(row: _Client, above: tuple[str, ...], ways: tuple[Way, ...]) -> FoundAccount:
    return FoundAccount(
        kind=KIND,
        id=_id(row),
        name=answers.name(row.descriptive_name),
        status=answers.word(row.status),
        enabled=row.status not in _GONE,
        manager=row.manager,
        test=row.test_account,
        currency=answers.word(row.currency_code),
        time_zone=answers.word(row.time_zone),
        parents=above,
        ways=ways,
    )


def _id(row: _Client) -> str:
    return str(row.id)


def _written(account: str) -> str:
    """Write an id as Google Ads' own pages do: 123-456-7890."""
    return f"{account[:3]}-{account[3:6]}-{account[6:]}"


DISCOVERY: Final = Discovery(
    kind=KIND, title="Google Ads", noun="account", scopes=_SCOPES, steps=_steps, written=_written
)
"""How Google Ads accounts are found. A token is enough: the developer token is no more (since 2026-09-09)."""
