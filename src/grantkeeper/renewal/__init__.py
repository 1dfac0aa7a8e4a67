"""When to renew, whether a refresh may be sent, and what a refusal means: pure policy.

No I/O, no clock, nothing of HTTP or OAuth's wire.
"""

from .answers import OURS, Meaning, Refusal, meaning, mending
from .reasons import CLOCKS_DIFFER, advice, why_it_ended
from .timing import due

__all__ = ["CLOCKS_DIFFER", "OURS", "Meaning", "Refusal", "advice", "due", "meaning", "mending", "why_it_ended"]
