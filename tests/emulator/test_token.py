"""The token endpoint and the small ones beside it, word by word."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta
from typing import Any
from urllib.parse import quote_plus

import pytest

from emulator.box import ADWORDS, DFP, EMAIL, IDA, LUCIA, PROFILE, TESTING, Box, refusal
from grantkeeper.emulator import Request

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
BAD = (400, "invalid_grant", "Bad Request")
INVALID = (400, "invalid_token", "Token expired or revoked")
DEAD = (400, "invalid_grant", "Token has been expired or revoked.")


def basic(name: str, secret: str) -> str:
    """Return an Authorization header."""
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def test_an_exchange_answers_as_google_does(box: Box) -> None:
    """Members, forms and lengths; never stored by anybody between."""
    response = box.exchange(box.back()["code"])
    body = response.json()
    assert list(body) == ["access_token", "expires_in", "refresh_token", "scope", "token_type"]
    assert body["access_token"].startswith("ya29.")
    assert body["refresh_token"].startswith("1//")
    assert (body["expires_in"], body["scope"], body["token_type"]) == (3599, ADWORDS, "Bearer")
    assert response.header("cache-control") == "no-cache, no-store, max-age=0, must-revalidate"
    assert response.header("pragma") == "no-cache"
    assert response.header("content-type") == "application/json; charset=utf-8"


def test_scopes_come_back_under_googles_own_names(box: Box) -> None:
    """The short names are spelt out, and openid comes with any of them."""
    assert set(box.grant(scope="email profile")["scope"].split()) == {"openid", EMAIL, PROFILE}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"grant_type": None}, (400, "invalid_request", "Missing required parameter: grant_type")),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", "Invalid grant_type: password")),
        ({"code": None}, (400, "invalid_request", "Missing required parameter: code")),
        ({"code": "4/unknown"}, BAD),
        ({"code": "nonsense"}, (400, "invalid_grant", "Malformed auth code.")),
        ({"redirect_uri": None}, (400, "invalid_request", "Missing required parameter: redirect_uri")),
        ({"redirect_uri": "http://localhost/"}, (400, "redirect_uri_mismatch", "Bad Request")),
        ({"client_id": None}, (400, "invalid_request", "Could not determine client ID from request.")),
        ({"client_id": "nobody"}, (401, "invalid_client", "The OAuth client was not found.")),
        ({"client_secret": None}, (400, "invalid_request", "client_secret is missing.")),
        ({"client_secret": "wrong"}, (401, "invalid_client", "The provided client secret is invalid.")),
        ({"code_verifier": VERIFIER}, (400, "invalid_grant", "code_verifier or verifier is not needed.")),
    ],
)
def test_a_wrong_exchange_is_refused_in_googles_words(
    box: Box, changes: dict[str, str | None], error: tuple[int, str, str]
) -> None:
    """And the code stays unspent."""
    code = box.back()["code"]
    assert refusal(box.exchange(code, **changes)) == error
    assert box.exchange(code).status == 200


@pytest.mark.parametrize("method", ["S256", "plain", None])
def test_pkce_wants_the_verifier_of_the_challenge(box: Box, method: str | None) -> None:
    """RFC 7636 section 4.6, with the vector of its appendix B; plain is the default."""
    challenge = CHALLENGE if method == "S256" else VERIFIER
    code = box.back(code_challenge=challenge, code_challenge_method=method)["code"]
    assert refusal(box.exchange(code)) == (400, "invalid_grant", "Missing code verifier.")
    assert refusal(box.exchange(code, code_verifier="x" * 43)) == (400, "invalid_grant", "Invalid code verifier.")
    assert box.exchange(code, code_verifier=VERIFIER).status == 200


def test_a_code_works_once(box: Box) -> None:
    """The second exchange is refused in other words than an unknown code."""
    code = box.back()["code"]
    box.exchange(code)
    assert refusal(box.exchange(code)) == (400, "invalid_grant", "Code was already redeemed.")


def test_a_code_lives_ten_minutes(box: Box) -> None:
    """Nine minutes and 59 seconds are not too long; ten minutes are."""
    first, second = box.back()["code"], box.back()["code"]
    box.emulator.clock.advance(timedelta(minutes=9, seconds=59))
    assert box.exchange(first).status == 200
    box.emulator.clock.advance(timedelta(seconds=1))
    assert refusal(box.exchange(second)) == BAD


def test_a_code_belongs_to_its_client(box: Box) -> None:
    """Another client of the same project cannot use it."""
    code = box.back()["code"]
    other = box.emulator.add_client(box.redirect_uri)
    assert refusal(box.exchange(code, client_id=other.id, client_secret=other.secret)) == BAD


def test_a_doubled_parameter_and_a_get_are_refused(box: Box) -> None:
    """RFC 6749 section 3.2."""
    body = b"grant_type=a&grant_type=b"
    response = box.emulator.handle(
        Request(method="POST", url="/token", headers={"content-type": "application/x-www-form-urlencoded"}, body=body)
    )
    assert refusal(response)[2] == "OAuth 2 parameters can only have a single value: grant_type"
    assert box.get("/token").status == 405


@pytest.mark.parametrize("path", ["/token", "/o/oauth2/token", "/oauth2/v4/token"])
@pytest.mark.parametrize("encode", [str, quote_plus])
def test_basic_authentication_is_taken_with_and_without_url_encoding(box: Box, path: str, encode: Any) -> None:
    """client_secret_basic: clients differ in whether they encode first; every name of the endpoint is one."""
    form = {"grant_type": "authorization_code", "code": box.back()["code"], "redirect_uri": box.redirect_uri}
    header = basic(encode(box.client.id), encode(box.client.secret))
    assert box.post(path, {**form}, authorization=header).status == 200
    assert len(box.emulator.requests("/token", grant_type="authorization_code")) == 1


def test_a_broken_basic_header_is_unauthorized(box: Box) -> None:
    """Not Base64, no colon, another scheme."""
    for header in ("Basic !!", "Basic " + base64.b64encode(b"x").decode(), "Bearer x"):
        assert refusal(box.post("/token", {}, authorization=header)) == (401, "invalid_client", "Unauthorized")


def test_a_refresh_token_comes_with_offline_access_and_a_consent_screen_only(box: Box) -> None:
    """First consent or prompt=consent; a silent second time brings none."""
    assert "refresh_token" in box.grant()
    assert "refresh_token" not in box.grant()
    assert "refresh_token" in box.grant(prompt="consent")
    assert "refresh_token" not in box.grant(prompt="consent", access_type="online")


def test_a_refresh_brings_an_access_token_and_no_refresh_token(box: Box) -> None:
    """Google does not rotate; the old access token stays good until its own end."""
    first = box.grant(scope="openid " + ADWORDS)
    second = box.refresh(first["refresh_token"]).json()
    assert list(second) == ["access_token", "expires_in", "scope", "token_type", "id_token"]
    assert second["access_token"] != first["access_token"]
    assert second["scope"] == first["scope"]
    assert box.emulator.introspect(first["access_token"])
    assert box.emulator.introspect(second["access_token"])


def test_a_refresh_may_ask_for_less_but_not_for_more(box: Box) -> None:
    """RFC 6749 section 6."""
    token = box.grant(scope=f"{ADWORDS} {DFP}")["refresh_token"]
    assert box.refresh(token, scope=DFP).json()["scope"] == DFP
    assert refusal(box.refresh(token, scope="email")) == (400, "invalid_scope", "Bad Request")


def test_a_wrong_refresh_is_refused_in_googles_words(box: Box) -> None:
    """Missing, unknown, another client's."""
    token = box.grant()["refresh_token"]
    missing = (400, "invalid_request", "Missing required parameter: refresh_token")
    assert refusal(box.refresh("")) == missing
    assert refusal(box.refresh("1//unknown")) == BAD
    other = box.emulator.add_client(box.redirect_uri)
    foreign = box.refresh(token, client_id=other.id, client_secret=other.secret)
    assert refusal(foreign) == (401, "unauthorized_client", "Unauthorized")


