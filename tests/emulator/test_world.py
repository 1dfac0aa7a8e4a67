"""The world, the clock and the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest

from emulator.box import IDA
from grantkeeper.emulator import Clock, Request, World, WorldError
from grantkeeper.emulator.wire import Params
from grantkeeper.emulator.world import redirect_fault

PROJECT = '[[project]]\nid = "p"\nnumber = "1"\nname = "P"\n'
CLIENT = '[[client]]\nid = "c"\nsecret = "s"\nproject = "p"\n'
PERSON = '[[person]]\nemail = "a@b.example"\nsub = "123456789012345678901"\nname = "A B"\n'
ASSET = '[[asset]]\napi = "analytics"\nid = "properties/1"\nname = "Site"\n'
TREE = '[[ads_tree]]\nroot = "1000000000"\nname = "Top"\naccounts = 12\nmanagers = 5\ndepth = 2\n'
ACCOUNT = '[[ads_account]]\nid = "1234567890"\nname = "One"\nmanager = true\n'


def test_the_default_cast_has_what_the_demo_needs() -> None:
    """A manager with two children, one direct account, one cancelled, three networks of which one is for tests."""
    world = World.load()
    managers = [each for each in world.ads_accounts if each.manager]
    assert [len(world.children(each.id)) for each in managers] == [2]
    assert {each.status for each in world.ads_accounts} == {"ENABLED", "CANCELED"}
    assert len(world.direct_accounts(IDA)) == 2
    assert [each.test for each in world.networks] == [False, False, True]
    assert {each.kind for each in world.clients} == {"web", "installed"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("not = = toml", "not TOML"),
        ("[[people]]\n", "people: unknown table"),
        ('[project]\nid = "p"\n', "project: write it as [[project]]"),
        ('[[project]]\nid = "p"\n', "project[0]: Object missing required field `number`"),
        (PROJECT + 'colour = "red"\n', "project[0].colour: unknown key"),
        (PROJECT + "test_users = [3]\n", "project[0].test_users[0]: Expected `str`, got `int`"),
        (PROJECT + 'publishing = "soon"\n', "project[0].publishing: Invalid enum value 'soon'"),
        (PROJECT + PROJECT, "project.id: p occurs twice"),
        (CLIENT, "client.project: p is not described"),
        (PROJECT + CLIENT + 'redirect_uris = ["http://a.example/"]\n', "http://a.example/: must use https"),
        (PERSON.replace("1234", "12"), "person[0].sub"),
        (PERSON + PERSON.replace("a@", "A@").replace("1234", "9234"), "person.email: a@b.example occurs twice"),
        ('[[ads_account]]\nid = "123-456-7890"\nname = "One"\n', "ads_account[0].id"),
        (ACCOUNT + '[[ads_link]]\nmanager = "1234567890"\nclient = "1234567890"\n', "ads_link: 1234567890 is below"),
        (
            ACCOUNT + '[[ads_access]]\nperson = "x@y.example"\naccount = "1234567890"\n',
            "ads_access.person: x@y.example",
        ),
        ('[[network]]\ncode = "1"\nname = "N"\npeople = ["x@y.example"]\n', "network.people: x@y.example"),
        (TREE + "cancelled = -1\n", "ads_tree[0].cancelled: Expected `int` >= 0"),
        (TREE + "currencies = []\n", "ads_tree[0].currencies"),
        (TREE.replace("1000000000", "9999999990"), "ads_tree.root: 9999999990 leaves no room for 12 accounts"),
        (TREE + 'people = ["x@y.example"]\n', "ads_access.person: x@y.example is not described"),
        (TREE + ACCOUNT.replace("1234567890", "1000000003"), "ads_account.id: 1000000003 occurs twice"),
        (ASSET.replace("analytics", "photos"), "asset[0].api: Invalid enum value 'photos'"),
        (ASSET + ASSET, "asset.id (analytics): properties/1 occurs twice"),
        (ASSET + 'people = ["x@y.example"]\n', "asset.people: x@y.example is not described"),
        (ASSET + 'parent = "accounts/1"\n', "asset.parent (analytics): accounts/1 is not described"),
        (ASSET + 'parent = "properties/1"\n', "asset.parent: properties/1 is below itself"),
    ],
)
def test_a_wrong_world_is_refused_by_the_key(text: str, said: str) -> None:
    """Every member is checked, and the error names the one that is wrong."""
    with pytest.raises(WorldError) as caught:
        World.parse(text)
    assert said in str(caught.value)


def test_who_may_use_an_asset_may_use_what_is_below_it() -> None:
    """A person's assets are those that name the person and those below; an id belongs to its API alone."""
    named = ASSET.replace("properties/1", "accounts/1") + 'people = ["a@b.example"]\n'
    below = ASSET + 'parent = "accounts/1"\n'
    other_api = named.replace("analytics", "display_video")
    alone = ASSET.replace("properties/1", "properties/2")
    world = World.parse(PERSON + below + named + other_api + alone)
    assert [each.id for each in world.assets_of("analytics", "a@b.example")] == ["properties/1", "accounts/1"]
    assert [each.id for each in world.assets_of("display_video", "a@b.example")] == ["accounts/1"]
    assert world.assets_of("youtube", "a@b.example") == ()


