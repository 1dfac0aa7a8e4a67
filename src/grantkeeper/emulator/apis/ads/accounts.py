"""Who reaches which ad account, and what a query for accounts finds.

Source: developers.google.com/google-ads/api/docs/oauth/access-model, 2026-11-22; google-ads 34, resources/types.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from grantkeeper.emulator.apis.ads import errors
from grantkeeper.emulator.apis.ads.gaql import Kind, Resource, Row
from grantkeeper.emulator.world import AdsAccount, Person, Project, World

STATUSES = ("UNSPECIFIED", "UNKNOWN", "ENABLED", "CANCELED", "SUSPENDED", "CLOSED")
UNREACHABLE = ("CANCELED", "CLOSED")

_COMMON: dict[str, type[Kind]] = {
    "resource_name": str,
    "id": int,
    "descriptive_name": str,
    "currency_code": str,
    "time_zone": str,
    "manager": bool,
    "test_account": bool,
    "status": str,
}
_OF_A_CLIENT: dict[str, type[Kind]] = {**_COMMON, "client_customer": str, "level": int, "hidden": bool}
_CUSTOMER = {f"customer.{name}": kind for name, kind in _COMMON.items()}
_CUSTOMER_CLIENT = {f"customer_client.{name}": kind for name, kind in _OF_A_CLIENT.items()}
_ENUMS = {"customer.status": STATUSES, "customer_client.status": STATUSES}

# The fields of `customer` may be asked for beside those of `customer_client`: it is the resource's owner.
RESOURCES = {
    "customer": Resource(name="customer", fields=_CUSTOMER, enums=_ENUMS),
    "customer_client": Resource(name="customer_client", fields=_CUSTOMER_CLIENT | _CUSTOMER, enums=_ENUMS),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An account that the caller may query, in the world it stands in."""

    account: AdsAccount
    tree: Tree

    def rows(self, resource: str) -> Iterator[Row]:
        """Return every row of the resource, with all its fields."""
        owner = {f"customer.{name}": value for name, value in _common(self.account).items()}
        if resource == "customer":
            yield owner
            return
        # An account that manages nothing is answered with its own row alone.
        for account, level in self.tree.below(self.account):
            yield owner | _client_row(self.account, account, level)


@dataclass(frozen=True, slots=True)
class Tree:
    """The managers' tree (strictly: an acyclic graph) of a world."""

    world: World

    def below(self, root: AdsAccount) -> Iterator[tuple[AdsAccount, int]]:
        """Return the account itself (level 0) and all below it, each once, by its shortest way, nearest first."""
        seen = {root.id}
        wave, level = [root], 0
        while wave:
            yield from ((each, level) for each in wave)
            found = {child.id: child for each in wave for child in self.world.children(each.id) if child.id not in seen}
            seen.update(found)
            wave, level = list(found.values()), level + 1

    def holds(self, root: str, account_id: str) -> bool:
        """Tell whether the account is the root itself or somewhere below it; found upwards, where there are few."""
        wave, seen = {account_id}, set[str]()
        while wave and root not in wave:
            seen |= wave
            wave = {above.id for each in wave for above in self.world.managers(each)} - seen
        return root in wave


def accessible(world: World, person: Person) -> tuple[AdsAccount, ...]:
    """Return the accounts that the person reaches directly, cancelled ones included.

    Raises:
        AdsError: NOT_ADS_USER when there is none.
    """
    direct = world.direct_accounts(person.email)
    if not direct:
        raise errors.not_ads_user()
    return direct


def reach(world: World, person: Person, customer_id: str, login_customer_id: str | None) -> Target:
    """Return the account to work on, if the person may.

    The person must have direct access to the login customer, which is the customer itself when none is named, and the
    customer must be the login customer or below it.

    Raises:
        AdsError: an id is malformed or unknown, there is no such way to the account, or it is not enabled.
    """
    if not is_id(customer_id):
        raise errors.invalid_customer_id(customer_id)
    if login_customer_id is not None and not is_id(login_customer_id):
        raise errors.invalid_login_customer_id()
    direct = {each.id for each in accessible(world, person)}
    tree = Tree(world)
    account = world.account(customer_id)
    if account is None:
        raise errors.customer_not_found()
    login = login_customer_id or customer_id
    if login not in direct or not tree.holds(login, customer_id):
        raise errors.permission_denied()
    if account.status in UNREACHABLE:
        raise errors.not_enabled()
    return Target(account=account, tree=tree)


def check_project(project: Project, account: AdsAccount, version: int) -> None:
    """Check that the Cloud project's access level covers the account.

    Raises:
        AdsError: the project may use test accounts only, and this is none.
    """
    if project.ads_access == "test" and not account.test:
        raise errors.project_not_approved(version)


def is_id(text: str) -> bool:
    """Tell whether the text is a customer id: ten digits, no dashes."""
    return len(text) == 10 and text.isascii() and text.isdecimal()


def _common(account: AdsAccount) -> dict[str, Kind]:
    return {
        "resource_name": f"customers/{account.id}",
        "id": int(account.id),
        "descriptive_name": account.name,
        "currency_code": account.currency,
        "time_zone": account.time_zone,
        "manager": account.manager,
        "test_account": account.test,
        "status": account.status,
    }


def _client_row(owner: AdsAccount, account: AdsAccount, level: int) -> dict[str, Kind]:
    values = _common(account) | {
        "resource_name": f"customers/{owner.id}/customerClients/{account.id}",
        "client_customer": f"customers/{account.id}",
        "level": level,
        "hidden": account.hidden,
    }
    return {f"customer_client.{name}": value for name, value in values.items()}
