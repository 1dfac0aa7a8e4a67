"""`grantkeeper accounts`: what is shared, what there is, what changed."""

from __future__ import annotations

from dataclasses import replace

from cli.conftest import Home
from cli.files.made import connected
from grantkeeper.cli.exits import Exit, as_data, exit_code
from grantkeeper.emulator import Emulator
from grantkeeper.errors import AccessRefused
from keeper.people import IDA, SAM


def lose(emulator: Emulator, *accounts: str) -> None:
    """Take Ida's access to these accounts away, and links to them."""
    world = emulator.world
    emulator.world = replace(
        world,
        ads_access=tuple(each for each in world.ads_access if each.account not in accounts),
        ads_links=tuple(each for each in world.ads_links if each.client not in accounts),
    )


def test_a_table_shows_what_is_shared_and_how_it_is_reached(home: Home, emulator: Emulator) -> None:
    """Kind, id, name, status, currency, through whom."""
    done = home.call("accounts", connected(home, emulator, SAM), "--kind", "google_ads")

    assert done.code == 0, done.err
    head, *rows = done.out.splitlines()
    assert head.split() == ["KIND", "ID", "NAME", "STATUS", "CURRENCY", "THROUGH", "SHARED"]
    nordwind = next(row for row in rows if "2223334441" in row)
    assert nordwind.split() == [
        "google_ads",
        "2223334441",
        "Nordwind",
        "Outdoor",
        "ENABLED",
        "EUR",
        "1112223330",
        "yes",
    ]


def test_it_is_searched_and_told_to_programs(home: Home, emulator: Emulator) -> None:
    """By part of a name or an id."""
    grant = connected(home, emulator, IDA)
    (found,) = home.call("accounts", grant, "--search", "winter", "--json").json["accounts"]

    assert (found["id"], found["currency"], found["time_zone"], found["shared"], found["through"]) == (
        "4445556663",
        "SEK",
        "Europe/Stockholm",
        True,
        "",
    )
    assert home.call("accounts", grant, "--search", "nothing-of-that-name").err == "There is no such account.\n"
    assert home.call("accounts", grant, "--kind", "no_such_kind").code == 3


def test_a_look_says_what_was_lost_and_what_appeared(home: Home, emulator: Emulator) -> None:
    """One of several is another matter than the last."""
    grant = connected(home, emulator, IDA)
    home.call("accounts", grant)
    assert "Nothing changed." in home.call("accounts", grant, "--look").err
    world = emulator.world
    lose(emulator, "4445556663")
    one = home.call("accounts", grant, "--look")
    assert "Lost: 4445556663 (Nordwind Winter Sale)" in one.err
    assert "shared are left" in one.err
    assert "lost 20" in home.call("accounts", grant, "--all").out

    emulator.world = replace(emulator.world, networks=())
    lose(emulator, "4445556663", "2223334441")
    last = home.call("accounts", grant, "--look", "--json").json["changes"]
    assert (last["shared_left"], last["last_shared_lost"]) == (0, True)
    emulator.world = world
    back = home.call("accounts", grant, "--look")
    assert "Appeared: " in back.err


def test_losing_the_last_shared_account_is_said_aloud(home: Home, emulator: Emulator) -> None:
    """Nothing can be done with the grant any more."""
    grant = connected(home, emulator, IDA)
    home.call("accounts", grant)
    emulator.world = replace(emulator.world, networks=())
    lose(emulator, "4445556663", "2223334441")
    done = home.call("accounts", grant, "--look")

    assert "NO SHARED ACCOUNT IS LEFT" in done.err
    assert "none of them is shared" in done.err or "reaches" in done.err


def test_show_says_how_many_are_shared_without_asking_anybody(home: Home, emulator: Emulator) -> None:
    """And nothing of it before they were looked at."""
    grant = connected(home, emulator, IDA)
    assert "shares" not in home.call("show", grant).out
    home.call("accounts", grant)
    asked = len(emulator.requests("/v26/customers:listAccessibleCustomers"))
    shown = home.call("show", grant)

    assert "shares       3 of 3 accounts" in shown.out
    assert home.call("show", grant, "--json").json["accounts"] == {"reached": 3, "shared": 3}
    assert len(emulator.requests("/v26/customers:listAccessibleCustomers")) == asked


def test_a_refused_account_is_the_owners_matter() -> None:
    """Exit code 4; a program is told which account, and who."""
    error = AccessRefused("Not shared.", who="person", code="not_shared", grant_id="gr_x", account_id="2223334441")

    assert exit_code(error) is Exit.OWNER
    data = as_data(error, Exit.OWNER)
    assert (data["account_id"], data["who"], data["code"]) == ("2223334441", "person", "not_shared")
