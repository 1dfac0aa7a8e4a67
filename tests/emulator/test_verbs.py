"""The verbs: what people, administrators and bad luck do."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from emulator.box import ADWORDS, DFP, IDA, LUCIA, Box, refusal
from grantkeeper.emulator import AnswerLost, PageShown, Request, World

DEAD = (400, "invalid_grant", "Token has been expired or revoked.")


def rotated(box: Box, token: str) -> str:
    """Refresh and return the new refresh token."""
    return str(box.refresh(token).json()["refresh_token"])


def test_revoke_ends_every_grant_of_one_person_only(box: Box) -> None:
    """Access and refresh tokens, codes not yet used, and the consent itself."""
    ida, lucia = box.grant(), box.grant(LUCIA)
    code = box.back()["code"]
    box.emulator.revoke(IDA)
    assert box.emulator.introspect(ida["access_token"]) is None
    assert refusal(box.refresh(ida["refresh_token"])) == DEAD
    assert box.exchange(code).status == 400
    assert box.refresh(lucia["refresh_token"]).status == 200
    assert box.back()["prompt"] == "consent"


def test_suspend_disables_the_account_until_restore(box: Box) -> None:
    """Refresh, exchange and sign-in are refused; tokens stop working."""
    grant, code = box.grant(), box.back()["code"]
    box.emulator.suspend(IDA)
    assert refusal(box.refresh(grant["refresh_token"])) == (400, "invalid_grant", "Account disabled")
    assert refusal(box.exchange(code))[2] == "Account disabled"
    assert box.emulator.introspect(grant["access_token"]) is None
    with pytest.raises(PageShown, match="403"):
        box.back()
    box.emulator.restore(IDA)
    assert box.refresh(grant["refresh_token"]).status == 200


def test_rapt_asks_for_a_new_sign_in(box: Box) -> None:
    """error_subtype and error_uri as Google's."""
    token = box.grant()["refresh_token"]
    box.emulator.rapt(IDA)
    assert box.refresh(token).json() == {
        "error": "invalid_grant",
        "error_description": "reauth related error (invalid_rapt)",
        "error_subtype": "invalid_rapt",
        "error_uri": "https://support.google.com/a/answer/9368756",
    }


def test_an_administrator_blocks_a_scope(box: Box) -> None:
    """At refresh, and on a page at sign-in; other scopes go on."""
    token, other = box.grant()["refresh_token"], box.grant(scope=DFP)["refresh_token"]
    box.emulator.admin_block(IDA, ADWORDS)
    assert refusal(box.refresh(token))[:2] == (400, "admin_policy_enforced")
    assert box.refresh(other).status == 200
    with pytest.raises(PageShown, match="400"):
        box.back()


def test_a_deleted_client_is_known_as_deleted(box: Box) -> None:
    """At both endpoints."""
    token = box.grant()["refresh_token"]
    box.emulator.delete_client(box.client.id)
    assert refusal(box.refresh(token)) == (401, "deleted_client", "The OAuth client was deleted.")
    with pytest.raises(PageShown) as caught:
        box.back()
    assert "deleted_client" in caught.value.text


def test_grant_only_gives_less_than_what_is_ticked(box: Box) -> None:
    """And nothing at all is access_denied; None lifts it."""
    box.emulator.grant_only([DFP])
    assert box.grant(scope=f"{ADWORDS} {DFP}")["scope"] == DFP
    assert box.back(LUCIA, scope=ADWORDS)["error"] == "access_denied"
    box.emulator.grant_only(None)
    assert box.grant(LUCIA, scope=ADWORDS)["scope"] == ADWORDS


def test_expire_tokens_ends_access_tokens_only(box: Box) -> None:
    """The refresh token brings a new one."""
    grant = box.grant()
    box.emulator.expire_tokens()
    assert box.emulator.introspect(grant["access_token"]) is None
    assert box.emulator.introspect(box.refresh(grant["refresh_token"]).json()["access_token"])


def test_strict_rotation_takes_reuse_for_theft(box: Box) -> None:
    """RFC 9700 section 4.14.2: the whole family ends, and no other."""
    box.emulator.rotate("strict")
    first, other = box.grant()["refresh_token"], box.grant(prompt="consent")["refresh_token"]
    second = rotated(box, first)
    assert second != first
    assert refusal(box.refresh(first)) == DEAD
    assert refusal(box.refresh(second)) == DEAD
    assert box.refresh(other).status == 200


