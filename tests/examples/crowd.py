"""A business with hundreds of clients: each owner's person has consented, and every access token is over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from grantkeeper import ConsentRequired, Grant, Keeper, Settings
from grantkeeper.emulator import Clock, Emulator, World, serve
from grantkeeper.emulator.server import Serving
from grantkeeper.settings import new_key_file
from grantkeeper.store import SqlStore
from grantkeeper.testing import EmulatorTransport, consent

ACCOUNTS = 2
"""Each person's own."""
_NIGHT = timedelta(hours=8)
_CALLBACK = "https://app.example.com/grants/callback/google-ads"
_CONFIGURATION = f"""
database = "sqlite:///grantkeeper.sqlite3"
key_file = "grantkeeper.key"
emulator = "{{emulator}}"

[clients.google-ads]
provider = "google"
client_secret_file = "client_secret.json"
redirect_uri = "{_CALLBACK}"
scopes = ["adwords"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The folder with the configuration, the emulator, and the grants by owner: `owner-001`, and on."""

    folder: Path
    emulator: Emulator
    serving: Serving
    grants: dict[str, Grant]

    def leave(self, *owners: str) -> None:
        """Let the people of these owners take their consent back; nobody here knows of it yet."""
        for each in owners:
            self.emulator.revoke(str(self.grants[each].email))

    def find_out(self, *owners: str) -> None:
        """Ask for their tokens: who has left is known from now on."""
        with _keeper(self.folder, self.emulator) as keeper:
            for each in owners:
                with suppress(ConsentRequired):
                    keeper.token(self.grants[each].id)


@contextmanager
def crowd(folder: Path, people: int) -> Iterator[Crowd]:
    """Connect so many, eight hours ago."""
    emulator = Emulator(World.load().with_crowd(people, accounts=ACCOUNTS), clock=Clock.running())
    emulator.clock.advance(-_NIGHT)
    with serve(emulator, grpc=True) as serving:
        (folder / "grantkeeper.toml").write_text(_CONFIGURATION.format(emulator=serving.url))
        (folder / "client_secret.json").write_text(json.dumps(emulator.client_secret(None, [_CALLBACK])))
        new_key_file(folder / "grantkeeper.key")
        with _keeper(folder, emulator) as keeper:
            grants = {f"owner-{each:03d}": _connected(keeper, emulator, each) for each in range(1, people + 1)}
        emulator.clock.advance(_NIGHT)
        yield Crowd(folder=folder, emulator=emulator, serving=serving, grants=grants)


def _keeper(folder: Path, emulator: Emulator) -> Keeper:
    """Return a keeper that lives in the emulator's time, over what the folder's configuration says."""
    settings = Settings.load(folder / "grantkeeper.toml", environ={})
    store = SqlStore(settings.database)
    store.migrate()
    return Keeper(
        store=store,
        sealer=settings.keys,
        clients=settings.clients,
        transport=EmulatorTransport(emulator),
        now=emulator.clock.now,
    )


def _connected(keeper: Keeper, emulator: Emulator, number: int) -> Grant:
    """Let a person consent, and look at what they have."""
    email = f"crowd-{number:05d}@crowd.example"
    with _alone(emulator, email):
        grant = consent(keeper, emulator, f"owner-{number:03d}", email)
        keeper.discover(grant.id)
    return grant


@contextmanager
def _alone(emulator: Emulator, email: str) -> Iterator[None]:
    """Let nobody else be in the world: on the page that asks who one is, all of the crowd would stand."""
    world = emulator.world
    person = tuple(each for each in world.people if each.email == email)
    access = tuple(each for each in world.ads_access if each.person == email)
    emulator.world = replace(world, people=person, ads_access=access, networks=(), assets=())
    yield
    emulator.world = world
