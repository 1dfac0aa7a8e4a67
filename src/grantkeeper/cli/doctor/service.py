"""Checks of what `grantkeeper serve` runs by: `[service]`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grantkeeper.errors import Misconfigured
from grantkeeper.settings import oauth_clients, service_settings

from .finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantkeeper.settings import Document


def check_service(document: Document) -> Iterator[Finding]:
    """Look whether the service can run, and which OAuth clients would send the browser elsewhere."""
    if not document.service and document.service_url is None:
        return  # not every deployment runs the service
    try:
        clients = oauth_clients(document)
        service = service_settings(document, clients)
    except Misconfigured as error:
        if "service" in str(error.args[0]).lower():  # about the clients it has been said
            yield problem("service", str(error.args[0]), error.advice)
        return
    if not service.url:
        yield warning("service", "[service] has no url: `grantkeeper serve` does not start.", 'Add url = "https://…".')
        return
    yield ok("service", f"{service.url}, {len(service.trusted_proxies)} trusted proxy network(s).")
    for client in clients:
        expected = service.callback(client.name)
        if client.kind == "web" and client.redirect_uri != expected:
            text = f"{client.name} cannot be connected by links: its redirect_uri is {client.redirect_uri}."
            yield warning("service", text, f"Register {expected} at {client.provider.called}, and write it there.")
