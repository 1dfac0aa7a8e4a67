"""Lists of refresh tokens: CSV with a header, as a database or a spreadsheet exports it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from grantkeeper.errors import InvalidInput
from grantkeeper.model import Secret

from .items import (
    Found,
    Item,
    Unusable,
    UnusableError,
    customer_id,
    is_like_a_secret,
    network_code,
    refresh_token,
    shown,
)

LARGEST: Final = 10 * 1024 * 1024
COLUMNS: Final = (
    "owner",
    "refresh_token",
    "client",
    "client_id",
    "client_secret",
    "email",
    "login_customer_id",
    "customer_id",
    "network_code",
)
_SECRETS: Final = frozenset({"refresh_token", "client_secret"})
_DELIMITERS: Final = ",;\t"


def read_csv(file: Path, content: bytes, *, owner: str) -> list[Found]:
    """Return what a list holds; `owner` is for a list without a column of owners.

    Raises:
        InvalidInput: it is no such list; the message quotes nothing of it but its line.
    """
    if len(content) > LARGEST:
        raise InvalidInput(f"{file} is larger than {LARGEST // 1024 // 1024} MB.", advice="Import it in parts.")
    text = _text(content)
    head = text.lstrip().partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        columns = _columns(file, next((row for row in rows if any(row)), []), owner)
        return list(_found(rows, columns, owner))
    except csv.Error:  # its words are about quotes and lengths, but who knows
        line = rows.line_num
    raise InvalidInput(f"{file} is not CSV from line {line} on.", advice="Is a quotation mark left open?")


def _text(content: bytes) -> str:
    """Return the text: UTF-8, what Excel calls Unicode (UTF-16 with a mark), else Latin-1, which takes any byte."""
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "latin-1")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return ""


def _columns(file: Path, header: list[str], owner: str) -> list[str]:
    """Return the columns' names. What stands in a header is not quoted: without one it is the first token."""
    columns = [cell.strip().casefold().replace(" ", "_") for cell in header]
    needed = {"refresh_token"} if owner else {"refresh_token", "owner"}
    if not needed <= set(columns):
        raise InvalidInput(
            f"{file} has no header with {' and '.join(sorted(needed - set(columns)))}.",
            advice=f"Its first line names the columns; known are {', '.join(COLUMNS)}. One owner for all: --owner.",
        )
    if owner and "owner" in columns:
        raise InvalidInput(f"{file} names owners itself.", advice="Leave --owner out, or the column.")
    doubled = [name for name in COLUMNS if columns.count(name) > 1]
    if doubled:
        raise InvalidInput(f"{file} has two columns {doubled[0]}.", advice="Leave one of them out.")
    return columns


def _found(rows: Any, columns: list[str], owner: str) -> Iterator[Found]:
    for row in rows:
        place = f"line {rows.line_num}"
        if any(cell.strip() for cell in row):
            cells = dict(zip(columns, (cell.strip() for cell in row), strict=False))
            uneven = _why_uneven(len(row) - len(columns))
            # Nobody knows what stands in the column of owners then, so not even that is shown.
            yield Unusable(place=place, owner=owner, **uneven) if uneven else _item_or_why_not(place, cells, owner)


def _why_uneven(more: int) -> dict[str, str]:
    """Return why a line with `more` cells than the header cannot be used; nothing when it has as many."""
    if more > 0:
        return {"reason": "has more cells than the header", "advice": "Put cells with delimiters in quotation marks."}
    if more < 0:
        return {
            "reason": "has fewer cells than the header: it is not the header's delimiter, or cells are left out",
            "advice": "Separate each line as the header is; an empty cell keeps its delimiter.",
        }
    return {}


def _item_or_why_not(place: str, cells: dict[str, str], owner: str) -> Found:
    owner = owner or cells.get("owner", "")
    try:
        return _item(place, cells, owner)
    except UnusableError as error:
        return Unusable(place=place, owner=shown(owner), reason=error.reason, advice=error.advice)


def _item(place: str, cells: dict[str, str], owner: str) -> Item:
    misplaced = [name for name in COLUMNS if name not in _SECRETS and is_like_a_secret(cells.get(name, ""))]
    if misplaced:
        raise UnusableError(f"has what looks like a secret in the column {misplaced[0]}", "Are the columns right?")
    if not owner:
        raise UnusableError("has no owner", "Give each line your own id of the customer.")
    login = customer_id("login_customer_id", cells.get("login_customer_id", ""))
    customer = customer_id("customer_id", cells.get("customer_id", ""))
    network = network_code(cells.get("network_code", ""))
    secret = cells.get("client_secret", "")
    return Item(
        place=place,
        owner=owner,
        refresh_token=refresh_token(cells.get("refresh_token", "")),
        client=cells.get("client", ""),
        client_id=cells.get("client_id", ""),
        client_secret=Secret(secret) if secret else None,
        email=cells.get("email", ""),
        accounts=tuple(filter(None, (customer, network))),
        api="google_ads" if customer or login else "ad_manager" if network else "",
    )
