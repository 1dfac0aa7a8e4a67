"""The file that holds the key ring: read only when nobody else can, written once, never over another."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from .errors import Misconfigured
from .seal import KeyRing, new_key

_LIMIT: Final = 65_536  # a thousand keys; whatever is larger is another file
_HEADER: Final = (
    "# grantkeeper's key ring: one key a line, oldest to newest. Whoever has it and the database has every grant.\n"
    "# Without it nothing in the database opens: keep a copy in another place than the database's backups.\n"
)


def read_key_file(path: Path) -> KeyRing:
    """Return the key ring in `path`.

    Raises:
        Misconfigured: it is missing, is not a plain file of this user, can be read by others, or holds no good ring.
    """
    try:
        # Not blocking, so that a named pipe is refused instead of waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        raise Misconfigured(f"There is no key file {path}.", advice="Run `grantkeeper init`.") from None
    except OSError as error:
        raise Misconfigured(f"The key file {path} cannot be read: {error.strerror}.") from None
    with os.fdopen(descriptor, "rb") as file:
        _check_private(path, os.fstat(descriptor))
        return _ring(path, file.read(_LIMIT + 1))


def write_key_file(path: Path) -> None:
    """Make a new key and write it to `path`, which comes to be whole, with mode 0600, or not at all.

    Raises:
        Misconfigured: the file exists (it is never overwritten: what it seals would be lost), or cannot be written.
    """
    whole = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_private(whole, f"{_HEADER}{new_key()}\n")
        try:
            os.link(whole, path)  # unlike a rename, it fails when the name is taken
        finally:
            whole.unlink()
        _sync_folder(path.parent)
    except FileExistsError:
        raise Misconfigured(f"The key file {path} exists already; it is never overwritten.") from None
    except OSError as error:
        raise Misconfigured(f"The key file {path} cannot be written: {error.strerror}.") from None


def _check_private(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Misconfigured(f"The key file {path} is not a plain file.")
    if os.name != "posix":
        return  # Windows has no such modes; its folders are private by default
    if found.st_mode & 0o077:
        raise Misconfigured(
            f"The key file {path} can be used by other users (mode {stat.S_IMODE(found.st_mode):04o}).",
            advice=f"Run `chmod 600 {path}`.",
        )
    if found.st_uid not in {os.geteuid(), 0}:
        raise Misconfigured(
            f"The key file {path} belongs to another user (id {found.st_uid}).",
            advice=f"Run `chown {os.geteuid()} {path}`.",
        )


def _ring(path: Path, content: bytes) -> KeyRing:
    try:
        if len(content) <= _LIMIT:
            return KeyRing.parse(content.decode("utf-8"))
        problem, advice = "It is too large for a key file.", ""
    except UnicodeDecodeError:
        problem, advice = "It is not text.", ""
    except Misconfigured as error:
        problem, advice = str(error.args[0]), error.advice
    del content  # a traceback that shows local variables must not show it
    raise Misconfigured(f"The key file {path} cannot be used: {problem}", advice=advice)


def _write_private(path: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut (fsync(2): the folder needs its own)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
