"""The errors of Google's APIs: who must act, what they mean, what to do; and the same as errors of ours.

Codes are spelt `AuthorizationError.USER_PERMISSION_DENIED` (Google Ads, Ad Manager over SOAP), `SERVICE_DISABLED` (the
reason of a google.rpc.ErrorInfo) or `PERMISSION_DENIED` (google.rpc.Code). Google Ads and Ad Manager both have an
AuthenticationError, so the API belongs to the key.
"""

from .meaning import WHO, Meaning, Who
from .raising import refused
from .reading import Said, concerns_account, concerns_token, rest_refusal, rest_said
from .table import TABLE, TITLES, meaning, title

__all__ = [
    "TABLE",
    "TITLES",
    "WHO",
    "Meaning",
    "Said",
    "Who",
    "concerns_account",
    "concerns_token",
    "meaning",
    "refused",
    "rest_refusal",
    "rest_said",
    "title",
]
