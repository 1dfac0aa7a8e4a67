"""What callers pass in, checked before anything is done with it."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from ..errors import InvalidInput, printable
from ..model import OAuthClient

LOOPBACK: Final = re.compile(r"http://(127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?")
"""RFC 8252 7.3: a literal address, any port; our own path, without query."""

OWNER_LIMIT: Final = 255
"""Longest owner id, in characters: what fits an index of every database that the store runs on."""

UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Control, format (bidirectional overrides), surrogates, private, unassigned, line and paragraph separators."""

BLANK: Final = "\u115f\u1160\u2800\u3164\uffa0"
"""Letters and signs that show nothing: Hangul fillers, the empty Braille pattern."""


def checked_owner(owner: str) -> str:
    """Return the owner id if it is usable: 1 to 255 characters, none of them invisible, no space at the ends."""
    if not 0 < len(owner) <= OWNER_LIMIT:
        raise InvalidInput(f"An owner is a text of 1 to {OWNER_LIMIT} characters: your own id of the customer.")
    if owner != owner.strip() or any(unicodedata.category(c) in UNSEEN or c in BLANK for c in owner):
        raise InvalidInput(
            f"The owner {printable(owner, 64)!r} has control, invisible or bidirectional characters or outer spaces.",
            advice="Use an id that a person can read back.",
        )
    return owner


def checked_hint(hint: str | None) -> str | None:
    """Return the login hint if it can stand in a URL: at most 320 characters (an e-mail address), all printable."""
    if hint is not None and (not 0 < len(hint) <= 320 or not hint.isprintable()):
        raise InvalidInput("login_hint is an e-mail address or a subject, at most 320 printable characters.")
    return hint


def chosen_redirect_uri(client: OAuthClient, override: str | None) -> str:
    """Return the redirect URI of a flow: one per client, but any loopback port for installed ones (RFC 8252 7.3)."""
    if override is None or override == client.redirect_uri:
        return client.redirect_uri
    if client.kind == "installed" and LOOPBACK.fullmatch(override):
        return override
    raise InvalidInput(
        f"redirect_uri is not the one of the OAuth client {client.name!r}.",
        advice="Leave it out, or use an installed (desktop) client for a loopback address.",
    )
