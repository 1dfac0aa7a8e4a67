"""The file that holds the key ring: read only when nobody else can, written once, never over another (V-09)."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from grantkeeper.errors import Misconfigured
from grantkeeper.seal import new_key

_LIMIT: Final = 65_536  # a thousand keys; whatever is larger is another file
_HEADER: Final = (
    "# grantkeeper's key ring: one key a line, oldest to newest. Whoever has it and the database has every grant;\n"
    "# without it nothing in the database opens. Keep a copy in another place than the database's backups.\n"
)


def read_key_file(file: Path, *, label: str, advice: str) -> bytes:
    """Return the content of a key file; `label` and `advice` are for the message when there is no such file.

    Raises:
        Misconfigured: it is missing, unreadable, no plain file of this user, too large, or others can use it.
    """
    try:
        # Not blocking, so that a named pipe is refused instead of waited for.
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        raise Misconfigured(f"{label}: {file}: there is no such file.", advice=advice) from None
    except OSError as error:
        said = f"{label}: {file} cannot be read: {error.strerror}."
        raise Misconfigured(said, advice="Check its owner and mode.") from None
    try:
        _check_private(f"{label}: {file}", file, os.fstat(descriptor))
        content = _read(descriptor)
    finally:
        os.close(descriptor)
    if len(content) > _LIMIT:
        del content  # a traceback that shows local variables must not show it
        raise Misconfigured(f"{label}: {file} is too large for a key file.", advice="Is the path right?")
    return content


def new_key_file(file: Path) -> None:
    """Make a new key and write it to `file`, which comes to be whole, with mode 0600, or not at all.

    Raises:
        FileExistsError: there is one; a key that sealed something must never be lost.
    """
    whole = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    _write_private(whole, f"{_HEADER}{new_key()}\n")
    try:
        os.link(whole, file)  # unlike a rename, it fails when the name is taken
    finally:
        whole.unlink()
    _sync_folder(file.parent)


def _check_private(label: str, file: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise Misconfigured(f"{label} is not a file.", advice="Is the path right?")
    if os.name != "posix":
        return  # Windows has no such modes; a user's folders are private there
    if found.st_mode & (0o037 if _is_credential(file, found) else 0o077):
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        raise Misconfigured(f"{label} can be used by other users (mode {mode}).", advice=f"Run `chmod 600 {file}`.")
    if found.st_uid not in {os.geteuid(), 0}:
        said = f"{label} belongs to another user (id {found.st_uid})."
        raise Misconfigured(said, advice=f"Run `chown {os.geteuid()} {file}`.")


def _is_credential(file: Path, found: os.stat_result) -> bool:
    """Tell whether systemd handed the file to this service alone: its group bits are then the mask of an access list.

    The file is root's, the list names the service's user, and nobody else can enter the folder (systemd.exec(5),
    LoadCredential=; src/core/exec-credential.c, read 2026-11-28).
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return bool(folder) and found.st_uid == 0 and file.parent == Path(str(folder))


def _read(descriptor: int) -> bytes:
    """Return the content, or of a file that is too large a little more than the limit."""
    with os.fdopen(descriptor, "rb", closefd=False) as opened:
        return opened.read(_LIMIT + 1)


def _write_private(file: Path, text: str) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    with os.fdopen(os.open(file, flags, 0o600), "w", encoding="ascii") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power cut: a folder needs its own fsync(2)."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
