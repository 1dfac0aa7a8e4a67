"""When to renew, whether a refresh may be sent, and what a refusal means: pure policy.

No I/O, no clock, nothing of HTTP or OAuth's wire.
"""

from .answers import OURS, Meaning, Refusal, meaning, mending
from .breaker import NOT_SAID, Admission, Breakers, Change, Outcome, Why, outcome_of
from .reasons import advice, why_it_ended
from .timing import (
    DAY,
    NOTED_EVERY,
    announced_from,
    due,
    hastened,
    is_proven,
    is_unchecked,
    next_check,
    next_due,
    put_off,
    renew_at,
    used_lately,
)

__all__ = [
    "DAY",
    "NOTED_EVERY",
    "NOT_SAID",
    "OURS",
    "Admission",
    "Breakers",
    "Change",
    "Meaning",
    "Outcome",
    "Refusal",
    "Why",
    "advice",
    "announced_from",
    "due",
    "hastened",
    "is_proven",
    "is_unchecked",
    "meaning",
    "mending",
    "next_check",
    "next_due",
    "outcome_of",
    "put_off",
    "renew_at",
    "used_lately",
    "why_it_ended",
]
