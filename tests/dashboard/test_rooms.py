"""What operators see and do: grants, links, clients, keys, operators, the audit log."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from dashboard.staff import Staff
from grantkeeper.emulator import Emulator
from grantkeeper.emulator.visitor import forms
from grantkeeper.errors import NotFound
from grantkeeper.keeper import Keeper
from grantkeeper.model import NOTHING, Grant, GrantStatus, Tally
from grantkeeper.testing import Connect
from web.visitor import heading

IDA = "ida@nordwind-outdoor.example"
TOM = "tom.becker@nordwind-outdoor.example"
LUCIA = "lucia@casa-verde.example"


def invited(keeper: Keeper, emulator: Emulator, owner: str, person: str, **wish: str) -> Grant:
    """Let somebody consent by a link."""
    token = keeper.link(owner, "google-ads", by="cli", **wish).url.rpartition("/")[2]  # type: ignore[arg-type]
    away = keeper.follow(token)
    done = keeper.complete(away.flow, emulator.consent(away.url, person))
    assert isinstance(done, Grant)
    return done


def owners(page: str) -> list[str]:
    """Return the owners that a list shows, in order."""
    return re.findall(r'<th scope="row" data-label="Owner"><a[^>]*><bdi>([^<]*)', page)


def test_grants_are_listed_filtered_and_found(admin: Staff, connect: Connect) -> None:
    """By state, client, what the owner begins with, and e-mail; the field on top finds by any of the three."""
    acme, other = connect("acme", IDA), connect("beta", LUCIA)
    connect("acme", IDA, "ad-manager")

    assert sorted(owners(admin.get("/grants").text)) == ["acme", "acme", "beta"]
    assert owners(admin.get("/grants?owner=be").text) == ["beta"]
    assert owners(admin.get("/grants?client=ad-manager").text) == ["acme"]
    assert owners(admin.get(f"/grants?email={LUCIA}").text) == ["beta"]
    assert owners(admin.get("/grants?status=pending").text) == []
    assert "No grant matches." in admin.get("/grants?status=pending").text
    assert admin.get(f"/find?q={acme.id}").headers["location"] == f"/dashboard/grants/{acme.id}"
    assert (
        admin.get(f"/find?q={LUCIA.upper()}").headers["location"]
        == "/dashboard/grants?email=lucia%40casa-verde.example"
    )
    assert admin.get("/find?q=ac").headers["location"] == "/dashboard/grants?owner=ac"
    assert other.owner == "beta"


def test_a_long_list_is_paged(admin: Staff, keeper: Keeper, connect: Connect) -> None:
    """Fifty a page; the next page goes on where this one ended."""
    from dataclasses import replace

    row = keeper._store.grant(connect("acme", IDA).id)
    assert row is not None
    for number in range(120):
        grant = replace(row.grant, id=f"gr_{number:04}", owner=f"owner-{number:04}", subject=str(number))
        keeper._store.insert_grant(replace(row, grant=grant))
    seen: list[str] = []
    path = "/grants"
    while path:
        page = admin.get(path).text
        seen += owners(page)
        following = re.search(r'rel="next" href="/dashboard([^"]*)"', page)
        path = html.unescape(following[1]) if following else ""

    assert len(seen) == len(set(seen)) == 121


def test_who_consented_is_confirmed_as_the_page_showed_it(admin: Staff, keeper: Keeper, emulator: Emulator) -> None:
    """V-31: the page says who consented and who was expected; the button confirms just that state of the grant."""
    grant = invited(keeper, emulator, "acme", TOM)
    page = admin.get(f"/grants/{grant.id}")
    assert TOM in page.text
    assert "nobody in particular" in page.text

    done = admin.submit(page, "confirm")
    assert done.headers["location"] == f"/dashboard/grants/{grant.id}?said=confirmed"
    assert keeper.get(grant.id).status is GrantStatus.ACTIVE
    last = keeper._store.audit.read(newest_first=True, limit=1)[0].entry
    assert (last.actor.startswith("operator:op_"), last.action) == (True, "grant.confirm")


def test_a_grant_that_changed_meanwhile_is_not_confirmed(admin: Staff, keeper: Keeper, emulator: Emulator) -> None:
    """V-31: another person's consent between the look and the click is not what was agreed to."""
    from dataclasses import replace

    grant = invited(keeper, emulator, "acme", TOM)
    page = admin.get(f"/grants/{grant.id}")
    row = keeper._store.grant(grant.id)
    assert row is not None
    changed = replace(row, grant=replace(row.grant, email=IDA, version=row.grant.version + 1))
    keeper._store.save_grant(changed, expected_version=row.grant.version)
    answer = admin.submit(page, "confirm")

    assert (answer.status_code, heading(answer)) == (409, "Somebody changed it at the same moment")
    assert keeper.get(grant.id).status is GrantStatus.PENDING