def test_a_circle_is_found_wherever_it_hangs() -> None:
    """Two managers that manage each other, and a third below them: the error names one of the two."""
    accounts = "".join(ACCOUNT.replace("1234567890", f"123456789{each}") for each in range(3))
    links = "".join(
        f'[[ads_link]]\nmanager = "123456789{above}"\nclient = "123456789{below}"\n'
        for above, below in ((2, 0), (0, 1), (1, 0))
    )
    with pytest.raises(WorldError, match=r"ads_link: 123456789[01] is below itself"):
        World.parse(accounts + links)


def test_a_tree_grows_the_same_every_time() -> None:
    """Managers on levels of about the same size, accounts below all managers in turn; names differ."""
    text = PERSON + TREE + 'cancelled = 3\ntest = 2\ncurrencies = ["EUR", "USD"]\npeople = ["a@b.example"]\n'
    world = World.parse(text)
    managers = [each for each in world.ads_accounts if each.manager]
    clients = [each for each in world.ads_accounts if not each.manager]

    assert world == World.parse(text)
    assert [each.id for each in managers] == [str(1_000_000_000 + each) for each in range(6)]
    assert [len(world.children(each.id)) for each in managers] == [3 + 2, 2 + 1, 2 + 1, 2, 2, 2]
    assert [world.managers(each.id)[0].id[-1] for each in managers[1:]] == ["0", "0", "0", "1", "2"]
    assert [each.id for each in clients if each.status == "CANCELED"] == ["1000000009", "1000000013", "1000000017"]
    assert sum(each.test for each in clients) == 2
    assert {(each.currency, each.time_zone) for each in clients} == {
        ("EUR", "Europe/Berlin"),
        ("USD", "America/New_York"),
    }
    assert len({each.name for each in world.ads_accounts}) == 18
    assert world.direct_accounts("a@b.example") == (managers[0],)


def test_more_levels_than_managers_leave_no_manager_hanging() -> None:
    """Each stands below the one before."""
    world = World.parse(TREE.replace("managers = 5", "managers = 2").replace("depth = 2", "depth = 20"))

    assert [world.managers(f"100000000{each}")[0].id for each in (1, 2)] == ["1000000000", "1000000001"]


def test_a_crowd_has_accounts_of_its_own() -> None:
    """Beside those who are there; the world that it is made from stays as it was."""
    small = World.load()
    world = small.with_crowd(300, accounts=3)
    people = [each.email for each in world.people if each not in small.people]

    assert (len(people), people[0], people[-1]) == (300, "crowd-00001@crowd.example", "crowd-00300@crowd.example")
    assert {len(world.direct_accounts(each)) for each in people} == {3}
    assert len(world.ads_accounts) == len(small.ads_accounts) + 900
    assert world.direct_accounts(IDA) == small.direct_accounts(IDA)
    assert small.with_crowd(2, accounts=0).direct_accounts(people[0]) == ()


