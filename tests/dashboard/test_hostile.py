"""What strangers wrote, on pages that operators read: nothing of it is markup, and no secret is ever among it."""

from __future__ import annotations

import html.parser
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import insert

from dashboard.staff import CALLBACK, Staff, mounted
from grantkeeper.emulator import Emulator
from grantkeeper.keeper import Keeper
from grantkeeper.model import AuditEntry, Event, GrantRow, GrantStatus, Reason
from grantkeeper.store import SqlStore, tables
from grantkeeper.testing import Connect, consent, emulated_keeper

IDA = "ida@nordwind-outdoor.example"
PAYLOADS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</title><script>alert(1)</script>",
    "{{ 7 * 7 }}{% include 'frame.html' %}",
    "javascript:alert(1)",
    '" autofocus onfocus="alert(1)',
    "&lt;script&gt;&#60;b&#62;",
    "=cmd|' /C calc'!A0",
    "</textarea><script>alert(1)</script>",
)
FIELDS = ("owner", "email", "client", "status", "after", "said", "q", "actor", "target", "before")


class Dom(html.parser.HTMLParser):
    """Elements and attributes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep it."""
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]


def harmless(page: str, plain: str) -> None:
    """Check that a page has the same elements as one without anything hostile in it, and no handler or odd address."""
    found, expected = Dom(page), Dom(plain)
    assert sorted(found.tags) == sorted(expected.tags)
    for tag, name, value in found.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("href", "src", "action"):
            assert value.startswith(("/dashboard/", "#")), (tag, name, value)


def planted(keeper: Keeper, row: GrantRow, text: str) -> str:
    """Write a text into everything that is shown of a grant and of what belongs to it; returns the grant's id."""
    grant = replace(
        row.grant,
        id="gr_planted",
        owner=text,
        email=text,
        subject="1",
        status=GrantStatus.CONSENT_REQUIRED,
        reason=Reason.SCOPES_MISSING,
        scopes=frozenset({"openid", text.replace(" ", "")}),
        missing=frozenset({text.replace(" ", "")}),
        extra=frozenset({text.replace(" ", "") + "x"}),
    )
    store = keeper._store
    store.insert_grant(replace(row, grant=grant))
    now = keeper.overview.now()
    _add_account(store, grant.id, text)
    event = Event(
        kind="grant.imported", at=now, grant_id=grant.id, owner=text, client="google-ads", data={text: {text: [text]}}
    )
    store.events.add(event)
    told = AuditEntry(
        at=now,
        actor=text,
        action="grant.revoke",
        target=f"grant:{grant.id}",
        owner=text,
        data={text: text},
        personal={text: text},
    )
    store.audit.add(told, mac=keeper.operators._parts.mac)
    return grant.id


def _add_account(store: Any, grant_id: str, text: str) -> None:
    values = {
        "grant_id": grant_id,
        "kind": "google_ads",
        "id": text,
        "name": text,
        "status": "enabled",
        "enabled": True,
        "manager": False,
        "test": False,
        "currency": text[:60],
        "time_zone": text[:60],
        "parents": "[]",
        "ways": "[]",
        "shared": True,
        "found_at": 0,
        "lost_at": None,
    }
    store._written(lambda connection: connection.execute(insert(tables.account), values).rowcount)


PAGES = ("/grants", "/grants/gr_planted", "/grants/gr_planted/disconnect", "/links", "/audit", "/operators")


@pytest.fixture
def plain(admin: Staff, keeper: Keeper, connect: Connect) -> dict[str, str]:
    """The pages with nothing hostile in them."""
    return _shown(admin, keeper, connect, "plain")


def _shown(admin: Staff, keeper: Keeper, connect: Connect, text: str) -> dict[str, str]:
    row = keeper._store.grant(connect("acme", IDA).id)
    assert row is not None
    planted(keeper, row, text)
    keeper.link("acme", "google-ads", message=text, by="cli")
    keeper.operators.invite("bo@fjord-media.example", "viewer", by="cli")
    return {path: admin.get(path).text for path in PAGES}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_nothing_that_is_stored_is_ever_markup(
    plain: dict[str, str], emulator: Emulator, tmp_path: Any, payload: str
) -> None:
    """V-39: the corpus through every field that is shown: owner, e-mail, scopes, accounts, messages, events, audit."""
    emulator.client_secret(None, [CALLBACK])
    store = SqlStore(f"sqlite:///{tmp_path / 'hostile.sqlite3'}")
    store.migrate()
    with emulated_keeper(emulator, store) as keeper, Staff(mounted(keeper), emulator) as staff:
        staff.come_in(keeper, "admin")
        pages = _shown(staff, keeper, lambda owner, person, *_: consent(keeper, emulator, owner, person), payload)  # type: ignore[arg-type]
    for path, text in pages.items():
        assert payload not in text or payload.startswith(("javascript", "=cmd", "{{")), path
        harmless(text, plain[path])
        assert "49" not in text or payload != PAYLOADS[4]


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize(
    "field", ["owner", "email", "client", "status", "after", "said", "q", "actor", "target", "before"]
)
def test_nothing_in_an_address_is_ever_markup(admin: Staff, payload: str, field: str) -> None:
    """V-39: reflected into filters, and into links to the next page."""
    for path in ("/grants", "/links", "/audit", "/find"):
        answer = admin.get(f"{path}?{urlencode({field: payload})}")
        harmless_attributes(answer.text)
        assert "\n" not in answer.headers.get("location", "")
        assert answer.headers.get("location", "/dashboard/").startswith("/dashboard/")


def harmless_attributes(text: str) -> None:
    """Check that there is no handler, and no script but ours."""
    found = Dom(text)
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    assert found.tags.count("script") <= 1
    assert "svg" not in found.tags
    assert "img" not in found.tags


def test_no_page_holds_a_token_or_a_secret(admin: Staff, keeper: Keeper, emulator: Emulator, connect: Connect) -> None:
    """V-27: a scan of every page, after everything that has tokens; the canaries search what was shown once more."""
    grant = connect("acme", IDA)
    link = keeper.link("beta", "google-ads", by="cli")
    made = keeper.keys.create("nightly", ["tokens:read"], by="cli")
    _, one_time = keeper.operators.invite("bo@fjord-media.example", "viewer", by="cli")
    access = keeper.token(grant.id).value.reveal()
    row = keeper._store.grant(grant.id)
    assert row is not None
    refresh = keeper.operators._parts.vault.open_tokens(row).refresh_token
    assert refresh is not None
    secrets = {
        "access token": access,
        "refresh token": refresh.reveal(),
        "client secret": keeper.client("google-ads").client_secrets[0].reveal(),
        "link": link.url.rpartition("/")[2],
        "key": made.secret.reveal(),
        "one-time link": one_time.reveal(),
        "session": admin.session,
    }
    for path in (*PAGES[:1], f"/grants/{grant.id}", f"/grants/{grant.id}/disconnect", *PAGES[3:], "/clients", "/keys"):
        page = admin.get(path)
        assert page.status_code == 200
        assert [kind for kind, value in secrets.items() if value in page.text] == [], path
