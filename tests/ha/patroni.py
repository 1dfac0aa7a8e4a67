"""Three PostgreSQL nodes under Patroni, which elects a primary through etcd; all on loopback addresses.

What docs/availability.md shows is in their settings; the times are shorter, and the disks are not waited for.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any, Final
from urllib.request import urlopen

import pytest

from databases import _account, _program
from ha.nodes import DATABASE, PAGE, SETTINGS, USER, Node, free_port, url

ADDRESSES = ("127.0.0.1", "127.0.0.2", "127.0.0.3")
FAST: Final = {"ttl": 10, "loop_wait": 1, "retry_timeout": 3}
"""Seconds. A leader is given up after `ttl`, which must not be less than loop_wait + 2 * retry_timeout."""
STARTED_WITHIN, ELECTED_WITHIN = 90.0, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A server and the Patroni that looks after it."""

    name: str
    node: Node
    patroni: subprocess.Popen[bytes]

    def kill(self) -> None:
        """Let both die at once."""
        self.patroni.send_signal(signal.SIGSTOP)  # so that it does not notice that its server died
        self.node.kill()
        self.patroni.kill()
        self.patroni.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Three members, `api` the port of their Patronis; `url` leads to the one that can be written."""

    url: str = field(repr=False)
    api: int
    members: tuple[Member, ...]
    killed: list[str] = field(default_factory=list)

    def strike(self) -> None:
        """Kill the primary and its Patroni."""
        (primary,) = self.named("leader")
        next(each for each in self.members if each.name == primary).kill()
        self.killed.append(primary)

    def take_over(self) -> None:
        """Wait until Patroni made another one the primary."""
        _wait(lambda: bool(set(self.named("leader")) - set(self.killed)), ELECTED_WITHIN, "another primary")

    def named(self, *roles: str) -> list[str]:
        """Return the names of the running members with one of these roles, as the first Patroni that answers has it."""
        for each in self.members:
            if each.name in self.killed:
                continue
            with suppress(OSError), urlopen(f"http://{each.node.address}:{self.api}/cluster", timeout=5) as answer:
                members = json.load(answer)["members"]
                return [known["name"] for known in members if known["role"] in roles and known["state"] in _UP]
        return []


_UP: Final = frozenset({"running", "streaming"})


@contextmanager
def running_patroni() -> Iterator[Cluster]:
    """Start everything, with an empty database; kill it at the end, whatever state it is in."""
    for program in ("patroni", "etcd"):
        if shutil.which(program) is None:
            pytest.fail(f"`{program}` is missing: `apt-get install patroni etcd-server`, or run `make test-ha`.")
    account = _account()
    owner = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []} if account else {}
    with tempfile.TemporaryDirectory(prefix="gk-ha-", ignore_cleanup_errors=True) as name, ExitStack() as stack:
        top, password, api = Path(name), secrets.token_hex(16), free_port(ADDRESSES)
        port = free_port(ADDRESSES)
        if account:
            os.chown(top, account.pw_uid, account.pw_gid)
        etcd = stack.enter_context(_etcd(top, owner))
        members = []
        for address in ADDRESSES:
            node = Node(folder=top / address, address=address, port=port, password=password, account=account)
            members.append(stack.enter_context(_member(node, api, etcd, owner)))
        cluster = Cluster(url=url(ADDRESSES, port, password), api=api, members=tuple(members))
        _wait(lambda: _complete(cluster), STARTED_WITHIN, "a primary, a synchronous standby and another standby")
        (primary,) = cluster.named("leader")
        next(each.node for each in members if each.name == primary).execute(f"CREATE DATABASE {DATABASE}")
        yield cluster


def _complete(cluster: Cluster) -> bool:
    return all(len(cluster.named(role)) == 1 for role in ("leader", "sync_standby", "replica"))


def _wait(reached: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask until it is so: Patroni tells who asks, and nobody else."""
    ends, never = monotonic() + seconds, Event()
    while not reached():
        assert monotonic() < ends, f"not within {seconds} seconds: {what}"
        never.wait(0.2)