def test_an_access_token_ends_after_its_time(box: Box) -> None:
    """expires_in is kept to the second."""
    token = box.grant()["access_token"]
    box.emulator.clock.advance(timedelta(seconds=3598))
    assert box.emulator.introspect(token)
    box.emulator.clock.advance(timedelta(seconds=1))
    assert box.emulator.introspect(token) is None


def test_a_token_that_has_been_dead_for_long_is_a_bad_request(box: Box) -> None:
    """For twelve hours Google says that it was revoked; after that it has forgotten."""
    token = box.grant()["refresh_token"]
    box.emulator.revoke(IDA)
    box.emulator.clock.advance(timedelta(hours=11))
    assert refusal(box.refresh(token)) == DEAD
    box.emulator.clock.advance(timedelta(hours=1))
    assert refusal(box.refresh(token)) == BAD


def test_a_refresh_token_dies_unused_after_six_months(box: Box) -> None:
    """Each use starts the time anew."""
    token = box.grant()["refresh_token"]
    for _ in range(2):
        box.emulator.clock.advance(timedelta(days=182))
        assert box.refresh(token).status == 200
    box.emulator.clock.advance(timedelta(days=183))
    assert refusal(box.refresh(token)) == DEAD


def test_a_testing_project_gives_seven_days() -> None:
    """refresh_token_expires_in tells it, at the exchange and at each refresh; sign-in scopes alone are not limited."""
    box = Box(TESTING)
    first = box.grant(scope="openid " + ADWORDS)
    assert first["refresh_token_expires_in"] == 604799
    box.emulator.clock.advance(timedelta(days=6))
    assert box.refresh(first["refresh_token"]).json()["refresh_token_expires_in"] == 604799 - 6 * 86400
    box.emulator.clock.advance(timedelta(days=1))
    assert refusal(box.refresh(first["refresh_token"])) == DEAD
    assert "refresh_token_expires_in" not in box.grant(scope="openid email", prompt="consent")


