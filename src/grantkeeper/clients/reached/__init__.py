"""Which account a client is for, and all that grants reach. Nothing of Google is imported here."""

from .every import GrantSource, Managers, Skipped, every_account, warn
from .one import Ambiguous, account_of, check_ambiguous, check_login, login_of, only_account

__all__ = [
    "Ambiguous",
    "GrantSource",
    "Managers",
    "Skipped",
    "account_of",
    "check_ambiguous",
    "check_login",
    "every_account",
    "login_of",
    "only_account",
    "warn",
]
