"""Search Console: sites (properties), each with what the person may do there.

Source: the discovery document searchconsole v1, revision 20260805, of google-api-python-client 2.202.0 (read
2026-11-23): GET webmasters/v3/sites, in one page, scopes webmasters.readonly and webmasters; webmasters v3 has the same
path at www.googleapis.com. Permission levels: developers.google.com/webmaster-tools/v1/sites, 2026-11-23.
"""

from __future__ import annotations

from typing import Final

from ...model import FoundAccount
from ..discovery import Discovery, Steps
from ..paging import Listing, Row, identifier, listed, unique, unreadable, words
from ..refusals import title

_KIND: Final = "search_console"
_SITE: Final = r"((?:https?://|sc-domain:)\S{1,4000})"
_LONGEST: Final = 500
"""Characters of an id that a store keeps (SiteUrl has no documented limit); a longer one is left out, not cut."""


def _steps(api_url: str | None) -> Steps:
    url = f"{api_url or 'https://searchconsole.googleapis.com'}/webmasters/v3/sites"
    (sites,) = yield from listed(_KIND, Listing(url=url, member="siteEntry"))
    return unique(found for found in map(_found, sites) if len(found.id) <= _LONGEST)


def _found(site: Row) -> FoundAccount:
    site_url = identifier(_KIND, site, "siteUrl", _SITE)
    if not site_url.isprintable():
        raise unreadable(_KIND, "'siteUrl' has characters that nobody sees")
    level = words(site, "permissionLevel")
    return FoundAccount(
        kind=_KIND, id=site_url, name=words(site, "siteUrl"), status=level, enabled=level != "siteUnverifiedUser"
    )


DISCOVERY: Final = Discovery(
    kind=_KIND,
    title=title(_KIND),
    noun="site",
    scopes=frozenset(
        {"https://www.googleapis.com/auth/webmasters.readonly", "https://www.googleapis.com/auth/webmasters"}
    ),
    steps=_steps,
)
