"""Google Ads: the accounts that a person reaches directly, and every account below them.

Requests: one for the list, one for each account in it (its whole tree; one more for every further 10,000 rows), and one
for each manager of which it does not follow what is right below it (`trees.unclear`): no manager that is alone on its
level, and none on the lowest level. A tree of 5,000 accounts below 50 managers takes 1 + 1 + 50.

Source: developers.google.com/google-ads/api/docs/oauth/access-model, .../account-management/get-account-hierarchy and
.../rest/common/search, read 2026-11-22.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
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
_AT_ONCE: Final = 16
"""Requests in a batch, whose answers are in memory together: a driver sends eight side by side."""
_MOST_ROOTS: Final = 1_000
"""A person has direct access to 20 accounts at most, as the help pages say; managers have more below them."""
_MOST_ACCOUNTS: Final = 300_000
"""Of one look: a manager has 85,000 accounts at most (support.google.com/google-ads/answer/7456530)."""
_MOST_ROWS: Final = 2_000_000
"""Of one look; an account has one in each tree that it is in: 20 trees of 85,000 are 1.7 million."""
_MOST_PAGES: Final = 100
"""Of one search: 85,000 accounts are nine pages."""

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
class _Met:
    """The accounts that searches have met, each as that row describes it which says most; how many rows there were."""

    accounts: dict[str, _Client] = field(default_factory=dict)
    rows: int = 0

    def add(self, account: str, row: _Client) -> None:
        """Note a row of an account."""
        self.rows += 1
        known = self.accounts.get(account)
        if known is None or _told_of(row) > _told_of(known):
            self.accounts[account] = row

    def check(self) -> None:
        """Raise ProviderUnavailable when it is more than anybody has."""
        if len(self.accounts) > _MOST_ACCOUNTS:
            raise answers.unusable(KIND, f"it has more than {_MOST_ACCOUNTS:,} accounts")
        if self.rows > _MOST_ROWS:
            raise answers.unusable(KIND, f"it has more than {_MOST_ROWS:,} rows")


@dataclass(slots=True, kw_only=True)
class _Search:
    """A query on `customer` in the name of `root`, and what it has found; `refused` when it may not be asked.

    `levels` are the accounts by id, each by its shortest way, and `managers` those of them that manage.
    """

    customer: str
    root: str
    query: str
    levels: dict[str, int] = field(default_factory=dict)
    managers: set[str] = field(default_factory=set)
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

    def take(self, response: Response, met: _Met) -> bool:
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
        for each in page.results:
            self._add(each.customer_client, met)
        met.check()
        self.token = page.next_page_token
        if self.token and (self.token in self.seen or not page.results or len(self.seen) + 1 >= _MOST_PAGES):
            raise answers.unusable(KIND, "its pages have no end")
        self.seen.add(self.token)
        return bool(self.token)

    def _add(self, row: _Client, met: _Met) -> None:
        account = intern(str(row.id))  # one text for the account in all trees
        if (row.level == 0) != (account == self.customer):
            raise answers.unusable(KIND, f"account {account} is on level {row.level} below {self.customer}")
        self.levels[account] = min(self.levels.get(account, row.level), row.level)
        if row.manager:
            self.managers.add(account)
        met.add(account, row)


def _steps(api_url: str | None) -> Steps:
    base = f"{api_url or _HOST}/{VERSION}"
    (listed,) = yield (Request(method="GET", url=f"{base}/customers:listAccessibleCustomers"),)
    searches = [_Search(customer=root, root=root, query=_TREE) for root in _roots(listed)]
    met = _Met()
    yield from _search(base, searches, met)
    answered = [each for each in searches if each.refused is None]
    for each in answered:
        # A root without a row is one all the same: Google's own example expects that of test accounts.
        each.levels.setdefault(each.root, 0)
        met.accounts.setdefault(each.root, _Client(id=int(each.root), level=0))
    found = [Tree(root=each.root, levels=each.levels, managers=frozenset(each.managers)) for each in answered]
    told = yield from _told(base, found, met.accounts)
    above, ways = trees.parents(found, told), trees.ways(found)
    accounts = [_account(each, above.get(_id(each), ()), ways[_id(each)]) for each in met.accounts.values()]
    return accounts + [each for each in _refused(searches) if each.id not in met.accounts]


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


def _search(base: str, searches: Iterable[_Search], met: _Met) -> _Asking[None]:
    """Ask every search to its end, up to sixteen requests at once."""
    due = list(searches)
    while due:
        batch, due = due[:_AT_ONCE], due[_AT_ONCE:]
        responses = yield tuple(each.request(base) for each in batch)
        due += [each for each, response in zip(batch, responses, strict=True) if each.take(response, met)]


def _told(base: str, found: Sequence[Tree], described: Mapping[str, _Client]) -> _Asking[dict[str, list[str]]]:
    """Ask the managers that have to be asked what is right below them; one that may not be asked tells nothing."""
    asked = [
        _Search(customer=manager, root=root, query=_BELOW)
        for manager, root in trees.unclear(found).items()
        if described[manager].status not in _GONE
    ]
    yield from _search(base, asked, _Met())
    answered = (each for each in asked if each.refused is None)
    return {each.customer: [account for account, level in each.levels.items() if level == 1] for each in answered}


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
