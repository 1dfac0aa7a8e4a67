"""A PostgreSQL primary and a standby that confirms every commit, on two loopback addresses."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from databases import _account
from ha.nodes import DATABASE, USER, Node, free_port, synchronous, url

ADDRESSES = ("127.0.0.1", "127.0.0.2")

AnyPair = TypeVar("AnyPair", bound="Pair")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both servers; `url` leads to the one that can be written."""

    primary: Node
    standby: Node
    url: str = field(repr=False)

    def take_over(self) -> None:
        """Let the standby be the primary."""
        self.standby.promote()


@dataclass(frozen=True, slots=True, kw_only=True)
class KilledPair(Pair):
    """A pair whose primary dies."""

    def strike(self) -> None:
        """Kill the primary: its connections end, and nothing listens at its port."""
        self.primary.kill()


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenPair(Pair):
    """A pair whose primary stops in the middle of what it does."""

    def strike(self) -> None:
        """Freeze the primary: its connections stay open, new ones are accepted, and nothing answers."""
        self.primary.freeze()


@contextmanager
def running_pair(kind: type[AnyPair]) -> Iterator[AnyPair]:
    """Start both, with an empty database; kill them at the end, whatever state they are in."""
    account = _account()
    with tempfile.TemporaryDirectory(prefix="gk-ha-", ignore_cleanup_errors=True) as name:
        top, password, port = Path(name), secrets.token_hex(16), free_port(ADDRESSES)
        nodes = [
            Node(folder=top / kind, address=address, port=port, password=password, account=account)
            for kind, address in zip(("primary", "standby"), ADDRESSES, strict=True)
        ]
        for each in (top / "pgpass", *(node.folder for node in nodes)):
            _prepare(each, nodes[0])
        if account:
            os.chown(top, account.pw_uid, account.pw_gid)
        pair = kind(primary=nodes[0], standby=nodes[1], url=url(ADDRESSES, port, password))
        try:
            _start(pair, top / "pgpass")
            yield pair
        finally:
            for node in nodes:
                node.kill()


def _prepare(path: Path, node: Node) -> None:
    """Make a folder, or the file with the password, for the servers' user only."""
    if path.name == "pgpass":
        path.touch(mode=0o600)
        path.write_text(f"*:*:*:{USER}:{node.password}\n")
    else:
        path.mkdir(mode=0o700)
        (path / "password").touch(mode=0o600)
        (path / "password").write_text(node.password)
    for each in (path, *(path.iterdir() if path.is_dir() else ())):
        if node.account:
            os.chown(each, node.account.pw_uid, node.account.pw_gid)


def _start(pair: Pair, passwords: Path) -> None:
    """Make the primary, copy the standby from it, and wait until the standby confirms a commit."""
    primary, standby = pair.primary, pair.standby
    options = ["--no-sync", "--encoding=UTF8", "--auth=scram-sha-256", f"--pwfile={primary.folder / 'password'}"]
    primary.run("initdb", f"--pgdata={primary.data}", f"--username={USER}", *options)
    with (primary.data / "pg_hba.conf").open("a") as rules:
        rules.write("host all,replication all 127.0.0.0/8 scram-sha-256\n")
    # The standby gets no such setting: once it is the primary, there is nobody left to confirm its commits.
    primary.start(**synchronous())
    source = f"host={primary.address} port={primary.port} user={USER} passfile={passwords} application_name=standby"
    copying = ("--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--no-manifest")
    primary.run("pg_basebackup", f"--dbname={source}", f"--pgdata={standby.data}", *copying)
    standby.start()
    primary.execute(f"CREATE DATABASE {DATABASE}")  # returns when the standby has it
