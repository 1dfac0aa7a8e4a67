"""What must hold in a world."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from grantkeeper.emulator.world.values import WorldError, redirect_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from grantkeeper.emulator.world.world import World


def check(world: World) -> None:
    """Check that ids are unique, that what is named is described, and that nothing is below itself.

    Raises:
        WorldError: the text names the key.
    """
    _unique("project.id", [each.id for each in world.projects])
    _unique("client.id", [each.id for each in world.clients])
    _unique("person.email", [each.email.lower() for each in world.people])
    _unique("person.sub", [each.sub for each in world.people])
    _unique("ads_account.id", [each.id for each in world.ads_accounts])
    _unique("network.code", [each.code for each in world.networks])
    people = {each.email for each in world.people}
    _known("network.people", people, [email for each in world.networks for email in each.people])
    _check_clients(world)
    _check_ads(world, people)
    _check_assets(world, people)


def _check_clients(world: World) -> None:
    projects = {each.id for each in world.projects}
    _known("client.project", projects, [each.project for each in world.clients])
    for client in world.clients:
        for uri in client.redirect_uris:
            wrong = redirect_fault(uri)
            if wrong:
                raise WorldError(f"client.redirect_uris: {uri}: {wrong}")


def _check_ads(world: World, people: set[str]) -> None:
    accounts = {each.id for each in world.ads_accounts}
    managers = {each.id for each in world.ads_accounts if each.manager}
    _known("ads_access.person", people, [each.person for each in world.ads_access])
    _known("ads_access.account", accounts, [each.account for each in world.ads_access])
    _known("ads_link.client", accounts, [each.client for each in world.ads_links])
    _known("ads_link.manager", managers, [each.manager for each in world.ads_links])
    _acyclic("ads_link", [(each.manager, each.client) for each in world.ads_links])


def _check_assets(world: World, people: set[str]) -> None:
    _known("asset.people", people, [email for each in world.assets for email in each.people])
    for api in sorted({each.api for each in world.assets}):
        assets = [each for each in world.assets if each.api == api]
        ids = [each.id for each in assets]
        _unique(f"asset.id ({api})", ids)
        links = [(each.parent, each.id) for each in assets if each.parent]
        _known(f"asset.parent ({api})", set(ids), [parent for parent, _ in links])
        _acyclic("asset.parent", links)


def _unique(key: str, values: Sequence[str]) -> None:
    doubled = [value for value, count in Counter(values).items() if count > 1]
    if doubled:
        raise WorldError(f"{key}: {doubled[0]} occurs twice")


def _known(key: str, known: set[str], values: Iterable[str]) -> None:
    for value in values:
        if value not in known:
            raise WorldError(f"{key}: {value} is not described")


def _acyclic(key: str, links: Sequence[tuple[str, str]]) -> None:
    """Take away what has nothing above it, again and again: what stays is below a circle, or in it."""
    below: dict[str, list[str]] = defaultdict(list)
    above = Counter(child for _, child in links)
    for parent, child in links:
        below[parent].append(child)
    free = [parent for parent in below if parent not in above]
    while free:
        for child in below.pop(free.pop(), ()):
            above[child] -= 1
            if not above[child]:
                free.append(child)
    if below:
        parents = {child: parent for parent, child in links if parent in below}
        one, seen = next(iter(below)), set[str]()
        while one not in seen:
            seen.add(one)
            one = parents[one]
        raise WorldError(f"{key}: {one} is below itself")
