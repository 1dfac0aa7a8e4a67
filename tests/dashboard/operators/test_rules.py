"""What becomes of those whom a rule let in when the rule changes, and letters that are not what they look like."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from dashboard.operators.test_openid import BACK, IDA, MATEO, SAM, claims, people, sign_in
from dashboard.staff import SETTINGS, Staff, mounted
from grantkeeper.emulator import Emulator
from grantkeeper.errors import AccessRefused, InvalidInput
from grantkeeper.keeper import Keeper
from grantkeeper.model import Role, SignedIn
from grantkeeper.settings import SignIn

KELVIN = "\N{KELVIN SIGN}"


@pytest.fixture
def rules(emulator: Emulator) -> SignIn:
    """Sam is an admin, by a rule for just this address."""
    emulator.client_secret(None, [BACK])
    return SignIn(client="google-ads", redirect_uri=BACK, emails={SAM: "admin"})


def with_role(rules: SignIn, role: str) -> SignIn:
    """Return the rule with another role."""
    return replace(rules, emails={SAM: role})


def now(keeper: Keeper, signed_in: SignedIn, rules: SignIn | None) -> str:
    """Return the role that a session has by these rules, "" when it is over."""
    keeper.operators.rules = rules
    found = keeper.operators.session(signed_in.session.reveal())
    return "" if found is None else found.role


def test_a_lower_role_of_a_rule_counts_at_once_and_is_kept_at_the_next_sign_in(
    keeper: Keeper, emulator: Emulator, rules: SignIn
) -> None:
    """V-36: in the sessions that there are, too; a higher one comes with the next sign-in."""
    keeper.operators.invite(IDA, "admin", by="cli")
    before = sign_in(keeper, emulator, rules, SAM)
    lower = with_role(rules, "viewer")
    assert (now(keeper, before, rules), now(keeper, before, lower)) == ("admin", "viewer")

    again = sign_in(keeper, emulator, lower, SAM)
    assert again.operator.role == "viewer"
    assert keeper.operators.get(again.operator.id).role == "viewer"
    assert now(keeper, again, rules) == "viewer"
    assert sign_in(keeper, emulator, rules, SAM).operator.role == "admin"


def test_the_last_admin_has_no_more_than_the_rule_says(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """Whoever writes the configuration can invite an admin from the command line."""
    sign_in(keeper, emulator, rules, SAM)
    lower = with_role(rules, "viewer")
    again = sign_in(keeper, emulator, lower, SAM)

    assert (again.operator.role, now(keeper, again, lower)) == ("viewer", "viewer")


@pytest.mark.parametrize("gone", ["rule", "address", "client"])
def test_a_session_ends_with_the_rule_that_let_its_operator_in(
    keeper: Keeper, emulator: Emulator, rules: SignIn, gone: str
) -> None:
    """V-36: with the next click; whoever was invited needs none, and comes back with the rule."""
    sam = sign_in(keeper, emulator, rules, SAM)
    keeper.operators.invite(IDA, "admin", by="cli")
    ida = sign_in(keeper, emulator, rules, IDA)
    later = {
        "rule": None,
        "address": replace(rules, emails={}, domains=("other.example",)),
        "client": replace(rules, client="no-more"),
    }[gone]

    assert (now(keeper, sam, later), now(keeper, ida, later)) == ("", "admin")
    assert now(keeper, sam, rules) == "admin"


@pytest.mark.parametrize(("hosted", "role"), [("fjord-media.example", "operator"), (None, "")])
def test_a_domain_lets_no_account_in_that_only_looks_like_its_own(
    keeper: Keeper, emulator: Emulator, rules: SignIn, hosted: str | None, role: str
) -> None:
    """V-36: who came in by their address, with an account of no organisation, is out once only a domain comes in."""
    claims(emulator, hd=hosted)
    sam = sign_in(keeper, emulator, rules, SAM)
    by_domain = replace(rules, emails={}, domains=(SAM.partition("@")[2],), role="operator")

    assert now(keeper, sam, by_domain) == role


def test_a_role_that_was_given_by_hand_stays_as_long_as_the_rule_is_there(
    keeper: Keeper, emulator: Emulator, rules: SignIn
) -> None:
    """The rule says who comes in; an admin said as what."""
    keeper.operators.invite(IDA, "admin", by="cli")
    sam = sign_in(keeper, emulator, with_role(rules, "viewer"), SAM)
    keeper.operators.set_role(sam.operator.id, "operator", by="cli")
    viewer = with_role(rules, "viewer")

    assert sign_in(keeper, emulator, viewer, SAM).operator.role == "operator"
    assert now(keeper, sam, viewer) == "operator"
    assert now(keeper, sam, replace(rules, emails={})) == ""


def test_who_is_invited_after_all_needs_no_rule_any_more(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """An admin wants them here, whatever becomes of the rule."""
    sam = sign_in(keeper, emulator, rules, SAM)
    assert keeper.operators.invite(SAM, by="cli")[0].role == "admin"

    assert now(keeper, sam, None) == "admin"
    assert sign_in(keeper, emulator, replace(rules, emails={}), SAM).operator.id == sam.operator.id


@pytest.mark.parametrize("by_hand", [False, True])
def test_an_invitation_gives_back_nothing_that_a_rule_took(
    keeper: Keeper, emulator: Emulator, rules: SignIn, by_hand: bool
) -> None:
    """V-36: another link is for the role of now, in the sessions that there are, too; no rule, no role."""
    sam = sign_in(keeper, emulator, rules, SAM)
    if by_hand:
        keeper.operators.set_role(sam.operator.id, "admin", by="cli")
    keeper.operators.rules = None if by_hand else with_role(rules, "viewer")
    invited, _ = keeper.operators.invite(SAM, by="cli")

    assert (invited.role, now(keeper, sam, rules)) == ("viewer", "viewer")
    assert keeper.operators.get(invited.id) == replace(invited, seen_at=sam.operator.seen_at or emulator.clock.now())


def test_an_invitation_with_another_role_than_that_of_now_is_refused(
    keeper: Keeper, emulator: Emulator, rules: SignIn
) -> None:
    """A role is given aloud, by its own verb; whom no rule lets in any more has none, and gets any."""
    sam = sign_in(keeper, emulator, rules, SAM)
    keeper.operators.rules = with_role(rules, "viewer")
    with pytest.raises(InvalidInput, match="is viewer already"):
        keeper.operators.invite(SAM, "admin", by="cli")
    assert now(keeper, sam, with_role(rules, "viewer")) == "viewer"

    keeper.operators.rules = None
    assert keeper.operators.invite(SAM, "operator", by="cli")[0].role == "operator"
    assert now(keeper, sam, None) == "operator"


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_a_role_that_is_given_by_hand_wins_over_any_rule(
    keeper: Keeper, emulator: Emulator, rules: SignIn, role: Role
) -> None:
    """What the verb answers is what the session has, also where the row said so before the rule was lowered."""
    keeper.operators.invite(IDA, "admin", by="cli")
    sam = sign_in(keeper, emulator, rules, SAM)
    lower = with_role(rules, "viewer")
    keeper.operators.rules = lower
    changed = keeper.operators.set_role(sam.operator.id, role, by="cli")

    assert (changed.role, now(keeper, sam, lower), now(keeper, sam, rules)) == (role, role, role)
    assert sign_in(keeper, emulator, lower, SAM).operator.role == role


def test_every_list_shows_the_role_of_now(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """V-36: whoever looks who is an admin must not take somebody for one, nor miss one."""
    sam = sign_in(keeper, emulator, rules, SAM).operator
    for role in ("viewer", "admin"):
        keeper.operators.rules = with_role(rules, role)
        seen = [keeper.operators.get(sam.id), keeper.operators.find(SAM), *keeper.operators.all()]
        assert [(each.role, each.ruled_out) for each in seen] == [(role, False)] * 3

    keeper.operators.rules = None
    seen = [keeper.operators.get(sam.id), keeper.operators.find(SAM), *keeper.operators.all()]
    assert [each.ruled_out for each in seen] == [True] * 3


def test_the_page_shows_the_role_of_now_and_who_says_it(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """V-36: by the configuration that the service runs with; what is saved there is the role from then on."""
    sam = sign_in(keeper, emulator, rules, SAM)

    def row(later: SignIn | None, change: str = "") -> str:
        with Staff(mounted(keeper, replace(SETTINGS, sign_in=later)), emulator) as admin:
            admin.come_in(keeper)
            if change:
                path = f"/operators/{sam.operator.id}/role"
                token = re.search(r'name="token" value="([^"]+)"', admin.get("/operators").text)
                assert token is not None
                assert admin.post(path, {"token": token[1], "role": change}).status_code == 303
            page = admin.get("/operators").text
        rows: list[str] = re.findall(r"<tr>.*?</tr>", page, re.DOTALL)
        return next(each for each in rows if SAM in each)

    lowered, gone = row(with_role(rules, "viewer")), row(None)
    assert re.findall(r'value="(\w+)" selected', lowered) == ["viewer"]
    assert "by rule" in lowered
    assert "selected" not in gone
    assert "no rule lets them in any more" in gone
    given = row(with_role(rules, "viewer"), change="admin")
    assert re.findall(r'value="(\w+)" selected', given) == ["admin"]
    assert "by rule" not in given
    assert now(keeper, sam, with_role(rules, "viewer")) == "admin"


def test_whom_no_rule_lets_in_is_given_no_role(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """It would be said that they have it; the advice says what lets them in."""
    sam = sign_in(keeper, emulator, rules, SAM)
    keeper.operators.rules = None
    with pytest.raises(InvalidInput, match="No rule lets") as refused:
        keeper.operators.set_role(sam.operator.id, "admin", by="cli")
    assert "operator invite" in refused.value.advice
    assert now(keeper, sam, None) == ""


@pytest.mark.parametrize("gone", ["lower", "none"])
def test_who_is_an_admin_in_the_database_only_is_none_for_the_guard_of_the_last(
    keeper: Keeper, emulator: Emulator, rules: SignIn, gone: str
) -> None:
    """V-36: the last who can act as one stays; who cannot any more stands in nobody's way."""
    ida, _ = keeper.operators.invite(IDA, "admin", by="cli")
    sam = sign_in(keeper, emulator, rules, SAM).operator
    keeper.operators.rules = with_role(rules, "viewer") if gone == "lower" else None

    with pytest.raises(InvalidInput, match="last admin"):
        keeper.operators.set_role(ida.id, "viewer", by=f"operator:{ida.id}")
    with pytest.raises(InvalidInput, match="last admin"):
        keeper.operators.disable(ida.id, by=f"operator:{ida.id}")
    assert keeper.operators.get(ida.id).role == "admin"
    assert keeper.operators.disable(sam.id, by="cli").disabled_at is not None


