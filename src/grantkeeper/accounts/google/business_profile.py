"""Business Profile: the accounts that own or manage locations.

Source: the discovery document mybusinessaccountmanagement v1, revision 20261026, of google-api-python-client 2.202.0
(read 2026-11-23): GET v1/accounts, pages of at most 20, every account that the person owns or manages. It names no
scope; business.manage is that of developers.google.com/my-business/content/implement-oauth, 2026-11-23.
"""

from __future__ import annotations

from typing import Final

from ...model import FoundAccount
from ..discovery import Discovery, Steps
from ..paging import Listing, Row, identifier, listed, unique, words
from ..refusals import title

_KIND: Final = "business_profile"
_NAME: Final = r"accounts/([0-9]{1,30})"


def _steps(api_url: str | None) -> Steps:
    url = f"{api_url or 'https://mybusinessaccountmanagement.googleapis.com'}/v1/accounts"
    (accounts,) = yield from listed(_KIND, Listing(url=url, member="accounts", parameters={"pageSize": 20}))
    return unique(map(_found, accounts))


def _found(account: Row) -> FoundAccount:
    return FoundAccount(
        kind=_KIND,
        id=identifier(_KIND, account, "name", _NAME),
        name=words(account, "accountName"),
        status=words(account, "verificationState"),
        manager=account.get("type") == "ORGANIZATION",
    )


DISCOVERY: Final = Discovery(
    kind=_KIND,
    title=title(_KIND),
    noun="account",
    scopes=frozenset({"https://www.googleapis.com/auth/business.manage"}),
    steps=_steps,
)
