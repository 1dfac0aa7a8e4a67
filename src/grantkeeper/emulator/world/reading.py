"""From TOML text to values."""

from __future__ import annotations

import tomllib
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from grantkeeper.emulator.world.generated import AdsTree
from grantkeeper.emulator.world.values import (
    AdsAccess,
    AdsAccount,
    AdsLink,
    Asset,
    Client,
    Network,
    Person,
    Project,
    WorldError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_Row = TypeVar("_Row")

_TABLES: Mapping[str, tuple[str, type[Any]]] = {
    "project": ("projects", Project),
    "client": ("clients", Client),
    "person": ("people", Person),
    "ads_account": ("ads_accounts", AdsAccount),
    "ads_link": ("ads_links", AdsLink),
    "ads_access": ("ads_access", AdsAccess),
    "ads_tree": ("ads_trees", AdsTree),
    "network": ("networks", Network),
    "asset": ("assets", Asset),
}


def members(text: str) -> dict[str, Any]:
    """Return what a World is made of, member by member.

    Raises:
        WorldError: it is not TOML, or a table or a key of one is missing, unknown or wrong.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WorldError(f"not TOML: {error}") from error
    unknown = document.keys() - _TABLES.keys()
    if unknown:
        raise WorldError(f"{min(unknown)}: unknown table; known are {', '.join(_TABLES)}")
    found: dict[str, Any] = {member: _rows(document, table, kind) for table, (member, kind) in _TABLES.items()}
    for tree in found.pop("ads_trees"):
        for member, grown in zip(("ads_accounts", "ads_links", "ads_access"), tree.grown(), strict=True):
            found[member] = (*found[member], *grown)
    return found


def _rows(document: Mapping[str, Any], table: str, kind: type[_Row]) -> tuple[_Row, ...]:
    rows = document.get(table, [])
    if not isinstance(rows, list):
        raise WorldError(f"{table}: write it as [[{table}]]")
    return tuple(_row(row, f"{table}[{index}]", kind) for index, row in enumerate(rows))


def _row(row: Any, where: str, kind: type[_Row]) -> _Row:
    if not isinstance(row, dict):
        raise WorldError(f"{where}: not a table")
    known = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    unknown = row.keys() - set(known)
    if unknown:
        raise WorldError(f"{where}.{min(unknown)}: unknown key; known are {', '.join(known)}")
    try:
        return msgspec.convert(row, kind)
    except msgspec.ValidationError as error:
        said, _, at = str(error).partition(" - at `$")
        raise WorldError(f"{where}{at.rstrip('`')}: {said}") from error
