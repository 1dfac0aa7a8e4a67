"""A program of before 2022: AdWordsClient, with our object where GoogleRefreshTokenClient was.

Runs in .venv-legacy, so it imports nothing of the tests. Each line of its input is an order; it answers with a line.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import time_machine
from googleads import adwords, oauth2
from googleads.common import ZeepServiceProxy

from grantkeeper import ConsentRequired, Keeper
from grantkeeper.clients import ad_manager


def answer(words: list[str], service: Any) -> object:
    """Do one thing."""
    match words:
        case ["scope"]:
            return oauth2.GetAPIScope("adwords")
        case ["hours pass", hours]:
            time_machine.travel(datetime.now(UTC) + timedelta(hours=float(hours))).start()
            return None
        case _:
            try:
                return [each["customerId"] for each in service.getCustomers()]
            except ConsentRequired as error:
                return {"reason": error.reason, "grant_id": error.grant_id, "advice": error.advice}


def main(server: str, customer_id: str) -> None:
    """Build the client once, and keep it."""
    with Keeper.from_env() as keeper:
        grant = keeper.find("acme", "google-ads")
        client = adwords.AdWordsClient(
            "a-developer-token",
            ad_manager.oauth2_client(keeper, grant.id),
            "Nordwind reports",
            client_customer_id=customer_id,
            cache=ZeepServiceProxy.NO_CACHE,
        )
        service = client.GetService("CustomerService", "v201809", server=server)
        for line in sys.stdin:
            print(json.dumps(answer(json.loads(line), service)), flush=True)


main(*sys.argv[1:])
