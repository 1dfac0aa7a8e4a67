"""What an erasure leaves of a person in the database file itself."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from audit.conftest import KEYS
from grantkeeper.emulator import Emulator
from grantkeeper.errors import AccountMismatch
from grantkeeper.keeper import Keeper
from grantkeeper.seal import KeyRing
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, consent, oauth_client
from keeper.accounts.scene import SHOP, WINTER, lose
from keeper.files.old import old_token
from links.walking import LUCIA, use

OWNER, OTHER = "acme", "casa-verde"
IDA = "ida@nordwind-outdoor.example"
TOM = "tom.becker@nordwind-outdoor.example"
SUBJECTS = ("104857201938475610293", "110293847561029384756")
NAMES = ("Ida Lindqvist", "Tom Becker")
ACCOUNTS = (SHOP, WINTER, "Nordwind Outdoor")
HOOK = "https://hooks.example.com/grants"


def opened(file: Path, emulator: Emulator) -> Keeper:
    """Return a keeper over this file."""
    store = SqlStore(f"sqlite:///{file}")
    store.migrate()
    return Keeper(
        store=store,
        sealer=KeyRing.parse(KEYS[0]),
        clients=[oauth_client(emulator, "google-ads", ["adwords"])],
        transport=EmulatorTransport(emulator),
        now=emulator.clock.now,
        pause=emulator.clock.advance,
        export_refresh_tokens="allowed",
        pages_url="https://app.example.com",
        return_to=("https://app.example.com",),
    )


def lived(keeper: Keeper, emulator: Emulator) -> str:
    """Let an owner live through all that names somebody; returns a fingerprint by which their token could be found."""
    keeper.webhooks.add(HOOK)
    grant = consent(keeper, emulator, OWNER, IDA)
    accounts = keeper.accounts(grant.id)
    keeper.share(grant.id, [(each.kind, each.id) for each in accounts[:1]])
    for account in (SHOP, WINTER):
        lose(emulator, IDA, account)
    keeper.discover(grant.id)
    first = keeper.link(
        OWNER, "google-ads", message=f"Dear {NAMES[0]}", return_to=f"https://app.example.com/?for={IDA}"
    )
    with pytest.raises(AccountMismatch):
        use(keeper, emulator, first, TOM)
    failure = keeper.links.get(first.link.id).failure
    assert IDA in failure
    assert TOM in failure
    keeper.link(OWNER, "google-ads", expect=TOM, grant_id=grant.id)
    keeper.hand_out(grant.id, form="yaml", who="me")
    keeper.revoke(grant.id)
    keeper.adopt(OWNER, "google-ads", old_token(emulator, keeper.client("google-ads"), TOM))
    (imported,) = keeper.events(kind="grant.imported")  # reading them makes their deliveries
    return str(imported.data["token"])


def found(file: Path, *words: str) -> set[str]:
    """Return which words a dump of the database or its very bytes hold."""
    with sqlite3.connect(file) as connection:
        dump = "\n".join(connection.iterdump()).casefold()
    kept = dump.encode() + file.read_bytes().lower()
    return {word for word in words if word.casefold().encode() in kept}


def test_a_dump_of_the_database_names_nobody_after_an_erasure(tmp_path: Path, emulator: Emulator) -> None:
    """O-54r, V-10: no address, subject, name or account: in no table, event, delivery or link, nor in freed pages."""
    file = tmp_path / "grantkeeper.sqlite3"
    with opened(file, emulator) as keeper:
        fingerprint = lived(keeper, emulator)
        other = consent(keeper, emulator, OTHER, LUCIA)
        keeper.accounts(other.id)
    personal = (IDA, TOM, SUBJECTS[0], NAMES[0], *ACCOUNTS, fingerprint)
    assert found(file, *personal) == set(personal)

    with opened(file, emulator) as keeper:
        done = keeper.erase(OWNER, by="cli")
        assert done.events >= 3
        assert keeper.audit.verify().ok
        kinds = [event.kind for event in keeper.events(limit=1000)]
        assert keeper.erase(OWNER, by="cli").events == 0

    assert found(file, *personal, SUBJECTS[1], NAMES[1], "Dear") == set()
    assert found(file, LUCIA, "3334445552") == {LUCIA, "3334445552"}
    assert {"grant.accounts_changed", "grant.accounts_shared", "grant.connected", "grant.revoked"} <= set(kinds)
