"""What was granted, beside what was asked."""

from __future__ import annotations

import pytest

from grantkeeper.oauth.token import scope_difference
from oauth.clients import ADWORDS, DFP, EMAIL, GOOGLE, client

ASKED = frozenset({ADWORDS, DFP, "openid", EMAIL})
OLDER = "https://www.googleapis.com/auth/webmasters"


@pytest.mark.parametrize(
    ("granted", "missing", "extra"),
    [
        (ASKED, set(), set()),
        (None, set(), set()),
        (frozenset({ADWORDS, "openid", EMAIL}), set(), set()),
        (frozenset({DFP, "openid", EMAIL}), {ADWORDS}, set()),
        (frozenset({"openid", "email"}), {ADWORDS}, set()),
        (frozenset(), {ADWORDS}, set()),
        (ASKED | {OLDER}, set(), {OLDER}),
        (frozenset({OLDER, ADWORDS.upper()}), {ADWORDS}, {OLDER, ADWORDS.upper()}),
    ],
)
def test_a_scope_difference_is_data(granted: frozenset[str] | None, missing: set[str], extra: set[str]) -> None:
    """O-24: granted, missing of the required ones, extra from earlier consents; never an exception."""
    found = scope_difference(GOOGLE, granted)
    assert set(found.missing) == missing
    assert set(found.extra) == extra
    assert found.granted == (ASKED if granted is None else {EMAIL if one == "email" else one for one in granted})


def test_googles_other_spellings_are_no_difference() -> None:
    """email, profile and plus.business.manage are answered under other names (google-api-python-client#1969)."""
    auth = "https://www.googleapis.com/auth/"
    asking = client(GOOGLE.provider, scopes=(f"{auth}plus.business.manage", "profile", "email"), optional_scopes=())
    found = scope_difference(asking, frozenset({f"{auth}business.manage", f"{auth}userinfo.profile", EMAIL, "openid"}))
    assert (found.missing, found.extra) == (frozenset(), frozenset())
