"""Whose grant it becomes, and what is asked for: begin and complete, with Google's rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from grantkeeper import (
    AccountMismatch,
    ConsentDenied,
    ConsentRequired,
    Grant,
    GrantStatus,
    InvalidInput,
    Keeper,
    NotFound,
    Reason,
    Redirect,
)
from grantkeeper.emulator import Emulator
from grantkeeper.store import SqlStore
from grantkeeper.testing import Connect, consent, emulated_keeper, oauth_client
from keeper.people import ADWORDS, DFP, IDA, SAM, TOM, asked, renamed


def test_a_first_consent_ends_in_an_active_grant_of_that_person(connect: Connect) -> None:
    """A grant names owner, person and what was granted."""
    grant = connect("acme", IDA)

    assert grant.status is GrantStatus.ACTIVE
    assert (grant.owner, grant.client, grant.email) == ("acme", "google-ads", IDA)
    assert ADWORDS in grant.scopes
    assert grant.missing == frozenset()


def test_the_authorization_request_asks_as_google_wants_it(keeper: Keeper) -> None:
    """O-02, O-04: offline access, incremental authorization, PKCE S256, state of 256 bits; consent is not forced."""
    sent = asked(keeper.begin("acme", "google-ads"))

    assert sent["access_type"] == "offline"
    assert sent["include_granted_scopes"] == "true"
    assert sent["code_challenge_method"] == "S256"
    assert len(sent["state"]) >= 43
    assert "consent" not in sent.get("prompt", "")
    assert {"openid", ADWORDS} <= set(sent["scope"].split())


def test_every_flow_has_its_own_state_challenge_and_nonce(keeper: Keeper) -> None:
    """O-02, O-04: nothing of a flow is ever used again."""
    many = [asked(keeper.begin("acme", "google-ads")) for _ in range(50)]

    for name in ("state", "code_challenge", "nonce"):
        assert len({sent[name] for sent in many}) == 50


def test_a_grant_is_found_again_by_owner_and_client(connect: Connect, keeper: Keeper) -> None:
    """At the next login the stored grant is there."""
    grant = connect("acme", IDA)

    assert keeper.find("acme", "google-ads") == grant
    assert keeper.get(grant.id) == grant


def test_the_same_person_consenting_again_keeps_the_grants_id(connect: Connect) -> None:
    """Ids that the business stored stay good."""
    first = connect("acme", IDA)
    again = connect("acme", IDA)

    assert again.id == first.id
    assert again.version > first.version


def test_a_person_with_a_live_refresh_token_is_not_asked_for_consent_again(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """Consent is forced only when there is no live refresh token; the stored one is kept (O-29, O-35)."""
    connect("acme", IDA)
    before = emulator.live_refresh_tokens(IDA, keeper.client("google-ads").client_id)

    redirect = keeper.begin("acme", "google-ads")
    assert "consent" not in asked(redirect).get("prompt", "")
    assert asked(redirect)["login_hint"] == IDA

    grant = connect("acme", IDA)
    emulator.clock.advance(timedelta(hours=2))
    assert keeper.token(grant.id).value
    assert emulator.live_refresh_tokens(IDA, keeper.client("google-ads").client_id) == before


def test_a_dead_grant_asks_for_consent_again_and_comes_back_to_life(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """After a revocation the next begin forces consent, and the same row is active again."""
    grant = connect("acme", IDA)
    emulator.revoke(IDA)
    emulator.clock.advance(timedelta(hours=2))
    with pytest.raises(ConsentRequired):
        keeper.token(grant.id)

    assert "consent" in asked(keeper.begin("acme", "google-ads"))["prompt"]
    again = connect("acme", IDA)
    assert (again.id, again.status) == (grant.id, GrantStatus.ACTIVE)


def test_a_missing_refresh_token_is_asked_for_once_more_by_itself(keeper: Keeper, emulator: Emulator) -> None:
    """O-29: none came and none is stored: one second pass with prompt=consent, as the person it just was."""
    redirect = keeper.begin("acme", "google-ads")
    emulator.omit_refresh_token()
    again = keeper.complete(redirect.flow, emulator.consent(redirect.url, IDA))

    assert isinstance(again, Redirect)
    assert "consent" in asked(again)["prompt"]
    assert asked(again)["login_hint"] == IDA
    assert again.flow == redirect.flow

    grant = keeper.complete(again.flow, emulator.consent(again.url, IDA))
    assert isinstance(grant, Grant)
    assert grant.usable


def test_no_refresh_token_even_after_the_second_pass_says_so(keeper: Keeper, emulator: Emulator) -> None:
    """O-29: there is no third pass, and no grant that would die within the hour."""
    redirect = keeper.begin("acme", "google-ads")
    emulator.omit_refresh_token(times=2)
    again = keeper.complete(redirect.flow, emulator.consent(redirect.url, IDA))
    assert isinstance(again, Redirect)

    with pytest.raises(ConsentRequired) as caught:
        keeper.complete(again.flow, emulator.consent(again.url, IDA))
    assert caught.value.reason == Reason.NO_REFRESH_TOKEN
    assert list(keeper.grants()) == []


def test_the_same_person_in_two_owners_works_and_shares_the_refresh_token(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """O-28: no second token is minted towards Google's cap of 100; both owners' grants refresh."""
    one, two = connect("acme", SAM), connect("globex", SAM)
    emulator.clock.advance(timedelta(hours=2))

    assert one.id != two.id
    assert keeper.token(one.id).value != keeper.token(two.id).value
    assert emulator.live_refresh_tokens(SAM, keeper.client("google-ads").client_id) == 1


def test_a_siblings_token_is_not_taken_when_it_reaches_less(keeper: Keeper, emulator: Emulator) -> None:
    """A grant must be able to refresh to what was granted: a narrower sibling's token does not do."""
    consent(keeper, emulator, "acme", SAM, "google-ads")
    grant = consent(keeper, emulator, "globex", SAM, "ad-manager")
    emulator.clock.advance(timedelta(hours=2))

    assert DFP in keeper.token(grant.id).scopes


