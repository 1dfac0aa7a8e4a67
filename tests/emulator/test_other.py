"""Revocation, tokeninfo, userinfo and discovery."""

from __future__ import annotations

import pytest

from emulator.box import ADWORDS, DFP, EMAIL, IDA, LUCIA, Box, refusal

INVALID = (400, "invalid_token", "Token expired or revoked")


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
