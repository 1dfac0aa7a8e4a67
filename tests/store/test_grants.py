"""The store's contract for grants, the same on every database."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grantkeeper.errors import Conflict, InvalidInput
from grantkeeper.model import GrantRow, GrantStatus, Reason, Sealed, Store
from grantkeeper.store import SqlStore
from grantkeeper.store.tables import MOST_SENDS
from store.made import GOOGLE, GRANT, NOW, grant_row, saved

on_a_kept_store = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
storable = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
# Pairs that some database, collation or normal form takes for the same.
ALIKE = ["acme", "Acme", "ACME", "acme ", " acme", "\u202eacme", "\u00f1", "n\u0303", "\u00df", "ss", "\u0131", "i"]
names = st.text(storable, min_size=1, max_size=255) | st.sampled_from(ALIKE)


def ids(rows: list[GrantRow]) -> list[str]:
    """Return the rows' ids."""
    return [row.grant.id for row in rows]


def test_a_grant_comes_back_as_it_was(store: Store) -> None:
    """Every member, to the microsecond and the byte; unknown ids answer None."""
    row = grant_row(
        ends_at=datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        refreshed_at=datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
        status=GrantStatus.CONSENT_REQUIRED,
        reason=Reason.SCOPES_MISSING,
        extra=frozenset({"a", "b"}),
        version=2**53,
    )
    store.insert_grant(row)
    assert store.grant("g1") == row
    assert store.grants() == [row]
    assert store.grant("g2") is None


def test_every_status_and_reason_fits(store: Store) -> None:
    """Each value of the enumerations comes back as itself."""
    values = [*((status, Reason.NONE) for status in GrantStatus), *((GrantStatus.ACTIVE, reason) for reason in Reason)]
    for number, (status, reason) in enumerate(values):
        row = grant_row(id=str(number), subject=str(number), status=status, reason=reason)
        store.insert_grant(row)
        assert store.grant(str(number)) == row


def test_other_time_zones_are_kept_as_the_same_instant(store: Store) -> None:
    """Two hours east of UTC is another way to write it."""
    east = timezone(timedelta(hours=2))
    store.insert_grant(grant_row(expires_at=NOW.astimezone(east)))
    found = store.grant("g1")
    assert found is not None
    assert found.grant.expires_at == NOW
    assert str(found.grant.expires_at).endswith("+00:00")


def test_erased_tokens_leave_nothing(store: Store) -> None:
    """A row without tokens has neither ciphertext nor data key."""
    store.insert_grant(grant_row())
    erased = dataclasses.replace(saved(grant_row(), status=GrantStatus.REVOKED), sealed=None)
    store.save_grant(erased, expected_version=1)
    assert store.grant("g1") == erased


def test_one_person_has_one_living_grant_per_owner_and_client(store: Store) -> None:
    """O-25: the same (owner, client, issuer, subject) again is Conflict and changes nothing."""
    store.insert_grant(grant_row())
    with pytest.raises(Conflict):
        store.insert_grant(grant_row(id="g2", email="other@acme.example"))
    assert store.grants() == [grant_row()]


@pytest.mark.parametrize(
    "change",
    [
        {"owner": "globex"},
        {"client": "ad-manager"},
        {"issuer": "https://other.example"},
        {"subject": "1002"},
        {"owner": "Acme"},
        {"client": "Google-Ads"},
        {"subject": "1001 "},
    ],
    ids=str,
)
def test_whoever_differs_in_one_member_has_a_grant_of_their_own(store: Store, change: dict[str, Any]) -> None:
    """The same person in two owners, two persons in one owner, case and blanks: all are different identities."""
    store.insert_grant(grant_row())
    store.insert_grant(grant_row(id="g2", **change))
    assert ids(store.grants()) == ["g1", "g2"]
    assert store.grants(**change) == [grant_row(id="g2", **change)]


def test_after_a_revoked_grant_the_person_may_have_another(store: Store) -> None:
    """A revoked grant is final and stays beside the new one, any number of them."""
    for number in (1, 2, 3):
        row = grant_row(id=f"g{number}")
        store.insert_grant(row)
        store.save_grant(saved(row, status=GrantStatus.REVOKED), expected_version=1)
    store.insert_grant(grant_row(id="g4"))
    assert ids(store.grants(statuses=(GrantStatus.REVOKED,))) == ["g1", "g2", "g3"]
    with pytest.raises(Conflict):
        store.insert_grant(grant_row(id="g5"))


