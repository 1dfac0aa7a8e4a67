"""A word that is none of the choices is refused, and the choices are named: none is silently taken for another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from grantkeeper import AsyncKeeper, InvalidInput, Keeper
from grantkeeper.clients import google_ads
from grantkeeper.emulator import Emulator
from grantkeeper.model import Expectation
from grantkeeper.providers.generic import discovery_request
from grantkeeper.providers.google_redirects import check_redirect_uri
from grantkeeper.testing import Connect, EmulatorTransport
from grantkeeper.tracing import configured
from grantkeeper.web import grantkeeper_app
from grantkeeper.worker import Worker

IDA = "ida@nordwind-outdoor.example"
WORDS: Any = ("Keep", "", None, ("all",))

Verb = Callable[[Keeper, str, Any], object]


def page_of(keeper: Keeper, word: Any) -> object:
    """Make the pages."""
    return grantkeeper_app(AsyncKeeper(keeper), owner=lambda _: "acme", other_account=word)


def again(keeper: Keeper, emulator: Emulator, word: Any) -> Keeper:
    """Make another keeper of the same parts."""
    return Keeper(
        store=keeper._store,
        sealer=keeper._revoking._vault._sealer,
        clients=keeper.clients,
        transport=EmulatorTransport(emulator),
        export_refresh_tokens=word,
    )


VERBS: dict[str, tuple[Verb, str]] = {
    "revoke, siblings": (
        lambda keeper, grant, word: keeper.revoke(grant, siblings=word),
        'siblings is "keep" or "end".',
    ),
    "accounts, include": (
        lambda keeper, grant, word: keeper.accounts(grant, include=word),
        'include is "shared" or "all".',
    ),
    "begin, other_account": (
        lambda keeper, _, word: keeper.begin("acme", "google-ads", other_account=word),
        'other_account is "refuse" or "add".',
    ),
    "link, other_account": (
        lambda keeper, _, word: keeper.link("acme", "google-ads", other_account=word),
        'other_account is "refuse" or "add".',
    ),
    "link, confirm": (
        lambda keeper, _, word: keeper.link("acme", "google-ads", confirm=word),
        'confirm is "ask", "proof" or "auto".',
    ),
    "link, expect": (
        lambda keeper, _, word: keeper.link("acme", "google-ads", expect=Expectation(kind=word, value="x@y.example")),
        'The kind of an Expectation is "email", "hosted_domain" or "subject".',
    ),
    "pages, other_account": (
        lambda keeper, _, word: page_of(keeper, word),
        'other_account is "refuse" or "add".',
    ),
    "every account, managers": (
        lambda keeper, _, word: list(google_ads.customers(keeper, managers=word, developer_token="x" * 22)),
        'managers is "leave_out" or "include".',
    ),
    "worker, checks": (
        lambda keeper, _, word: Worker(keeper, checks=word),
        'checks is "daily" or "off".',
    ),
    "discovery, form": (
        lambda _keeper, _, word: discovery_request("https://accounts.example.com", form=word),
        'form is "openid" or "oauth".',
    ),
    "redirect URI, kind": (
        lambda _keeper, _, word: check_redirect_uri("https://app.example.com/back", kind=word),
        'kind is "web" or "installed".',
    ),
}


@pytest.mark.parametrize("word", WORDS, ids=repr)
@pytest.mark.parametrize(("verb", "said"), VERBS.values(), ids=VERBS)
def test_a_word_that_is_none_is_refused(connect: Connect, keeper: Keeper, verb: Verb, said: str, word: Any) -> None:
    """And nothing has happened."""
    grant = connect("acme", IDA)
    with pytest.raises(InvalidInput) as caught:
        verb(keeper, grant.id, word)

    assert caught.value.args[0] == said
    assert keeper.get(grant.id) == grant


STATUSES: dict[str, tuple[Verb, str]] = {
    "grants": (lambda keeper, _, word: list(keeper.grants(status=word)), "status"),
    "page": (lambda keeper, _, word: keeper.page(status=word), "status"),
    "overview": (lambda keeper, _, word: keeper.overview.page(statuses=[word]), "status"),
    "links": (lambda keeper, _, word: keeper.links.page(statuses=[word]), "status"),
    "links, a text": (lambda keeper, _, word: keeper.links.page(statuses=word), "status"),
}


@pytest.mark.parametrize("word", ["activ", "Active", "ended"])
@pytest.mark.parametrize("verb", [verb for verb, _ in STATUSES.values()], ids=STATUSES)
def test_a_status_that_is_none_is_no_empty_list(connect: Connect, keeper: Keeper, verb: Verb, word: str) -> None:
    """Whoever looks for `activ` grants would believe that there are none."""
    grant = connect("acme", IDA)
    with pytest.raises(InvalidInput, match=r'^status is "\w+", .* or "revoked"\.$'):
        verb(keeper, grant.id, word)


def test_a_status_may_be_written_as_a_text(connect: Connect, keeper: Keeper) -> None:
    """It is what a GrantStatus is."""
    grant = connect("acme", IDA)
    text: Any = "active"

    assert (
        [each.id for each in keeper.grants(status=text)] == [each.id for each in keeper.page(status=text)] == [grant.id]
    )


@pytest.mark.parametrize("word", ["Allowed", "yes", True, None], ids=repr)
def test_what_allows_refresh_tokens_to_leave_is_one_word(keeper: Keeper, emulator: Emulator, word: Any) -> None:
    """V-44: and what forbids it another."""
    with pytest.raises(InvalidInput, match=r'^export_refresh_tokens is "refused" or "allowed"\.$'):
        again(keeper, emulator, word)


def test_traces_are_switched_on_or_off_by_a_word(keeper: Keeper) -> None:
    """Nobody looks for traces that a mistyped word has switched off."""
    word: Any = "otel"
    with pytest.raises(InvalidInput, match=r'^tracing is "off" or "opentelemetry"\.$'):
        configured(word)


def test_an_event_is_of_a_kind_that_there_is(keeper: Keeper) -> None:
    """Whoever waits for a mistyped one waits for ever."""
    with pytest.raises(InvalidInput, match="is no kind of event"):
        keeper.events(kind="grant.revokd")
