"""What a provider answers goes into the database: nothing odd in it may cost a rotated refresh token, or a consent."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from grantkeeper import GrantStatus, Keeper
from grantkeeper.emulator import Emulator
from grantkeeper.testing import Connect
from keeper.people import ADWORDS, IDA, refreshes

HOUR = timedelta(hours=1)
ODD: dict[str, dict[str, Any]] = {
    "scope-with-nul": {"scope": f"{ADWORDS} a\0b"},
    "scope-with-surrogate": {"scope": f"{ADWORDS} \ud800"},
    "scope-of-nothing-else": {"scope": "\0 \ud800"},
    "scopes-as-list": {"scope": [ADWORDS, "a\0b", None, {}]},
    "scope-of-half-a-megabyte": {"scope": f"{ADWORDS} {'x' * 500_000}"},
    "a-hundred-thousand-scopes": {"scope": f"{ADWORDS} " + " ".join(map(str, range(100_000)))},
    "lifetime-beyond-all-calendars": {"expires_in": 1e308, "refresh_token_expires_in": 1e308},
    "lifetime-with-nul": {"expires_in": "36\x0000", "refresh_token_expires_in": "\ud800"},
    "type-with-surrogate": {"token_type": "bearer", "not_known": "\ud800\0"},
}


def tamper(emulator: Emulator, changes: dict[str, Any]) -> None:
    """Change the next good token answer; JSON can carry half a surrogate pair, UTF-8 cannot."""
    emulator.tamper_token_answer(lambda answer: json.dumps(answer | changes).encode())


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD)
def test_an_odd_answer_costs_no_rotated_refresh_token(
    connect: Connect, keeper: Keeper, emulator: Emulator, changes: dict[str, Any]
) -> None:
    """R-12: the provider kills the token before at once; what it said beside the new one is stored as far as it can."""
    grant = connect("acme", IDA)
    emulator.rotate("strict")
    for number in (1, 2):
        emulator.clock.advance(HOUR)
        tamper(emulator, changes)
        token = keeper.refresh(grant.id)
        assert emulator.introspect(token.value.reveal()) is not None
        assert refreshes(emulator) == number
    found = keeper.get(grant.id)
    assert found.status is GrantStatus.ACTIVE
    assert ADWORDS in found.scopes


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD)
def test_an_odd_answer_costs_no_consent(
    connect: Connect, keeper: Keeper, emulator: Emulator, changes: dict[str, Any]
) -> None:
    """R-12: the same beside the tokens of a code."""
    tamper(emulator, changes)
    grant = connect("acme", IDA)
    assert keeper.get(grant.id) == grant
    assert grant.usable


@pytest.mark.parametrize("claim", ["email", "name", "hd", "picture"])
@pytest.mark.parametrize("odd", ["a\0b@x.example", "\u202eb@x.example", "x" * 5000, {"a": "\0"}, 7])
def test_an_odd_claim_costs_no_consent(
    connect: Connect, keeper: Keeper, emulator: Emulator, claim: str, odd: object
) -> None:
    """R-12, O-13: who consented is the subject; an address that cannot be shown and stored is none."""
    emulator.tamper_id_token(lambda claims, header: (claims | {claim: odd}, header))
    grant = connect("acme", IDA)
    assert keeper.get(grant.id) == grant
    assert grant.usable
    assert grant.email == ("" if claim == "email" else IDA)
    assert keeper.begin("acme", "google-ads").url
