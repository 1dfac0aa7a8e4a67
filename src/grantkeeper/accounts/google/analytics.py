"""Google Analytics: accounts, and the properties below them.

Source: the discovery document analyticsadmin v1beta, revision 20261102, of google-api-python-client 2.202.0 (read
2026-11-23): GET v1beta/accountSummaries, pages of at most 200, scopes analytics.readonly and analytics.edit. That the
wider scope `analytics` is enough as well is not documented.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...model import FoundAccount, Way
from ..discovery import Discovery, Steps
from ..paging import Listing, Row, identifier, listed, sublist, unique, words
from ..refusals import title

_KIND: Final = "analytics"
_ACCOUNT: Final = r"(accounts/[0-9]{1,20})"
"""Accounts keep their prefix: accounts and properties are numbered apart, and an id is unique within a kind."""
_PROPERTY: Final = r"properties/([0-9]{1,20})"


def _steps(api_url: str | None) -> Steps:
    url = f"{api_url or 'https://analyticsadmin.googleapis.com'}/v1beta/accountSummaries"
    (summaries,) = yield from listed(_KIND, Listing(url=url, member="accountSummaries", parameters={"pageSize": 200}))
    return unique(found for summary in summaries for found in _found(summary))


def _found(summary: Row) -> Iterator[FoundAccount]:
    account = identifier(_KIND, summary, "account", _ACCOUNT)
    yield FoundAccount(
        kind=_KIND, id=account, name=words(summary, "displayName"), manager=True, ways=(Way(root=account, length=0),)
    )
    properties = sublist(_KIND, summary, "propertySummaries")
    ids = [identifier(_KIND, each, "property", _PROPERTY) for each in properties]
    for property_id, each in zip(ids, properties, strict=True):
        # A subproperty's parent is a property, which may be one that this person does not see.
        above = words(each, "parent").removeprefix("properties/")
        below_property = above in ids and above != property_id
        yield FoundAccount(
            kind=_KIND,
            id=property_id,
            name=words(each, "displayName"),
            parents=(above if below_property else account,),
            ways=(Way(root=account, length=2 if below_property else 1),),
        )


DISCOVERY: Final = Discovery(
    kind=_KIND,
    title=title(_KIND),
    noun="property",
    scopes=frozenset(
        {
            "https://www.googleapis.com/auth/analytics.readonly",
            "https://www.googleapis.com/auth/analytics.edit",
        }
    ),
    steps=_steps,
    written=lambda account_id: account_id.removeprefix("accounts/"),
)