def test_disconnecting_says_before_what_ends_and_ends_just_that(
    admin: Staff, keeper: Keeper, emulator: Emulator, connect: Connect
) -> None:
    """O-51: the others of the same consent are named; when there are more by now, nothing is done."""
    first, second = connect("acme", IDA), connect("beta", IDA)
    page = admin.get(f"/grants/{first.id}/disconnect")
    assert "1 more grant lives from the same person’s consent" in page.text
    assert f"/dashboard/grants/{second.id}" in page.text
    third = connect("gamma", IDA)
    refused = admin.submit(page, "disconnect", {"siblings": "end"})
    assert (refused.status_code, "has changed since" in refused.text) == (409, True)
    assert third.owner in refused.text
    assert keeper.get(first.id).usable

    done = admin.submit(refused, "disconnect", {"siblings": "end"})
    assert done.headers["location"].endswith("?said=revoked")
    assert [keeper.get(each.id).usable for each in (first, second, third)] == [False] * 3


def test_disconnecting_one_keeps_the_others_by_default(admin: Staff, keeper: Keeper, connect: Connect) -> None:
    """O-51: the safe choice is ticked."""
    first, second = connect("acme", IDA), connect("beta", IDA)
    page = admin.get(f"/grants/{first.id}/disconnect")
    assert re.search(r'value="keep" checked', page.text)
    admin.submit(page, "disconnect", {"siblings": "keep"})

    assert [keeper.get(each.id).usable for each in (first, second)] == [False, True]


def test_a_grant_is_refreshed_by_hand(admin: Staff, keeper: Keeper, connect: Connect, emulator: Emulator) -> None:
    """V-65: it is in the audit log who did it."""
    grant = connect("acme", IDA)
    emulator.clock.advance(timedelta(minutes=10))
    admin.submit(admin.get(f"/grants/{grant.id}"), "refresh")

    refreshed_at = keeper.get(grant.id).refreshed_at
    assert refreshed_at == emulator.clock.now()
    assert keeper._store.audit.read(newest_first=True, limit=1)[0].entry.action == "grant.refresh"


def test_a_refresh_that_fails_says_why(admin: Staff, connect: Connect, emulator: Emulator) -> None:
    """The provider's trouble is a page with its words, not a crash."""
    grant = connect("acme", IDA)
    emulator.fail(503, times=5)
    answer = admin.submit(admin.get(f"/grants/{grant.id}"), "refresh")

    assert (answer.status_code, heading(answer)) == (503, "The provider did not answer usably")


@pytest.mark.reveals("link token")
def test_a_reconnect_link_is_for_this_grant_and_can_be_copied_by_hand(
    admin: Staff, keeper: Keeper, connect: Connect
) -> None:
    """Without JavaScript the address stands in a field that can be selected."""
    grant = connect("acme", IDA)
    page = admin.submit(admin.get(f"/grants/{grant.id}"), "reconnect")
    found = re.search(r'<input id="address"[^>]*readonly value="([^"]*)"', page.text)
    assert found

    link = keeper.links.show(html.unescape(found[1]).rpartition("/")[2])
    assert (link.grant_id, link.owner, link.created_by.startswith("operator:")) == (grant.id, "acme", True)


@pytest.mark.reveals("link token")
def test_a_link_is_made_shown_again_and_revoked(admin: Staff, keeper: Keeper) -> None:
    """The address is never in the list, only on its own page, on request."""
    wish = {"owner": "acme", "client": "google-ads", "days": "30", "expect": IDA, "confirm": "ask", "message": "Hello!"}
    page = admin.submit(admin.get("/links"), "new-link", wish)
    assert heading(page) == "A link for <bdi>acme</bdi>"
    (link,) = keeper.links.page()
    assert (link.owner, link.message, link.expect is not None) == ("acme", "Hello!", True)
    assert link.expires_at - link.created_at == timedelta(days=30)

    listed = admin.get("/links").text
    url = keeper.links.invitation(link.id).url
    assert url not in listed
    token = re.search(r'name="token" value="([^"]+)"', listed)
    assert token
    assert url in admin.post(f"/links/{link.id}/address", {"token": token[1]}).text
    admin.post(f"/links/{link.id}/revoke", {"token": token[1]})
    with pytest.raises(NotFound):
        keeper.links.show(url.rpartition("/")[2])


@pytest.mark.parametrize("wrong", [{"owner": ""}, {"client": "nothing"}, {"days": "5000"}, {"confirm": "never"}])
def test_a_mistake_in_a_form_shows_it_again_with_what_was_written(
    admin: Staff, keeper: Keeper, wrong: dict[str, str]
) -> None:
    """Nobody types twice."""
    wish = {"owner": "acme", "client": "google-ads", "days": "7", "confirm": "ask", "message": "Keep these words"}
    page = admin.submit(admin.get("/links"), "new-link", wish | wrong)

    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert "Keep these words" in page.text
    assert keeper.links.page() == []


