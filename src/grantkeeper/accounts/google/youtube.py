"""YouTube: the channels of the identity that the person chose at the consent (a brand account counts as one).

Source: the discovery document youtube v3, revision 20261104, of google-api-python-client 2.202.0 (read 2026-11-23):
GET youtube/v3/channels?mine=true&part=snippet, pages of at most 50, any of the scopes below. An identity without a
channel is answered without `items`.
"""

from __future__ import annotations

from typing import Final

from ...model import FoundAccount
from ..discovery import Discovery, Steps
from ..paging import Listing, Row, identifier, listed, unique, words
from ..refusals import title

_KIND: Final = "youtube"
_CHANNEL: Final = r"([A-Za-z0-9_-]{1,64})"


def _steps(api_url: str | None) -> Steps:
    url = f"{api_url or 'https://youtube.googleapis.com'}/youtube/v3/channels"
    parameters: dict[str, str | int] = {"part": "snippet", "mine": "true", "maxResults": 50}
    (channels,) = yield from listed(_KIND, Listing(url=url, member="items", parameters=parameters))
    return unique(map(_found, channels))


def _found(channel: Row) -> FoundAccount:
    channel_id = identifier(_KIND, channel, "id", _CHANNEL)
    return FoundAccount(kind=_KIND, id=channel_id, name=words(channel, "snippet", "title"))


DISCOVERY: Final = Discovery(
    kind=_KIND,
    title=title(_KIND),
    noun="channel",
    scopes=frozenset(
        {
            "https://www.googleapis.com/auth/youtube.readonly",
            "https://www.googleapis.com/auth/youtube",
            "https://www.googleapis.com/auth/youtube.force-ssl",
            "https://www.googleapis.com/auth/youtubepartner",
        }
    ),
    steps=_steps,
)
