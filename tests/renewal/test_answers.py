"""What a refused refresh means."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from grantkeeper.errors import ProviderWords
from grantkeeper.model import Reason
from grantkeeper.providers import generic, google
from grantkeeper.renewal import OURS, Meaning, meaning, mending

WAIT = timedelta(seconds=30)


@dataclass(frozen=True)
class Refused:
    """A refusal as the protocol layer would describe it."""

    status: int
    words: ProviderWords | None
    retry_after: timedelta | None = None


def means(status: int, error: str | None, description: str = "", subtype: str = "") -> Meaning:
    """Return what a refusal by Google means; it asked to wait."""
    words = None if error is None else ProviderWords(error=error, description=description, subtype=subtype)
    return meaning(Refused(status, words, WAIT), google.PROVIDER.deaths)


@pytest.mark.parametrize(
    ("status", "error", "description", "subtype", "reason"),
    [
        (400, "invalid_grant", "Token has been expired or revoked.", "", Reason.REVOKED_OR_EXPIRED),
        (200, "invalid_grant", "Token has been expired or revoked.", "", Reason.REVOKED_OR_EXPIRED),
        (401, "invalid_grant", "token has been EXPIRED or revoked", "", Reason.REVOKED_OR_EXPIRED),
        (400, "invalid_grant", "reauth related error", "invalid_rapt", Reason.REAUTHENTICATION),
        (400, "invalid_grant", "reauth related error", "rapt_required", Reason.REAUTHENTICATION),
        (400, "admin_policy_enforced", "", "", Reason.ADMIN_POLICY),
        (400, "invalid_grant", "Account has been deleted", "", Reason.ACCOUNT_GONE),
    ],
)
def test_these_answers_end_a_grant(status: int, error: str, description: str, subtype: str, reason: Reason) -> None:
    """R-30, O-55r: the provider's own words, in an answer that it gave on purpose."""
    assert means(status, error, description, subtype) == Meaning(kind="dead", reason=reason, certain=True)


@pytest.mark.parametrize("status", [200, 400, 401, 403])
@pytest.mark.parametrize("description", ["Bad Request", "", "Something new", "Unauthorized"])
def test_vague_words_have_to_be_confirmed(status: int, description: str) -> None:
    """R-30: Google's bare "Bad Request" stands for too many things to end a grant at once."""
    meant = means(status, "invalid_grant", description)
    assert meant == Meaning(kind="dead", reason=Reason.REVOKED_OR_EXPIRED, certain=False)


UNDECIDED = ("server_error", "temporarily_unavailable", "internal_failure")
TURNED_DOWN = [
    *((status, None) for status in (400, 401, 403, 404, 413, 425, 429)),
    (429, "invalid_grant"),
    (429, "invalid_client"),
    (403, "rate_limit_exceeded"),
    (400, "slow_down"),
    (400, "something_new"),
    (200, "something_new"),
    (400, "error"),
    (403, "access_denied"),
]
WHO_KNOWS = [
    *((status, None) for status in (200, 201, 204, 301, 302, 307, 408, 500, 502, 503, 504, 520, 599)),
    *((status, error) for status in (500, 502, 503, 504) for error in ("invalid_grant", "invalid_client", *UNDECIDED)),
    *((status, error) for status in (200, 400, 401, 403) for error in UNDECIDED),
    (408, "invalid_grant"),
    (408, "invalid_client"),
    (302, "something_new"),
]


@pytest.mark.parametrize(("status", "error"), TURNED_DOWN)
def test_these_answers_end_nothing_and_use_nothing_up(status: int, error: str | None) -> None:
    """R-30, R-32, R-11: HTML 403, WAF pages, 429, words that nobody knows: wait, as long as was asked."""
    assert means(status, error) == Meaning(kind="transient", used_up="no", retry_after=WAIT)


@pytest.mark.parametrize(("status", "error"), WHO_KNOWS)
def test_these_answers_end_nothing_but_may_have_used_the_token_up(status: int, error: str | None) -> None:
    """R-11, R-30: 5xx, 408, a redirect, a 200 without tokens: what happened before they were written is unknown."""
    assert means(status, error) == Meaning(kind="transient", used_up="unknown", retry_after=WAIT)


@pytest.mark.parametrize("error", [None, "invalid_grant", "invalid_client", "server_error", "something_new"])
def test_whatever_the_answer_a_grant_dies_of_invalid_grant_only(error: str | None) -> None:
    """R-30: for every status there is; and what is over or ours was turned down, so nothing is used up."""
    for status in range(200, 600):
        meant = means(status, error)
        assert error == "invalid_grant" or meant.kind != "dead", status
        assert error is not None or meant.kind == "transient", status
        assert meant.kind == "transient" or meant.used_up == "no", status
        assert status not in {408, 429} or meant.kind == "transient", status
        assert status < 500 or (meant.kind, meant.used_up) == ("transient", "unknown"), status


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((400, error) for error in sorted(OURS)),
        (401, "invalid_client"),
        (401, "deleted_client"),
        (401, "something_new"),
    ],
)
def test_these_answers_are_about_our_client(status: int, error: str) -> None:
    """R-30: a wrong client secret on 10 000 grants must not touch one of them."""
    assert means(status, error).kind == "ours"


def test_what_is_ours_is_in_no_providers_deaths() -> None:
    """R-30: whatever words come along."""
    for error in OURS:
        for table in (google.deaths, generic.deaths):
            assert table(ProviderWords(error=error, description="invalid_grant", subtype="invalid_rapt")) is None


@pytest.mark.parametrize("error", [*OURS, "something_new"])
def test_what_is_ours_comes_with_what_to_do(error: str) -> None:
    """O-55r: deleted_client is restored, org_internal is opened; never is an owner asked to connect again."""
    text = mending(ProviderWords(error=error))
    assert text.endswith(".")
    assert text[0].isupper()
    assert len(text) < 150
    assert "connect the account again" not in text
    assert (text == mending(None)) == (error == "something_new")
