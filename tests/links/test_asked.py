"""What a link is asked to be is checked; where it leads back is one of the business's own origins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper import InvalidInput, Keeper, Misconfigured, NotFound
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.links.addresses import checked_origin, checked_pages_url
from grantkeeper.model import Picker
from grantkeeper.store import SqlStore
from grantkeeper.testing import emulated_keeper, oauth_client
from links.walking import IDA, token_of

ORIGIN = "https://app.example.com"
WRONG_WAYS = (
    "//app.example.com",
    "/\\evil.example",
    "//evil.example",
    "/path",
    "https:app.example.com",
    "https:/app.example.com",
    "https:///app.example.com/",
    "https://evil.example/",
    "https://app.example.com.evil.example/",
    "https://app.example.com@evil.example/",
    "https://user@app.example.com/",
    "https://user:pass@app.example.com/",
    "https://app.example.com:444/",
    "https://app.example.com:/",
    "https://app.example.comevil.example/",
    "https://app.example.com\\@evil.example/",
    "https://app.example.com\\.evil.example",
    "https://app.example.com/\\evil",
    "https://app.example.com/\tpath",
    "https://app.example.com/\npath",
    "https://app.exa\tmple.com/",
    "h\nttps://app.example.com/",
    " https://app.example.com/",
    "https://app.example.com/ ",
    "https://app.example.com/a b",
    "https://app\u3002example\u3002com/",
    "https://app\uff0eexample.com/",
    "https://\uff41pp.example.com/",
    "https://app.example.com\u2024evil.example/",
    "https://app.example.com/\u202e",
    "https://APP.example.com/",
    "HTTPS://app.example.com/",
    "http://app.example.com/",
    "javascript:alert(1)",
    "javascript://app.example.com/%0aalert(1)",
    "data:text/html,x",
    "https://app.example.com#x",
    "https://app.example.com/#x",
    "https://app.example.com%2eevil.example/",
    "https://app.example.com%40evil.example/",
    "https://app.example.com;evil.example/",
    "https://[::1]/",
    "https://app.example.com/" + "a" * 2000,
    "\x00https://app.example.com/",
    "https://app.example.com/\udcff",
)


@pytest.mark.parametrize("url", WRONG_WAYS, ids=ascii)
def test_nobody_is_led_back_anywhere_else(keeper: Keeper, url: str) -> None:
    """V-55: exact, parsed once; each trick that browsers or parsers disagree on is refused."""
    with pytest.raises(InvalidInput, match="return_to"):
        keeper.link("acme", "google-ads", return_to=url)


@pytest.mark.parametrize(
    "path", ["", "/", "/connected", "/connected?from=grantkeeper&x=%2F", "?x=1", "//evil.example", "/@x"]
)
def test_any_path_of_an_allowed_origin_is_one(keeper: Keeper, path: str) -> None:
    """It is kept whole."""
    assert keeper.link("acme", "google-ads", return_to=ORIGIN + path).link.return_to == ORIGIN + path


@pytest.mark.parametrize(
    "text", ["https://app.example.com/", "http://app.example.com", "app.example.com", "https://*", "https://a:443", ""]
)
def test_only_an_origin_can_be_allowed(text: str) -> None:
    """As browsers write one; a wildcard is none."""
    with pytest.raises(InvalidInput, match="origin"):
        checked_origin(text)


def test_an_origin_of_this_machine_needs_no_tls() -> None:
    """For trying it out."""
    assert checked_origin("http://127.0.0.1:8765") == "http://127.0.0.1:8765"
    assert checked_pages_url("http://localhost:8765/grants/") == "http://localhost:8765/grants"
    with pytest.raises(InvalidInput):
        checked_pages_url("https://grants.example.com/?x")


@pytest.mark.parametrize(
    "values",
    [
        {"expires_in": timedelta(seconds=59)},
        {"expires_in": timedelta(days=90, seconds=1)},
        {"message": "x" * 1001},
        {"message": "a\x1b[31m"},
        {"message": "a\u202eb"},
        {"message": "a\tb"},
        {"language": "xx"},
        {"language": "EN"},
        {"confirm": "never"},
        {"confirm": "proof"},
        {"other_account": "both"},
        {"picker": "show"},
    ],
    ids=str,
)
def test_what_a_link_cannot_be_is_refused(keeper: Keeper, values: dict[str, Any]) -> None:
    """The message names the value; nothing is kept."""
    with pytest.raises(InvalidInput) as refused:
        keeper.link("acme", "google-ads", **values)
    assert next(iter(values)) in str(refused.value)
    assert keeper.links.page() == []


def test_everything_that_was_asked_for_is_kept(store: SqlStore, emulator: Emulator) -> None:
    """On every database; a message keeps its lines."""
    picker = Picker(page="show")
    with emulated_keeper(emulator, store) as keeper:
        made = keeper.link(
            "acme",
            "google-ads",
            expires_in=timedelta(minutes=1),
            expect=IDA,
            confirm="proof",
            return_to=ORIGIN,
            picker=picker,
            language="ja",
            message="Grüezi!\r\nBis bald. 🌲",
            other_account="add",
            code=True,
            by="cli",
        )
        kept = keeper.links.get(made.link.id)
        assert kept == made.link
        assert kept.message == "Grüezi!\nBis bald. 🌲"
        assert (kept.picker, kept.language, kept.asks_code) == (picker, "ja", True)
        again = keeper.links.invitation(kept.id)
        assert (again.url, again.code) == (made.url, made.code)
        assert token_of(made) not in repr(made)


def test_links_are_paged_the_newest_first(store: SqlStore, emulator: Emulator) -> None:
    """V-45: only those that the asker may see."""
    with emulated_keeper(emulator, store) as keeper:
        made = []
        for number in range(5):
            made.append(keeper.link(f"o{number % 2}", ("google-ads", "ad-manager")[number % 2]).link.id)
            emulator.clock.advance(timedelta(seconds=number % 2))
        first = keeper.links.page(limit=2)
        rest = keeper.links.page(before=(first[-1].created_at, first[-1].id))
        assert sorted(link.id for link in first + rest) == sorted(made)
        assert len({link.id for link in first} & {link.id for link in rest}) == 0
        assert {link.owner for link in keeper.links.page(owners=["o1"])} == {"o1"}
        assert keeper.links.page(owner="o0", owners=["o1"]) == []
        assert keeper.links.page(clients=[]) == []
        assert len(keeper.links.page(client="google-ads")) == 3
        with pytest.raises(InvalidInput, match="limit"):
            keeper.links.page(limit=0)


def test_without_an_address_of_the_service_there_are_no_links(store: SqlStore, emulator: Emulator) -> None:
    """The message names the setting; nothing is kept."""
    with emulated_keeper(emulator, store, pages_url="") as keeper:
        with pytest.raises(Misconfigured, match=r"\[service\]"):
            keeper.link("acme", "google-ads")
        assert keeper.links.page() == []


def test_a_link_leads_through_a_web_client_only(store: SqlStore, emulator: Emulator) -> None:
    """A desktop app's redirect URI is on its user's machine."""
    client = replace(oauth_client(emulator, "google-ads", ["adwords"]), kind="installed")
    with emulated_keeper(emulator, store, clients=[client]) as keeper:
        with pytest.raises(InvalidInput, match="installed"):
            keeper.link("acme", "google-ads")
        with pytest.raises(NotFound):
            keeper.link("acme", "nobody")


def test_what_is_not_there_is_not_found(keeper: Keeper) -> None:
    """For each verb that takes a link's id."""
    verbs: tuple[Callable[[str], object], ...] = (keeper.links.get, keeper.links.revoke, keeper.links.invitation)
    for verb in verbs:
        with pytest.raises(NotFound, match="no link"):
            verb("ln_unknown")
