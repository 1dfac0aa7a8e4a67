"""What a refusal by an API means: who must act, what it says, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from ...model import Reason

Who: TypeAlias = Literal["grant", "person", "account", "project", "wait"]

WHO: Final[Mapping[Who, str]] = {
    "grant": "the owner, by consenting again",
    "person": "the person who consented",
    "account": "who looks after the account",
    "project": "you, in your Google Cloud project or program",
    "wait": "nobody: ask again later",
}
"""Who must act, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a code means.

    `who` must act: `grant` by a new consent, `person` who consented in their own Google account, whoever looks after
    the `account`, the business in its own Cloud `project` or program, or nobody: `wait`. `text` says what the code
    means, `advice` what to do, each one or two whole sentences. `reason` is for `grant`: why the grant is not usable.
    """

    who: Who
    text: str
    advice: str
    reason: Reason = Reason.NONE


def grant(text: str, advice: str, reason: Reason = Reason.REVOKED_OR_EXPIRED) -> Meaning:
    """Make the meaning of what a new consent mends."""
    return Meaning(who="grant", text=text, advice=advice, reason=reason)


def person(text: str, advice: str) -> Meaning:
    """Make the meaning of what the person who consented has to change."""
    return Meaning(who="person", text=text, advice=advice)


def account(text: str, advice: str) -> Meaning:
    """Make the meaning of what has to change in the account's settings."""
    return Meaning(who="account", text=text, advice=advice)


def project(text: str, advice: str) -> Meaning:
    """Make the meaning of what the business has to change."""
    return Meaning(who="project", text=text, advice=advice)


def wait(text: str, advice: str) -> Meaning:
    """Make the meaning of what passes by itself."""
    return Meaning(who="wait", text=text, advice=advice)
