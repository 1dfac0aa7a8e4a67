"""Signing in with OpenID Connect: who comes in, as what, and who does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from grantkeeper import errors
from grantkeeper.emulator import Emulator
from grantkeeper.errors import AccessRefused, BadCallback
from grantkeeper.keeper import Keeper
from grantkeeper.model import Operator, SignedIn
from grantkeeper.settings import SignIn

SAM = "sam@fjord-media.example"
IDA = "ida@nordwind-outdoor.example"
MATEO = "mateo.moreno@mail.example"
BACK = "https://grants.fjord.example/dashboard/callback"


@pytest.fixture
def rules(keeper: Keeper, emulator: Emulator) -> SignIn:
    """Everybody of Fjord Media's Workspace is a viewer."""
    emulator.client_secret(None, [BACK])
    keeper.operators.rules = SignIn(client="google-ads", redirect_uri=BACK, domains=("fjord-media.example",))
    return keeper.operators.rules


def sign_in(keeper: Keeper, emulator: Emulator, rules: SignIn, person: str) -> SignedIn:
    """Go to the provider and back, by these rules, which are those of now."""
    keeper.operators.rules = rules
    away = keeper.operators.sign_in_redirect()
    return keeper.operators.sign_in_complete(away.flow, emulator.consent(away.url, person))