def test_strict_rotation_without_reuse_detection_refuses_and_no_more(box: Box) -> None:
    """RFC 6749 section 6 alone: the used token is refused, the one that followed it works on."""
    box.emulator.rotate("strict", reuse_ends_family=False)
    first = box.grant()["refresh_token"]
    second = rotated(box, first)
    assert refusal(box.refresh(first)) == DEAD
    assert box.refresh(second).status == 200


def test_rotation_with_grace_forgives_a_lost_answer(box: Box) -> None:
    """Within the grace the old token works again; after it, its use ends the family."""
    box.emulator.rotate("grace", timedelta(seconds=30))
    first = box.grant()["refresh_token"]
    second = rotated(box, first)
    box.emulator.clock.advance(timedelta(seconds=30))
    third = rotated(box, first)
    box.emulator.clock.advance(timedelta(seconds=1))
    assert refusal(box.refresh(first)) == DEAD
    assert refusal(box.refresh(second)) == DEAD
    assert refusal(box.refresh(third)) == DEAD


def test_rotation_keeps_the_end_of_a_limited_token() -> None:
    """A successor does not outlive the seven days of a testing project."""
    box = Box("2345678901-testing.apps.googleusercontent.com")
    box.emulator.rotate("strict")
    token = box.grant()["refresh_token"]
    box.emulator.clock.advance(timedelta(days=6))
    token = rotated(box, token)
    box.emulator.clock.advance(timedelta(days=1))
    assert refusal(box.refresh(token)) == DEAD


def test_fail_answers_and_does_nothing(box: Box) -> None:
    """Status, body, content type and Retry-After; the code stays unspent; then all is well."""
    code = box.back()["code"]
    box.emulator.fail(503, times=2, body="<h1>Sorry</h1>", retry_after=timedelta(seconds=7))
    box.emulator.fail(429)
    first, second, third = (box.exchange(code) for _ in range(3))
    assert (first.status, first.header("content-type"), first.text()) == (
        503,
        "text/html; charset=utf-8",
        "<h1>Sorry</h1>",
    )
    assert (second.status, second.header("retry-after")) == (503, "7")
    assert (third.status, third.json()) == (429, {"error": "rate_limit_exceeded"})
    assert box.exchange(code).status == 200


def test_fail_hits_one_path_under_any_of_its_names(box: Box) -> None:
    """Other endpoints answer meanwhile."""
    box.emulator.fail(500, path="/o/oauth2/token", body=b"\xff", content_type="image/png")
    assert box.get("/.well-known/openid-configuration").status == 200
    assert box.post("/oauth2/v4/token", {}).header("content-type") == "image/png"


def test_a_lost_answer_has_done_its_work(box: Box) -> None:
    """The code is spent although nobody heard; it is in the log."""
    code = box.back()["code"]
    box.emulator.lose_answer()
    with pytest.raises(AnswerLost):
        box.exchange(code)
    assert [each.status for each in box.emulator.requests("/token")] == [200]
    assert refusal(box.exchange(code))[2] == "Code was already redeemed."


def test_a_slow_answer_waits_after_the_work(box: Box) -> None:
    """The wait is injectable, and happens outside the lock: other requests go on."""
    waited: list[timedelta] = []

    def wait(duration: timedelta) -> None:
        waited.append(duration)
        assert box.emulator.live_refresh_tokens(IDA, box.client.id) == 1

    box.emulator.wait = wait
    box.emulator.slow(2.5)
    box.grant()
    box.grant(prompt="consent")
    assert waited == [timedelta(seconds=2.5)]


def test_omit_refresh_token_leaves_one_out(box: Box) -> None:
    """Only exchanges that would have brought one count."""
    box.emulator.omit_refresh_token()
    assert "refresh_token" not in box.grant()
    assert "refresh_token" in box.grant(prompt="consent")