def test_saving_replaces_the_row(store: Store) -> None:
    """Every member that a GrantRow carries is written."""
    store.insert_grant(grant_row())
    changed = saved(
        grant_row(),
        email="new@acme.example",
        status=GrantStatus.CONSENT_REQUIRED,
        reason=Reason.REAUTHENTICATION,
        scopes=frozenset({"openid"}),
        missing=frozenset(),
        extra=frozenset({"x"}),
        expires_at=None,
        ends_at=NOW,
        updated_at=NOW + timedelta(days=1),
        refreshed_at=NOW,
    )
    changed = dataclasses.replace(changed, sealed=Sealed(key=b"k", data=b"d"))
    store.save_grant(changed, expected_version=1)
    assert store.grant("g1") == changed


def test_who_saves_second_gets_conflict(store: Store) -> None:
    """R-03: compare-and-swap by version; the loser changes nothing."""
    store.insert_grant(grant_row())
    first, second = saved(grant_row(), email="first@acme.example"), saved(grant_row(), email="second@acme.example")
    store.save_grant(first, expected_version=1)
    with pytest.raises(Conflict):
        store.save_grant(second, expected_version=1)
    assert store.grant("g1") == first


def test_saving_what_is_not_there_is_a_conflict(store: Store) -> None:
    """A row that was deleted meanwhile does not come back."""
    with pytest.raises(Conflict):
        store.save_grant(saved(grant_row()), expected_version=1)
    assert store.grants() == []


@pytest.mark.parametrize("version", [1, 3])
def test_a_version_is_never_skipped(store: Store, version: int) -> None:
    """The version is the fencing counter: a caller that miscounts is told so."""
    store.insert_grant(grant_row())
    with pytest.raises(InvalidInput):
        store.save_grant(grant_row(version=version), expected_version=1)
    assert store.grant("g1") == grant_row()


def test_saving_leaves_the_columns_of_renewal_alone(store: SqlStore) -> None:
    """A lease that another process holds survives a save."""
    store.insert_grant(grant_row())
    lease = "due_at = 1, checked_at = 2, lease_owner = 'somebody', lease_until = 3"
    with store._writing.begin() as connection:
        connection.exec_driver_sql(f"UPDATE grantkeeper_grant SET {lease}")
    store.save_grant(saved(grant_row()), expected_version=1)
    with store._engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT due_at, checked_at, lease_owner, lease_until FROM grantkeeper_grant")
        assert kept.one() == (1, 2, "somebody", 3)


def test_grants_are_found_by_what_is_given(store: Store) -> None:
    """All conditions hold together; nothing given finds everything."""
    store.insert_grant(grant_row(id="a"))
    store.insert_grant(grant_row(id="b", subject="1002", status=GrantStatus.CONSENT_REQUIRED))
    store.insert_grant(grant_row(id="c", owner="globex", client="ad-manager"))
    assert ids(store.grants()) == ["a", "b", "c"]
    assert ids(store.grants(owner="acme")) == ["a", "b"]
    assert ids(store.grants(owner="acme", subject="1002")) == ["b"]
    assert ids(store.grants(client="ad-manager")) == ["c"]
    assert ids(store.grants(clients=("ad-manager", "other"))) == ["c"]
    assert ids(store.grants(clients=())) == []
    assert ids(store.grants(issuer=GOOGLE, subject="1001")) == ["a", "c"]
    assert ids(store.grants(statuses=(GrantStatus.CONSENT_REQUIRED, GrantStatus.REVOKED))) == ["b"]
    assert ids(store.grants(statuses=())) == []
    assert ids(store.grants(owner="acme", client="ad-manager")) == []


def test_pages_follow_each_other_by_id(store: Store) -> None:
    """Ids are ordered by their bytes on every database, so that no row is skipped or doubled."""
    made = ["B", "a", "Z", "_", "10", "9", "b", "é"]
    for number, name in enumerate(made):
        store.insert_grant(grant_row(id=name, subject=str(number)))
    found: list[str] = []
    while page := store.grants(after=found[-1] if found else "", limit=3):
        assert len(page) <= 3
        found += ids(page)
    assert found == sorted(made)


@given(owner=names, other=names)
@on_a_kept_store
def test_owners_are_told_apart_by_their_bytes(store: SqlStore, owner: str, other: str) -> None:
    """O-25: any text up to 255 characters; case, accents, blanks and directions all count."""
    _clear(store)
    store.insert_grant(grant_row(id="one", owner=owner))
    if owner == other:
        with pytest.raises(Conflict):
            store.insert_grant(grant_row(id="two", owner=other))
    else:
        store.insert_grant(grant_row(id="two", owner=other))
        assert ids(store.grants(owner=other)) == ["two"]
    assert store.grants(owner=owner) == [grant_row(id="one", owner=owner)]


