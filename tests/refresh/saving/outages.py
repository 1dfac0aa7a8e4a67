"""A database that goes away exactly between an answer and its save."""

from __future__ import annotations

from grantkeeper import DatabaseUnavailable, Misconfigured
from grantkeeper.errors import GrantkeeperError
from grantkeeper.journal import SLOT
from refresh.scene import Scene

AWAY = DatabaseUnavailable("The database is away.")
READ_ONLY = Misconfigured("The database cannot be written.")


def goes_away(scene: Scene, error: GrantkeeperError = AWAY, *, reads: bool = False) -> None:
    """Let the database go away exactly between the next answer and its save; `reads`: they still work."""

    def away() -> None:
        scene.store.unwritable = error
        scene.store.unreadable = None if reads else error

    scene.wire.after.append(away)


def comes_back(scene: Scene) -> None:
    """Let the database be there again."""
    scene.store.unwritable = scene.store.unreadable = None


def saved_in_the_background(scene: Scene) -> None:
    """Let the thread that saves try once more; it has nothing left to do then."""
    assert not scene.pauses.turn()


def kept(scene: Scene) -> int:
    """Return how many entries the journals hold."""
    files = (scene.folder / "state").glob("journal-*.sealed")
    return sum(path.read_bytes()[start : start + 4] == b"gkj1" for path in files for start in range(0, 64 * SLOT, SLOT))


def issued(scene: Scene) -> list[str]:
    """Return all refresh tokens that the provider gave."""
    with scene.emulator.lock:
        return list(scene.emulator.state.refresh)