def test_the_hundred_and_first_refresh_token_ends_the_first_in_silence(box: Box) -> None:
    """The cap is per person and client; nobody else's tokens are touched."""
    other = box.grant(LUCIA)["refresh_token"]
    tokens = [box.grant(prompt="consent")["refresh_token"] for _ in range(101)]
    assert box.emulator.live_refresh_tokens(IDA, box.client.id) == 100
    assert refusal(box.refresh(tokens[0])) == DEAD
    assert all(box.refresh(token).status == 200 for token in (tokens[1], tokens[100], other))


def test_an_id_token_says_what_the_scopes_allow(box: Box) -> None:
    """Signed with RS256; at_hash, nonce and azp; e-mail and name only when asked for."""
    answer = box.grant(scope="openid email profile", nonce="n-1")
    claims = box.emulator.keys.verify(answer["id_token"])
    person = box.emulator.world.person(IDA)
    assert person
    digest = hashlib.sha256(answer["access_token"].encode()).digest()[:16]
    now = int(box.emulator.clock.now().timestamp())
    assert claims == {
        "iss": box.emulator.issuer,
        "azp": box.client.id,
        "aud": box.client.id,
        "sub": person.sub,
        "hd": "nordwind-outdoor.example",
        "email": IDA,
        "email_verified": True,
        "at_hash": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "nonce": "n-1",
        "name": "Ida Lindqvist",
        "picture": f"{box.emulator.base_url}/_emulator/people/{person.sub}.svg",
        "given_name": "Ida",
        "family_name": "Lindqvist",
        "iat": now,
        "exp": now + 3600,
    }
    bare = box.emulator.keys.verify(box.grant(LUCIA, scope="openid")["id_token"])
    assert set(bare) == {"iss", "azp", "aud", "sub", "at_hash", "iat", "exp"}
    assert "id_token" not in box.grant(LUCIA, scope=ADWORDS)


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_revoking_one_token_ends_the_persons_grants_in_the_whole_project(box: Box, kind: str) -> None:
    """Every client of the project; other projects and other people are untouched."""
    first, lucia = box.grant(), box.grant(LUCIA)
    desktop = "1234567890-desktop.apps.googleusercontent.com"
    box.use(desktop)
    sibling = box.grant(scope=DFP)
    box.use("2345678901-testing.apps.googleusercontent.com")
    other_project = box.grant()
    response = box.post("/revoke", {"token": first[kind]})
    assert (response.status, response.json()) == (200, {})
    assert box.refresh(other_project["refresh_token"]).status == 200
    box.use(desktop)
    assert box.refresh(sibling["refresh_token"]).status == 400
    box.use("1234567890-demo.apps.googleusercontent.com")
    assert box.refresh(lucia["refresh_token"]).status == 200
    assert box.emulator.introspect(first["access_token"]) is None