def claims(emulator: Emulator, **changes: Any) -> None:
    """Let the next id_token say something else; None takes a claim out."""

    def change(found: dict[str, Any], header: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        merged = {**found, **changes}
        return {name: value for name, value in merged.items() if value is not None}, header

    emulator.tamper_id_token(change)


def people(keeper: Keeper) -> list[Operator]:
    """Return who is an operator."""
    return keeper.operators.all()


def test_somebody_of_the_domain_becomes_an_operator_and_stays_the_same(
    keeper: Keeper, emulator: Emulator, rules: SignIn
) -> None:
    """O-26: the second sign-in is the same operator, by issuer and subject, even with another address."""
    first = sign_in(keeper, emulator, rules, SAM)
    claims(emulator, email="samuel@fjord-media.example")
    second = sign_in(keeper, emulator, rules, SAM)

    assert (first.operator.email, first.operator.role) == (SAM, "viewer")
    assert second.operator.id == first.operator.id
    assert first.session.reveal() != second.session.reveal()
    assert keeper.operators.session(second.session.reveal()) is not None
    assert len(people(keeper)) == 1


def test_the_request_asks_who_it_is_and_for_nothing_that_lasts(
    keeper: Keeper, emulator: Emulator, rules: SignIn
) -> None:
    """O-02, RFC 7636: openid and email, S256, state, nonce; no refresh token, no scope of a grant."""
    query = dict(parse_qsl(urlsplit(keeper.operators.sign_in_redirect().url).query))

    assert query["scope"] == "openid email"
    assert query["code_challenge_method"] == "S256"
    assert {"state", "nonce", "code_challenge"} <= set(query)
    assert "access_type" not in query
    assert "include_granted_scopes" not in query
    sign_in(keeper, emulator, rules, SAM)
    assert emulator.live_refresh_tokens(SAM, keeper.client("google-ads").client_id) == 0


def test_an_address_has_the_role_that_the_list_says(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """An address of the list comes in from any domain, in any case of letters."""
    rules = replace(rules, domains=(), emails={MATEO.upper(): "operator"})

    assert sign_in(keeper, emulator, rules, MATEO).operator.role == "operator"


def test_an_invited_address_is_bound_to_the_first_person_who_has_it(
    keeper: Keeper, emulator: Emulator, rules: SignIn
) -> None:
    """O-26: an invitation is for whoever proves the address first, and afterwards for that person only."""
    invited, _ = keeper.operators.invite(IDA, "admin", by="cli")
    ida = sign_in(keeper, emulator, rules, IDA)
    assert (ida.operator.id, ida.operator.role) == (invited.id, "admin")

    claims(emulator, sub="999999999999999999999")
    with pytest.raises(AccessRefused):
        sign_in(keeper, emulator, rules, IDA)
    assert len(people(keeper)) == 1


@pytest.mark.parametrize(
    ("person", "changes"),
    [
        (IDA, {}),
        (SAM, {"hd": None}),
        (SAM, {"hd": "evil.example"}),
        (SAM, {"email": "sam@evil.example"}),
        (SAM, {"email": "sam@fjord-media.example.evil.example"}),
        (SAM, {"email": "sam@evil@fjord-media.example"}),
        (SAM, {"email": "sam@sub.fjord-media.example"}),
        (SAM, {"email_verified": False}),
        (SAM, {"email_verified": "false"}),
        (SAM, {"email_verified": None}),
        (SAM, {"email": None}),
    ],
)
def test_whom_no_rule_lets_in_stays_out(
    keeper: Keeper, emulator: Emulator, rules: SignIn, person: str, changes: dict[str, Any]
) -> None:
    """V-36: another domain, a consumer's account with such an address, an address that is not verified: none comes in.

    That somebody was refused is in the audit log.
    """
    if changes:
        claims(emulator, **changes)
    with pytest.raises(AccessRefused):
        sign_in(keeper, emulator, rules, person)

    assert people(keeper) == []
    assert [each.entry.action for each in keeper._store.audit.read()] == ["operator.refuse"]


def test_who_is_disabled_does_not_come_back_by_the_rule(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """A person who was shut out stays out, until somebody invites them again."""
    sam = sign_in(keeper, emulator, rules, SAM)
    keeper.operators.disable(sam.operator.id, by="cli")
    with pytest.raises(AccessRefused):
        sign_in(keeper, emulator, rules, SAM)
    assert len(people(keeper)) == 1

    again, _ = keeper.operators.invite(SAM, "operator", by="cli")
    assert sign_in(keeper, emulator, rules, SAM).operator.id == again.id


def test_a_rule_that_is_gone_lets_nobody_in_any_more(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """Who came by the rule goes with it; who was invited stays."""
    sign_in(keeper, emulator, rules, SAM)
    keeper.operators.invite(IDA, "admin", by="cli")
    narrower = replace(rules, domains=())

    with pytest.raises(AccessRefused):
        sign_in(keeper, emulator, narrower, SAM)
    assert sign_in(keeper, emulator, narrower, IDA).operator.email == IDA
    assert sign_in(keeper, emulator, narrower, IDA).operator.email == IDA


def exchanges(emulator: Emulator) -> int:
    """Return how often a code was sent."""
    return len(emulator.requests("/token"))


def test_another_browser_cannot_finish_a_sign_in(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """O-01: login CSRF; nothing is spent, and the right browser can still finish."""
    away, other = (keeper.operators.sign_in_redirect() for _ in range(2))
    back = emulator.consent(away.url, SAM)
    for browser in (None, "", other.flow, away.flow + "x"):
        with pytest.raises(BadCallback):
            keeper.operators.sign_in_complete(browser, back)
    assert exchanges(emulator) == 0

    assert keeper.operators.sign_in_complete(away.flow, back).operator.email == SAM


def test_a_callback_is_good_once(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """O-03: the state is used up with the first answer."""
    away = keeper.operators.sign_in_redirect()
    back = emulator.consent(away.url, SAM)
    keeper.operators.sign_in_complete(away.flow, back)

    with pytest.raises(BadCallback, match="used already"):
        keeper.operators.sign_in_complete(away.flow, back)
    assert exchanges(emulator) == 1


@pytest.mark.parametrize("iss", ["https://evil.example", "https://emulator.test/"])
@pytest.mark.parametrize("deny", [False, True])
def test_a_foreign_issuer_is_refused_before_anything_is_spent(
    keeper: Keeper, emulator: Emulator, rules: SignIn, iss: str, deny: bool
) -> None:
    """O-12: exact comparison, on success and on error alike."""
    away = keeper.operators.sign_in_redirect()
    emulator.tamper_redirect(lambda params: [*((k, v) for k, v in params if k != "iss"), ("iss", iss)])
    with pytest.raises(BadCallback, match="provider"):
        keeper.operators.sign_in_complete(away.flow, emulator.consent(away.url, SAM, deny=deny))

    assert exchanges(emulator) == 0


@pytest.mark.parametrize(
    "changes", [{"nonce": "another"}, {"nonce": None}, {"aud": "another"}, {"iss": "https://evil.example"}]
)
def test_an_id_token_of_another_request_is_refused(
    keeper: Keeper, emulator: Emulator, rules: SignIn, changes: dict[str, Any]
) -> None:
    """O-46: nonce, audience and issuer are those of this sign-in."""
    claims(emulator, **changes)
    with pytest.raises(BadCallback, match="not valid"):
        sign_in(keeper, emulator, rules, SAM)

    assert people(keeper) == []


def test_saying_no_changes_nothing(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """RFC 6749 4.1.2.1: access_denied is the person's no."""
    away = keeper.operators.sign_in_redirect()
    with pytest.raises(errors.ConsentDenied):
        keeper.operators.sign_in_complete(away.flow, emulator.consent(away.url, SAM, deny=True))


def test_a_sign_in_is_no_grant_and_a_grant_no_sign_in(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """Neither callback takes the other's state, whatever cookie comes along."""
    away = keeper.operators.sign_in_redirect()
    with pytest.raises(BadCallback):
        keeper.complete(away.flow, emulator.consent(away.url, SAM))
    begun = keeper.begin("acme", "google-ads", flow=away.flow)
    with pytest.raises(BadCallback):
        keeper.operators.sign_in_complete(begun.flow, emulator.consent(begun.url, SAM))

    assert exchanges(emulator) == 0
