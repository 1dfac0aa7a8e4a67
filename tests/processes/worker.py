"""A process of its own with a keeper, that does what it is told: a line of JSON in, a line of JSON out.

Run as `python -m processes.worker`. Orders come on stdin, so that neither keys nor passwords are in an argument or the
environment; what goes out names tokens by a hash only. The order `fork` lets a forked child do a list of orders: a
fresh process over the same database for the price of a fork.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from grantkeeper.errors import ConsentRequired, GrantkeeperError
from grantkeeper.journal import Journal
from grantkeeper.keeper import Keeper
from grantkeeper.model import OAuthClient, Secret
from grantkeeper.providers import google
from grantkeeper.seal import KeyRing
from processes.points import SealerWithPoints, StoreWithPoints, TransportWithPoints, Tripwire, watch_drivers

Order = dict[str, Any]
Reply = dict[str, Any]


class MovedClock:
    """The wall clock, plus what it was moved by; a pause moves it, or takes its time."""

    def __init__(self, *, pauses_take_time: bool) -> None:
        self._lock = threading.Lock()
        self._ahead = timedelta()
        self._pauses = 0
        self._real = pauses_take_time

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        with self._lock:
            return datetime.now(UTC) + self._ahead

    def set_ahead(self, by: timedelta) -> None:
        """Run so far ahead of the wall clock, counted from it."""
        with self._lock:
            self._ahead = by

    def pauses(self) -> int:
        """Return how many pauses there were since this was asked the last time."""
        with self._lock:
            count, self._pauses = self._pauses, 0
            return count

    def pause(self, duration: timedelta) -> None:
        """Let so much time pass."""
        with self._lock:
            self._pauses += 1
        if self._real:
            time.sleep(duration.total_seconds())  # the product's own pause between two looks at the row
            return
        with self._lock:
            self._ahead += duration


def named(token: Secret) -> str:
    """Return what a token is called outside of this process."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()[:16]


def oauth_client(order: Order) -> OAuthClient:
    """Return the emulator's OAuth client, at a provider that rotates as the order says."""
    kind, grace = order["rotation"], order["grace"]
    provider = replace(
        google.at(order["emulator"]),
        rotation=kind,
        rotation_grace=None if grace is None else timedelta(seconds=grace),
        sibling_refresh_tokens=kind == "none",
    )
    return OAuthClient(
        name=order["client"],
        provider=provider,
        client_id=order["client_id"],
        client_secrets=(Secret(order["client_secret"]),),
        redirect_uri=order["redirect_uri"],
        scopes=tuple(google.api_scopes("adwords")),
    )


class Speech:
    """What is said, line by line, each with the number of the order that it is about."""

    number = 0

    def say(self, reply: Reply) -> None:
        """Write one line, in one piece: a forked child writes to the same pipe."""
        os.write(sys.stdout.fileno(), json.dumps({**reply, "number": self.number}).encode() + b"\n")