def test_answers_can_be_tampered_with(box: Box) -> None:
    """Another dict, raw bytes, another id_token, other parameters at the client."""
    box.emulator.tamper_token_answer(lambda answer: {**answer, "token_type": "mac"})
    assert box.grant()["token_type"] == "mac"
    box.emulator.tamper_token_answer(lambda _: b"not json")
    assert box.exchange(box.back()["code"]).body == b"not json"
    box.emulator.tamper_id_token(lambda claims, header: (claims | {"aud": "another"}, header))
    assert box.emulator.keys.verify(box.grant(scope="openid")["id_token"])["aud"] == "another"
    box.emulator.tamper_id_token(lambda claims, header: "a.b.c")
    assert box.grant(scope="openid")["id_token"] == "a.b.c"
    box.emulator.tamper_redirect(lambda params: [*params, ("iss", "https://evil.example")])
    assert box.back().all("iss") == (box.emulator.issuer, "https://evil.example")
    assert len(box.back().all("iss")) == 1


def test_rotate_keys_signs_anew_and_keeps_the_key_before(box: Box) -> None:
    """Two rotations and the first key is gone."""
    token = box.grant(scope="openid")["id_token"]
    before = box.get("/oauth2/v3/certs").json()["keys"]
    box.emulator.rotate_keys()
    after = box.get("/oauth2/v3/certs").json()["keys"]
    assert after[1:] == before
    assert {key["kid"] for key in after} == set(box.get("/oauth2/v1/certs").json())
    assert not {"d", "p", "q"} & set(after[0])
    assert box.emulator.keys.verify(token)
    box.emulator.rotate_keys()
    with pytest.raises(ValueError, match="not signed here"):
        box.emulator.keys.verify(token)


def test_the_log_counts_by_grant_type_and_prints_no_secret(box: Box) -> None:
    """V-20: what was sent is there to assert on, and not in any output."""
    token = box.grant()["refresh_token"]
    box.refresh(token)
    box.refresh(token)
    assert len(box.emulator.requests("/token", grant_type="refresh_token")) == 2
    assert len(box.emulator.requests("/token")) == 3
    last = box.emulator.requests("/token")[-1]
    assert last.form["refresh_token"] == token
    assert token not in repr(last)
    assert box.client.secret not in repr(last) + repr(box.client)


def desk(box: Box, verb: str, members: dict[str, Any] | None = None) -> Any:
    """Call a verb over HTTP and return its JSON."""
    body = json.dumps(members or {}).encode()
    headers = {"content-type": "application/json"}
    return box.emulator.handle(Request(method="POST", url=f"/_emulator/{verb}", headers=headers, body=body)).json()


def test_verbs_answer_over_http(box: Box) -> None:
    """Other processes and languages do the same."""
    before = box.emulator.clock.now()
    assert desk(box, "advance", {"seconds": 60}) == {}
    assert box.get("/_emulator/clock").json() == {"now": (before + timedelta(seconds=60)).isoformat(), "runs": False}
    made = desk(box, "add_client", {"redirect_uris": ["https://app.example/cb"]})["web"]
    assert made["auth_uri"] == f"{box.emulator.base_url}/o/oauth2/auth"
    box.use(made["client_id"])
    url = desk(box, "consent", {"url": box.url(), "person": IDA})["url"]
    assert url.startswith("https://app.example/cb?state=a+state&iss=")
    assert box.emulator.introspect(desk(box, "mint", {"person": IDA, "scopes": ["email"]})["access_token"])
    desk(box, "fail", {"status": 502, "retry_after_seconds": 3})
    assert box.post("/token", {}).header("retry-after") == "3"
    logged = box.get("/_emulator/requests?path=/token").json()
    assert [each["status"] for each in logged] == [502]


@pytest.mark.parametrize(
    ("verb", "members", "error"),
    [
        ("suspend", {"person": IDA}, "invalid_grant"),
        ("rapt", {"person": IDA}, "invalid_grant"),
        ("admin_block", {"person": IDA, "scope": ADWORDS}, "admin_policy_enforced"),
        ("delete_client", {"client_id": "1234567890-demo.apps.googleusercontent.com"}, "deleted_client"),
        ("revoke", {"person": IDA}, "invalid_grant"),
        ("fail", {"status": 500}, "internal_failure"),
    ],
)
def test_a_verb_over_http_has_its_effect(box: Box, verb: str, members: dict[str, Any], error: str) -> None:
    """The refresh that worked is refused."""
    token = box.grant()["refresh_token"]
    assert box.refresh(token).status == 200
    assert desk(box, verb, members) == {}
    assert box.refresh(token).json()["error"] == error


