"""V-60: every id tried with every key that is not for it, over the whole table of operations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from api.asking import Asker, Site
from api.test_keys import BODIES
from grantkeeper import Keeper
from grantkeeper.testing import Connect
from grantkeeper.web.api.operations import Operation
from grantkeeper.web.api.table import OPERATIONS
from keeper.people import IDA, SAM, TOM

OWNERS: Final = ("acme", "globex")
CLIENTS: Final = ("google-ads", "ad-manager")
PERSONS: Final = {"acme": IDA, "globex": TOM}
WITH_IDS: Final = [each for each in OPERATIONS if each.places]
KEYS: Final[dict[str, dict[str, list[str]]]] = {
    "another owner": {"owners": ["globex"]},
    "another client": {"clients": ["ad-manager"]},
    "this owner at another client": {"owners": ["acme"], "clients": ["ad-manager"]},
    "this client for another owner": {"owners": ["globex"], "clients": ["google-ads"]},
    "part of its name": {"owners": ["acm", "acme-2", "ACME"]},
}
"""Restrictions that do not reach what is acme's at google-ads."""

FREE: Final = {
    ("readEvents", "grant_id"),
    ("makeLink", "grant_id"),
    ("makeLink", "owner"),
    ("makeLink", "client"),
    ("listGrants", "owner"),
    ("listGrants", "client"),
    ("listLinks", "owner"),
    ("listLinks", "client"),
}
"""Where an id or an owner stands in a query or a body of an operation that restricted keys may use; all tried below."""
UNDER_A_GRANT: Final = {("readAccount", "account_id")}
"""Ids that mean nothing without the grant in the path."""


@dataclass
class World:
    """What there is: for each owner and client a grant and a link; and what belongs to no owner."""

    grants: dict[tuple[str, str], str] = field(default_factory=dict)
    links: dict[tuple[str, str], str] = field(default_factory=dict)
    key_id: str = ""
    endpoint_id: str = ""

    def ids(self, owner: str, client: str) -> dict[str, str]:
        """Return an id for each name that stands in a path."""
        return {
            "grant_id": self.grants[owner, client],
            "link_id": self.links[owner, client],
            "key_id": self.key_id,
            "endpoint_id": self.endpoint_id,
        }


@pytest.fixture
def world(keeper: Keeper, connect: Connect) -> Iterator[World]:
    """Two owners, each connected to both clients; nothing of it may have changed when the test is over."""
    made = World()
    for owner in OWNERS:
        for client in CLIENTS:
            made.grants[owner, client] = connect(owner, PERSONS[owner], client).id
            made.links[owner, client] = keeper.link(owner, client).link.id
    made.key_id = keeper.keys.create("somebody's", ["grants:read"]).key.id
    made.endpoint_id = keeper.webhooks.add("https://books.example.com/hooks")[0].id
    before = rows(keeper)
    yield made
    assert rows(keeper) == before


def rows(keeper: Keeper) -> Any:
    """Return everything that a request could change; how often keys are used is not of it."""
    keys = {each.id: each.revoked_at for each in keeper.keys.all() if each.name == "somebody's"}
    return list(keeper.grants()), keeper.links.page(), keys, keeper.webhooks.all(), keeper.events()


def ask(asker: Asker, operation: Operation, ids: dict[str, str]) -> Any:
    """Ask for an operation about these."""
    query = {"kind": "google_ads"} if operation.name == "readAccount" else {}
    return asker.ask(operation.method, operation.path.format(**ids), body=BODIES.get(operation.name), query=query)


def told(answer: Any, ids: dict[str, str]) -> Any:
    """Return an answer without the ids that were asked for."""
    text = answer.text
    for each in ids.values():
        text = text.replace(each, "ID")
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return answer.status_code, text, headers


@pytest.mark.parametrize("operation", WITH_IDS, ids=lambda each: each.name)
def test_a_foreign_id_is_as_one_that_is_not_there(site: Site, world: World, operation: Operation) -> None:
    """V-45, V-60: whichever restriction keeps a key from it; what belongs to no owner is for keys without one."""
    ids = world.ids("acme", "google-ads")
    unknown = {name: f"{value[:3]}nobodys" for name, value in ids.items()}
    for why, restriction in KEYS.items():
        asker = site.asker("admin", **restriction)  # type: ignore[arg-type]
        foreign = ask(asker, operation, ids)
        assert foreign.status_code == (403 if operation.whole else 404), why
        assert told(foreign, ids) == told(ask(asker, operation, unknown), unknown), why


