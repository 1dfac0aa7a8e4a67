"""CustomerService and GoogleAdsService: a call in, an answer in the JSON form of its protobuf message out.

Source: services/types/google_ads_service.py of google-ads 34; developers.google.com/google-ads/api/rest/common/search.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from grantkeeper.emulator.apis.access import Caller, Method, caller, refused
from grantkeeper.emulator.apis.ads import accounts, errors, gaql
from grantkeeper.emulator.apis.ads.gaql import Query, Row

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator

SCOPES = frozenset({"https://www.googleapis.com/auth/adwords"})
VERSIONS = (23, 24, 25, 26)
"""The versions that google-ads 34 ships."""
PAGE_ROWS = 10_000
"""Rows of a page of Search and of a batch of SearchStream: fixed since v19."""

Message = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What every method is called with: the API version, the lower-cased headers, and the id of this request."""

    emulator: Emulator
    version: int
    headers: Mapping[str, str] = field(repr=False)
    request_id: str

    def caller(self, service: str, method: str, customer_id: str = "") -> Caller:
        """Return who calls; `customer_id` is the customer that the call names.

        Raises:
            ApiError: the bearer token is missing or not good, its scopes are not enough, or a refusal was ordered.
            AdsError: the version is switched off, a developer token was sent empty, or a refusal was ordered.
        """
        name = f"google.ads.googleads.v{self.version}.services.{service}.{method}"
        full = Method(service="googleads.googleapis.com", name=name, scopes=SCOPES)
        found = caller(self.emulator, self.headers, full)
        if self.version not in VERSIONS:
            raise errors.unsupported_version(f"v{self.version}")
        if self.headers.get("developer-token") == "":
            raise errors.developer_token_missing()
        ordered = self.emulator.faults.take_refusal("google_ads", customer_id)
        if ordered:
            raise errors.ordered(ordered) if "." in ordered else refused(ordered, full, found.project)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A query on a customer. `page_token`, `validate_only` and `count` are of Search alone."""

    customer_id: str
    query: str
    page_token: str = ""
    page_size: int = 0
    validate_only: bool = False
    count: bool = False
    omit_results: bool = False


def list_accessible_customers(call: Call) -> Message:
    """Answer with the accounts that the caller reaches directly; the login-customer-id header does not matter.

    Raises:
        ApiError: the bearer token does not do.
        AdsError: the caller has no account.
    """
    who = call.caller("CustomerService", "ListAccessibleCustomers")
    direct = accounts.accessible(call.emulator.world, who.person)
    return {"resourceNames": [f"customers/{each.id}" for each in direct]}


def search(call: Call, request: Search) -> Message:
    """Answer with one page of rows.

    Raises:
        ApiError: the bearer token does not do.
        AdsError: the account, the query or the page is not to be had.
    """
    query, matches = _find(call, request, "Search")
    offset = _offset(request)
    if request.validate_only:
        return {}
    found = matches[: query.limit]
    page = found[offset : offset + PAGE_ROWS]
    answer: Message = {"fieldMask": _mask(query), "queryResourceConsumption": str(10 + len(page))}
    if page and not request.omit_results:
        answer["results"] = _results(query, page)
    if offset + PAGE_ROWS < len(found):
        answer["nextPageToken"] = _page_token(request, offset + PAGE_ROWS)
    if request.count:
        answer["totalResultsCount"] = str(len(matches))
    return answer


def search_stream(call: Call, request: Search) -> Sequence[Message]:
    """Answer with all rows, in batches; at least one, which is empty when nothing was found.

    Raises:
        ApiError: the bearer token does not do.
        AdsError: the account or the query is not to be had.
    """
    query, matches = _find(call, request, "SearchStream")
    found = matches[: query.limit]
    return [
        {
            "results": _results(query, found[start : start + PAGE_ROWS]),
            "fieldMask": _mask(query),
            "requestId": call.request_id,
            "queryResourceConsumption": str(10 + len(found)),
        }
        for start in range(0, max(1, len(found)), PAGE_ROWS)
    ]


def _find(call: Call, request: Search, method: str) -> tuple[Query, list[Row]]:
    """Check everything, then return the query and all rows that it finds, its limit not yet applied."""
    who = call.caller("GoogleAdsService", method, request.customer_id)
    login = call.headers.get("login-customer-id") or None
    target = accounts.reach(call.emulator.world, who.person, request.customer_id, login)
    accounts.check_project(who.project, target.account, call.version)
    if request.page_size:
        raise errors.page_size_not_supported(PAGE_ROWS)
    if not request.query.strip():
        raise errors.required_field("query")
    query = gaql.parse(request.query, accounts.RESOURCES)
    return query, query.matches(target.rows(query.resource.name))


def _results(query: Query, rows: Sequence[Row]) -> list[Message]:
    """Return the rows with the asked fields; each resource in them has its resource name, asked for or not."""
    asked = [(name, *map(_camel, name.split("."))) for name in query.fields]
    resources = dict.fromkeys([*(name.partition(".")[0] for name in query.fields), query.resource.name])
    named = [(_camel(each), f"{each}.resource_name") for each in resources]
    return [_result(asked, named, row) for row in rows]


def _result(asked: Sequence[Sequence[str]], named: Sequence[tuple[str, str]], row: Row) -> Message:
    result: Message = {part: {"resourceName": row[name]} for part, name in named}
    for name, part, member in asked:
        value = row[name]
        result[part][member] = str(value) if type(value) is int else value
    return result


def _mask(query: Query) -> str:
    return ",".join(".".join(_camel(part) for part in name.split(".")) for name in query.fields)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _page_token(request: Search, offset: int) -> str:
    """Make a token that is good for this query on this customer alone."""
    return base64.urlsafe_b64encode(f"{offset}.{_digest(request)}".encode()).decode()


def _offset(request: Search) -> int:
    if not request.page_token:
        return 0
    try:
        offset, _, digest = base64.urlsafe_b64decode(request.page_token.encode()).decode().partition(".")
    except (binascii.Error, UnicodeError) as error:
        raise errors.invalid_page_token() from error
    if digest != _digest(request) or not re.fullmatch("[0-9]{1,12}", offset):
        raise errors.invalid_page_token()
    return int(offset)


def _digest(request: Search) -> str:
    return hashlib.sha256(f"{request.customer_id}\n{request.query}".encode()).hexdigest()[:32]