def test_a_cast_has_a_name() -> None:
    """`agency` is the second one; any other text is a path."""
    file = resources.files("grantkeeper.emulator").joinpath("cast_agency.toml")
    assert World.load("agency") == World.load(Path("agency")) == World.parse(file.read_text("utf-8"))
    with pytest.raises(WorldError, match="agencies: cannot be read"):
        World.load("agencies")


def test_a_world_comes_from_a_file(tmp_path: Path) -> None:
    """A path is read as TOML; one that cannot be read says so."""
    path = tmp_path / "world.toml"
    path.write_text(PROJECT + CLIENT + PERSON)
    assert World.load(path).person("A@B.EXAMPLE") == World.load(str(path)).person("123456789012345678901")
    with pytest.raises(WorldError, match="cannot be read"):
        World.load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("https://app.example/cb", None),
        ("http://localhost:1/cb?x=1", None),
        ("http://[::1]/cb", None),
        ("/cb", "must be absolute"),
        ("http://app.example/cb", "must use https, except on localhost"),
        ("https://192.0.2.1/cb", "must not use a raw IP address"),
        ("https://me@app.example/cb", "must not contain a user"),
        ("https://app.example/cb#", "must not contain a fragment"),
        ("https://*.app.example/cb", "must not contain a wildcard"),
        ("https://app.example/../cb", "must not traverse paths"),
        ("https://app.example/c b", "must not contain unprintable characters"),
        ("https://googleusercontent.com/cb", "must not be at googleusercontent.com"),
        ("https://app.example:port/cb", "not a URI"),
    ],
)
def test_a_redirect_uri_must_be_one_that_google_takes(uri: str, said: str | None) -> None:
    """Google's console refuses the others when they are registered."""
    assert redirect_fault(uri) == said


@pytest.mark.parametrize("uri", ["http://127.0.0.1:5/x", "http://[::1]:5/", "http://localhost/any?path=1"])
def test_an_installed_client_may_use_any_port_on_loopback(uri: str) -> None:
    """RFC 8252 section 7.3; a web client must match byte for byte."""
    web, installed = World.load().clients[:2]
    assert installed.accepts_redirect(uri)
    assert not web.accepts_redirect(uri)
    assert web.accepts_redirect(web.redirect_uris[0])
    assert not web.accepts_redirect(web.redirect_uris[0] + "/")


@pytest.mark.parametrize("uri", ["https://127.0.0.1/", "http://app.example/", "http://a@localhost/", "http://[/"])
def test_an_installed_client_stays_on_loopback(uri: str) -> None:
    """Other hosts, other schemes, user parts and broken URIs are refused."""
    assert not World.load().clients[1].accepts_redirect(uri)


def test_a_clock_moves_by_hand_only() -> None:
    """A fixed clock stands still until it is moved; a running one keeps what it was moved by."""
    start = datetime(2026, 11, 22, tzinfo=UTC)
    clock = Clock.fixed(start)
    clock.advance(timedelta(days=2))
    assert clock.now() == start + timedelta(days=2)
    clock.set(start)
    assert clock.now() == start
    assert not clock.runs
    running = Clock.running()
    running.set(start)
    assert running.runs
    assert timedelta() <= running.now() - start < timedelta(minutes=1)
    with pytest.raises(ValueError, match="aware"):
        clock.set(datetime(2026, 11, 22))  # noqa: DTZ001 (what is refused)


def test_a_request_never_prints_what_it_holds() -> None:
    """V-20: URL, headers, body and parameters hold codes and secrets."""
    request = Request(method="POST", url="/token?canary", headers={"Authorization": "canary"}, body=b"canary=canary")
    assert "canary" not in repr(request) + repr(Params.parse("canary=canary"))
