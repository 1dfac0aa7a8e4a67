"""Whatever answers: a typed error, never a crash, and nothing of a secret or of the answer in it."""

from __future__ import annotations

import json
import logging
import traceback
from datetime import timedelta

import pytest

from grantkeeper import GrantkeeperError, InvalidInput, Misconfigured, NotFound, Remote, ServiceUnavailable
from remote.conftest import GRANT, MakeRemote
from remote.fake import KEY, Answer, Fake, problem

TOKEN = "ya29.made-up-access-token-1234567890"
SOON = "2026-11-28T13:00:00Z"
GOOD = {"access_token": TOKEN, "expires_at": SOON, "scopes": ["adwords"]}
UNREADABLE: list[object] = [
    b"",
    b"<!doctype html><title>Sign in to the Wi-Fi</title>",
    b"\x00\xff\xfe",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"[" * 100_000,
    json.dumps(GOOD).encode() + b"x",
    json.dumps(GOOD).encode()[:-5],
    GOOD | {"access_token": None},
    GOOD | {"access_token": 17},
    GOOD | {"access_token": ""},
    GOOD | {"access_token": "a b"},
    GOOD | {"access_token": f"{TOKEN}\r\nx-evil: 1"},
    GOOD | {"access_token": "tök"},
    GOOD | {"expires_at": "2026-11-28T13:00:00"},
    GOOD | {"expires_at": "soon"},
    GOOD | {"expires_at": 1e400},
    GOOD | {"expires_at": "0001-01-01T00:00:00+14:00"},
    GOOD | {"scopes": "adwords"},
    GOOD | {"scopes": [1]},
    {"access_token": TOKEN},
]


def raised(remote: Remote) -> GrantkeeperError:
    """Ask for a token; returns the error, which shows neither key nor token, in whatever form it is printed."""
    with pytest.raises(GrantkeeperError) as caught:
        remote.token(GRANT)
    lines = traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    shown = "".join(lines) + repr(caught.value) + repr(vars(caught.value))
    inside = "".join(shown.split("remote/trouble/test_hostile.py"))  # this file's own locals are not at issue
    assert KEY not in inside
    assert caught.value.__context__ is None
    return caught.value


@pytest.mark.parametrize("body", UNREADABLE, ids=lambda each: repr(each)[:40])
@pytest.mark.parametrize("status", [200, 201])
def test_an_answer_that_cannot_be_read_is_no_token(remote: Remote, fake: Fake, body: object, status: int) -> None:
    """V-20: half an answer is none, and the error repeats nothing of it."""
    fake.answering = lambda _: Answer(status=status, body=body)
    found = raised(remote)

    assert isinstance(found, ServiceUnavailable)
    assert str(found).endswith("Check that the address (GRANTKEEPER_URL) is that of `grantkeeper serve`.")
    assert TOKEN not in str(found)


@pytest.mark.parametrize("body", UNREADABLE, ids=lambda each: repr(each)[:40])
def test_a_problem_that_cannot_be_read_is_one_by_its_status(remote: Remote, fake: Fake, body: object) -> None:
    """A content type is only a claim."""
    fake.answering = lambda _: Answer(status=500, body=body, headers={"content-type": "application/problem+json"})

    assert isinstance(raised(remote), ServiceUnavailable)


