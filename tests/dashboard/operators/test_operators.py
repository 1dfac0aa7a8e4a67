"""Operators at the keeper: invited, signed in once, given roles, disabled. On every database."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest

from grantkeeper.emulator import Emulator
from grantkeeper.errors import InvalidInput, NotFound
from grantkeeper.keeper import Keeper
from grantkeeper.keeper.operators.sessions import ABSOLUTE, IDLE
from grantkeeper.model import Operator, Secret, SignedIn
from grantkeeper.store import SqlStore
from grantkeeper.testing import emulated_keeper

RIVALS = 6


@pytest.fixture
def keeper(emulator: Emulator, store: SqlStore) -> Iterator[Keeper]:
    """A keeper over each kind of database in turn."""
    with emulated_keeper(emulator, store) as made:
        yield made


def enter(keeper: Keeper, email: str, role: str = "admin") -> SignedIn:
    """Invite somebody and let them in."""
    _, token = keeper.operators.invite(email, role, by="cli")  # type: ignore[arg-type]
    return keeper.operators.redeem(token.reveal())


def entries(keeper: Keeper, operator: Operator) -> list[tuple[str, str]]:
    """Return who did what to an operator, oldest first."""
    found = keeper._store.audit.read(target=f"operator:{operator.id}")
    return [(each.entry.actor, each.entry.action) for each in found]


def test_a_one_time_link_opens_one_session_for_one_of_many_who_press_at_once(keeper: Keeper) -> None:
    """V-39b: the first admin comes in by a one-time link; who is second gets nothing."""
    operator, token = keeper.operators.invite("Ada@Fjord-Media.example", "admin", by="cli")
    start = Barrier(RIVALS)

    def press(_number: int) -> SignedIn | None:
        start.wait()
        try:
            return keeper.operators.redeem(token.reveal())
        except NotFound:
            return None

    with ThreadPoolExecutor(RIVALS) as pool:
        opened = [each for each in pool.map(press, range(RIVALS)) if each is not None]

    assert len(opened) == 1
    assert opened[0].operator.id == operator.id
    assert operator.email == "ada@fjord-media.example"
    assert entries(keeper, operator) == [("cli", "operator.invite"), (f"operator:{operator.id}", "operator.sign_in")]


def test_looking_at_a_one_time_link_uses_nothing_up(keeper: Keeper) -> None:
    """V-32: a mail scanner that opens the address changes nothing."""
    operator, token = keeper.operators.invite("ada@fjord-media.example", "admin", by="cli")

    assert [keeper.operators.invited(token.reveal()) for _ in range(3)] == [operator] * 3
    assert keeper.operators.redeem(token.reveal()).operator.id == operator.id
    assert keeper.operators.invited(token.reveal()) is None


def test_a_one_time_link_ends_after_an_hour(keeper: Keeper, emulator: Emulator) -> None:
    """A link that lies in a mailbox is worth nothing later."""
    _, token = keeper.operators.invite("ada@fjord-media.example", "admin", by="cli")
    emulator.clock.advance(timedelta(hours=1))

    with pytest.raises(NotFound, match="cannot be used"):
        keeper.operators.redeem(token.reveal())


def test_two_invitations_at_once_make_one_operator(keeper: Keeper) -> None:
    """An address is one person, however many invite it at the same moment; each link works."""
    start = Barrier(RIVALS)

    def invite(_number: int) -> tuple[Operator, Secret]:
        start.wait()
        return keeper.operators.invite("ada@fjord-media.example", "admin", by="cli")

    with ThreadPoolExecutor(RIVALS) as pool:
        invited = list(pool.map(invite, range(RIVALS)))

    assert len({operator.id for operator, _ in invited}) == 1
    assert len(keeper.operators.all()) == 1
    assert all(keeper.operators.redeem(token.reveal()) for _, token in invited)


def test_a_session_ends_idle_and_in_any_case(keeper: Keeper, emulator: Emulator) -> None:
    """V-36: a session ends after eight hours without a click, and after a week of clicks."""
    idle, busy = (enter(keeper, "ada@fjord-media.example").session.reveal() for _ in range(2))

    for _ in range(ABSOLUTE // timedelta(hours=7) - 1):
        emulator.clock.advance(timedelta(hours=7))
        assert keeper.operators.session(busy) is not None
    assert keeper.operators.session(idle) is None
    emulator.clock.advance(timedelta(hours=7))
    assert keeper.operators.session(busy) is None


def test_a_page_that_reloads_itself_keeps_no_session_alive(keeper: Keeper, emulator: Emulator) -> None:
    """V-36: only what a person does counts as use."""
    cookie = enter(keeper, "ada@fjord-media.example").session.reveal()
    emulator.clock.advance(IDLE - timedelta(minutes=1))
    assert keeper.operators.session(cookie, touch=False) is not None
    emulator.clock.advance(timedelta(minutes=1))

    assert keeper.operators.session(cookie, touch=False) is None


def test_signing_out_ends_the_session_on_the_server(keeper: Keeper) -> None:
    """V-36: a cookie that somebody kept is worth nothing after the sign-out."""
    cookie, other = (enter(keeper, "ada@fjord-media.example").session.reveal() for _ in range(2))
    keeper.operators.sign_out(cookie)
    keeper.operators.sign_out(cookie)

    assert keeper.operators.session(cookie) is None
    assert keeper.operators.session(other) is not None


def test_signing_out_everywhere_ends_every_session_of_that_operator_only(keeper: Keeper) -> None:
    """V-36: per-user end of all."""
    first, second = (enter(keeper, "ada@fjord-media.example") for _ in range(2))
    other = enter(keeper, "bo@fjord-media.example", "viewer")
    keeper.operators.sign_out_everywhere(first.operator.id, by=f"operator:{first.operator.id}")

    assert [keeper.operators.session(each.session.reveal()) is None for each in (first, second, other)] == [
        True,
        True,
        False,
    ]


def test_a_sign_in_replaces_the_session_that_the_browser_had(keeper: Keeper) -> None:
    """V-36: the session's value is new at each sign-in, and the one before is over."""
    before = enter(keeper, "ada@fjord-media.example").session.reveal()
    _, token = keeper.operators.invite("ada@fjord-media.example", "admin", by="cli")
    after = keeper.operators.redeem(token.reveal(), instead_of=before).session.reveal()

    assert after != before
    assert keeper.operators.session(before) is None
    assert keeper.operators.session(after) is not None