class Worker:
    """The orders, one method each."""

    def __init__(self, speech: Speech, wire: Tripwire) -> None:
        self._speech = speech
        self._wire = wire

    def open(self, order: Order) -> Reply:
        """Make a keeper. `lease_clock`: whose clock counts for leases, the database's or this process's moved one."""
        self._clock = MovedClock(pauses_take_time=order["pauses_take_time"])
        self._clock.set_ahead(timedelta(seconds=order["ahead"]))
        now = None if order["lease_clock"] == "database" else self._clock.now
        sealer = SealerWithPoints(KeyRing.parse(order["keys"]), self._wire)
        self._store = StoreWithPoints(order["database"], self._wire, now=now)
        if order["tells_of_refused_saves"]:
            self._store.refused = lambda: self._speech.say({"refused": "save"})
        options: dict[str, Any] = {}
        if order["lease"] is not None:
            options["lease"] = timedelta(seconds=order["lease"])
        self._keeper = Keeper(
            store=self._store,
            sealer=sealer,
            clients=[oauth_client(order)],
            transport=TransportWithPoints(self._wire),
            now=self._clock.now,
            pause=self._clock.pause,
            journal=Journal(Path(order["state"])),
            **options,
        )
        return {"pid": os.getpid()}

    def ask(self, order: Order) -> Reply:
        """Let `threads` threads ask for the token at the same moment.

        `die_at` names the point to be killed at, `stall_at` the one to say so and stand still at, until the next order.
        """
        if order.get("ahead") is not None:
            self._clock.set_ahead(timedelta(seconds=order["ahead"]))
        count = order["threads"]
        start = threading.Barrier(count)

        def ask(_number: int) -> Reply:
            start.wait()
            return self._token(order["grant"])

        if order.get("stall_at"):
            self._wire.arm(order["stall_at"], self._stall)
        else:
            self._wire.arm(order.get("die_at", ""))
        with ThreadPoolExecutor(count) as threads:
            replies = list(threads.map(ask, range(count)))
        if order.get("die_at"):
            self._keeper._refreshes._saving.flush_all()  # what the thread in the background is about to do
        self._wire.arm("")
        return {
            "tokens": [reply["token"] for reply in replies if "token" in reply],
            "errors": [reply["error"] for reply in replies if "error" in reply],
            "pauses": self._clock.pauses(),
            "reasons": [reply["reason"] for reply in replies if "reason" in reply],
        }

    def recover(self, order: Order) -> Reply:
        """Do what a process does at its start; `die_at` names the point to be killed at."""
        self._wire.arm(order.get("die_at", ""))
        return {"recovered": self._keeper.recover()}

    def look(self, order: Order) -> Reply:
        """Return the row, as it is now."""
        row = self._store.grant(order["grant"])
        if row is None:
            return {}
        grant = row.grant
        return {
            "status": str(grant.status),
            "reason": str(grant.reason),
            "version": grant.version,
            "generation": row.generation,
            "unresolved": row.sent_at is not None,
            "lease": row.lease,
        }

    def close(self, _order: Order) -> Reply:
        """Close the keeper: what its threads still had to do is done."""
        self._keeper.close()
        return {}

    def _stall(self) -> None:
        self._speech.say({"stalled": True})
        order = json.loads(sys.stdin.readline())
        self._speech.number = order["number"]
        self._clock.set_ahead(timedelta(seconds=order["ahead"]))

    def _token(self, grant_id: str) -> Reply:
        try:
            token = self._keeper.token(grant_id)
        except ConsentRequired as error:
            return {"error": f"ConsentRequired: {error}", "reason": error.reason}
        except GrantkeeperError as error:
            return {"error": f"{type(error).__name__}: {error}"}
        except Exception as error:  # noqa: BLE001 - whatever it is, the test must see it
            return {"error": f"{type(error).__name__}: {error}"}
        return {"token": named(token.value)}


def obey(worker: Worker, order: Order, speech: Speech) -> None:
    """Do one order and say what came of it."""
    done: Callable[[Order], Reply] = getattr(worker, order["do"])
    speech.say(done(order))


def fork(orders: list[Order], speech: Speech, wire: Tripwire) -> None:
    """Let a child do the orders, and say how it ended: its exit code, or minus the signal that killed it."""
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.read(told, 1)  # its name is said first
            worker = Worker(speech, wire)
            for order in orders:
                obey(worker, order, speech)
            code = 0
        except Exception:  # noqa: BLE001 - nothing may get out of the child
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    speech.say({"forked": child})
    os.write(tell, b".")
    os.close(told)
    os.close(tell)
    speech.say({"ended": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])})


def main() -> None:
    """Do every order that comes in, until there are no more."""
    speech, wire = Speech(), Tripwire()
    watch_drivers(wire)
    worker = Worker(speech, wire)
    for line in sys.stdin:
        order = json.loads(line)
        speech.number = order["number"]
        if order["do"] == "fork":
            fork(order["orders"], speech, wire)
        else:
            obey(worker, order, speech)


if __name__ == "__main__":
    main()