def test_how_a_client_does_is_drawn_and_told_in_numbers(admin: Staff, keeper: Keeper, emulator: Emulator) -> None:
    """A chart without inline styles, with a text that says the same."""
    hour = int(emulator.clock.now().timestamp()) // 3600
    key = ("google-ads", hour)
    tally = Tally(client="google-ads", hour=hour, refreshed=97, refused=1, trouble=2, ours=0)
    keeper._store.health.add({key: tally})
    keeper._store.health.mark("ad-manager", failing=True, why="outage", at=emulator.clock.now(), beside=NOTHING)
    page = admin.get("/clients").text

    assert "97 done, 1 need consent, 2 failed" in page
    assert "(2.0 %)" in page
    assert page.count("<rect") == 3
    assert "The provider is down" in page
    assert "Fails since" in page


@pytest.mark.reveals("Secret", "API key", "api key")
def test_a_key_is_made_shown_once_and_revoked(admin: Staff, keeper: Keeper) -> None:
    """V-40: with its restrictions, and never seen again."""
    fields = {"name": "nightly", "days": "30", "scope tokens:read": "yes", "owners": "acme\n beta \n", "clients": ""}
    page = admin.submit(admin.get("/keys"), "new-key", fields)
    (key,) = keeper.keys.all()
    shown = re.search(r'id="shown"[^>]*value="([^"]*)"', page.text)
    assert shown
    assert keeper.keys.check(shown[1]).id == key.id
    assert (key.owners, key.clients) == (frozenset({"acme", "beta"}), None)
    assert {each.value for each in key.scopes} == {"tokens:read"}

    listed = admin.get("/keys")
    assert shown[1] not in listed.text
    token = re.search(r'name="token" value="([^"]+)"', listed.text)
    assert token
    admin.post(f"/keys/{key.id}/revoke", {"token": token[1]})
    assert keeper.keys.get(key.id).revoked_at is not None


@pytest.mark.reveals("one-time link")
def test_an_operator_is_invited_given_a_role_and_shut_out(admin: Staff, other: Staff, keeper: Keeper) -> None:
    """An admin does on the page what the command line does."""
    page = admin.submit(admin.get("/operators"), "invite", {"email": "bo@fjord-media.example", "role": "viewer"})
    url = re.search(r'id="address"[^>]*value="([^"]*)"', page.text)
    assert url
    path = html.unescape(url[1]).partition("/dashboard")[2]
    other.submit(other.get(path), "sign-in", path=path)
    assert other.get("/grants").status_code == 200
    bo = keeper.operators.find("bo@fjord-media.example")
    token = re.search(r'name="token" value="([^"]+)"', admin.get("/operators").text)
    assert token
    admin.post(f"/operators/{bo.id}/role", {"token": token[1], "role": "operator"})
    assert keeper.operators.get(bo.id).role == "operator"
    admin.post(f"/operators/{bo.id}/disable", {"token": token[1]})

    assert other.get("/grants").status_code == 303


def test_the_last_admin_cannot_shut_themselves_out(admin: Staff, keeper: Keeper) -> None:
    """The page says why, and they are still in."""
    me = keeper.operators.all()[0]
    token = re.search(r'name="token" value="([^"]+)"', admin.get("/operators").text)
    assert token
    answer = admin.post(f"/operators/{me.id}/disable", {"token": token[1]})

    assert (answer.status_code, "last admin" in answer.text) == (422, True)
    assert admin.get("/grants").status_code == 200


def test_the_audit_log_is_read_by_who_and_what(admin: Staff, keeper: Keeper, connect: Connect) -> None:
    """By e-mail address, by target; the newest first."""
    signed_in = 'data-label="What"><span class="whole">Signed in'
    grant = connect("acme", IDA)
    keeper.revoke(grant.id, by="cli")
    page = admin.get("/audit").text
    assert "Disconnected" in page
    assert signed_in in page

    only = admin.get(f"/audit?target=grant:{grant.id}").text
    assert "Disconnected" in only
    assert signed_in not in only
    mine = admin.get("/audit?actor=admin@fjord-media.example").text
    assert signed_in in mine
    assert "Disconnected" not in mine


