"""The browser's way back: refused before anything is spent, or finished once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from grantkeeper import (
    AccountMismatch,
    BadCallback,
    ConsentDenied,
    DatabaseUnavailable,
    Grant,
    Keeper,
    Redirect,
)
from grantkeeper.emulator import Emulator
from grantkeeper.keeper.consent.invited import sha256
from grantkeeper.store import SqlStore
from grantkeeper.testing import consent
from keeper.people import IDA, SAM, TOM, asked, exchanges


def test_a_callback_in_another_browser_is_refused_and_spends_nothing(keeper: Keeper, emulator: Emulator) -> None:
    """O-01, O-15, V-35: the right browser can still finish afterwards."""
    redirect, other = keeper.begin("acme", "google-ads"), keeper.begin("evil", "google-ads")
    back = emulator.consent(redirect.url, IDA)
    for flow in (None, "", other.flow, redirect.flow + "x"):
        with pytest.raises(BadCallback):
            keeper.complete(flow, back)
    assert exchanges(emulator) == 0

    assert isinstance(keeper.complete(redirect.flow, back), Grant)


@pytest.mark.parametrize("change", ["client", "owner"])
def test_a_flow_of_another_context_is_refused_and_spends_nothing(
    keeper: Keeper, emulator: Emulator, change: str
) -> None:
    """O-07, O-08: the callback route's client and the signed-in owner must be the flow's."""
    redirect = keeper.begin("acme", "google-ads")
    back = emulator.consent(redirect.url, IDA)
    with pytest.raises(BadCallback):
        keeper.complete(redirect.flow, back, **{change: "ad-manager"})

    assert exchanges(emulator) == 0


@pytest.mark.parametrize("iss", ["https://evil.example", "https://emulator.test/", "HTTPS://emulator.test"])
@pytest.mark.parametrize("denied", [False, True])
def test_a_foreign_issuer_is_refused_and_spends_nothing(
    keeper: Keeper, emulator: Emulator, iss: str, denied: bool
) -> None:
    """O-12: exact comparison, on success and on error alike."""
    redirect = keeper.begin("acme", "google-ads")
    emulator.tamper_redirect(lambda params: [*((k, v) for k, v in params if k != "iss"), ("iss", iss)])
    back = emulator.consent(redirect.url, IDA, deny=denied)
    with pytest.raises(BadCallback, match="provider"):
        keeper.complete(redirect.flow, back)

    assert exchanges(emulator) == 0


def test_an_expired_flow_is_refused_and_spends_nothing(keeper: Keeper, emulator: Emulator) -> None:
    """O-02: ten minutes."""
    redirect = keeper.begin("acme", "google-ads")
    back = emulator.consent(redirect.url, IDA)
    emulator.clock.advance(timedelta(minutes=10))
    with pytest.raises(BadCallback):
        keeper.complete(redirect.flow, back)

    assert exchanges(emulator) == 0


def test_a_browser_that_never_comes_back_leaves_nothing(keeper: Keeper, emulator: Emulator) -> None:
    """After the flow's lifetime its row goes, by sweep() or in passing."""
    for _ in range(3):
        keeper.begin("acme", "google-ads")
    assert keeper.sweep() == 0
    emulator.clock.advance(timedelta(minutes=11))

    assert keeper.sweep() == 3


def test_a_reload_of_the_callback_gives_the_same_grant_and_sends_nothing(keeper: Keeper, emulator: Emulator) -> None:
    """R-59, O-03: the second time is the first time's result."""
    redirect = keeper.begin("acme", "google-ads")
    back = emulator.consent(redirect.url, IDA)
    first = keeper.complete(redirect.flow, back)

    assert keeper.complete(redirect.flow, back) == first
    assert exchanges(emulator) == 1


def test_50_callbacks_at_once_send_one_code_and_all_get_the_grant(keeper: Keeper, emulator: Emulator) -> None:
    """O-03, R-59: one wins the flow; a double click waits for it and shows the same."""
    redirect = keeper.begin("acme", "google-ads")
    back = emulator.consent(redirect.url, IDA)
    with ThreadPoolExecutor(50) as pool:
        done = list(pool.map(lambda _: keeper.complete(redirect.flow, back), range(50)))

    assert len(set(done)) == 1
    assert exchanges(emulator) == 1