def test_revoking_what_is_dead_is_invalid_token(box: Box) -> None:
    """Unknown, revoked before, or an access token whose time is over."""
    grant = box.grant()
    box.emulator.expire_tokens()
    assert refusal(box.post("/revoke", {"token": grant["access_token"]})) == INVALID
    assert box.post(f"/revoke?token={grant['refresh_token']}", {}).status == 200
    assert refusal(box.post("/revoke", {"token": grant["refresh_token"]})) == INVALID
    assert refusal(box.post("/revoke", {"token": "nonsense"})) == INVALID
    assert refusal(box.post("/revoke", {})) == (400, "invalid_request", "Missing required parameter: token")


def test_revocation_is_a_post(box: Box) -> None:
    """GET answers 404, as Google's does, and revokes nothing."""
    token = box.grant()["refresh_token"]
    assert box.get(f"/revoke?token={token}").status == 404
    assert box.refresh(token).status == 200


def test_tokeninfo_describes_an_access_token_in_texts(box: Box) -> None:
    """Numbers are texts there; a bad token is Invalid Value."""
    grant = box.grant(scope="email " + ADWORDS)
    info = box.get(f"/tokeninfo?access_token={grant['access_token']}").json()
    assert (info["aud"], info["azp"], info["email"]) == (box.client.id, box.client.id, IDA)
    assert (info["expires_in"], info["email_verified"], info["access_type"]) == ("3599", "true", "offline")
    assert set(info["scope"].split()) == {"openid", EMAIL, ADWORDS}
    assert box.post("/tokeninfo", {"access_token": grant["access_token"]}).json() == info
    bare = box.get(f"/tokeninfo?access_token={box.grant(LUCIA, access_type='online')['access_token']}").json()
    assert "email" not in bare
    assert bare["access_type"] == "online"
    assert refusal(box.get("/tokeninfo?access_token=x")) == (400, "invalid_token", "Invalid Value")


def test_tokeninfo_describes_an_id_token(box: Box) -> None:
    """Its claims, as texts."""
    token = box.grant(scope="email")["id_token"]
    info = box.get(f"/tokeninfo?id_token={token}").json()
    assert (info["aud"], info["email_verified"]) == (box.client.id, "true")
    assert refusal(box.get(f"/tokeninfo?id_token={token}x")) == (400, "invalid_token", "Invalid Value")


@pytest.mark.parametrize("path", ["/v1/userinfo", "/oauth2/v3/userinfo"])
def test_userinfo_says_who_the_bearer_stands_for(box: Box, path: str) -> None:
    """By the scopes; without a sign-in scope, or a good token, it is 401."""
    token = box.grant(scope="email profile")["access_token"]
    claims = box.get(path, authorization=f"Bearer {token}").json()
    assert set(claims) == {"sub", "email", "email_verified", "hd", "name", "given_name", "family_name", "picture"}
    assert box.get(f"{path}?access_token={token}").json() == claims
    refused = box.get(path, authorization="Bearer x")
    assert refusal(refused) == (401, "invalid_request", "Invalid Credentials")
    assert refused.header("www-authenticate").startswith("Bearer")
    ads_only = box.grant(LUCIA)["access_token"]
    assert box.get(path, authorization=f"Bearer {ads_only}").status == 401


def test_discovery_names_endpoints_that_are_there(box: Box) -> None:
    """Each URL of the document is below the issuer and is not 404 for its method."""
    document = box.get("/.well-known/openid-configuration").json()
    assert document == box.emulator.endpoints()
    assert document["issuer"] == box.emulator.base_url
    assert document["authorization_response_iss_parameter_supported"] is True
    posts = {"token_endpoint", "revocation_endpoint"}
    urls = {name: url for name, url in document.items() if name.endswith(("_endpoint", "_uri"))}
    assert len(urls) == 5
    for name, url in urls.items():
        path = url.removeprefix(document["issuer"])
        assert (box.post(path, {}) if name in posts else box.get(path)).status != 404


def test_an_unknown_path_is_not_found(box: Box) -> None:
    """Nothing answers by accident."""
    assert box.get("/nothing/here").status == 404