def test_another_persons_account_on_reconsent_is_refused(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """O-27: a typed error names both accounts, and the grant is as it was."""
    grant = connect("acme", IDA)
    with pytest.raises(AccountMismatch) as caught:
        connect("acme", TOM)

    assert (caught.value.expected, caught.value.actual) == ((IDA,), TOM)
    assert caught.value.grant_id == grant.id
    assert [each.id for each in keeper.grants("acme")] == [grant.id]


def test_another_account_can_be_added_on_purpose(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """Several grants per owner; find() then wants to know which."""
    first = connect("acme", IDA)
    second = consent(keeper, emulator, "acme", TOM, other_account="add")

    assert first.id != second.id
    assert keeper.find("acme", "google-ads", email=TOM).id == second.id
    assert keeper.find("acme", "google-ads", subject=first.subject).id == first.id
    with pytest.raises(InvalidInput, match="2 grants"):
        keeper.find("acme", "google-ads")


def test_a_named_grant_is_reconsented_by_its_own_person_only(
    connect: Connect, keeper: Keeper, emulator: Emulator
) -> None:
    """O-27: with grant_id the other connected person is another person too."""
    first = connect("acme", IDA)
    consent(keeper, emulator, "acme", TOM, other_account="add")
    redirect = keeper.begin("acme", "google-ads", grant_id=first.id)

    with pytest.raises(AccountMismatch):
        keeper.complete(redirect.flow, emulator.consent(redirect.url, TOM))


def test_identity_is_issuer_and_subject_case_sensitive_and_never_the_email(keeper: Keeper, emulator: Emulator) -> None:
    """O-26: same e-mail with another subject, and a subject that differs in case only, are other people."""
    ids = set()
    for subject in ("AbC", "abc", "ABC"):
        emulator.tamper_id_token(partial(renamed, subject))
        ids.add(consent(keeper, emulator, "acme", IDA, other_account="add").id)
        emulator.revoke(IDA)

    assert len(ids) == 3


def test_denial_is_its_own_error_and_leaves_nothing(keeper: Keeper, emulator: Emulator) -> None:
    """Deny comes back to the redirect URI and changes nothing."""
    with pytest.raises(ConsentDenied):
        consent(keeper, emulator, "acme", IDA, deny=True)

    assert list(keeper.grants()) == []


def test_denying_a_reconsent_leaves_the_old_grant_working(connect: Connect, keeper: Keeper, emulator: Emulator) -> None:
    """O-25: an abandoned or denied re-consent takes nothing away."""
    grant = connect("acme", IDA)
    keeper.begin("acme", "google-ads")
    emulator.tamper_redirect(lambda params: [("error", "access_denied"), ("state", dict(params)["state"])])
    with pytest.raises(ConsentDenied):
        connect("acme", IDA)

    emulator.clock.advance(timedelta(hours=2))
    assert keeper.token(grant.id).value


def test_partial_consent_is_data_and_hands_out_no_token(keeper: Keeper, emulator: Emulator) -> None:
    """O-24: a required scope left unticked: consent_required with what is missing, never an exception."""
    grant = consent(keeper, emulator, "acme", SAM, "ad-manager", allow=[DFP])

    assert (grant.status, grant.reason) == (GrantStatus.CONSENT_REQUIRED, Reason.SCOPES_MISSING)
    assert grant.missing == {"https://www.googleapis.com/auth/admanager"}
    with pytest.raises(ConsentRequired) as caught:
        keeper.token(grant.id)
    assert caught.value.reason == "scopes_missing"


def test_a_partial_consent_is_completed_by_the_next_one(keeper: Keeper, emulator: Emulator) -> None:
    """O-24, O-25: the same grant becomes active when the rest is granted."""
    partial = consent(keeper, emulator, "acme", SAM, "ad-manager", allow=[DFP])
    whole = consent(keeper, emulator, "acme", SAM, "ad-manager")

    assert (whole.id, whole.status) == (partial.id, GrantStatus.ACTIVE)
    emulator.clock.advance(timedelta(hours=2))
    assert keeper.token(whole.id).value


@pytest.mark.parametrize(
    "owner",
    [
        *("", " ", "x" * 10_240, "a\x00b", "a\nb", "abc\u202egnp.exe", "\u200bacme", " acme", "\ud800"),
        *("a\u2028b", "\u3164", "acme\uffa0"),
    ],
    ids=[
        *("empty", "space", "10 kB", "NUL", "line break", "right-to-left override", "zero width", "outer", "surrogate"),
        *("line separator", "filler", "half-width filler"),
    ],
)
def test_an_unusable_owner_is_refused_and_stores_nothing(keeper: Keeper, emulator: Emulator, owner: str) -> None:
    """The error says what an owner is."""
    with pytest.raises(InvalidInput, match="owner"):
        keeper.begin(owner, "google-ads")

    emulator.clock.advance(timedelta(minutes=11))
    assert keeper.sweep() == 0


@pytest.mark.parametrize("owner", ["עסק בעמ", "株式会社", "x" * 255, "Owner #1 / Ünïcode"])
def test_owners_may_be_written_in_any_script(connect: Connect, keeper: Keeper, owner: str) -> None:
    """Right-to-left letters are letters."""
    grant = connect(owner, IDA)

    assert keeper.find(owner, "google-ads") == grant


@pytest.mark.parametrize("client", ["", "x" * 10_240, "a\x00b", "\u202esda-elgoog", "unknown"])
def test_an_unknown_client_is_named_beside_the_configured_ones(keeper: Keeper, client: str) -> None:
    """Short and printable, whatever was passed."""
    with pytest.raises(NotFound, match="google-ads") as caught:
        keeper.begin("acme", client)

    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("flow", ["", "x", "not base64 at all!" * 4, "A" * 44])
def test_a_flow_that_begin_never_returned_is_refused(keeper: Keeper, flow: str) -> None:
    """A browser's secret is 256 bits of ours, not what somebody put there."""
    with pytest.raises(InvalidInput, match="flow"):
        keeper.begin("acme", "google-ads", flow=flow)


def test_a_foreign_redirect_uri_is_refused(keeper: Keeper) -> None:
    """O-06, O-23: only installed clients choose a loopback port."""
    for uri in ("https://evil.example/callback", "http://127.0.0.1:8080/"):
        with pytest.raises(InvalidInput, match="redirect_uri"):
            keeper.begin("acme", "google-ads", redirect_uri=uri)


@pytest.mark.parametrize(
    ("uri", "fine"),
    [
        ("http://127.0.0.1:50123/", True),
        ("http://[::1]:50123/back", True),
        ("http://127.0.0.1:8080@evil.example/cb", False),
        ("http://127.0.0.1:1/\r\nX: y", False),
        ("http://127.0.0.1.evil.example/", False),
        ("http://localhost:1/", False),
    ],
)
def test_installed_clients_choose_a_literal_loopback_address_only(
    emulator: Emulator, tmp_path: Path, uri: str, fine: bool
) -> None:
    """O-23, RFC 8252 7.3: any port of 127.0.0.1 or ::1, and no name or trick that leads elsewhere."""
    store = SqlStore(f"sqlite:///{tmp_path / 'installed.sqlite3'}")
    store.migrate()
    desktop = oauth_client(emulator, "desktop", ["adwords"], client_id="1234567890-desktop.apps.googleusercontent.com")
    with emulated_keeper(emulator, store, clients=[desktop]) as keeper:
        if fine:
            assert asked(keeper.begin("acme", "desktop", redirect_uri=uri))["redirect_uri"] == uri
        else:
            with pytest.raises(InvalidInput, match="redirect_uri"):
                keeper.begin("acme", "desktop", redirect_uri=uri)


def test_a_grant_that_waits_for_the_business_is_not_activated_by_its_person(
    connect: Connect, keeper: Keeper, tmp_path: Path
) -> None:
    """V-31: pending means the business's word, and consenting twice is not that."""
    grant = connect("acme", IDA)
    store = SqlStore(f"sqlite:///{tmp_path / 'grantkeeper.sqlite3'}")
    row = store.grant(grant.id)
    assert row is not None
    waiting = replace(row.grant, status=GrantStatus.PENDING, version=row.grant.version + 1)
    store.save_grant(replace(row, grant=waiting), expected_version=row.grant.version)
    store.close()

    assert connect("acme", IDA).status is GrantStatus.PENDING


def test_the_grant_of_another_owner_cannot_be_consented_again(connect: Connect, keeper: Keeper) -> None:
    """V-45: a foreign id is an unknown id."""
    grant = connect("acme", IDA)
    with pytest.raises(NotFound):
        keeper.begin("globex", "google-ads", grant_id=grant.id)


def test_a_redirect_does_not_print_its_state(keeper: Keeper) -> None:
    """V-21: state and browser secret are worth stealing for ten minutes."""
    redirect = keeper.begin("acme", "google-ads")

    assert asked(redirect)["state"] not in repr(redirect)
    assert redirect.flow not in repr(redirect)
