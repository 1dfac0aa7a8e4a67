"""googleads 35.0.0, the last that has AdWordsClient, in an environment of its own: it takes a grant like any other."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from docs.desk import IDA, Desk, prepared
from grantkeeper.emulator.core import TokenInfo
from grantkeeper.providers.google import api_scopes
from house.source import ROOT
from legacy.adwords_api import CUSTOMER, AdWordsApi, adwords_api

PYTHON = ROOT / ".venv-legacy" / "bin" / "python"
PROGRAM = Path(__file__).with_name("old_program.py")

pytestmark = pytest.mark.timeout(900)  # where the environment is not made yet: packages are fetched


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """The old program, running; the API that it calls; the emulator behind its grant."""

    process: subprocess.Popen[str]
    api: AdWordsApi
    desk: Desk

    def do(self, *words: str) -> Any:
        """Let the program do something; returns its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def hours_pass(self, hours: int) -> None:
        """Let time pass, for the program and at the provider."""
        self.desk.emulator.clock.advance(timedelta(hours=hours))
        self.do("hours pass", str(hours))

    def tokens(self) -> list[TokenInfo | None]:
        """Return what the tokens stand for that the API was sent."""
        sent = [call.authorization.removeprefix("Bearer ") for call in self.api.calls]
        return [self.desk.emulator.introspect(each) for each in sent]


@pytest.fixture(scope="module", autouse=True)
def _environment() -> None:
    """Make .venv-legacy, unless `make test` did."""
    subprocess.run(["bash", "requirements/install.sh", "legacy"], cwd=ROOT, check=True)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Old]:
    """Return the old program in front of the AdWords API, over the grant of acme, which is Ida's."""
    with prepared(tmp_path) as desk, adwords_api() as api:
        environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        command = [str(PYTHON), str(PROGRAM), api.url, CUSTOMER]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environ, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            yield Old(process=process, api=api, desk=desk)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(30) == 0


def test_adwords_client_sends_the_grants_token_and_its_own_headers(old: Old) -> None:
    """The object of `ad_manager.oauth2_client` stands where GoogleRefreshTokenClient did."""
    assert old.do("call") == [int(CUSTOMER)]

    (call,), (token,) = old.api.calls, old.tokens()
    assert call.authorization.startswith("Bearer ")
    assert token is not None
    assert token.person.email == IDA
    assert call.headers["clientCustomerId"] == CUSTOMER
    assert call.headers["developerToken"] == "a-developer-token"
    assert call.headers["userAgent"].startswith("Nordwind reports")


def test_calls_share_a_token_until_it_expires_and_then_bring_a_new_one(old: Old) -> None:
    """The program builds its client once and never looks at the time."""
    for hours in (0, 2):
        old.hours_pass(hours)
        old.do("call")
        old.do("call")
        assert old.tokens()[-1] is not None

    first, second, third, fourth = (call.authorization for call in old.api.calls)
    assert first == second != third == fourth
    assert len(old.desk.emulator.requests("/token", grant_type="refresh_token")) == 1


def test_a_dead_grant_raises_our_error_and_calls_nothing(old: Old) -> None:
    """Not a RefreshError with words of OAuth: who must act, and what to do."""
    old.do("call")
    old.desk.emulator.revoke(IDA)
    old.hours_pass(2)

    refused = old.do("call")

    assert refused["reason"] == "revoked_or_expired"
    assert refused["grant_id"] == old.desk.grant
    assert refused["advice"]
    assert len(old.api.calls) == 1


def test_the_scope_that_the_guide_asked_googleads_for_is_ours(old: Old) -> None:
    """`GetAPIScope('adwords')` worked then; `providers.google.api_scopes` says the same now."""
    assert (old.do("scope"),) == api_scopes("adwords")