def test_a_reload_of_the_first_pass_asks_again_instead_of_stranding_the_person(
    keeper: Keeper, emulator: Emulator
) -> None:
    """R-59, O-29: a double click on the way into the second pass leads into a second pass."""
    redirect = keeper.begin("acme", "google-ads")
    emulator.omit_refresh_token()
    back = emulator.consent(redirect.url, IDA)
    for _ in range(2):
        again = keeper.complete(redirect.flow, back)
        assert isinstance(again, Redirect)
        assert "consent" in asked(again)["prompt"]

    assert isinstance(again, Redirect)
    assert isinstance(keeper.complete(again.flow, emulator.consent(again.url, IDA)), Grant)
    assert exchanges(emulator) == 2


def test_a_reload_after_a_disconnect_says_so(keeper: Keeper, emulator: Emulator) -> None:
    """R-59: an ended grant is not shown as a fresh success."""
    redirect = keeper.begin("acme", "google-ads")
    back = emulator.consent(redirect.url, IDA)
    grant = keeper.complete(redirect.flow, back)
    assert isinstance(grant, Grant)
    keeper.revoke(grant.id)
    with pytest.raises(BadCallback, match="disconnected"):
        keeper.complete(redirect.flow, back)


@pytest.mark.parametrize("denied", [False, True])
def test_an_outcome_that_cannot_be_recorded_hides_nothing(
    keeper: Keeper, emulator: Emulator, monkeypatch: pytest.MonkeyPatch, denied: bool
) -> None:
    """R-18: the grant is saved, or the real error is raised, whatever becomes of the flow's row."""

    def fail(*_args: object, **_kwargs: object) -> None:
        raise DatabaseUnavailable("The database is in trouble.")

    monkeypatch.setattr(SqlStore, "finish_flow", fail)
    redirect = keeper.begin("acme", "google-ads")
    back = emulator.consent(redirect.url, IDA, deny=denied)
    if denied:
        with pytest.raises(ConsentDenied):
            keeper.complete(redirect.flow, back)
    else:
        assert keeper.complete(redirect.flow, back) == keeper.find("acme", "google-ads")


def test_a_wrong_id_token_is_the_same_error_after_a_reload(keeper: Keeper, emulator: Emulator) -> None:
    """R-59: BadCallback stays BadCallback, and through result() as well; only the owner who began may look."""
    emulator.tamper_id_token(lambda claims, header: (claims | {"aud": "another"}, header))
    redirect = keeper.begin("acme", "google-ads")
    back = emulator.consent(redirect.url, IDA)
    for _ in range(2):
        with pytest.raises(BadCallback, match="id_token"):
            keeper.complete(redirect.flow, back)
    ref = sha256(asked(redirect)["state"])
    with pytest.raises(BadCallback, match="id_token"):
        keeper.result(redirect.flow, ref, owner="acme")
    with pytest.raises(BadCallback, match="another owner"):
        keeper.result(redirect.flow, ref, owner="globex")


def test_keys_in_hand_serve_while_the_provider_cannot_give_them(keeper: Keeper, emulator: Emulator) -> None:
    """O-54: the code is spent by then; hours old keys are better than a lost consent."""
    consent(keeper, emulator, "acme", IDA)
    emulator.clock.advance(timedelta(hours=2))
    emulator.fail(503, times=10, path="/oauth2/v3/certs")

    assert consent(keeper, emulator, "globex", IDA).usable


def test_keys_are_fetched_again_after_a_clock_was_set_back(keeper: Keeper, emulator: Emulator) -> None:
    """R-65: two days back must not mean two days with old keys."""
    consent(keeper, emulator, "acme", IDA)
    emulator.clock.advance(timedelta(days=-2))
    emulator.rotate_keys()

    assert consent(keeper, emulator, "globex", TOM).usable


@pytest.mark.parametrize("denied", [True, False])
def test_a_reload_after_a_failure_raises_the_same_error(keeper: Keeper, emulator: Emulator, denied: bool) -> None:
    """R-59: kind and message are those of the first time."""
    if not denied:
        consent(keeper, emulator, "acme", TOM)
    redirect = keeper.begin("acme", "google-ads")
    back = emulator.consent(redirect.url, IDA, deny=denied)
    said = []
    for _ in range(2):
        with pytest.raises((ConsentDenied, AccountMismatch)) as caught:
            keeper.complete(redirect.flow, back)
        said.append((type(caught.value), str(caught.value)))

    assert said[0] == said[1]


