"""What a check found: one line, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of the doctor's report. `advice` is empty when nothing has to be done."""

    check: str
    level: Level
    text: str
    advice: str = ""


def ok(check: str, text: str) -> Finding:
    """All is well."""
    return Finding(check=check, level="ok", text=text)


def warning(check: str, text: str, advice: str) -> Finding:
    """It works, and it should be better."""
    return Finding(check=check, level="warning", text=text, advice=advice)


def problem(check: str, text: str, advice: str) -> Finding:
    """It does not work."""
    return Finding(check=check, level="problem", text=text, advice=advice)