def _answers(address: str) -> bool:
    with suppress(OSError), urlopen(address, timeout=5) as answer:
        return bool(answer.status == 200)
    return False


@contextmanager
def _etcd(top: Path, owner: dict[str, Any]) -> Iterator[str]:
    """Run one etcd; yields host and port."""
    folder = _folder(top / "etcd", owner)
    clients, peers = (f"http://127.0.0.1:{free_port(['127.0.0.1'])}" for _ in range(2))
    words = [f"--data-dir={folder / 'data'}", f"--initial-cluster=default={peers}"]
    for name, where in (("client", clients), ("peer", peers)):
        words.append(f"--listen-{name}-urls={where}")
    words += [f"--advertise-client-urls={clients}", f"--initial-advertise-peer-urls={peers}", "--log-level=error"]
    with _process(["etcd", *words], folder, owner):
        _wait(lambda: _answers(f"{clients}/health"), STARTED_WITHIN, "etcd")
        yield clients.removeprefix("http://")


@contextmanager
def _member(node: Node, api: int, etcd: str, owner: dict[str, Any]) -> Iterator[Member]:
    folder = _folder(node.folder, owner)
    configuration = folder / "patroni.yml"
    configuration.touch(mode=0o600)
    configuration.write_text(json.dumps(_configuration(node, api, etcd)))  # JSON is YAML
    if owner:
        os.chown(configuration, owner["user"], owner["group"])
    try:
        with _process(["patroni", str(configuration)], folder, owner) as patroni:
            yield Member(name=_name(node), node=node, patroni=patroni)
    finally:
        node.kill()


def _name(node: Node) -> str:
    return f"node-{node.address.rpartition('.')[2]}"


def _configuration(node: Node, api: int, etcd: str) -> dict[str, Any]:
    """Return a member's configuration. Source: patroni.readthedocs.io, settings of Patroni 3.0."""
    rules = [f"host {what} all 127.0.0.0/8 scram-sha-256" for what in ("all", "replication")]
    place = f"{node.address}:{api}"
    server = f"{node.address}:{node.port}"
    people = {"superuser": USER, "replication": "replicator"}
    return {
        "scope": "grants",
        "name": _name(node),
        "etcd3": {"hosts": etcd},
        "restapi": {"listen": place, "connect_address": place},
        "watchdog": {"mode": "off"},
        "bootstrap": {
            "dcs": {**FAST, **_documented(), "postgresql": {"parameters": SETTINGS}},
            "initdb": [{"encoding": "UTF8"}, "no-sync"],
            "pg_hba": rules,
        },
        "postgresql": {
            "listen": server,
            "connect_address": server,
            "data_dir": str(node.data),
            "bin_dir": str(Path(_program("initdb")).resolve().parent),
            "pgpass": str(node.folder / "pgpass"),
            "authentication": {
                kind: {"username": person, "password": node.password} for kind, person in people.items()
            },
            "parameters": {"unix_socket_directories": ""},
            "pg_hba": rules,
            "basebackup": [{"checkpoint": "fast"}, "no-sync"],
        },
    }


def _documented() -> dict[str, Any]:
    """Return the dynamic configuration that the page shows."""
    (written,) = PAGE.snippets("json")
    shown: dict[str, Any] = json.loads(written.body)
    return shown


def _folder(path: Path, owner: dict[str, Any]) -> Path:
    path.mkdir(mode=0o700)
    if owner:
        os.chown(path, owner["user"], owner["group"])
    return path


@contextmanager
def _process(command: list[str], folder: Path, owner: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program of the system, with nothing of this process's environment; kill it at the end."""
    environ = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(folder)}
    environ["ETCD_UNSUPPORTED_ARCH"] = "arm64"  # where etcd 3.4 wants to be asked twice
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", env=environ, **owner
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