def test_an_admin_by_a_rule_is_one_for_the_guard_of_the_last(keeper: Keeper, emulator: Emulator, rules: SignIn) -> None:
    """The rules of now say so; the same two are refused as soon as it is they who would be the last."""
    ida, _ = keeper.operators.invite(IDA, "admin", by="cli")
    sam = sign_in(keeper, emulator, rules, SAM).operator
    assert keeper.operators.set_role(ida.id, "viewer", by="cli").role == "viewer"
    with pytest.raises(InvalidInput, match="last admin"):
        keeper.operators.set_role(sam.id, "operator", by="cli")


def test_an_address_that_changed_is_known_to_the_rule_at_the_next_click(
    keeper: Keeper, emulator: Emulator, rules: SignIn
) -> None:
    """Who signs in with the address of now does not lose the session by the one of before."""
    sign_in(keeper, emulator, rules, SAM)
    new = replace(rules, emails={"samuel@fjord-media.example": "admin"})
    claims(emulator, email="samuel@fjord-media.example")
    again = sign_in(keeper, emulator, new, SAM)

    assert now(keeper, again, new) == "admin"
    assert [each.email for each in people(keeper)] == ["samuel@fjord-media.example"]


def test_an_address_that_is_another_operators_by_now_lets_nobody_in_by_a_rule(
    keeper: Keeper, emulator: Emulator, rules: SignIn
) -> None:
    """O-26: two operators of one address could not be told apart."""
    sign_in(keeper, emulator, rules, SAM)
    keeper.operators.invite(IDA, "admin", by="cli")
    claims(emulator, email=IDA)
    with pytest.raises(AccessRefused):
        sign_in(keeper, emulator, replace(rules, emails={IDA: "admin"}), SAM)


