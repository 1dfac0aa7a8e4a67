"""Ways and parents, against a naive model of drawn graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.driver import as_person, emulated, walk, world
from grantkeeper.accounts.google.google_ads import DISCOVERY
from grantkeeper.accounts.trees import Tree, parents, unclear, ways
from grantkeeper.emulator import World
from grantkeeper.emulator.world import AdsAccess, AdsAccount, AdsLink
from grantkeeper.model import Way

PERSON = "ann@agency.example"


@dataclass(frozen=True)
class Graph:
    """Who manages whom, and which accounts a person reaches directly. Whoever may manage is in it, with or without."""

    below: Mapping[str, frozenset[str]]
    leaves: frozenset[str]
    roots: tuple[str, ...]

    @property
    def accounts(self) -> list[str]:
        """Every account."""
        return sorted({*self.below, *self.leaves})

    def levels(self, root: str) -> dict[str, int]:
        """Return how far below the root each account is, by the shortest way."""
        found, wave = {root: 0}, [root]
        while wave:
            far = found[wave[0]] + 1
            wave = [c for c in dict.fromkeys(c for e in wave for c in sorted(self.below.get(e, ()))) if c not in found]
            found |= dict.fromkeys(wave, far)
        return found

    def trees(self) -> list[Tree]:
        """Return what Google Ads would describe."""
        described = {root: self.levels(root) for root in self.roots}
        return [
            Tree(root=root, levels=levels, managers=frozenset(levels) & self.below.keys())
            for root, levels in described.items()
        ]

    def world(self) -> World:
        """Return it as an emulator's world."""
        base = world("", people=(PERSON,))
        accounts = tuple(AdsAccount(id=each, name=each, manager=each in self.below) for each in self.accounts)
        links = tuple(AdsLink(manager=m, client=c) for m, cs in self.below.items() for c in sorted(cs))
        access = tuple(AdsAccess(person=PERSON, account=each) for each in self.roots)
        return World(
            projects=base.projects,
            clients=base.clients,
            people=base.people,
            ads_accounts=accounts,
            ads_links=links,
            ads_access=access,
        )


@st.composite
def graphs(draw: st.DrawFn, *, single: bool) -> Graph:
    """Draw an acyclic graph; `single`: nobody hangs on two accounts, as within one hierarchy at Google."""
    managers = [str(1_000_000_000 + each) for each in range(draw(st.integers(1, 8)))]
    leaves = [str(2_000_000_000 + each) for each in range(draw(st.integers(0, 8)))]
    below: dict[str, set[str]] = {each: set() for each in managers}
    for number, account in enumerate([*managers, *leaves]):
        above = managers[: min(number, len(managers))]
        most = 1 if single else 3
        for manager in draw(st.lists(st.sampled_from(above), max_size=most, unique=True)) if above else ():
            below[manager].add(account)
    roots = draw(st.lists(st.sampled_from([*managers, *leaves]), min_size=1, max_size=4, unique=True))
    frozen = {each: frozenset(children) for each, children in below.items()}
    return Graph(below=frozen, leaves=frozenset(leaves), roots=tuple(roots))


def told(graph: Graph) -> dict[str, frozenset[str]]:
    """Return what the managers answer that have to be asked."""
    return {manager: graph.below[manager] for manager in unclear(graph.trees())}


@given(graphs(single=False))
def test_there_is_a_way_from_every_root_that_an_account_is_below(graph: Graph) -> None:
    """Every (root, length) pair, the shortest first, then by root."""
    pairs = {(account, level, root) for root in graph.roots for account, level in graph.levels(root).items()}

    found = ways(graph.trees())

    assert {(each, way.length, way.root) for each, several in found.items() for way in several} == pairs
    for several in found.values():
        assert list(several) == sorted(several, key=lambda way: (way.length, way.root))


@given(graphs(single=True))
def test_where_nothing_hangs_twice_every_parent_is_known(graph: Graph) -> None:
    """As Google links accounts: what hangs on what is known whole, although not every manager was asked."""
    seen = {account for root in graph.roots for account in graph.levels(root)}
    links = {(c, m) for m, children in graph.below.items() for c in children if m in seen}

    found = parents(graph.trees(), told(graph))

    assert {(account, each) for account, several in found.items() for each in several} == links


@given(graphs(single=False))
def test_every_parent_that_is_named_is_one_and_nothing_found_below_a_root_is_without(graph: Graph) -> None:
    """In any graph: no link is made up, and none of the shortest ways is missing."""
    found = parents(graph.trees(), told(graph))

    assert all(account in graph.below[each] for account, several in found.items() for each in several)
    for root in graph.roots:
        levels = graph.levels(root)
        for account, level in levels.items():
            nearest = {m for m, children in graph.below.items() if account in children and levels.get(m) == level - 1}
            assert nearest <= set(found.get(account, ()))


@given(graphs(single=False))
def test_only_managers_that_share_a_level_are_asked(graph: Graph) -> None:
    """Nobody is asked who is a root, alone on its level, or on the lowest one."""
    asked = unclear(graph.trees())

    for manager, root in asked.items():
        levels = graph.levels(root)
        beside = [each for each in levels if each in graph.below and levels[each] == levels[manager]]
        assert len(beside) > 1
        assert levels[manager] < max(levels.values())
        assert manager not in graph.roots


@settings(max_examples=40)
@given(graphs(single=False))
def test_the_emulators_answers_lead_to_the_same_accounts_ways_and_parents(graph: Graph) -> None:
    """The whole look, over requests and answers, agrees with the graph."""
    done = walk(DISCOVERY, as_person(emulated(graph.world()), PERSON, "adwords"))

    above = parents(graph.trees(), told(graph))
    assert {each: found.ways for each, found in done.by_id.items()} == ways(graph.trees())
    assert {each: found.parents for each, found in done.by_id.items() if found.parents} == above
    assert len(done.requests) == 1 + len(graph.roots) + len(unclear(graph.trees()))


def test_where_two_managers_do_not_tell_nothing_is_guessed() -> None:
    """Select-all below a manager must not take an account that may hang on another one."""
    levels = {"top": 0, "one": 1, "two": 1, "leaf": 2}
    tree = Tree(root="top", levels=levels, managers=frozenset({"top", "one", "two"}))

    assert parents([tree], {}) == {"one": ("top",), "two": ("top",)}
    assert parents([tree], {"one": []}) == {"one": ("top",), "two": ("top",), "leaf": ("two",)}


def test_what_a_manager_tells_of_accounts_that_no_tree_has_is_ignored() -> None:
    """Between two requests the tree may change: parents are of accounts that were found."""
    tree = Tree(root="top", levels={"top": 0, "one": 1}, managers=frozenset({"top", "one"}))

    assert parents([tree], {"one": ["new", "one"]}) == {"one": ("top",)}
    assert ways([tree])["one"] == (Way(root="top", length=1),)
