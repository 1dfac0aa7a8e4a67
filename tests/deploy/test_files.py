"""What is in deploy/ says what the pages say of it, and leaves nothing open that could be closed.

Docker is not run here: its files are read as what they are.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from grantkeeper.cli import app
from grantkeeper.settings.key_file import new_key_file, read_key_file
from house.source import ROOT

DEPLOY = ROOT / "deploy"


def unit() -> dict[str, list[str]]:
    """Return the settings of the systemd unit's [Service]: name -> values."""
    found: dict[str, list[str]] = {}
    section = (DEPLOY / "grantkeeper.service").read_text().partition("[Service]\n")[2].partition("\n[")[0]
    for line in section.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


def options_of(command: str) -> set[str]:
    """Return the options that a command has, as its help says."""
    return set(re.findall(r"--[a-z][\w-]*", CliRunner().invoke(app, [command, "--help"]).stdout))


def compose() -> dict[str, Any]:
    """Return the compose file, its anchors resolved."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "docker-compose.yml").read_text())
    return found


def test_the_unit_may_do_nothing_that_it_need_not() -> None:
    """Each wall that systemd has for a program that needs the network and one folder."""
    found = unit()
    walls = {
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "PrivateDevices": "yes",
        "ProtectKernelTunables": "yes",
        "ProtectProc": "invisible",
        "RestrictNamespaces": "yes",
        "LimitCORE": "0",
        "DynamicUser": "yes",
        "StateDirectory": "grantkeeper",
        "UMask": "0077",
    }
    assert {name: found[name] for name in walls} == {name: [value] for name, value in walls.items()}


def test_the_unit_keeps_secrets_out_of_arguments_and_environment() -> None:
    """V-24: keys come as credentials; the environment holds paths."""
    found = unit()
    assert all(each.partition(":")[2].startswith("/etc/grantkeeper/secrets/") for each in found["LoadCredential"])
    assert all("%" in each for each in found["Environment"])
    assert "GRANTKEEPER_KEYS" not in (DEPLOY / "grantkeeper.service").read_text()


def test_what_is_started_has_the_options_that_are_used() -> None:
    """In the unit, in the image, in the compose file."""
    started = [shlex.split(unit()["ExecStart"][0])]
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    started.append(["grantkeeper", *yaml.safe_load(re.findall(r"^CMD (.*)$", dockerfile, re.MULTILINE)[-1])])
    for words in started:
        used = {word for word in words[words.index("serve") :] if word.startswith("--")}
        assert used <= options_of("serve")


def test_each_wait_is_longer_than_the_wait_inside() -> None:
    """R-57: drain, then what is under way, and the worker beside both; nobody kills it before."""
    from grantkeeper.cli.running.server import FINISH, KEEP_ALIVE
    from grantkeeper.web.service.app import WORKER_PATIENCE

    inside = max(3 + FINISH, WORKER_PATIENCE.total_seconds())
    assert float(unit()["TimeoutStopSec"][0]) > inside
    assert all(float(compose()["services"][each]["stop_grace_period"].rstrip("s")) > inside for each in ("one", "two"))
    haproxy = (DEPLOY / "haproxy.cfg").read_text()
    assert float(re.findall(r"timeout client (\d+)s", haproxy)[0]) <= KEEP_ALIVE


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    """Only the program itself may be missing."""
    copy = tmp_path / "grantkeeper.service"
    copy.write_text(
        (DEPLOY / "grantkeeper.service").read_text().replace("/opt/grantkeeper/bin/grantkeeper", "/bin/true")
    )
    done = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "grantkeeper.service" in line] == []


def test_the_image_is_built_from_hashes_and_runs_as_nobody() -> None:
    """Whatever is installed is in the lock file; the last stage has no compiler, no secret and no root."""
    text = (DEPLOY / "Dockerfile").read_text()
    last = text.rpartition("\nFROM ")[2]
    assert "--require-hashes --only-binary :all: -r /build/requirements/service.txt" in text
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "pip install" not in last
    assert "HEALTHCHECK" in last
    assert "/healthz" in last
    for name in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        for each in name.split():
            assert (ROOT / each).exists(), each


def test_the_lock_has_a_hash_for_each_package_and_what_the_service_needs() -> None:
    """V-70: and no address of where they came from."""
    text = (ROOT / "requirements/service.txt").read_text()
    named = re.findall(r"^([a-z0-9][\w.-]*)(?:\[.*\])?==", text, re.MULTILINE)
    hashed = re.findall(r"^([a-z0-9][\w.-]*)(?:\[.*\])?==.*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert hashed == named
    needed = {"uvicorn", "starlette", "structlog", "prometheus-client", "psycopg", "sqlalchemy", "hatchling"}
    assert needed <= set(named)
    assert "://" not in text


def test_two_replicas_wait_for_the_tables_and_share_no_state() -> None:
    """Each has a state folder of its own; both start when `init` has made the tables."""
    services = compose()["services"]
    volumes = [set(services[each]["volumes"]) for each in ("one", "two")]
    shared = volumes[0] & volumes[1]
    assert all(each.endswith(":ro") for each in shared)
    for each in ("one", "two"):
        assert services[each]["depends_on"] == {"init": {"condition": "service_completed_successfully"}}
        assert services[each]["cap_drop"] == ["ALL"]
        assert services[each]["read_only"] is True
        assert services[each]["ulimits"] == {"core": 0}
        assert "ports" not in services[each]
    assert services["init"]["depends_on"] == {"database": {"condition": "service_healthy"}}


def test_no_secret_is_in_the_environment_of_a_container() -> None:
    """V-24: passwords and keys are files; `docker inspect` shows the environment to anybody who may ask it."""
    for service in compose()["services"].values():
        for name, value in (service.get("environment") or {}).items():
            assert "PASSWORD" not in name or name.endswith("_FILE")
            assert name != "GRANTKEEPER_KEYS"
            assert not re.search(r"://[^/@:]+:[^/@]+@", str(value))


def test_the_balancer_asks_for_readiness_and_says_for_whom_it_speaks() -> None:
    """V-39c: what a stranger wrote into X-Forwarded-For is removed; only what was not sent is sent again."""
    text = (DEPLOY / "haproxy.cfg").read_text()
    removed, written = text.index("del-header X-Forwarded-For"), text.index("set-header X-Forwarded-For")
    assert removed < written
    assert "uri /readyz" in text
    assert "retry-on conn-failure\n" in text
    assert compose()["services"]["proxy"]["networks"]["inside"]["ipv4_address"] == "172.30.0.10"


def test_a_credential_of_systemd_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """V-09: its group bits are the mask of an access list; of any other file they are what they look like."""
    file = tmp_path / "keys"
    new_key_file(file)
    file.chmod(0o440)

    def read() -> bytes:
        return read_key_file(file, label="x", advice="")

    with pytest.raises(Exception, match="can be used by other users"):
        read()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    if file.stat().st_uid == 0:
        assert read()
    file.chmod(0o444)
    with pytest.raises(Exception, match="can be used by other users"):
        read()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "other"))
    file.chmod(0o440)
    with pytest.raises(Exception, match="can be used by other users"):
        read()