def test_two_tabs_of_one_browser_both_finish(keeper: Keeper, emulator: Emulator) -> None:
    """One secret per browser, one state per tab."""
    one = keeper.begin("acme", "google-ads")
    two = keeper.begin("acme", "ad-manager", flow=one.flow)
    back_two, back_one = emulator.consent(two.url, SAM), emulator.consent(one.url, SAM)

    assert isinstance(keeper.complete(two.flow, back_two), Grant)
    assert isinstance(keeper.complete(two.flow, back_one), Grant)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda back: "",
        lambda back: back.replace("state=", "stat="),
        lambda back: back.replace("state=", "state=x"),
        lambda back: back + "&state=again",
        lambda back: back + "&code=again",
        lambda back: back + "&error=access_denied",
        lambda back: back + "&x=" + "y" * 20_000,
        lambda back: back.replace("code=", "kode="),
    ],
    ids=["empty", "no state", "wrong state", "state twice", "code twice", "code and error", "oversized", "no code"],
)
def test_a_bad_callback_is_refused_and_spends_nothing(keeper: Keeper, emulator: Emulator, spoil) -> None:  # type: ignore[no-untyped-def]
    """O-13, O-14: the flow can still be finished with the real answer."""
    redirect = keeper.begin("acme", "google-ads")
    back = emulator.consent(redirect.url, IDA)
    with pytest.raises(BadCallback):
        keeper.complete(redirect.flow, spoil(back))
    assert exchanges(emulator) == 0

    assert isinstance(keeper.complete(redirect.flow, back), Grant)


def test_hostile_words_of_a_provider_are_cleaned_and_cut(keeper: Keeper, emulator: Emulator) -> None:
    """O-13, V-23: no control characters, no novel; the words stay beside the error."""
    redirect = keeper.begin("acme", "google-ads")
    hostile = "<script>\u202e\x1b[31m\r\nSet-Cookie: x" + "A" * 5_000
    emulator.tamper_redirect(
        lambda params: [
            ("error", "access_denied"),
            ("error_description", hostile),
            ("state", dict(params)["state"]),
        ]
    )
    with pytest.raises(ConsentDenied) as caught:
        keeper.complete(redirect.flow, emulator.consent(redirect.url, IDA))

    assert caught.value.provider is not None
    assert caught.value.provider.description.isprintable()
    assert len(str(caught.value)) < 600


def test_the_stored_redirect_uri_is_sent_whatever_the_configuration_says_now(
    keeper: Keeper, emulator: Emulator
) -> None:
    """O-06: byte-identical in both requests."""
    redirect = keeper.begin("acme", "google-ads")
    keeper.complete(redirect.flow, emulator.consent(redirect.url, IDA))

    (exchange,) = emulator.requests("/token", grant_type="authorization_code")
    assert exchange.form.get("redirect_uri") == asked(redirect)["redirect_uri"]


@pytest.mark.parametrize(
    "change",
    [
        lambda claims, header: (claims | {"nonce": "another"}, header),
        lambda claims, header: ({k: v for k, v in claims.items() if k != "nonce"}, header),
        lambda claims, header: (claims | {"aud": "another"}, header),
        lambda claims, header: (claims | {"iss": "https://evil.example"}, header),
        lambda claims, header: (claims | {"exp": claims["iat"] - 3600}, header),
    ],
    ids=["nonce", "no nonce", "aud", "iss", "exp"],
)
def test_a_wrong_id_token_stores_nothing(keeper: Keeper, emulator: Emulator, change) -> None:  # type: ignore[no-untyped-def]
    """O-15, O-46, O-52a, O-53: whose tokens they are is not known, so they are nobody's."""
    emulator.tamper_id_token(change)
    with pytest.raises(BadCallback):
        consent(keeper, emulator, "acme", IDA)

    assert list(keeper.grants()) == []


def test_keys_that_the_provider_rotated_are_fetched_again(keeper: Keeper, emulator: Emulator) -> None:
    """O-54: a key id we do not know: one fetch, then it works."""
    consent(keeper, emulator, "acme", IDA)
    emulator.rotate_keys()
    emulator.clock.advance(timedelta(minutes=2))
    consent(keeper, emulator, "globex", IDA)

    assert len(emulator.requests("/oauth2/v3/certs")) == 2


def test_unknown_key_ids_do_not_become_traffic(keeper: Keeper, emulator: Emulator) -> None:
    """O-54: one fetch per cool-down, however many tokens with random key ids come."""
    consent(keeper, emulator, "acme", IDA)
    emulator.clock.advance(timedelta(minutes=2))
    for _ in range(5):
        emulator.tamper_id_token(lambda claims, header: (claims, header | {"kid": "unheard-of"}))
        with pytest.raises(BadCallback):
            consent(keeper, emulator, "globex", IDA)

    assert len(emulator.requests("/oauth2/v3/certs")) == 2
