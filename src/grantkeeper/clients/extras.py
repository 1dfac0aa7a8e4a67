"""Official libraries are optional: what is not installed is said with the command that installs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from grantkeeper.errors import Misconfigured


@contextmanager
def extra(name: str, library: str) -> Iterator[None]:
    """Surround the import of an official library.

    Raises:
        Misconfigured: it is not there, or something that it needs is not.
    """
    try:
        yield
    except ImportError as error:
        raise Misconfigured(
            f"{library} cannot be imported ({error}).", advice=f"Run: pip install 'grantkeeper[{name}]'"
        ) from error
