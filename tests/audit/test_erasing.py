"""The end of an owner's personal data: nothing in the database names their person any more (O-54r)."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import literal, select, update

from audit.conftest import KEYS, Open
from grantkeeper.emulator import Emulator
from grantkeeper.errors import AccountMismatch, InvalidInput
from grantkeeper.keeper import Keeper
from grantkeeper.model import Erasure, GrantStatus, LinkStatus, Secret
from grantkeeper.store import SqlStore, tables
from grantkeeper.testing import consent, emulated_keeper
from links.walking import use

IDA = "ida@nordwind-outdoor.example"
TOM = "tom.becker@nordwind-outdoor.example"
ODD = [("refreshed_at", "x"), ("generation", 1.5), ("sealed", 7), ("unconfirmed", "x"), ("client", b"\xff")]


def everything(keeper: Keeper) -> dict[str, str]:
    """Return all that is in each table, as one text."""
    assert isinstance(keeper._store, SqlStore)
    found: dict[str, str] = {}
    with keeper._store._engine.connect() as connection:
        for table in tables.metadata.sorted_tables:
            rows = connection.execute(select(table)).all()
            found[table.name] = "\n".join(repr(tuple(map(_shown, row))) for row in rows)
    return found


def _shown(value: Any) -> Any:
    return bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else value


def holding(keeper: Keeper, *words: str) -> list[str]:
    """Return the tables in which one of these words is."""
    return [name for name, text in everything(keeper).items() if any(word.lower() in text.lower() for word in words)]


def lived(keeper: Keeper, emulator: Emulator) -> str:
    """Let an owner live through all that writes something personal down; returns their person's subject."""
    grant = consent(keeper, emulator, "acme", IDA)
    keeper.accounts(grant.id)
    keeper.hand_out(grant.id, form="yaml", who="me")
    with pytest.raises(AccountMismatch):
        consent(keeper, emulator, "acme", TOM)
    keeper.begin("acme", "google-ads", login_hint=IDA)
    keeper.link("acme", "google-ads", expect=IDA, message=f"Dear {IDA}", by="cli")
    keeper.revoke(grant.id)
    again = use(keeper, emulator, keeper.link("acme", "google-ads", expect=IDA, by="cli"), IDA)
    keeper.token(again.id)
    return grant.subject


def test_nothing_names_the_person_afterwards(stored: Keeper, emulator: Emulator) -> None:
    """O-54r: every table is searched for e-mail addresses and subjects; another owner's stay."""
    subject = lived(stored, emulator)
    assert {"grantkeeper_grant", "grantkeeper_link", "grantkeeper_audit"} <= set(holding(stored, IDA, subject, TOM))
    other = consent(stored, emulator, "other", "lucia@casa-verde.example")

    done = stored.erase("acme", by="cli")

    assert holding(stored, IDA, subject, TOM) == []
    assert done.pending == ()
    assert (done.revoked, done.grants, done.links) == (1, 2, 2)
    assert done.accounts == 0  # the end of a grant deleted them
    assert done.entries >= 4
    assert done.flows >= 2
    assert {each.status for each in stored.grants("acme")} == {GrantStatus.REVOKED}
    assert stored.get(other.id) == other
    stored.token(other.id)


def test_the_log_still_holds_together_and_says_what_was_done(stored: Keeper, emulator: Emulator) -> None:
    """V-66: erased entries verify; the erasure is an entry without a person."""
    lived(stored, emulator)
    stored.erase("acme", by="operator:1")
    report = stored.audit.verify()
    assert report.ok, str(report)
    (entry,) = stored.audit.read(newest_first=True, limit=1)
    assert (entry.action, entry.actor, entry.target) == ("owner.erase", "operator:1", "owner:acme")
    assert (dict(entry.data), dict(entry.personal)) == ({"revoked": 1, "pending": 0}, {})
    erased = [each for each in stored.audit.read(owner="acme") if each.erased]
    assert erased
    assert all(not each.personal for each in erased)


def test_what_is_taken_out_without_an_erasure_is_found(stored: Keeper, emulator: Emulator) -> None:
    """V-66: whoever empties a personal part by hand leaves no entry that says so."""
    grant = consent(stored, emulator, "acme", IDA)
    stored.revoke(grant.id)
    assert isinstance(stored._store, SqlStore)
    with stored._store._engine.begin() as connection:
        connection.execute(update(tables.audit).values(personal=None, salt=None))
    assert stored.audit.verify().problem == "erased"


def test_it_ends_grants_at_the_provider(stored: Keeper, emulator: Emulator) -> None:
    """As `revoke` does: the provider has heard of it, and the token opens nothing."""
    grant = consent(stored, emulator, "acme", IDA)
    token = stored.token(grant.id).value
    stored.erase("acme")
    assert emulator.introspect(token.reveal()) is None