def test_the_other_verbs_over_http_have_their_effect(box: Box) -> None:
    """Those that change what comes back, not whether."""
    token = box.grant()["refresh_token"]
    desk(box, "lose_answer")
    with pytest.raises(AnswerLost):
        box.refresh(token)
    desk(box, "rotate", {"kind": "grace", "grace_seconds": 5})
    assert rotated(box, token) != token
    access = box.refresh(token).json()["access_token"]
    desk(box, "expire_tokens")
    assert box.emulator.introspect(access) is None
    desk(box, "grant_only", {"scopes": [DFP]})
    desk(box, "omit_refresh_token", {"times": 1})
    assert {"scope", "refresh_token"} & set(box.grant(LUCIA, scope=f"{ADWORDS} {DFP}")) == {"scope"}
    desk(box, "grant_only", {"scopes": None})
    desk(box, "suspend", {"person": LUCIA})
    desk(box, "restore", {"person": LUCIA})
    first = box.get("/oauth2/v3/certs").json()["keys"][0]
    desk(box, "rotate_keys")
    assert box.get("/oauth2/v3/certs").json()["keys"][1] == first
    waited: list[timedelta] = []
    box.emulator.wait = waited.append
    desk(box, "slow", {"seconds": 9})
    assert box.grant(LUCIA, prompt="consent")["scope"] == ADWORDS
    desk(box, "release")
    assert waited == [timedelta(seconds=9)]


def test_wrong_verbs_are_refused_by_name(box: Box) -> None:
    """Unknown verbs, members, people and values; and a GET does nothing."""
    assert "verbs" in desk(box, "explode")
    assert "nobody@nowhere.example" in desk(box, "revoke", {"person": "nobody@nowhere.example"})["error"]
    assert "unknown field" in desk(box, "revoke", {"person": IDA, "all": True})["error"]
    assert "kind" in desk(box, "rotate", {"kind": "often"})["error"]
    assert "400" in desk(box, "consent", {"url": box.url(scope="nonsense"), "person": IDA})["error"]
    assert "redirect_uris" in desk(box, "add_client", {"redirect_uris": ["ftp://x"]})["error"]
    assert box.get("/_emulator/revoke").status == 404


def test_a_form_on_the_front_page_needs_the_pages_token(box: Box) -> None:
    """A browser on another site must not move anything here."""
    before = box.emulator.clock.now()
    assert box.post("/_emulator/advance", {"seconds": "3600"}).status == 415
    assert box.post("/_emulator/advance", {"seconds": "3600", "token": "x"}).status == 415
    assert box.emulator.clock.now() == before
    done = box.post("/_emulator/advance", {"seconds": "3600", "token": box.emulator.page_secret})
    assert (done.status, done.header("location")) == (303, "/")
    assert box.emulator.clock.now() - before == timedelta(hours=1)


def test_the_front_page_shows_who_and_what_there_is(box: Box) -> None:
    """People with their grants, accounts below their managers, networks, clients; no secret."""
    box.grant()
    page = box.get("/").text()
    assert "Fjord Media dashboard: 1 refresh token<" in page
    assert page.index("Fjord Media (manager)") < page.index('class="depth-1"')
    assert "222-333-4441" in page
    assert "21700000003" in page
    assert "GOCSPX" not in page
    picture = box.get(f"/_emulator/people/{box.emulator.world.people[0].sub}.svg")
    assert (picture.header("content-type"), ">IL<" in picture.text()) == ("image/svg+xml", True)


def test_the_front_page_escapes_names_and_cuts_long_trees(box: Box) -> None:
    """Of a manager's accounts the first ten, and how many more; whatever a name holds is text."""
    box.emulator.world = World.load("agency")
    page = box.get("/").text()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "114 more right below are not shown." in page
    assert page.count('class="depth-') < 300


def test_client_secret_is_googles_file_and_registers_redirects(box: Box) -> None:
    """Both kinds; given redirect URIs are good from then on."""
    uri = "https://new.example/cb"
    made = box.emulator.client_secret(redirect_uris=[uri])
    assert set(made["web"]) == {
        "client_id",
        "project_id",
        "auth_uri",
        "token_uri",
        "auth_provider_x509_cert_url",
        "client_secret",
        "redirect_uris",
    }
    assert made["web"]["redirect_uris"] == [uri]
    assert box.emulator.consent(box.url(redirect_uri=uri), IDA).startswith(uri)
    assert "installed" in box.emulator.client_secret("1234567890-desktop.apps.googleusercontent.com")
    with pytest.raises(KeyError):
        box.emulator.client_secret("nobody")
