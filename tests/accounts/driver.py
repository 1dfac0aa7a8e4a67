"""Drives a discovery: against the emulator in this process, or with answers that a test makes up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from grantkeeper.accounts.discovery import Discovery
from grantkeeper.emulator import Clock, Emulator, World
from grantkeeper.model import FoundAccount, Request, Response
from grantkeeper.testing import EmulatorTransport

AUTH = "https://www.googleapis.com/auth/"
BASE = "https://emulator.test"
PERSON = "ann@agency.example"

Server = Callable[[Request], Response]


@dataclass
class Walk:
    """What a discovery asked, batch by batch, and what it found."""

    batches: list[tuple[Request, ...]] = field(default_factory=list)
    found: list[FoundAccount] = field(default_factory=list)

    @property
    def requests(self) -> list[Request]:
        """Every request, in order."""
        return [request for batch in self.batches for request in batch]

    @property
    def by_id(self) -> dict[str, FoundAccount]:
        """What was found, by id; every id once."""
        assert len({each.id for each in self.found}) == len(self.found)
        return {each.id: each for each in self.found}


def walk(discovery: Discovery, server: Server, *, base: str | None = BASE) -> Walk:
    """Let a server answer whatever the discovery asks; returns it all, raises what the discovery raises."""
    done = Walk()
    steps = discovery.steps(base)
    try:
        asked = next(steps)
        while True:
            done.batches.append(asked)
            asked = steps.send(tuple(server(each) for each in asked))
    except StopIteration as end:
        done.found = end.value
        return done


def emulated(world: World | None = None) -> Emulator:
    """Return an emulator in this process, whose clock stands still."""
    return Emulator(world or World.load(), base_url=BASE, clock=Clock.fixed())


def as_person(emulator: Emulator, person: str, *scopes: str, client_id: str | None = None) -> Server:
    """Return a server that is the emulator, asked with a new access token of the person."""
    transport = EmulatorTransport(emulator)
    token = emulator.mint(person, *(AUTH + each for each in scopes), client_id=client_id)

    def send(request: Request) -> Response:
        headers = {**request.headers, "authorization": f"Bearer {token}"}
        return transport.send(replace(request, headers=headers), deadline=timedelta(seconds=5))

    return send


def scripted(*answers: Response) -> Server:
    """Return a server that gives these answers, one after the other."""
    due: Iterator[Response] = iter(answers)
    return lambda _request: next(due)


def ok(document: Any) -> Response:
    """Return a 200 with this JSON, or with these bytes."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Response(status=200, headers={"content-type": "application/json"}, body=body)


def status_error(status: int, code: str, *details: Any, message: str = "No.") -> Response:
    """Return a google.rpc.Status."""
    error = {"code": status, "status": code, "message": message, "details": list(details)}
    return Response(status=status, body=json.dumps({"error": error}).encode())


def ads_error(status: int, kind: str, name: str, *, message: str = "No.", request_id: str = "req-1") -> Response:
    """Return a GoogleAdsFailure; `kind` as JSON spells it: authorizationError."""
    failure = {
        "@type": "type.googleapis.com/google.ads.googleads.v26.errors.GoogleAdsFailure",
        "errors": [{"errorCode": {kind: name}, "message": message}],
        "requestId": request_id,
    }
    return status_error(status, "PERMISSION_DENIED", failure, message="The caller does not have permission")


def error_info(status: int, code: str, reason: str) -> Response:
    """Return a google.rpc.Status with an ErrorInfo."""
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": "googleapis.com"}
    return status_error(status, code, info)


def world(tables: str, people: Sequence[str] = (PERSON,)) -> World:
    """Return a world with one project and client, these people, and the tables given in TOML."""
    head = """
[[project]]
id = "shop"
number = "1000000001"
name = "Shop"

[[client]]
id = "shop.apps.googleusercontent.com"
secret = "GOCSPX-emulated-shop"
project = "shop"
"""
    persons = "".join(
        f'[[person]]\nemail = "{each}"\nsub = "{100000000000000000001 + number}"\nname = "Person {number}"\n'
        for number, each in enumerate(people)
    )
    return World.parse(head + persons + tables)