@pytest.mark.parametrize("written", ["kate@corp.example", "KATE@CORP.EXAMPLE"])
def test_a_letter_that_becomes_another_in_lower_case_is_not_that_letter(
    keeper: Keeper, emulator: Emulator, rules: SignIn, written: str
) -> None:
    """V-36: the Kelvin sign is no k, neither for a rule nor for an invitation."""
    keeper.operators.invite("kim@corp.example", "admin", by="cli")
    rules = replace(rules, emails={written: "admin"}, domains=("kind.example",))
    for email in (f"{KELVIN}ate@corp.example", f"{KELVIN}im@corp.example", f"ann@{KELVIN}ind.example"):
        claims(emulator, email=email, hd=None)
        with pytest.raises(AccessRefused, match="letters"):
            sign_in(keeper, emulator, rules, MATEO)

    assert [each.issuer for each in people(keeper)] == [""]


@pytest.mark.parametrize("email", [f"{KELVIN}im@corp.example", "kim@corp.ex\u0430mple", "k\u0456m@corp.example"])
def test_an_address_with_letters_of_other_alphabets_is_not_invited(keeper: Keeper, email: str) -> None:
    """It would be shown as somebody else's."""
    with pytest.raises(InvalidInput):
        keeper.operators.invite(email, "admin", by="cli")
