"""HTTP, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request to a provider, or to grantkeeper's own service.

    repr shows method and URL only: headers and body hold secrets.

    `largest` is how many bytes of an answer are read; what is larger is ProviderUnavailable. With `only_head` nobody
    wants the body: it is dropped, however large, slow or broken it is, once the status and the headers are there.
    """

    method: Literal["GET", "POST", "DELETE"]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    largest: int = 1024 * 1024
    only_head: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A provider's answer, at most as large as its request allows. Header names are lower-case.

    repr shows the status only.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