def test_every_page_is_there_for_a_screen_reader(admin: Staff, connect: Connect) -> None:
    """One h1, one main, a skip link first, tables with captions, fields with labels."""
    grant = connect("acme", IDA)
    others = ("/grants", "/links", "/clients", "/keys", "/operators", "/audit")
    for path in (*others, f"/grants/{grant.id}", f"/grants/{grant.id}/disconnect"):
        text = admin.get(path).text
        assert text.count("<h1") == 1, path
        assert text.count("<main") == 1, path
        assert text.index('class="skip"') < text.index("<header"), path
        assert text.count("<table") == text.count("<caption"), path
        named = set(re.findall(r'<label[^>]* for="([^"]+)"', text))
        for field in re.findall(r"<(?:input|select|textarea)[^>]*>", text):
            kind = re.search(r'type="(\w+)"', field)
            if kind and kind[1] in ("hidden", "radio", "checkbox"):
                continue
            ident = re.search(r' id="([^"]+)"', field)
            assert "aria-label=" in field or (ident and ident[1] in named), (path, field)
        assert "sign-out" in forms(text), path


@pytest.mark.reveals("Secret", "webhook secret")
def test_a_webhook_is_added_changed_and_removed(admin: Staff, keeper: Keeper, emulator: Emulator) -> None:
    """Its secret is shown once; a new one as well; a disabled one says so."""
    wish = {"url": "https://hooks.fjord.example/x", "description": "CRM", "kind grant.connected": "yes"}
    page = admin.submit(admin.get("/webhooks"), "new-endpoint", wish)
    shown = re.search(r'id="shown"[^>]*value="(whsec_[^"]*)"', page.text)
    assert shown
    (endpoint,) = keeper.webhooks.all()
    assert (endpoint.url, endpoint.kinds) == (wish["url"], frozenset({"grant.connected"}))
    assert shown[1] not in admin.get("/webhooks").text

    path = f"/webhooks/{endpoint.id}"
    assert re.search(r'id="shown"[^>]*value="whsec_', admin.submit(admin.get(path), "rotate").text)
    admin.submit(admin.get(path), "switch")
    assert "disabled" in admin.get(path).text
    admin.submit(admin.get(path), "switch")
    assert keeper.webhooks.get(endpoint.id).status == "enabled"
    admin.submit(admin.get(path), "change", {"url": wish["url"], "description": "Sales", "kind grant.revoked": "yes"})
    changed = keeper.webhooks.get(endpoint.id)
    assert (changed.description, changed.kinds) == ("Sales", frozenset({"grant.revoked"}))
    admin.submit(admin.get(path), "remove")
    assert keeper.webhooks.all() == []


def test_a_webhook_that_cannot_be_read_is_named_and_can_be_removed(admin: Staff, keeper: Keeper) -> None:
    """R-52: on the page that lists the others."""
    endpoint, _ = keeper.webhooks.add("https://hooks.fjord.example/x", by="cli")
    with keeper._store._engine.begin() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("UPDATE grantkeeper_endpoint SET kinds = 'x'")
    page = admin.get("/webhooks")
    assert f"{endpoint.id}</bdi> is told nothing: somebody altered its row." in page.text
    admin.submit(page, "remove-1")

    assert (keeper.webhooks.unreadable(), endpoint.id in admin.get("/webhooks").text) == ([], False)


def test_deliveries_are_listed_and_replayed(admin: Staff, keeper: Keeper, connect: Connect) -> None:
    """What waits, was delivered, or is dead; one delivery again, or all that are dead."""
    endpoint, _ = keeper.webhooks.add("https://hooks.fjord.example/x", by="cli")
    connect("acme", IDA)
    path = f"/webhooks/{endpoint.id}"
    page = admin.get(path).text
    assert "Connected" in page
    assert "waiting" in page
    assert "Nothing was delivered that matches" in admin.get(f"{path}?status=dead").text
    answer = admin.submit(admin.get(path), "replay-dead")

    assert answer.headers["location"].endswith("?said=replayed")


@pytest.mark.parametrize("url", ["http://hooks.fjord.example/", "https://127.0.0.1/", "ftp://x", "", "https://[::1]/"])
def test_an_address_that_nothing_may_be_posted_to_is_refused_on_the_page(
    admin: Staff, keeper: Keeper, url: str
) -> None:
    """V-50: the form is shown again and says why."""
    page = admin.submit(admin.get("/webhooks"), "new-endpoint", {"url": url})

    assert (page.status_code, 'role="alert"' in page.text) == (422, True)
    assert keeper.webhooks.all() == []


def test_the_chain_of_the_audit_log_is_checked_on_the_page(admin: Staff, keeper: Keeper) -> None:
    """V-66: it holds, and an entry that somebody altered in the database is named."""
    good = admin.submit(admin.get("/audit"), "verify")
    assert 'class="done"' in good.text
    with keeper._store._engine.begin() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("UPDATE grantkeeper_audit SET actor = 'nobody' WHERE number = 1")
    bad = admin.submit(admin.get("/audit"), "verify")

    assert 'class="wrong" role="alert"' in bad.text
    assert "Entry 1 " in bad.text