@pytest.mark.parametrize(
    "members",
    [
        {"retry_after": float(10**30)},
        {"retry_after": -1},
        {"retry_after": "soon"},
        {"who": "nobody"},
        {"detail": 7},
        {"provider": "x"},
        {"expected": "ida"},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["ProviderUnavailable", "AccessRefused", "AccountMismatch"])
def test_odd_members_crash_nothing(remote: Remote, fake: Fake, name: str, members: dict[str, object]) -> None:
    """Each is an error of ours; no time to wait is longer than a day."""
    fake.answering = lambda _: problem(name, 503, **members)
    wait = getattr(raised(remote), "retry_after", None)

    assert wait is None or timedelta() <= wait <= timedelta(days=1)


@pytest.mark.parametrize("name", ["Exception", "GrantkeeperError", "__class__", "", "KeyboardInterrupt", "Problem"])
def test_only_errors_of_ours_are_raised(remote: Remote, fake: Fake, name: str) -> None:
    """The name in an answer chooses from a table."""
    fake.answering = lambda _: problem(name, 400, detail="Try this.")

    assert type(raised(remote)) is Misconfigured


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(remote: Remote, fake: Fake, status: int) -> None:
    """The key goes to nobody that an answer names."""
    fake.answering = lambda _: Answer(status=status, headers={"location": f"{fake.url}/v1/elsewhere"})

    assert isinstance(raised(remote), ServiceUnavailable)
    assert {each.path for each in fake.calls} == {f"/v1/grants/{GRANT}/token"}


def test_an_answer_without_end_is_cut(remote: Remote, fake: Fake) -> None:
    """No more than a megabyte of a token is read."""
    fake.answering = lambda _: Answer(body=GOOD | {"more": "x" * 2_000_000})

    assert "more than 1 MiB" in str(raised(remote))


@pytest.mark.parametrize(
    "grant_id", ["", ".", "..", "../keys", "a/b", "a?b", "a#b", "a%2fb", "a b", "a\r\nb", "ü", "\ud800", "x" * 129, 7]
)
def test_what_is_no_grants_id_never_becomes_a_path(remote: Remote, fake: Fake, grant_id: str) -> None:
    """NotFound, as a Keeper says, and nothing is sent."""
    for verb in (remote.token, remote.get, remote.refresh, remote.revoke, remote.accounts, remote.siblings):
        with pytest.raises(NotFound, match="There is no grant"):
            verb(grant_id)

    assert fake.calls == []


@pytest.mark.parametrize("odd", ["a&b=c", "a b", "ü/ö?#", "\n", "+", "%00", "x" * 3000, "\N{RAINBOW}" * 255])
def test_whatever_an_owner_is_called_arrives_as_it_is(remote: Remote, fake: Fake, odd: str) -> None:
    """Nothing in a value becomes another parameter."""
    fake.answering = lambda _: Answer(body={"items": [], "next": None})
    assert list(remote.grants(odd, odd)) == []

    assert (fake.calls[0].query["owner"], fake.calls[0].query["client"]) == (odd, odd)
    assert set(fake.calls[0].query) == {"owner", "client", "limit"}


def test_what_is_no_text_at_all_is_said_before_anything_is_sent(remote: Remote, fake: Fake) -> None:
    """A lone surrogate has no bytes."""
    for owner in ("\ud800", "x" * 8000):
        with pytest.raises(InvalidInput, match="owner"):
            list(remote.grants(owner))
    with pytest.raises(InvalidInput, match="owner"):
        remote.link("\ud800", "google-ads")

    assert fake.calls == []


def test_a_list_that_leads_to_itself_ends(remote: Remote, fake: Fake) -> None:
    """A cursor is the service's, and may be wrong."""
    fake.answering = lambda _: Answer(body={"items": [], "next": "same"})

    assert list(remote.grants()) == []
    assert len(fake.calls) == 2


def test_the_key_is_shown_nowhere(make_remote: MakeRemote, fake: Fake, caplog: pytest.LogCaptureFixture) -> None:
    """V-20: not by repr, not in logs at DEBUG, not in an error's locals."""
    with caplog.at_level(logging.DEBUG):
        remote = make_remote()
        remote.token(GRANT)
        fake.answering = lambda _: Answer(hang_up=True)
        with pytest.raises(ServiceUnavailable):
            remote.get(GRANT)

    shown = f"{remote!r} {vars(remote)} {remote._calling.__dict__} {caplog.text}"
    assert KEY not in shown
    assert fake.calls[0].headers["authorization"] == f"Bearer {KEY}"
