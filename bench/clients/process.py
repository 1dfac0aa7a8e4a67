"""A process that holds many clients and says what that took; its arguments are WAY COUNT HOST TOKEN."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from google.ads.googleads.client import GoogleAdsClient
from google.oauth2.credentials import Credentials

from grantkeeper.clients import google_ads
from grantkeeper.model import DEFAULT_MIN_TTL, AccessToken, Secret

HOUR = timedelta(hours=1)
SERVICE = "CustomerService"


class Tokens:
    """Has one token for every grant: what a keeper has in memory is measured elsewhere."""

    def __init__(self, token: str) -> None:
        self._token = AccessToken(value=Secret(token), expires_at=datetime.now(UTC) + HOUR, scopes=frozenset())

    def token(self, grant_id: str, *, min_ttl: timedelta = DEFAULT_MIN_TTL) -> AccessToken:
        """Return it."""
        return self._token

    def report_rejected(self, grant_id: str, token: Secret) -> None:
        """Nothing to do."""


def plain(host: str, token: str) -> Callable[[int], Any]:
    """Make clients as google-ads' own documentation does, but for the file they are configured in."""

    def make(number: int) -> Any:
        credentials = Credentials(  # type: ignore[no-untyped-call]
            token,
            refresh_token=f"1//0{number}",
            client_id="id",
            client_secret="secret",
            token_uri="https://oauth2.googleapis.com/token",
            expiry=(datetime.now(UTC) + HOUR).replace(tzinfo=None),
        )
        return GoogleAdsClient(credentials=credentials, endpoint=host, use_proto_plus=True)

    return make


def ours(host: str, token: str) -> Callable[[int], Any]:
    """Make clients with the builder."""
    tokens = Tokens(token)
    return lambda number: google_ads.client(tokens, f"grant-{number}", endpoint=host)


WAYS = {"plain": plain, "ours": ours}


def memory() -> float:
    """Return what the process has in memory, in kB (proc(5), statm: pages)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1000


def main() -> None:
    """Hold the clients, idle and then used, and print what changed, in kB and seconds."""
    logging.disable(logging.WARNING)
    way, count, host, token = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    make = WAYS[way](host, token)
    warm = make(0).get_service(SERVICE)
    warm.list_accessible_customers()  # modules, and what every process has once
    before, began = memory(), time.perf_counter()
    clients = [make(number) for number in range(count)]
    idle, idle_at = memory(), time.perf_counter()
    services = [client.get_service(SERVICE) for client in clients]
    for service in services:
        assert service.list_accessible_customers().resource_names
    used, used_at = memory(), time.perf_counter()
    opened = len(list(Path("/proc/self/fd").iterdir()))
    told = {
        "once": before,
        "idle": idle - before,
        "used": used - before,
        "idle_seconds": idle_at - began,
        "used_seconds": used_at - began,
        "opened": opened,
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
