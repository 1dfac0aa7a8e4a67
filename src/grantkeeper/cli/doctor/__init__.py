"""`doctor`: looks at everything that has to be right, and says of each line what to do."""

from __future__ import annotations

import dataclasses
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from .. import output
from ..exits import Exit
from ..output import AsJson
from ..wiring import config_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from grantkeeper.model import Provider
    from grantkeeper.settings import Document

    from .finding import Finding

_MARKS = {"ok": ("ok", "green"), "warning": ("warning", "yellow"), "problem": ("PROBLEM", "red")}


def doctor(
    ctx: typer.Context,
    offline: Annotated[bool, typer.Option("--offline", help="Call no provider.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check configuration, key, clients, database, clock and reachability; say what to do.

    Ends with 0 when nothing is a problem (warnings are allowed), else with 3.
    """
    findings = []
    for finding in _examine(ctx, offline=offline):
        findings.append(finding)
        if not as_json:
            _print(finding)
    problems = sum(each.level == "problem" for each in findings)
    warnings = sum(each.level == "warning" for each in findings)
    if as_json:
        output.result_json({"ok": not problems, "findings": [dataclasses.asdict(each) for each in findings]})
    else:
        output.result(f"\n{problems} problem(s), {warnings} warning(s).")
    if problems:
        raise typer.Exit(Exit.YOURS)


def _examine(ctx: typer.Context, *, offline: bool) -> Iterator[Finding]:
    """Yield what is found, so that one problem hides no other."""
    from grantkeeper.errors import Misconfigured
    from grantkeeper.settings import read_document

    from . import database, files, service
    from .finding import problem

    yield from files.check_environment(os.environ)
    try:
        document = read_document(config_file(ctx), os.environ)
    except Misconfigured as error:
        yield problem("configuration", str(error.args[0]), error.advice)
        return
    yield from files.check_config_file(document)
    ring = yield from files.check_key(document)
    yield from files.check_clients(document)
    yield from service.check_service(document)
    yield from database.check_database(document.database, ring, document.state_folder)
    if not offline:
        yield from _reach(document)


def _reach(document: Document) -> Iterator[Finding]:
    from grantkeeper.errors import Misconfigured
    from grantkeeper.http import HttpTransport

    from . import network

    ca_file = None if document.ca_file is None else str(document.ca_file)
    try:
        transport = HttpTransport(proxy=document.proxy, ca_file=ca_file)
    except Misconfigured as error:
        from .finding import problem

        yield problem("network", str(error.args[0]), error.advice)
        return
    try:
        yield from network.check_providers(_providers(document), transport, lambda: datetime.now(UTC))
    finally:
        transport.close()


def _providers(document: Document) -> tuple[Provider, ...]:
    """Return the providers that the configuration talks to; Google when no client is configured (yet)."""
    from grantkeeper.settings.clients import provider_of

    names = {table.provider for table in document.clients.values()} or {"google"}
    return tuple(found for name in sorted(names) if (found := provider_of(document, name)) is not None)


def _print(finding: Finding) -> None:
    mark, colour = _MARKS[finding.level]
    output.result(f"{output.painted(f'{mark:<8}', colour, sys.stdout)} {finding.check}: {finding.text}")
    if finding.advice:
        output.result(f"{'':<8} -> {finding.advice}")
