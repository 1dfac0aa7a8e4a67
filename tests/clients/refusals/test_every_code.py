"""Every code of the table, refused by the emulator and seen through every official client as the documented error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache

import pytest

from clients.libraries import GOOGLEADS_WARNINGS
from clients.refusals.exceptions import OF_THE_REQUEST, TOKEN
from clients.refusals.stage import WAYS, Caller, Stage, Way, staged
from grantkeeper.accounts.refusals import TABLE, Meaning
from grantkeeper.clients import google_auth
from grantkeeper.errors import AccessRefused, ConsentRequired, GrantkeeperError, Misconfigured, ProviderUnavailable
from grantkeeper.model import AccountSource

pytestmark = GOOGLEADS_WARNINGS

SOURCES: dict[str, Callable[[Stage], AccountSource]] = {
    "Keeper": lambda stage: stage.keeper,
    "Remote": lambda stage: stage.remote,
}
"""Whoever hands out tokens."""
CLASSES = {"grant": ConsentRequired, "project": Misconfigured, "wait": ProviderUnavailable}
CASES = [(way, table, code) for way in WAYS for table in way.tables for code in way.codes(table)]

SAID_WITH_401 = frozenset({*(code for code in TABLE["google_ads"] if code.startswith("AuthenticationError."))}) | {
    "UNAUTHENTICATED",
    "ACCESS_TOKEN_EXPIRED",
    "ACCESS_TOKEN_TYPE_UNSUPPORTED",
    "ACCOUNT_STATE_INVALID",
    "CREDENTIALS_MISSING",
    "youtubeSignupRequired",
}
"""google-auth asks again by itself, twice."""

SAME_AGAIN = "Call again in half a minute: then another token is asked for, or the grant is found to be over."
"""The consent is seconds old, and so is its token: the keeper has no other yet."""

Open = Callable[[Way], Caller]


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """One emulator for all: the calls are what there is to see."""
    with staged() as made:
        yield made


@pytest.fixture(scope="module", params=SOURCES, ids=str)
def opened(request: pytest.FixtureRequest, stage: Stage) -> Open:
    """Return what opens each client once."""
    source = SOURCES[request.param](stage)
    return cache(lambda way: way.open(source, stage))


def expected(found: Meaning, code: str) -> type[GrantkeeperError]:
    """Return the class that docs/errors.md promises."""
    return ProviderUnavailable if code in TOKEN else CLASSES.get(found.who, AccessRefused)


@pytest.mark.parametrize(("way", "table", "code"), CASES, ids=lambda each: getattr(each, "name", each))
def test_a_refusal_is_the_documented_error(opened: Open, stage: Stage, way: Way, table: str, code: str) -> None:
    """Its class says who must act, its advice is the table's, its provider's words are the API's."""
    caller, found = opened(way), TABLE[table][code]
    stage.emulator.refuse(way.refuse, code, times=way.tries if code in SAID_WITH_401 else 1)
    with pytest.raises(Exception) as caught, google_auth.api_errors(caller.target):
        caller.call()

    error = caught.value
    if code in OF_THE_REQUEST:
        assert not isinstance(error, GrantkeeperError)
        return
    assert type(error) is expected(found, code)
    assert isinstance(error, GrantkeeperError)
    assert error.advice == (found.advice if code not in TOKEN else SAME_AGAIN)
    assert error.provider is not None
    assert error.provider.error == code
    assert type(error.__cause__).__module__.partition(".")[0] in {"google", "googleads", "googleapiclient", "requests"}
    caller.call()
