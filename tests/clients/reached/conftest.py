"""The agency's cast, and what its people consented to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from grantkeeper.emulator import Clock, Emulator, World
from grantkeeper.keeper import Keeper
from grantkeeper.model import Grant
from grantkeeper.testing import consent

BOSS, DORA, TARIQ = "boss@agency.example", "both.ways@agency.example", "two.roots@agency.example"
CARLA, GUSTAV, NOBODY = "cancelled@shop.example", "gone@shop.example", "nobody@mail.example"
NINA, OMAR = "publisher@presse.example", "editor@presse.example"

GROUP, NORTH, SOUTH = "2000000001", "2000000002", "2000000003"
HOTELS, FUCHS, CANCELLED, MOEBEL = "2000000011", "2000000012", "2000000013", "2000000016"
CARLAS, CARLAS_OLD = "2000000021", "2000000022"
MORNING, EVENING = "22800000001", "22800000002"

AGENCY = World.load("agency")
Give = Callable[..., Grant]


@pytest.fixture
def emulator(clock: Clock) -> Emulator:
    """Google in a box with the agency's cast, at the clock that google-auth tells the time by."""
    return Emulator(AGENCY, clock=clock)


@pytest.fixture
def give(keeper: Keeper, emulator: Emulator) -> Give:
    """Let a person consent; the owner is named after the person."""

    def given(person: str, client: str = "google-ads") -> Grant:
        return consent(keeper, emulator, person.partition("@")[0], person, client)

    return given
