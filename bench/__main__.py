"""Run all of it once and print ratios: `make bench`; ARGS=--quick to see that it works, ARGS=hanging for that part."""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .databases import PostgresServer, places, running_postgresql

_PACKAGES = (
    "grantkeeper",
    "sqlalchemy",
    "psycopg",
    "cryptography",
    "httpcore2",
    "httpx2",
    "google-auth",
    "google-ads",
    "grpcio",
    "starlette",
    "uvicorn",
    "social-auth-app-django",
    "django-allauth",
    "Flask-Dance",
    "Django",
)
PARTS = ("reading", "expired", "throughput", "hanging", "accounts", "clients", "serving")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small and short: to see that it works")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)}; default: all")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(unknown)}")
    _tell()
    with tempfile.TemporaryDirectory(prefix="grantkeeper-bench-") as folder, running_postgresql() as server:
        aims = _measured(asked.parts or PARTS, Path(folder), server, quick=asked.quick)
    print("\nAims\n  " + "\n  ".join(aims))


def _tell() -> None:
    print(f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {os.cpu_count()} cores")
    print(", ".join(f"{name} {_version(name)}" for name in _PACKAGES))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


def _measured(parts: tuple[str, ...], folder: Path, server: PostgresServer, *, quick: bool) -> list[str]:
    """Run the parts; each is imported when it is asked for, because not all need the peers."""
    from .refreshing.tokenserver import running_token_server

    aims: list[str] = []
    if "accounts" in parts:
        from .accounts import discovering

        aims += discovering.run(quick=quick)
    if "clients" in parts:
        from .clients import holding

        aims += holding.run(quick=quick)
    if "serving" in parts:
        from .serving import reading as serving

        aims += serving.run(folder, server, quick=quick)
    empty, filled = list(places(folder, server, (0,))), []
    if "reading" in parts or "expired" in parts:
        from . import peers, reading

        plan = reading.QUICK if quick else reading.FULL
        filled = list(places(folder, server, plan.sizes))
        peers.settle([*filled, *empty])
        if "reading" in parts:
            aims += reading.run(filled, plan)
    with running_token_server() as provider:
        if "expired" in parts:
            from .refreshing import expired

            aims += expired.run(empty, provider, quick=quick)
        if "throughput" in parts:
            from .refreshing import throughput

            aims += throughput.run(empty, provider, quick=quick)
        if "hanging" in parts:
            from .refreshing import hanging

            aims += hanging.run(empty, provider, quick=quick)
    return aims


if __name__ == "__main__":
    main()
