"""Webhooks by the Standard Webhooks specification: what is posted, how it is signed, when it is tried again."""

from .message import TEST, event_kinds, message_body, message_id
from .retries import GIVEN_UP, LEASE, LEASES, LET_GO, RETRIES, Outcome, after_failure, hold, is_over, judged
from .signing import SECRET_BYTES, SIGNATURE, endpoint_secret, signature

__all__ = [
    "GIVEN_UP",
    "LEASE",
    "LEASES",
    "LET_GO",
    "RETRIES",
    "SECRET_BYTES",
    "SIGNATURE",
    "TEST",
    "Outcome",
    "after_failure",
    "endpoint_secret",
    "event_kinds",
    "hold",
    "is_over",
    "judged",
    "message_body",
    "message_id",
    "signature",
]
