"""How each OAuthClient does: whether it works, and what became of its refreshes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from grantkeeper.web.dashboard.chart import HEIGHT, HOURS, chart, since
from grantkeeper.web.face import provider_title

if TYPE_CHECKING:
    from starlette.responses import Response

    from grantkeeper.model import Tally
    from grantkeeper.web.dashboard.visit import Visit


async def listing(visit: Visit) -> Response:
    """Show every configured OAuthClient, and those of which only numbers are left."""
    tallies, states = await visit.run(visit.verbs.overview.health, since_hour=since(visit.now))
    by_client: dict[str, list[Tally]] = defaultdict(list)
    for tally in tallies:
        by_client[tally.client].append(tally)
    known = {each.client: each for each in states}
    rows = [
        (client, provider_title(client.provider), known.get(client.name), chart(by_client[client.name], now=visit.now))
        for client in visit.desk.keeper.clients
    ]
    return visit.page("clients.html", rows=rows, hours=HOURS, height=HEIGHT)
