"""How links end without success, and what stays usable."""

from __future__ import annotations

from datetime import timedelta

import pytest

from grantkeeper import BadCallback, ConsentRequired, GrantStatus, InvalidInput, Keeper, NotFound, Redirect
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.consent.consents import Consents
from grantkeeper.model import LinkStatus, Reason
from grantkeeper.store import SqlStore
from grantkeeper.testing import Connect, consent, emulated_keeper, oauth_client
from keeper.files.old import old_token
from links.walking import IDA, LUCIA, TOM, actions, come_back, kinds, token_of, use

MINUTE = timedelta(minutes=1)


def test_a_missing_permission_uses_no_link_up_and_confirms_nobody(store: SqlStore, emulator: Emulator) -> None:
    """Partial consent, completed later by the same link: pending, not active."""
    both = oauth_client(emulator, "google-ads", ["adwords", "ad_manager"])
    with emulated_keeper(emulator, store, clients=[both]) as keeper:
        made = keeper.link("acme", "google-ads")

        partial = use(keeper, emulator, made, IDA, allow=["adwords"])

        link = keeper.links.get(made.link.id)
        assert (partial.status, partial.reason, partial.confirmed) == (
            GrantStatus.CONSENT_REQUIRED,
            Reason.SCOPES_MISSING,
            False,
        )
        assert (link.status, link.result_grant_id) == (LinkStatus.FAILED, partial.id)
        with pytest.raises(ConsentRequired, match="scopes_missing"):
            keeper.confirm(partial.id)

        whole = use(keeper, emulator, made, IDA)

        assert (whole.id, whole.status) == (partial.id, GrantStatus.PENDING)
        assert keeper.links.get(made.link.id).status is LinkStatus.CONSENTED
        assert keeper.confirm(whole.id).usable
        assert [kind for kind in kinds(keeper) if kind != "grant.scopes_changed"] == [
            "link.opened",
            "grant.consent_required",
            "grant.pending",
            "grant.connected",
        ]


def test_a_second_pass_keeps_the_link(keeper: Keeper, emulator: Emulator) -> None:
    """O-29: a person who is asked twice still waits to be confirmed, by the same link."""
    emulator.omit_refresh_token()
    made = keeper.link("acme", "google-ads")
    away = keeper.follow(token_of(made))
    again = keeper.complete(away.flow, emulator.consent(away.url, IDA))
    assert isinstance(again, Redirect)

    grant = come_back(keeper, emulator, again, IDA)

    assert grant.status is GrantStatus.PENDING
    assert keeper.links.get(made.link.id).result_grant_id == grant.id


@pytest.mark.parametrize("end", ["revoked", "expired", "noted"])
def test_a_link_that_ends_while_somebody_is_at_the_provider_is_refused(
    store: SqlStore, emulator: Emulator, end: str
) -> None:
    """V-33: nothing of them is kept; time is up ten minutes late, whether somebody noted it or not."""
    with emulated_keeper(emulator, store) as keeper:
        made = keeper.link("acme", "google-ads", expires_in=timedelta(hours=1))
        emulator.clock.advance(timedelta(hours=1) - MINUTE)
        away = keeper.follow(token_of(made))
        if end == "revoked":
            keeper.links.revoke(made.link.id)
            back = emulator.consent(away.url, TOM)
        else:
            emulator.clock.advance(9 * MINUTE)
            emulator.omit_refresh_token()  # so that she is asked twice, and has ten minutes more
            again = keeper.complete(away.flow, emulator.consent(away.url, IDA))
            assert isinstance(again, Redirect)
            emulator.clock.advance(2 * MINUTE)
            back = emulator.consent(again.url, IDA)
            assert end == "expired" or keeper.links.expire() == 1
        with pytest.raises(BadCallback, match="withdrawn or has expired"):
            keeper.complete(away.flow, back)
        assert list(keeper.grants("acme")) == []


def test_who_began_in_time_may_come_back_a_little_late(keeper: Keeper, emulator: Emulator) -> None:
    """As long as a flow lives: nobody's last minute is taken from them at the provider."""
    made = keeper.link("acme", "google-ads", expires_in=timedelta(hours=1))
    emulator.clock.advance(timedelta(hours=1) - MINUTE)
    away = keeper.follow(token_of(made))
    emulator.clock.advance(8 * MINUTE)

    assert keeper.links.expire() == 0
    assert come_back(keeper, emulator, away, IDA).status is GrantStatus.PENDING


