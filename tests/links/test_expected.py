"""A link that says who is invited: they are in at once, and nobody else ever."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from grantkeeper import AccountMismatch, GrantStatus, InvalidInput, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.consent.invited import fits
from grantkeeper.keeper.links.asked import expectation
from grantkeeper.model import Expectation, LinkStatus
from grantkeeper.oauth.identity import Identity
from grantkeeper.testing import consent
from links.walking import IDA, MATEO, TOM, token_of, use

IDAS_SUBJECT = "104857201938475610293"


@pytest.mark.parametrize(
    "expect", [IDA, IDA.upper(), "nordwind-outdoor.example", "@Nordwind-Outdoor.example", IDAS_SUBJECT]
)
def test_who_was_invited_is_connected_at_once(keeper: Keeper, emulator: Emulator, expect: str) -> None:
    """V-31(d): by e-mail address in any case, hosted domain, or subject; nobody has to confirm."""
    made = keeper.link("acme", "google-ads", expect=expect)

    grant = use(keeper, emulator, made, IDA)

    assert (grant.status, grant.confirmed) == (GrantStatus.ACTIVE, True)
    assert keeper.links.get(made.link.id).status is LinkStatus.CONFIRMED


@pytest.mark.parametrize("expect", [IDA, "nordwind-outdoor.example", IDAS_SUBJECT])
def test_nobody_else_can_use_it_and_nothing_of_them_is_kept(keeper: Keeper, emulator: Emulator, expect: str) -> None:
    """V-31(d): the link stays good for whom it is for."""
    made = keeper.link("acme", "google-ads", expect=expect)

    with pytest.raises(AccountMismatch) as refused:
        use(keeper, emulator, made, MATEO)

    assert refused.value.actual == MATEO
    assert list(keeper.grants()) == []
    link = keeper.links.get(made.link.id)
    assert (link.status, link.result_grant_id, MATEO in link.failure) == (LinkStatus.FAILED, "", False)
    assert use(keeper, emulator, made, IDA).usable


def test_an_address_that_the_provider_has_not_verified_is_nobodys(keeper: Keeper, emulator: Emulator) -> None:
    """OpenID Connect Core 5.1: anybody may have typed it in."""
    made = keeper.link("acme", "google-ads", expect=IDA)
    emulator.tamper_id_token(partial(_changed, email_verified=False))

    with pytest.raises(AccountMismatch):
        use(keeper, emulator, made, IDA)


def test_a_letter_that_only_looks_the_same_is_another_one() -> None:
    """Unicode's folding takes the Kelvin sign for a k and the long s for an s."""
    person = Identity(
        issuer="i", subject="s", email="mar\u212a@shop.example", email_verified=True, hosted_domain="", name=""
    )
    assert not fits(Expectation(kind="email", value="mark@shop.example"), person)
    assert not fits(Expectation(kind="hosted_domain", value="shop.example"), person)


def test_the_invited_person_is_offered_first(keeper: Keeper) -> None:
    """login_hint, for an e-mail address only."""
    assert "login_hint=ida%40" in keeper.follow(token_of(keeper.link("acme", "google-ads", expect=IDA))).url
    made = keeper.link("acme", "google-ads", expect="nordwind-outdoor.example")
    assert "login_hint" not in keeper.follow(token_of(made)).url


def test_who_was_confirmed_once_stays_so(keeper: Keeper, emulator: Emulator) -> None:
    """A reconnect link for the same person does not wait again."""
    grant = use(keeper, emulator, keeper.link("acme", "google-ads"), IDA)
    keeper.confirm(grant.id)

    again = use(keeper, emulator, keeper.link("acme", "google-ads", grant_id=grant.id), IDA)

    assert (again.id, again.status) == (grant.id, GrantStatus.ACTIVE)


def test_who_was_not_confirmed_does_not_become_so_by_consenting_again(keeper: Keeper, emulator: Emulator) -> None:
    """Neither by another link, nor on a site's own pages."""
    grant = use(keeper, emulator, keeper.link("acme", "google-ads"), IDA)

    assert use(keeper, emulator, keeper.link("acme", "google-ads"), IDA).status is GrantStatus.PENDING
    assert consent(keeper, emulator, "acme", IDA).status is GrantStatus.PENDING
    assert keeper.get(grant.id).confirmed is False


def test_auto_takes_whoever_consents(keeper: Keeper, emulator: Emulator) -> None:
    """It says so aloud."""
    assert use(keeper, emulator, keeper.link("acme", "google-ads", confirm="auto"), TOM).usable


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("ida@shop.example", "email", "ida@shop.example"),
        ("shop.example", "hosted_domain", "shop.example"),
        ("@shop.example", "hosted_domain", "shop.example"),
        ("1048572019", "subject", "1048572019"),
    ],
)
def test_a_text_says_who_is_expected(text: str, kind: Any, value: str) -> None:
    """By its form."""
    assert expectation(text) == Expectation(kind=kind, value=value)


@pytest.mark.parametrize(
    "text",
    ["a@b@c", "two words", "ida@", "@", "shop..example", "ida@shop.example\u202e", "sübject", "x" * 256, "@a b.c"],
)
def test_a_text_that_names_nobody_is_refused(text: str) -> None:
    """Nobody would ever fit."""
    with pytest.raises(InvalidInput, match="expect"):
        expectation(text)


def _changed(claims: dict[str, Any], header: dict[str, Any], **values: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return claims | values, header