@pytest.mark.parametrize("operation", [each for each in WITH_IDS if each.whole], ids=lambda each: each.name)
def test_what_belongs_to_no_owner_is_not_there_for_an_unknown_id(
    site: Site, world: World, operation: Operation
) -> None:
    """For a key without a restriction: 404, in the words of this API."""
    unknown = {name: f"{value[:3]}nobodys" for name, value in world.ids("acme", "google-ads").items()}
    answer = ask(site.asker("admin"), operation, unknown)
    assert answer.status_code == 404
    assert "grantkeeper " not in answer.json().get("advice", "") or "keys" in operation.path


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.whole], ids=lambda each: each.name)
def test_what_concerns_all_is_for_keys_for_all(site: Site, world: World, operation: Operation) -> None:
    """V-60: lists too: a restricted key learns of no other key, endpoint or entry of the audit log."""
    answer = ask(site.asker("admin", owners=["acme"]), operation, world.ids("acme", "google-ads"))
    assert (answer.status_code, answer.json()["error"]) == (403, "NotAllowed")


def test_every_id_that_can_be_sent_is_known_here() -> None:
    """A new operation that takes an id in its path, its query or its body has to be thought of above."""
    assert {place for each in OPERATIONS for place in each.places} == set(World().__dict__) - {"grants", "links"} | {
        "grant_id",
        "link_id",
    }
    found = set()
    for each in OPERATIONS:
        names = [*each.query.__struct_fields__, *(each.body.__struct_fields__ if each.body else ())]
        found |= {(each.name, name) for name in names if name.endswith("_id") or name in ("owner", "client", "target")}
    whole = {each.name for each in OPERATIONS if each.whole}
    assert {each for each in found if each[0] not in whole} == FREE | UNDER_A_GRANT


def test_ids_in_queries_lead_nowhere_else(site: Site, world: World) -> None:
    """V-60: asking for another's events, grants and links by name is asking for nothing."""
    asker = site.asker("admin", owners=["globex"], clients=["ad-manager"])
    foreign = world.grants["acme", "google-ads"]
    assert asker.get("/v1/events", grant_id=foreign).json()["items"] == []
    assert asker.get("/v1/events", grant_id=foreign).text == asker.get("/v1/events", grant_id="gr_nobodys").text
    for path in ("/v1/grants", "/v1/links"):
        for query in ({"owner": "acme"}, {"client": "google-ads"}, {"owner": "acme", "client": "google-ads"}):
            assert asker.get(path, **query).json() == {"items": [], "next": None}
        (mine,) = asker.get(path).json()["items"]
        assert (mine["owner"], mine["client"]) == ("globex", "ad-manager")


@pytest.mark.parametrize(
    "body",
    [
        {"owner": "acme", "client": "ad-manager"},
        {"owner": "globex", "client": "google-ads"},
        {"owner": "globex", "client": "ad-manager", "grant_id": "acme at google-ads"},
        {"owner": "globex", "client": "ad-manager", "grant_id": "globex at google-ads"},
    ],
)
def test_ids_in_bodies_lead_nowhere_else(site: Site, world: World, body: dict[str, str]) -> None:
    """V-46, V-60: no link for another, and none by which another's grant is consented to again."""
    asker = site.asker("links:write", owners=["globex"], clients=["ad-manager"])
    owner, _, client = body.get("grant_id", "").partition(" at ")
    foreign = world.grants.get((owner, client))
    answer = asker.post("/v1/links", {**body, **({"grant_id": foreign} if foreign else {})})
    unknown = asker.post("/v1/links", {**body, **({"grant_id": "gr_nobodys"} if foreign else {})})

    assert answer.status_code in (403, 404)
    assert answer.text.replace(foreign or "-", "ID") == unknown.text.replace("gr_nobodys", "ID")


def test_siblings_and_clients_of_others_are_not_listed(site: Site, keeper: Keeper, connect: Connect) -> None:
    """V-60: where an answer could name another's grant beside one's own."""
    ours, theirs = connect("acme", SAM), connect("globex", SAM)
    asker = site.asker("grants:read", owners=["acme"], clients=["google-ads"])

    assert asker.get(f"/v1/grants/{ours.id}/siblings").json()["items"] == []
    assert theirs.id not in asker.get(f"/v1/grants/{ours.id}").text
    assert [each["name"] for each in asker.get("/v1/clients").json()["items"]] == ["google-ads"]