def test_what_the_provider_has_not_heard_of_is_told_again(stored: Keeper, emulator: Emulator) -> None:
    """It keeps what is needed to tell it, and says so; the next erasure ends it."""
    grant = consent(stored, emulator, "acme", IDA)
    emulator.fail(503, times=1, path="/revoke")
    done = stored.erase("acme")
    assert done.pending == (grant.id,)
    assert holding(stored, IDA) == ["grantkeeper_grant"]
    again = stored.erase("acme")
    assert (again.pending, again.grants) == ((), 1)
    assert holding(stored, IDA, grant.subject) == []
    assert stored.audit.verify().ok


def test_it_can_be_done_twice_and_for_nobody(stored: Keeper, emulator: Emulator) -> None:
    """There is less to erase then; the owner may come back as somebody new."""
    lived(stored, emulator)
    stored.erase("acme")
    assert stored.erase("acme") == Erasure(owner="acme")
    assert stored.erase("nobody") == Erasure(owner="nobody")
    with pytest.raises(InvalidInput):
        stored.erase("")
    stored.token(consent(stored, emulator, "acme", IDA).id)
    assert stored.audit.verify().ok


def test_a_token_that_was_taken_over_is_forgotten(stored: Keeper, opened: Open, emulator: Emulator) -> None:
    """By its fingerprint a grant could be found again by whoever has the token."""
    first = consent(stored, emulator, "acme", IDA)
    refresh = stored.hand_out(first.id, form="yaml", who="me")
    stored.adopt("other", "google-ads", Secret(refresh.reveal()))
    stored.erase("other")
    assert isinstance(stored._store, SqlStore)
    with stored._store._engine.connect() as connection:
        found = connection.execute(select(tables.grant.c.imported).where(tables.grant.c.owner == "other")).all()
    assert [row.imported for row in found] == [None]


