"""A grant as a GoogleAdsClient (package google-ads): today's AdWordsClient.

ads = google_ads.client(keeper, grant.id, customer_id="123-456-7890")
with google_auth.api_errors(ads):
    ads.get_service("GoogleAdsService").search(customer_id=ads.customer_id, query="SELECT campaign.name FROM campaign")

for ads, customer_id in google_ads.customers(keeper): ...
"""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, get_args

from grantkeeper.errors import GrantkeeperError, InvalidInput, check_word
from grantkeeper.model import Account, Grant, TokenSource

from . import google_auth
from .extras import extra
from .reached import (
    Ambiguous,
    GrantSource,
    Managers,
    Skipped,
    account_of,
    check_ambiguous,
    check_login,
    every_account,
    login_of,
    only_account,
    warn,
)

if TYPE_CHECKING:
    from .channels.ads_client import GrantAdsClient

__all__ = ["Customer", "client", "customers"]

KIND: Final = "google_ads"

_CUSTOMER_ID: Final = re.compile(r"([0-9]{3})-?([0-9]{3})-?([0-9]{4})")
"""Ten digits, with or without the dashes of Google's pages (google.ads.googleads.config asks for ten digits)."""

_HOST_AND_PORT: Final = re.compile(r"[A-Za-z0-9.\-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:]+\](:[0-9]{1,5})?")


