"""APIs of which a program needs one list to know what a person reaches: one file each.

Source: the discovery documents of google-api-python-client 2.202.0, 2026-11-23. All answers are REST in JSON; what an
API words in its own way when it refuses is not imitated: they answer as Google's front end does for all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantkeeper.emulator.apis.simple import (
    analytics,
    business_profile,
    display_video,
    merchant_center,
    search_console,
    youtube,
)

if TYPE_CHECKING:
    from grantkeeper.emulator.core import Emulator
    from grantkeeper.emulator.wire import Request, Response

_ROUTES = tuple(
    each.route for each in (analytics, search_console, merchant_center, youtube, business_profile, display_video)
)


def route(emulator: Emulator, request: Request) -> Response | None:
    """Answer a request to one of the APIs; None when it is for none of them."""
    answers = (each(emulator, request) for each in _ROUTES)
    return next((answer for answer in answers if answer is not None), None)
