"""When to renew, whether a refresh may be sent, and what a refusal means: pure policy.

No I/O, no clock, nothing of HTTP or OAuth's wire.
"""

from .answers import OURS, Meaning, Refusal, meaning, mending
from .breaker import NOT_SAID, Admission, Breakers, Change, Outcome, Why, outcome_of
from .reasons import advice, why_it_ended
from .timing import DAY, due, next_check, next_due, renew_at

__all__ = [
    "DAY",
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
    "due",
    "meaning",
    "mending",
    "next_check",
    "next_due",
    "outcome_of",
    "renew_at",
    "why_it_ended",
]
