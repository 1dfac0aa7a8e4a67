"""Every error of a Keeper comes back from the service as itself: same class, same words, same attributes."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest

from grantkeeper import Remote, errors
from grantkeeper.errors import GrantkeeperError, ProviderWords, ServiceUnavailable
from remote.conftest import GRANT, MakeRemote
from remote.fake import KEY, Answer, Fake, problem, problem_of

WORDS = ProviderWords(
    error="invalid_grant",
    description="Token has been revoked.",
    uri="https://developers.example/oauth",
    subtype="invalid_rapt",
    request_id="req-1",
)
PLAIN = (
    errors.BadCallback,
    errors.Conflict,
    errors.ConsentDenied,
    errors.InvalidInput,
    errors.Misconfigured,
    errors.NotFound,
)
OF_THE_HOUSE = (errors.DatabaseUnavailable, errors.SealBroken)
ABOUT_KEYS = (errors.KeyRefused, errors.NotAllowed)
ERRORS: list[GrantkeeperError] = [
    *(kind("It went wrong.", advice="Do this.", provider=WORDS) for kind in PLAIN),
    errors.ProviderUnavailable("Later.", advice="Wait.", provider=WORDS, retry_after=timedelta(seconds=90), sent=False),
    errors.ProviderUnavailable("Later."),
    errors.ServiceUnavailable("Closing.", advice="Ask again.", retry_after=timedelta(seconds=1), sent=False),
    errors.TooManyRequests("Slower.", retry_after=timedelta(seconds=3), advice="Wait."),
    errors.ConsentRequired("Over.", reason="revoked_or_expired", grant_id=GRANT, advice="Ask them.", provider=WORDS),
    errors.ConsentRequired("None yet.", reason="scopes_missing"),
    errors.AccountMismatch(
        "Another.", grant_id=GRANT, expected=("ida@nordwind.example", "108"), actual="eve@mail.example", advice="Again."
    ),
    errors.AccessRefused(
        "Not shared.",
        who="person",
        code="not_shared",
        grant_id=GRANT,
        account_id="2223334441",
        advice="Ask them.",
        provider=WORDS,
    ),
    errors.AccessRefused("Lost.", who="account", code="lost"),
]


def raised(remote: Remote) -> GrantkeeperError:
    """Ask for a token, and return what is raised."""
    with pytest.raises(GrantkeeperError) as caught:
        remote.token(GRANT)
    return caught.value


@pytest.mark.parametrize("error", ERRORS, ids=lambda each: type(each).__name__)
def test_an_error_comes_back_as_itself(remote: Remote, fake: Fake, error: GrantkeeperError) -> None:
    """Whoever handles a Keeper's errors handles a Remote's: raised behind the service, raised here."""
    fake.answering = lambda _: problem_of(error)
    found = raised(remote)

    assert type(found) is type(error)
    assert vars(found) == vars(error)
    assert found.args == error.args
    assert str(found) == str(error)


def test_every_error_is_among_them() -> None:
    """A new class of error is carried over the wire before it is raised."""
    kinds = {each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, GrantkeeperError)}

    assert kinds - {type(each) for each in ERRORS} == {GrantkeeperError, *ABOUT_KEYS, *OF_THE_HOUSE}


@pytest.mark.parametrize("kind", OF_THE_HOUSE)
def test_what_is_for_the_service_alone_stays_there(
    remote: Remote, fake: Fake, kind: type[errors.GrantkeeperError]
) -> None:
    """The class crosses over; the message, which names files, hosts and databases, does not."""
    fake.answering = lambda _: problem_of(kind("postgresql://db.internal is away.", advice="Start db.internal."))
    found = raised(remote)

    assert type(found) is kind
    assert "service" in str(found)
    assert "db.internal" not in f"{found!r} {found} {vars(found)}"


@pytest.mark.parametrize("kind", ABOUT_KEYS)
def test_a_refused_key_is_yours_to_put_right_and_named(
    remote: Remote, fake: Fake, kind: type[errors.Misconfigured]
) -> None:
    """What the service says, and the variable that the key comes from, of which it cannot know."""
    fake.answering = lambda _: problem_of(kind("The key lacks tokens:read.", advice="Get one."))
    found = raised(remote)

    assert type(found) is kind
    assert str(found).startswith("The key lacks tokens:read. Get one.")
    assert "GRANTKEEPER_API_KEY" in found.advice


def test_a_share_that_is_refused_blames_no_key(remote: Remote, fake: Fake) -> None:
    """AccessRefused is about the owner, whatever its status."""
    error = errors.AccessRefused("Not shared.", who="account", code="not_shared", advice="Ask them.")
    fake.answering = lambda _: problem_of(error)

    assert raised(remote).advice == "Ask them."


@pytest.mark.parametrize(
    ("status", "kind"),
    [(404, errors.NotFound), (422, errors.Misconfigured), (503, ServiceUnavailable), (401, errors.KeyRefused)],
)
def test_an_error_of_a_later_version_is_one_by_its_status(
    remote: Remote, fake: Fake, status: int, kind: type[GrantkeeperError]
) -> None:
    """Its words are kept; a program of today goes on handling it."""
    fake.answering = lambda _: problem("TakenByAliens", status, detail="They came at night.")
    found = raised(remote)

    assert type(found) is kind
    assert "They came at night." in str(found)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_a_proxy_refuses_is_named_too(remote: Remote, fake: Fake, status: int) -> None:
    """Not everything between here and the service speaks our format."""
    fake.answering = lambda _: Answer(status=status, body=b"<html>no</html>", headers={"content-type": "text/html"})
    found = raised(remote)

    assert isinstance(found, errors.KeyRefused if status == 401 else errors.NotAllowed)
    assert "GRANTKEEPER_API_KEY" in found.advice


def test_a_nameless_trouble_says_how_long_to_wait(remote: Remote, fake: Fake) -> None:
    """Retry-After of a load balancer (RFC 9110 10.2.3)."""
    fake.answering = lambda _: Answer(status=503, body=b"down", headers={"retry-after": "7"})
    found = raised(remote)

    assert isinstance(found, ServiceUnavailable)
    assert (found.retry_after, found.sent) == (timedelta(seconds=7), True)


def test_a_service_that_is_not_there_was_sent_nothing(make_remote: MakeRemote) -> None:
    """`sent` is False when the request surely never left."""
    found = raised(make_remote("http://127.0.0.1:1"))

    assert isinstance(found, ServiceUnavailable)
    assert found.sent is False
    assert "127.0.0.1:1" in str(found)


def test_what_a_problem_says_is_cleaned(remote: Remote, fake: Fake) -> None:
    """V-20: what stands before the service may repeat our header, forge lines of logs, and go on for ever."""
    said = f"Bearer {KEY} refused\n2026-11-28 root logged in \x1b[31m" + "x" * 100_000
    fake.answering = lambda _: problem("ConsentRequired", detail=said, reason=said, advice=said, grant_id=said)
    found = raised(remote)
    text = f"{found} {vars(found)}"

    assert KEY not in text
    assert "\n" not in str(found)
    assert "\x1b" not in text
    assert len(text) < 5000