def test_disabling_ends_sessions_and_links_at_once(keeper: Keeper) -> None:
    """V-36: who is disabled is out, in every browser and by every link."""
    enter(keeper, "ada@fjord-media.example")
    bo = enter(keeper, "bo@fjord-media.example", "operator")
    _, token = keeper.operators.invite("bo@fjord-media.example", by="cli")
    keeper.operators.disable(bo.operator.id, by="cli")

    assert keeper.operators.session(bo.session.reveal()) is None
    with pytest.raises(NotFound):
        keeper.operators.redeem(token.reveal())
    again, _ = keeper.operators.invite("bo@fjord-media.example", "viewer", by="cli")
    assert again.id != bo.operator.id


def test_the_last_admin_stays_an_admin(keeper: Keeper) -> None:
    """Nobody can lock everybody out: neither by another role nor by disabling."""
    ada = enter(keeper, "ada@fjord-media.example").operator
    bo = enter(keeper, "bo@fjord-media.example", "operator").operator

    with pytest.raises(InvalidInput, match="last admin"):
        keeper.operators.disable(ada.id, by="cli")
    with pytest.raises(InvalidInput, match="last admin"):
        keeper.operators.set_role(ada.id, "viewer", by="cli")
    keeper.operators.set_role(bo.id, "admin", by="cli")
    assert keeper.operators.set_role(ada.id, "viewer", by="cli").role == "viewer"
    assert ("cli", "operator.role") in entries(keeper, ada)


def test_two_admins_who_disable_each_other_leave_one(keeper: Keeper) -> None:
    """Both look, both see two admins, and only one of them is heard."""
    people = [enter(keeper, f"{name}@fjord-media.example").operator for name in ("ada", "bo")]
    start = Barrier(2)

    def end(operator: Operator) -> bool:
        start.wait()
        try:
            keeper.operators.disable(operator.id, by="cli")
        except InvalidInput:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(end, people)) == [False, True]
    assert len([each for each in keeper.operators.all() if each.disabled_at is None]) == 1


@pytest.mark.parametrize(
    "email",
    ["", "ada", "@fjord.example", "ada@", "a@evil@corp.example", "a b@corp.example", "a\n@corp.example", "a@b."],
)
def test_what_is_no_address_is_refused(emulator: Emulator, tmp_path: object, email: str) -> None:
    """An address with two @ is no address of the last of its domains (oauth2-proxy CVE-2026-40574)."""
    store = SqlStore(f"sqlite:///{tmp_path}/one.sqlite3")
    store.migrate()
    with emulated_keeper(emulator, store) as keeper, pytest.raises(InvalidInput, match="no e-mail address"):
        keeper.operators.invite(email, "admin", by="cli")


def test_the_database_holds_neither_link_nor_session(keeper: Keeper) -> None:
    """V-36: what is stored is a hash; the dump of every table is searched for both by the canaries."""
    signed_in = enter(keeper, "ada@fjord-media.example")

    assert signed_in.session.reveal() not in repr(signed_in)
    assert keeper._store.operators.session(signed_in.session.reveal()) is None