def test_a_grant_of_an_oauth_client_that_is_gone_is_erased_too(
    opened: Open, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """O-54r: nobody can tell the provider any more, and that is said; the person's address is not kept for it."""
    grant = consent(opened(), emulator, "acme", IDA)
    without = opened(clients=())

    done = without.erase("acme", by="cli")

    assert (done.revoked, done.grants, done.pending, done.untold) == (1, 1, (), (grant.id,))
    assert holding(without, IDA, grant.subject) == []
    assert grant.id in caplog.text
    assert without.audit.read(newest_first=True, limit=1)[0].data["untold"] == 1
    assert without.erase("acme", by="cli") == Erasure(owner="acme")


def test_a_grant_whose_token_does_not_open_is_erased_too(opened: Open, emulator: Emulator) -> None:
    """O-54r: with its key gone the provider cannot be told either, and that is said."""
    grant = consent(opened(KEYS[0]), emulator, "acme", IDA)
    done = opened(KEYS[1]).erase("acme", by="cli")
    assert (done.grants, done.pending, done.untold) == (1, (), (grant.id,))


def test_an_owner_with_the_longest_name_can_be_erased(stored: Keeper, emulator: Emulator) -> None:
    """O-54r: on every database; the erasure's own entry names them whole."""
    owner = "\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 255
    consent(stored, emulator, owner, IDA)
    stored.erase(owner, by="cli")
    assert holding(stored, IDA) == []
    (entry,) = stored.audit.read(target=f"owner:{owner}")
    assert entry.owner == owner


def test_who_exported_is_personal(stored: Keeper, emulator: Emulator) -> None:
    """O-54r: the name of whoever took a refresh token away goes with the rest, and what is signed never held it."""
    grant = consent(stored, emulator, "acme", IDA)
    stored.hand_out(grant.id, form="yaml", who="erika (uid 1000) on desk7")
    (entry,) = [each for each in stored.audit.read() if each.action == "grant.export"]
    assert (entry.data["form"], entry.personal["who"]) == ("yaml", "erika (uid 1000) on desk7")
    assert set(holding(stored, "erika")) == {"grantkeeper_audit", "grantkeeper_event"}

    stored.erase("acme")

    assert holding(stored, "erika") == []
    assert {each.kind: each.data for each in stored.events()}["grant.exported"] == {"form": "yaml"}
    assert stored.audit.verify().ok


def alter(keeper: Keeper, table: str, of: str, column: str, value: Any) -> None:
    """Write a value into a row, as somebody with a database client does; SQLite takes any."""
    assert isinstance(keeper._store, SqlStore)
    altered = tables.metadata.tables[f"grantkeeper_{table}"]
    with keeper._store._writing.begin() as connection:
        connection.execute(update(altered).where(altered.c.id == of).values({column: literal(value)}))


def test_a_grant_whose_row_was_altered_hides_no_other_and_not_itself(stored: Keeper, emulator: Emulator) -> None:
    """O-54r, R-52: the owner's others end as ever, and it ends here, is said, and is an event and an entry, once."""
    grants = [consent(stored, emulator, "acme", person, other_account="add") for person in (IDA, TOM)]
    other = consent(stored, emulator, "other", "lucia@casa-verde.example")
    token = stored.token(grants[1].id).value
    alter(stored, "grant", grants[0].id, "status", "suspended")

    done = stored.erase("acme", by="cli")

    assert (done.revoked, done.grants, done.pending, done.untold) == (1, 2, (), (grants[0].id,))
    assert holding(stored, IDA, TOM, *(each.subject for each in grants)) == []
    assert emulator.introspect(token.reveal()) is None
    assert {each.status for each in stored.grants("acme")} == {GrantStatus.REVOKED}
    ended = [each for each in stored.events(kind="grant.revoked") if each.grant_id == grants[0].id]
    assert [dict(each.data) for each in ended] == [{"reason": "disconnected"}]
    entries = stored.audit.read(target=f"grant:{grants[0].id}")
    assert [each.actor for each in entries if each.action == "grant.revoke"] == ["cli"]
    assert stored.audit.verify().ok
    assert stored.get(other.id) == other
    assert stored.erase("acme", by="cli") == Erasure(owner="acme")


def test_another_owner_s_altered_row_hinders_no_erasure(stored: Keeper, emulator: Emulator) -> None:
    """O-54r, O-51: whether the provider may be told cannot be known then, so it is not, and that is said."""
    mine, other = consent(stored, emulator, "acme", IDA), consent(stored, emulator, "other", IDA)
    alter(stored, "grant", other.id, "expires_at", 1 << 62)

    done = stored.erase("acme", by="cli")

    assert (done.revoked, done.grants, done.untold) == (0, 1, (mine.id,))
    assert stored.get(mine.id).status is GrantStatus.REVOKED
    assert stored.erase("acme", by="cli") == Erasure(owner="acme")


@pytest.mark.parametrize(
    ("column", "value"),
    [("email", b"\xff"), ("subject", b"\xff"), ("version", "x"), ("created_at", "soon"), ("scopes", b"\xff"), *ODD],
)
def test_whatever_was_altered_in_it_is_blanked(tmp_path: Path, emulator: Emulator, column: str, value: object) -> None:
    """O-54r: what SQLite takes, and no other database; what is no person's may stay, and then it is said each time."""
    with closing(SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")) as store:
        store.migrate()
        with emulated_keeper(emulator, store) as keeper:
            grant = consent(keeper, emulator, "acme", IDA)
            alter(keeper, "grant", grant.id, column, value)

            assert keeper.erase("acme", by="cli").untold == (grant.id,)

            assert holding(keeper, IDA, grant.subject) == []
            left = (grant.id,) if column == "client" else ()
            assert keeper.erase("acme", by="cli").untold == left
            assert left or keeper.get(grant.id).status is GrantStatus.REVOKED


def test_a_link_that_can_be_read_and_not_saved_keeps_no_erasure_up(tmp_path: Path, emulator: Emulator) -> None:
    """O-54r, R-52: it is withdrawn all the same, and the erasure comes to its end."""
    with closing(SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")) as store:
        store.migrate()
        with emulated_keeper(emulator, store) as keeper:
            links = [keeper.link("acme", "google-ads", expect=IDA).link for _ in range(2)]
            alter(keeper, "link", links[0].id, "language", "x" * 100)

            assert keeper.erase("acme", by="cli").links == 2

            assert {keeper.links.get(each.id).status for each in links} == {LinkStatus.REVOKED}
            assert holding(keeper, IDA) == []


@pytest.mark.parametrize("column", ["client", "issuer", "subject", "email"])
def test_a_grant_that_can_be_read_and_not_saved_is_erased_too(tmp_path: Path, emulator: Emulator, column: str) -> None:
    """O-54r, R-52: SQLite keeps text of any length."""
    with closing(SqlStore(f"sqlite:///{tmp_path}/a.sqlite3")) as store:
        store.migrate()
        with emulated_keeper(emulator, store) as keeper:
            grant = consent(keeper, emulator, "acme", IDA)
            alter(keeper, "grant", grant.id, column, "x" * 3000)

            assert keeper.erase("acme", by="cli").untold == (grant.id,)

            assert holding(keeper, IDA, grant.subject) == []
            assert keeper.get(grant.id).status is GrantStatus.REVOKED
            assert keeper.erase("acme", by="cli") == Erasure(owner="acme")
