"""Problems (RFC 9457): each error of a keeper as one, with its status, and without a secret."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Any, Final

import pytest

from api.asking import Asker, Site
from grantkeeper import Grant, errors
from grantkeeper.errors import GrantkeeperError, ProviderWords
from grantkeeper.web.api.problems import Refused
from grantkeeper.web.api.table import OPERATIONS

STATUSES: Final[dict[type[GrantkeeperError], int]] = {
    errors.InvalidInput: 422,
    errors.KeyRefused: 401,
    errors.NotAllowed: 403,
    errors.AccessRefused: 403,
    errors.ConsentDenied: 403,
    errors.NotFound: 404,
    errors.ConsentRequired: 409,
    errors.AccountMismatch: 409,
    errors.BadCallback: 409,
    errors.Conflict: 409,
    errors.TooManyRequests: 429,
    errors.Misconfigured: 500,
    errors.SealBroken: 500,
    errors.ProviderUnavailable: 503,
    errors.DatabaseUnavailable: 503,
    errors.ServiceUnavailable: 503,
}
NEEDS: Final[dict[type[GrantkeeperError], dict[str, Any]]] = {
    errors.ConsentRequired: {"reason": "scopes_missing"},
    errors.AccountMismatch: {
        "grant_id": "gr_1",
        "expected": ("a@mail.example",),
        "actual": "b@mail.example",
        "advice": "Again.",
    },
    errors.AccessRefused: {"who": "person", "code": "not_shared"},
    errors.ServiceUnavailable: {"retry_after": timedelta(seconds=1)},
    errors.TooManyRequests: {"retry_after": timedelta(seconds=3)},
}
SECRETS: Final = {
    "access token": "ya29.a0AfH6SMBx-made_up.for-this_test",
    "refresh token": "1//0gmade-up_for_this_test",
    "client secret": "GOCSPX-" + "madeUp_for-this_test",
    "code": "4/0AfMadeUpForThisTest_0123",
    "id_token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "API key": "gk_abcdefghijklmnop_" + "0aB1" * 10 + "xyz" + "000001",
    "webhook secret": "whsec_MfKQ/r8G+YqrTwjUPD8ILPZIo2LaLaSw",
    "proof": "aB3" * 15,
}
KINDS: Final = sorted(STATUSES, key=lambda each: each.__name__)


def made(kind: type[GrantkeeperError], said: str = "It went wrong.", **more: Any) -> GrantkeeperError:
    """Return an error of this class."""
    return kind(said, **{**NEEDS.get(kind, {}), **more})


@pytest.fixture
def failing(site: Site, asker: Asker, grant: Grant, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that lets a verb raise, and returns the answer."""

    async def broken(error: Exception) -> Any:
        raise error

    def ask(error: Exception) -> Any:
        with monkeypatch.context() as patched:
            patched.setattr(site.api._keeper, "siblings", lambda *_args, **_named: broken(error))
            return asker.get(f"/v1/grants/{grant.id}/siblings")

    return ask


def test_every_class_of_error_has_a_status() -> None:
    """A new one has to be thought of here."""
    classes = {each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, GrantkeeperError)}
    assert classes - {GrantkeeperError} == set(STATUSES)


@pytest.mark.parametrize("kind", KINDS, ids=lambda each: each.__name__)
def test_an_error_is_a_problem(failing: Any, kind: type[GrantkeeperError]) -> None:
    """Its status, its own type, a title, what happened; and when to come again, where waiting helps."""
    answer = failing(made(kind, advice="Do this."))
    problem = answer.json()

    assert answer.status_code == problem["status"] == STATUSES[kind]
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["error"] == kind.__name__
    assert problem["type"].removeprefix("urn:grantkeeper:problem:").replace("_", "") == kind.__name__.lower()
    assert problem["title"]
    assert problem["detail"]
    assert (int(answer.headers.get("retry-after", 0)) >= 1) == (answer.status_code in (429, 503))
    assert ("www-authenticate" in answer.headers) == (answer.status_code == 401)


def test_no_two_classes_have_one_type(failing: Any) -> None:
    """Who looks at `type` tells them apart."""
    types = [failing(made(kind)).json()["type"] for kind in KINDS]
    assert len(set(types)) == len(types)


@pytest.mark.parametrize("status", sorted(set(STATUSES.values())))
def test_each_status_is_in_the_document(status: int) -> None:
    """404, 409 and the like only where they can come; those of every operation for each."""
    always = {401, 403, 422, 429, 500, 503}
    assert all(status in each.statuses for each in OPERATIONS) or status not in always
    assert any(status in each.statuses for each in OPERATIONS)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_no_problem_holds_a_secret(failing: Any, secret: str) -> None:
    """V-20: of no class, neither in our words nor in the provider's."""
    for kind in KINDS:
        error = made(kind, f"It went wrong with {secret} there.")
        error.provider = ProviderWords(error="invalid_grant", description=f"Token {secret} is over.")
        answer = failing(error)

        assert secret not in answer.text, kind
        assert secret[8:] not in answer.text, kind
        assert answer.json()["provider"]["error"] == "invalid_grant"


@pytest.mark.parametrize("error", [RuntimeError("ya29.secret-of-the-house"), ValueError("/etc/x"), KeyError("y")])
def test_a_failure_that_nobody_foresaw_is_a_problem_without_words(failing: Any, error: Exception) -> None:
    """What happened is for the log."""
    answer = failing(error)

    assert (answer.status_code, answer.json()["type"]) == (500, "urn:grantkeeper:problem:internal_error")
    assert str(error) not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("text", ["a\nb", "\x1b[31mred", "\u202egnp.exe", "x" * 5000, "<script>alert(1)</script>"])
def test_strangers_words_are_cut_and_cleaned(failing: Any, text: str) -> None:
    """No line breaks, escapes or reversals; a problem is JSON, whatever it says."""
    answer = failing(errors.NotFound(f"There is no grant {text}."))
    detail = answer.json()["detail"]

    assert detail.isprintable()
    assert len(detail) <= 1000
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_refusal_of_a_request_is_a_problem_too() -> None:
    """Those that no verb raises: their own types, without `error`."""
    problem = Refused(413, "too_large", "The body is too large.").problem
    assert (problem.type, problem.status, problem.error) == ("urn:grantkeeper:problem:too_large", 413, "")
