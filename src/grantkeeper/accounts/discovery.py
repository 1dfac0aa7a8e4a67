"""How one kind of account is looked for: requests out, answers in, accounts at the end; no I/O.

`steps` is a generator. It yields the requests that may be sent at once, is sent their answers in the same order, and
returns what it found. Whoever drives it adds the access token, answers a 401 with a new one, and waits out what passes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeAlias

from ..model import FoundAccount, Request, Response

Steps: TypeAlias = Generator[tuple[Request, ...], tuple[Response, ...], list[FoundAccount]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """One kind of account and how it is found.

    `kind` names it (`google_ads`); `title` is what people call the product, `noun` one account of it (`customer`,
    `network`). `scopes` are those of which one is enough. `steps` takes the base URL of a stand-in for the API's own
    hosts, or None, and raises GrantkeeperError where the API refuses. `written` is how the product's own pages write
    an id.
    """

    kind: str
    title: str
    noun: str
    scopes: frozenset[str]
    steps: Callable[[str | None], Steps] = field(repr=False)
    written: Callable[[str], str] = field(default=str, repr=False)
