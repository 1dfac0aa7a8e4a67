"""What a provider answers on a real socket: in which disguise it comes, what it means, and what stays in the row."""

from __future__ import annotations

import gzip
import json

import pytest

from grantkeeper import ConsentRequired, GrantStatus, Misconfigured, ProviderUnavailable, Reason
from refresh.provider.misbehaving import ACCESS, GOOD, NEW, PLAIN, REVOKED, html, js, misbehaving, told
from refresh.scene import Scene
from transport.rawserver import answering, response

DEEP = 100_000
UNKNOWN: dict[str, bytes] = {
    "500": html("500 Internal Server Error"),
    "502 with a death in it": js(REVOKED, "502 Bad Gateway"),
    "503 empty": response(b"", status="503 Service Unavailable"),
    "408": html("408 Request Timeout"),
    "302": response(b"", status="302 Found", headers="location: https://elsewhere.example/\r\n"),
    "200 empty": response(b""),
    "200 login page": html("200 OK"),
    "200 array": js([GOOD], "200 OK"),
    "200 null": response(b"null"),
    "200 number": response(b"7"),
    "200 only a BOM": response(b"\xef\xbb\xbf"),
    "200 cut off": response(json.dumps(GOOD).encode()[:40]),
    "200 utf-16": response(json.dumps(GOOD).encode("utf-16")),
    "200 deep array": response(b"[" * DEEP),
    "200 deep object": response(b'{"access_token":' * (DEEP // 2)),
    "200 NaN for a token": response(b'{"access_token": NaN, "expires_in": NaN}'),
    "200 form of nothing": response(b"a=b&c=d"),
    "200 temporarily_unavailable": js({"error": "temporarily_unavailable"}, "200 OK"),
    "204": response(b"", status="204 No Content"),
    "400 server_error": js({"error": "server_error"}),
    "400 internal_failure": js({"error": "internal_failure"}),
}
DEFINITE: dict[str, bytes] = {
    "403 of a firewall": html("403 Forbidden"),
    "403 of an API": js({"error": {"code": 403, "message": "x", "status": "PERMISSION_DENIED"}}, "403 Forbidden"),
    "400 empty": response(b"", status="400 Bad Request"),
    "400 page": html("400 Bad Request"),
    "400 array": js(["invalid_grant"]),
    "400 death as text": response(b"invalid_grant", status="400 Bad Request"),
    "400 deep": response(b"[" * DEEP, status="400 Bad Request"),
    "401 page": html("401 Unauthorized"),
    "404": html("404 Not Found"),
    "429": js({"error": "rate_limit_exceeded"}, "429 Too Many Requests"),
    "429 with a death in it": js(REVOKED, "429 Too Many Requests"),
    "400 unheard of": js({"error": "slow_down"}),
}
OURS: dict[str, bytes] = {
    "401 invalid_client": js({"error": "invalid_client"}, "401 Unauthorized"),
    "200 invalid_client": js({"error": "invalid_client"}, "200 OK"),
    "401 deleted_client": js({"error": "deleted_client"}, "401 Unauthorized"),
    "400 unauthorized_client": js({"error": "unauthorized_client"}),
    "400 invalid_scope": js({"error": "invalid_scope"}),
    "form": response(b"error=invalid_client&error_description=wrong", status="200 OK"),
    "BOM": response(b'\xef\xbb\xbf{"error": "invalid_client"}', status="400 Bad Request"),
    "latin-1": response(b'{"error": "invalid_client", "error_description": "gel\xf6scht"}', status="400 Bad Request"),
}
DEATHS: dict[str, tuple[bytes, Reason, int]] = {
    "plain": (js(REVOKED), Reason.REVOKED_OR_EXPIRED, 1),
    "as a page": (
        response(json.dumps(REVOKED).encode(), status="400 x", headers="content-type: text/html\r\n"),
        Reason.REVOKED_OR_EXPIRED,
        1,
    ),
    "BOM": (response(b"\xef\xbb\xbf" + json.dumps(REVOKED).encode(), status="400 x"), Reason.REVOKED_OR_EXPIRED, 1),
    "form": (
        response(b"error=invalid_grant&error_description=Account+disabled", status="400 x"),
        Reason.ACCOUNT_GONE,
        1,
    ),
    "in a 200": (js(REVOKED, "200 OK"), Reason.REVOKED_OR_EXPIRED, 1),
    "in a 401": (js(REVOKED, "401 Unauthorized"), Reason.REVOKED_OR_EXPIRED, 1),
    "in a 403": (js(REVOKED, "403 Forbidden"), Reason.REVOKED_OR_EXPIRED, 1),
    "rapt": (js({"error": "invalid_grant", "error_subtype": "invalid_rapt"}), Reason.REAUTHENTICATION, 1),
    "latin-1": (
        response(b'{"error": "invalid_grant", "error_description": "abgelaufen \xfc"}', status="400 x"),
        Reason.REVOKED_OR_EXPIRED,
        2,
    ),
    "vague": (js({"error": "invalid_grant"}), Reason.REVOKED_OR_EXPIRED, 2),
}


@pytest.mark.parametrize("answer", UNKNOWN.values(), ids=UNKNOWN)
def test_an_answer_that_tells_nothing_leaves_the_outcome_open(scene: Scene, answer: bytes) -> None:
    """R-30, R-34, R-11: transient; sent once more at once and no more; written down as open; never dead."""
    grant = scene.grant()
    with misbehaving(scene, answering(answer)) as (keeper, server):
        error = told(keeper, scene, grant)

    assert isinstance(error, ProviderUnavailable)
    assert len(server.received) == 2
    assert scene.row(grant).grant.status is GrantStatus.ACTIVE
    assert scene.open_ends(grant) == ("", True, 1)


@pytest.mark.parametrize("answer", DEFINITE.values(), ids=DEFINITE)
def test_an_answer_that_turns_us_down_leaves_the_row_as_it_was(scene: Scene, answer: bytes) -> None:
    """R-30, R-34: transient; nothing was used up, so nothing is open, and nothing is sent twice."""
    grant = scene.grant()
    row = scene.row(grant)
    with misbehaving(scene, answering(answer)) as (keeper, server):
        error = told(keeper, scene, grant)

    assert isinstance(error, ProviderUnavailable)
    assert len(server.received) == 1
    assert scene.row(grant) == row


@pytest.mark.parametrize("answer", OURS.values(), ids=OURS)
def test_an_answer_about_our_client_is_no_grants_fault(scene: Scene, answer: bytes) -> None:
    """R-30, R-34: Misconfigured, in whatever disguise; the row is as it was."""
    grant = scene.grant()
    row = scene.row(grant)
    with misbehaving(scene, answering(answer)) as (keeper, server):
        error = told(keeper, scene, grant)

    assert isinstance(error, Misconfigured)
    assert error.provider is not None
    assert len(server.received) == 1
    assert scene.row(grant) == row


@pytest.mark.parametrize(("answer", "reason", "sends"), DEATHS.values(), ids=DEATHS)
def test_a_death_is_recognised_in_every_disguise(scene: Scene, answer: bytes, reason: Reason, sends: int) -> None:
    """R-30, R-34: words count, not how they are wrapped; vague ones twice."""
    grant = scene.grant()
    with misbehaving(scene, answering(answer)) as (keeper, server):
        error = told(keeper, scene, grant)

    assert isinstance(error, ConsentRequired)
    assert error.reason == reason
    assert len(server.received) == sends
    assert scene.row(grant).grant.status is GrantStatus.CONSENT_REQUIRED
    assert scene.open_ends(grant) == ("", False, 0)


def chunked(body: bytes) -> bytes:
    """Return an answer in chunks of seven bytes."""
    pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
    return (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
        + b"0\r\n\r\n"
    )


FORM = f"access_token={ACCESS}&refresh_token={NEW}&expires_in=3600&token_type=bearer".replace("/", "%2F").encode()
DISGUISED: dict[str, bytes] = {
    "as a page": response(PLAIN, headers="content-type: text/html\r\n"),
    "BOM": response(b"\xef\xbb\xbf" + PLAIN),
    "latin-1": response(PLAIN[:-1] + b', "name": "\xfc"}'),
    "form": response(FORM, headers="content-type: application/x-www-form-urlencoded\r\n"),
    "a name twice": response(PLAIN[:-1] + b', "expires_in": 60, "expires_in": 3600}'),
    "NaN beside": response(PLAIN[:-1] + b', "x": NaN, "y": -Infinity}'),
    "deep beside": response(PLAIN[:-1] + b', "x": ' + b"[" * 200 + b"]" * 200 + b"}"),
    "number as text": response(json.dumps(GOOD | {"expires_in": "3600", "token_type": "bEaReR"}).encode()),
    "chunks": chunked(PLAIN),
    "gzip": response(gzip.compress(PLAIN), headers="content-encoding: gzip\r\n"),
    "201": response(PLAIN, status="201 Created"),
    "1xx before": b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + response(PLAIN),
    "longer than it says": response(PLAIN) + b"<!-- a box's advertisement -->",
}


@pytest.mark.parametrize("answer", DISGUISED.values(), ids=DISGUISED)
def test_a_good_answer_is_taken_in_every_disguise(scene: Scene, answer: bytes) -> None:
    """R-34, R-12: the token is handed out, and the new refresh token is in the row."""
    grant = scene.grant()
    with misbehaving(scene, answering(answer)) as (keeper, server):
        assert keeper.token(grant).value.reveal() == ACCESS

    assert scene.refresh_token(grant) == NEW
    assert scene.open_ends(grant) == ("", False, 0)
    assert len(server.received) == 1
