"""One clock for the emulator, the source of tokens and google-auth."""

from __future__ import annotations

import pytest

from clients.sources import GRANT, ScriptedSource
from grantkeeper.clients import google_auth
from grantkeeper.clients.google_auth import GrantCredentials
from grantkeeper.emulator import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return a clock that stands still until moved; google-auth tells the time by it."""
    clock = Clock.fixed()
    monkeypatch.setattr("google.auth._helpers.utcnow", lambda: clock.now().replace(tzinfo=None))
    return clock


@pytest.fixture
def source(clock: Clock) -> ScriptedSource:
    """Return a source of tokens that does what it is told."""
    return ScriptedSource(clock)


@pytest.fixture
def credentials(source: ScriptedSource) -> GrantCredentials:
    """Return new credentials of the scripted grant."""
    return google_auth.credentials(source, GRANT)