def test_links_whose_time_is_up_are_noted_once(store: SqlStore, emulator: Emulator) -> None:
    """More than a batch of them; each with one event; what was used stays as it is."""
    with emulated_keeper(emulator, store) as keeper:
        used = keeper.link("used", "google-ads", expires_in=MINUTE)
        use(keeper, emulator, used, IDA)
        for number in range(201):
            keeper.link(f"o{number}", "google-ads", expires_in=MINUTE)
        later = keeper.link("later", "google-ads", expires_in=timedelta(days=90))
        emulator.clock.advance(11 * MINUTE)

        assert (keeper.links.expire(), keeper.links.expire()) == (201, 0)

        assert kinds(keeper).count("link.expired") == 201
        assert keeper.links.get(later.link.id).status is LinkStatus.INVITED
        assert keeper.links.get(used.link.id).status is LinkStatus.CONSENTED
        assert len(keeper.links.page(statuses=[LinkStatus.EXPIRED], limit=1000)) == 201


def test_a_withdrawn_link_is_written_down_and_a_used_one_is_none(keeper: Keeper, emulator: Emulator) -> None:
    """V-33, V-65: again is harmless; what was used leads to its grant."""
    made = keeper.link("acme", "google-ads", by="key:k1")
    revoked = keeper.links.revoke(made.link.id, by="operator:op_1")

    assert (revoked.status, revoked.revoked_at) == (LinkStatus.REVOKED, emulator.clock.now())
    assert keeper.links.revoke(made.link.id) == revoked
    entries = [each.entry for each in keeper._store.audit.read()]
    assert [(each.action, each.actor, each.target) for each in entries] == [
        ("link.create", "key:k1", f"link:{made.link.id}"),
        ("link.revoke", "operator:op_1", f"link:{made.link.id}"),
    ]
    other = keeper.link("acme", "google-ads")
    grant = use(keeper, emulator, other, IDA)
    with pytest.raises(InvalidInput) as refused:
        keeper.links.revoke(other.link.id)
    assert grant.id in refused.value.advice


def test_a_link_for_a_dead_grant_says_why_and_keeps_its_id(
    keeper: Keeper, emulator: Emulator, connect: Connect
) -> None:
    """The reason is on the link; the same person is active again at once."""
    grant = connect("acme", IDA)
    emulator.revoke(IDA)
    with pytest.raises(ConsentRequired):
        keeper.refresh(grant.id)

    made = keeper.link("acme", "google-ads", grant_id=grant.id)

    assert (made.link.grant_id, made.link.reason) == (grant.id, "revoked_or_expired")
    again = use(keeper, emulator, made, IDA)
    assert (again.id, again.usable) == (grant.id, True)
    assert kinds(keeper)[-1] == "grant.reconnected"


def test_a_link_for_a_grant_is_of_its_owner_and_client_only(keeper: Keeper, connect: Connect) -> None:
    """V-45: somebody else's grant is as unknown as none."""
    grant = connect("acme", IDA)

    for owner, client in (("other", "google-ads"), ("acme", "ad-manager")):
        with pytest.raises(NotFound, match="has no grant"):
            keeper.link(owner, client, grant_id=grant.id)
    with pytest.raises(InvalidInput, match="contradict"):
        keeper.link("acme", "google-ads", grant_id=grant.id, other_account="add")
    made = keeper.link("acme", "google-ads", grant_id=grant.id)
    keeper.revoke(grant.id)
    with pytest.raises(NotFound):
        keeper.follow(token_of(made))
    with pytest.raises(InvalidInput, match="revoked"):
        keeper.link("acme", "google-ads", grant_id=grant.id)


def test_an_imported_grant_is_taken_over_by_nobody_unseen(keeper: Keeper, emulator: Emulator) -> None:
    """V-31: whose it is was never known, so whoever has the link is not taken for them."""
    token = old_token(emulator, keeper.client("google-ads"), IDA)
    grant = keeper.adopt("acme", "google-ads", token).grant
    assert (grant.identified, grant.usable) == (False, True)

    taken = use(keeper, emulator, keeper.link("acme", "google-ads", grant_id=grant.id), LUCIA)

    assert (taken.id, taken.status) == (grant.id, GrantStatus.PENDING)


def test_a_consent_that_is_taken_back_uses_no_link_up(
    keeper: Keeper, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """O-27: another browser was a moment quicker; the link can be used again."""
    made = keeper.link("acme", "google-ads")
    away = keeper.follow(token_of(made))
    original = Consents._refuse_other_account

    def looked_too_early(self: Consents, *args: object) -> None:
        original(self, *args)  # type: ignore[arg-type]
        monkeypatch.undo()
        consent(keeper, emulator, "acme", TOM)
        emulator.clock.advance(MINUTE)

    monkeypatch.setattr(Consents, "_refuse_other_account", looked_too_early)
    with pytest.raises(ConsentRequired, match="connected as"):
        come_back(keeper, emulator, away, IDA)

    link = keeper.links.get(made.link.id)
    assert link.status is LinkStatus.FAILED
    assert [(each.email, each.status) for each in keeper.grants(status=GrantStatus.ACTIVE)] == [
        (TOM, GrantStatus.ACTIVE)
    ]
    assert keeper.links.invitation(link.id).url == made.url
    assert actions(keeper)[0] == "link.create"