@given(client=st.text(storable, min_size=1, max_size=100), email=st.text(storable, max_size=320))
@on_a_kept_store
def test_any_text_within_its_length_comes_back(store: SqlStore, client: str, email: str) -> None:
    """Unicode of any kind, to the last character allowed."""
    _clear(store)
    row = grant_row(client=client, email=email)
    store.insert_grant(row)
    assert store.grants(client=client) == [row]
    assert store.grants(clients=(client,)) == [row]


@pytest.mark.parametrize("text", ["\U0001f511" * 255, "\u0627" * 255, "a" * 255], ids=["four bytes", "rtl", "ascii"])
def test_the_longest_identity_fits(store: Store, text: str) -> None:
    """255 characters of owner count whatever they are; so do the longest issuer, subject, client and e-mail."""
    row = grant_row(owner=text, client=text[:100], issuer="i" * 255, subject="s" * 255, email="e" * 320, id="x" * 64)
    store.insert_grant(row)
    assert store.grant("x" * 64) == row
    with pytest.raises(Conflict):
        store.insert_grant(dataclasses.replace(row, grant=dataclasses.replace(row.grant, id="y")))


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", "x" * 65),
        ("owner", "o" * 256),
        ("client", "c" * 101),
        ("issuer", "i" * 256),
        ("subject", "s" * 256),
        ("email", "e" * 321),
        ("owner", "ac\0me"),
        ("owner", "ac\ud800me"),
        ("email", "\0"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(store: Store, member: str, value: str) -> None:
    """The same on every database, although SQLite would take it: InvalidInput, nothing stored, no value repeated."""
    with pytest.raises(InvalidInput, match=f"^{member} ") as refused:
        store.insert_grant(grant_row(**{member: value}))
    assert value not in str(refused.value)
    store.insert_grant(grant_row())
    with pytest.raises(InvalidInput):
        store.save_grant(saved(grant_row(), **{member: value}), expected_version=1)
    assert store.grants() == [grant_row()]


@pytest.mark.parametrize("text", ["\0", "a\0", "\ud800", "x" * 10_000])
def test_asking_for_what_cannot_be_stored_finds_nothing(store: Store, text: str) -> None:
    """An id from a URL may be anything: it is not there, and nothing breaks."""
    store.insert_grant(grant_row())
    assert store.grant(text) is None
    assert store.grants(owner=text) == []
    assert store.grants(clients=(text,)) == []
    assert store.grants(subject=text) == []


def test_sql_in_a_value_is_a_value(store: Store) -> None:
    """Values are bound, never written into a statement."""
    nasty = "'; DROP TABLE grantkeeper_grant; --%(key)s ? :key \\"
    row = grant_row(id="'--", owner=nasty, client=nasty, email=nasty)
    store.insert_grant(row)
    assert store.grants(owner=nasty) == [row]
    assert store.grant("'--") == row
    assert store.grant(nasty) is None


def test_the_quick_read_equals_the_plain_one(store: SqlStore) -> None:
    """`grant` reads on the driver's cursor: same row, same types as through SQLAlchemy."""
    row = dataclasses.replace(grant_row(refreshed_at=NOW), sealed=Sealed(key=bytes(range(256)), data=b"\0" * 70_000))
    store.insert_grant(row)
    quick = store.grant("g1")
    (plain,) = store.grants()
    assert quick == plain == row
    assert quick is not None
    assert [type(getattr(quick.grant, f.name)) for f in dataclasses.fields(GRANT)] == [
        type(getattr(row.grant, f.name)) for f in dataclasses.fields(GRANT)
    ]


def test_the_installation_has_a_random_id_that_stays(store: SqlStore) -> None:
    """It is part of every seal: migrating again does not change it."""
    before = store.installation()
    store.migrate()
    assert store.installation() == before
    assert len(bytes.fromhex(before)) == 16


def _clear(store: SqlStore) -> None:
    with store._writing.begin() as connection:
        connection.exec_driver_sql("DELETE FROM grantkeeper_grant")


def test_sends_are_counted_no_further_than_the_column_goes(store: SqlStore) -> None:
    """R-11: a provider that is in trouble for weeks; the column is a small one."""
    row = grant_row()
    store.insert_grant(row)
    lease = timedelta(minutes=1)
    assert store.begin_refresh(row.grant.id, version=1, attempt="a", at=NOW, lease=lease)
    assert store.end_refresh(row.grant.id, attempt="a", sent_at=NOW, sends=40_000)
    found = store.grant(row.grant.id)
    assert found is not None
    assert found.sends == MOST_SENDS
    assert store.begin_refresh(row.grant.id, version=1, sends=MOST_SENDS, attempt="b", at=NOW, lease=lease)
    found = store.grant(row.grant.id)
    assert found is not None
    assert found.sends == MOST_SENDS
