"""Which refusals a test may order of which API."""

from __future__ import annotations

from collections.abc import Mapping

from grantkeeper.emulator.apis.access import SERVICES
from grantkeeper.emulator.apis.ad_manager import soap
from grantkeeper.emulator.apis.ads import errors
from grantkeeper.emulator.apis.reasons import NAMES

CODES: Mapping[str, frozenset[str]] = {
    "google_ads": frozenset({*NAMES, *(f"{kind}.{name}" for kind, texts in errors.texts().items() for name in texts)}),
    "ad_manager_soap": frozenset(f"{kind}.{reason}" for kind, reasons in soap.REASONS.items() for reason in reasons),
    **dict.fromkeys(SERVICES.values(), NAMES),
}
WITH_ACCOUNTS = ("google_ads", "ad_manager", "ad_manager_soap")
"""The APIs whose calls name a customer or a network."""


def checked(api: str, code: str, account: str | None) -> str:
    """Return the code as the API spells it; the first letter of a Google Ads kind may be a capital.

    Raises:
        ValueError: there is no such API, it has no such code, its calls name no account, or the account is
            not written in digits.
    """
    if api not in CODES:
        raise ValueError(f"{api}: unknown API; known are {', '.join(CODES)}")
    spelt = code[:1].lower() + code[1:] if api == "google_ads" and "." in code else code
    if spelt not in CODES[api]:
        raise ValueError(f"{api}: unknown code {code}; known are {', '.join(sorted(CODES[api]))}")
    if account is not None and api not in WITH_ACCOUNTS:
        raise ValueError(f"{api}: its calls name no account; those of {', '.join(WITH_ACCOUNTS)} do")
    if account is not None and not account.isdecimal():
        raise ValueError(f"{account}: write a customer id or a network code in digits alone")
    return spelt