def client(
    source: TokenSource,
    grant_id: str,
    *,
    customer_id: str | int | None = None,
    login_customer_id: str | int | None = None,
    ambiguous: Ambiguous = "refuse",
    linked_customer_id: str | int | None = None,
    developer_token: str | None = None,
    endpoint: str | None = None,
    version: str | None = None,
    use_proto_plus: bool = True,
) -> GrantAdsClient:
    """Return a GoogleAdsClient that acts for the grant; its `customer_id` is the account that it is for, if any.

    Asks the source which accounts the grant shares, which asks Google once after a consent; no other I/O: the first
    call asks for a token. The library's `http_proxy` is not offered: it would apply to every client of the process
    (google-ads 34, client.py); gRPC honours the environment variable `https_proxy`.

    Args:
        source: a Keeper or a Remote.
        grant_id: the grant.
        customer_id: the account that the calls are for; it has to be shared and enabled, and the manager account
            through which its person reaches it is found. Default: the one account that is shared, when it is one.
        login_customer_id: that manager account, when you know better; "123-456-7890", "1234567890" or a number. Without
            `customer_id`, it has to be shared or to lead to an account that is, unless the grant does not know it.
        ambiguous: what to do when several managers lead to `customer_id` equally directly: "refuse", or take the
            "first", the one of the lowest id.
        linked_customer_id: the same forms; only for the few calls that ask for it.
        developer_token: left out when empty: Google ended them on 2026-09-09, and an empty one is refused.
        endpoint: host or host:port instead of googleads.googleapis.com; always over TLS.
        version: "v26", say; default is the library's newest.
        use_proto_plus: messages as proto-plus (the default) or as plain protobuf.

    Raises:
        InvalidInput: a customer id, the developer token, the endpoint, the version or `ambiguous` cannot be right;
            several managers lead to the account; `source` knows of no accounts and `customer_id` is given.
        AccessRefused: the account is not shared, lost or not enabled, or no manager leads to it; `.code` says which.
        NotFound: the grant never reached the account.
        Misconfigured: google-ads is not installed.
        ConsentRequired, ProviderUnavailable ...: the accounts were not looked at yet, and cannot be.
    """
    make = _maker(linked_customer_id, developer_token, endpoint, version, use_proto_plus=use_proto_plus)
    check_ambiguous(ambiguous)
    login, wanted = _digits("login_customer_id", login_customer_id), _digits("customer_id", customer_id)
    account: Account | None = None
    if wanted is not None:
        account = account_of(source, grant_id, kind=KIND, account_id=wanted)
    elif login is None:
        account = only_account(source, grant_id, kind=KIND)
    else:
        check_login(source, grant_id, kind=KIND, login=login)
    if account is not None and login is None:
        login = login_of(account, ambiguous)
    credentials = google_auth.credentials(source, grant_id)
    return make(credentials=credentials, login_customer_id=login, customer_id=account.id if account else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """An account of a grant, and the client to call it with; unpacks as `client, customer_id`."""

    client: GrantAdsClient = field(repr=False)
    account: Account
    grant: Grant

    def __iter__(self) -> Iterator[Any]:
        yield self.client
        yield self.account.id


def customers(
    source: GrantSource,
    *,
    owner: str | None = None,
    client: str | None = None,
    managers: Managers = "leave_out",
    ambiguous: Ambiguous = "first",
    skipped: Skipped | None = None,
    developer_token: str | None = None,
    endpoint: str | None = None,
    version: str | None = None,
    use_proto_plus: bool = True,
) -> Iterator[Customer]:
    """Yield every account that every active grant shares and that is enabled, each with a client for it.

    Lazily and page by page: for thousands of grants, begin with the first. Accounts of one grant that need the same
    login customer id have one client.

    Args:
        source: a Keeper or a Remote.
        owner: only grants of this owner.
        client: only grants of the OAuthClient of this name.
        managers: whether manager accounts, which have no campaigns, are left out or included.
        ambiguous: as in `client`, but "first" by default: all ways lead to the same figures.
        skipped: called with a grant and an error, instead of a warning in the log, when the grant needs a new consent
            or its accounts cannot be had, and for each account that `ambiguous="refuse"` refuses; the rest goes on.
        developer_token: as in `client`.
        endpoint: as in `client`.
        version: as in `client`.
        use_proto_plus: as in `client`.

    Raises:
        InvalidInput, Misconfigured: as `client`. DatabaseUnavailable: the grants cannot be read.
        Whatever is no GrantkeeperError is a bug, and ends the whole: it would be there for each of the grants.
    """
    make = _maker(None, developer_token, endpoint, version, use_proto_plus=use_proto_plus)
    check_ambiguous(ambiguous)
    check_word("managers", managers, get_args(Managers))
    tell = skipped or warn
    found = every_account(source, KIND, owner=owner, client=client, managers=managers, skipped=tell)
    return _customers(source, make, found, ambiguous, tell)


def _customers(
    source: TokenSource,
    make: Callable[..., GrantAdsClient],
    found: Iterable[tuple[Grant, Account]],
    ambiguous: Ambiguous,
    tell: Skipped,
) -> Iterator[Customer]:
    for grant, pairs in groupby(found, key=itemgetter(0)):
        credentials = google_auth.credentials(source, grant.id)
        made: dict[str | None, GrantAdsClient] = {}
        for _, account in pairs:
            try:
                login = login_of(account, ambiguous)
            except GrantkeeperError as error:
                tell(grant, error)
                continue
            if login not in made:
                made[login] = make(credentials=credentials, login_customer_id=login)
            yield Customer(client=made[login], account=account, grant=grant)


def _maker(
    linked_customer_id: str | int | None,
    developer_token: str | None,
    endpoint: str | None,
    version: str | None,
    *,
    use_proto_plus: bool,
) -> Callable[..., GrantAdsClient]:
    """Return what makes clients once the grant and the account are known; everything else is checked here."""
    with extra("google-ads", "google-ads"):
        from .channels.ads_client import GrantAdsClient

    return partial(
        GrantAdsClient,
        developer_token=_developer_token(developer_token),
        endpoint=_endpoint(endpoint),
        linked_customer_id=_digits("linked_customer_id", linked_customer_id),
        version=_version(version),
        use_proto_plus=use_proto_plus,
    )


def _developer_token(token: str | None) -> str | None:
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise InvalidInput(
            "developer_token has characters that no header can carry.",  # not which: it is a secret
            advice="Pass it as Google's API Center shows it, without a line break or a space, or leave it out.",
        )
    return token or None


def _digits(name: str, value: str | int | None) -> str | None:
    if value is None:
        return None
    digits = _CUSTOMER_ID.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if digits is None:
        raise InvalidInput(
            f"{name}={value!r:.40} is not a Google Ads customer id.",
            advice="Allowed are ten digits, with or without dashes: '123-456-7890', '1234567890' or 1234567890.",
        )
    return "".join(digits.groups())


def _endpoint(endpoint: str | None) -> str | None:
    if endpoint is not None and not _HOST_AND_PORT.fullmatch(endpoint):
        raise InvalidInput(
            f"endpoint={endpoint!r:.80} is not a host.",
            advice="Allowed are 'host' and 'host:port', without 'https://' and path; the connection is always TLS.",
        )
    return endpoint


def _version(version: str | None) -> str | None:
    import google.ads.googleads

    packages = (each.name for each in pkgutil.iter_modules(google.ads.googleads.__path__))
    known = sorted(name for name in packages if re.fullmatch(r"v[0-9]+", name))
    if version is not None and version not in known:
        raise InvalidInput(
            f"version={version!r:.20} is not in the installed google-ads.", advice=f"Allowed are {', '.join(known)}."
        )
    return version
