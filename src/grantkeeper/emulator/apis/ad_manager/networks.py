"""Networks, and who may use them: what the SOAP and the REST API share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantkeeper.emulator.world import Network, Person

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator

DFP = "https://www.googleapis.com/auth/dfp"
ADMANAGER = "https://www.googleapis.com/auth/admanager"
ADMANAGER_READONLY = "https://www.googleapis.com/auth/admanager.readonly"

# NOT VERIFIED at Google: googleads asks for `dfp`, the REST pages name `admanager` and `admanager.readonly` only. Here
# each API takes both, so that either choice can be tried; who uses both APIs at Google had better ask for both scopes.
SOAP_SCOPES = frozenset({DFP, ADMANAGER})
REST_SCOPES = frozenset({DFP, ADMANAGER, ADMANAGER_READONLY})
REST_WRITE_SCOPES = frozenset({DFP, ADMANAGER})


def of(emulator: Emulator, person: Person) -> tuple[Network, ...]:
    """Return the networks that the person may use."""
    return emulator.world.networks_of(person.email)


def find(emulator: Emulator, person: Person, code: str) -> Network | None:
    """Return the network of that code, if the person may use it."""
    return next((each for each in of(emulator, person) if each.code == code), None)


def make_test(emulator: Emulator, person: Person) -> Network | None:
    """Make a test network of which the person is the only user; None when there is one already: one per person.

    Source: developers.google.com/ad-manager/api/reference/latest/NetworkService#maketestnetwork, 2026-11-22.
    """
    with emulator.lock:
        if any(each.test for each in of(emulator, person)):
            return None
        code = max((int(each.code) for each in emulator.world.networks), default=21700000000) + 1
        network = Network(code=str(code), name=f"{person.name} test network", test=True, people=(person.email,))
        emulator.world = emulator.world.with_network(network)
        return network


def root_ad_unit(network: Network) -> str:
    """Return the id of the ad unit at the top: made up from the code, so that it stays the same."""
    return f"2{network.code}"
