"""Who may import whom. The table is the one of CONTRIBUTING.md."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from house.source import Module, modules

LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"errors", "forks", "model", "strictjson"}),
    frozenset({"oauth", "providers", "accounts", "seal", "renewal", "webhooks"}),
    frozenset({"store", "http", "settings", "journal", "installation", "tracing"}),
    frozenset({"keeper"}),
    frozenset({"aio", "remote", "clients", "worker"}),
    frozenset({"web"}),
    frozenset({"cli", "testing"}),
)
EMULATOR = "emulator"
MAY_IMPORT_EMULATOR = frozenset({"cli", "testing"})
WITHIN_LAYER_ZERO = frozenset({("model", "errors")})
"""The values and the errors know each other; nothing else stands beside them."""

NO_IO = frozenset({"asyncio", "http", "httpx2", "pathlib", "socket", "sqlalchemy", "sqlite3", "ssl", "subprocess"})
HARMLESS = frozenset({"urandom", "register_at_fork"})
CLOCKS = frozenset({"now", "utcnow", "today", "time", "monotonic", "perf_counter"})


def layer(top: str) -> int:
    """Return the number of the layer that a part of the package is in."""
    return next(number for number, members in enumerate(LAYERS) if top in members)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    """Return the dotted name that a `from` import starts at."""
    if not node.level:
        return node.module or ""
    parts = ["grantkeeper", *module.name.split(".")] if module.name else ["grantkeeper"]
    parts = parts[: len(parts) - node.level + module.package]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _names(module: Module, node: ast.AST) -> list[str]:
    """Return the dotted names that a statement or call imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        start = _absolute(module, node)
        return [f"{start}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in {"import_module", "__import__"}:
        return [each.value for each in node.args[:1] if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return []


def imported(module: Module) -> list[tuple[int, str]]:
    """Return line and dotted name of everything imported: at the top, in functions, and under TYPE_CHECKING."""
    return [(getattr(node, "lineno", 0), name) for node in ast.walk(module.tree) for name in _names(module, node)]


def _allowed(importer: str, target: str) -> bool:
    if importer == target:
        return True
    if EMULATOR in {importer, target}:
        return target == EMULATOR and importer in MAY_IMPORT_EMULATOR
    if layer(importer) == layer(target):
        return (importer, target) in WITHIN_LAYER_ZERO
    return layer(target) < layer(importer)


def violations(module: Module) -> list[str]:
    """Return what a module imports and must not, each as a sentence."""
    found = []
    for line, name in imported(module):
        root, _, rest = name.partition(".")
        target = rest.partition(".")[0]
        if root != "grantkeeper" or target.startswith("__"):
            continue
        if target not in {EMULATOR}.union(*LAYERS):
            found.append(f"{module.path.name}:{line} takes {name} from the package's front door")
        elif not _allowed(module.top, target):
            found.append(f"{module.path.name}:{line} in {module.top} imports {name}")
    return found


def _module(name: str, text: str, *, package: bool = False) -> Module:
    return Module(name=name, path=Path(f"{name}.py"), text=text, package=package)


@pytest.mark.parametrize("module", [each for each in modules() if each.name], ids=lambda each: each.name)
def test_lower_layers_never_import_higher_ones_nor_their_peers(module: Module) -> None:
    """Imports go down: at the top of a module, in a function and for types alike."""
    assert violations(module) == []


def test_every_part_of_the_package_has_a_layer() -> None:
    """A new module is put on the map before it is used."""
    known = {EMULATOR}.union(*LAYERS)

    assert {each.top for each in modules() if each.name and not each.top.startswith("__")} - known == set()


@pytest.mark.parametrize(
    "module",
    [
        _module("oauth.token", "from ..store import SqlStore"),
        _module("oauth", "from .. import keeper", package=True),
        _module("oauth.token", "def late():\n    import grantkeeper.http\n"),
        _module(
            "model", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from grantkeeper.seal import KeyRing"
        ),
        _module("store.rows", "from ..http import HttpTransport"),
        _module("errors", "from .model import Reason"),
        _module("keeper.verbs", "from grantkeeper.emulator import Emulator"),
        _module("emulator.core", "from ..errors import NotFound"),
        _module("web.app", "import importlib\nimportlib.import_module('grantkeeper.cli')"),
        _module("store.rows", "from grantkeeper import Keeper"),
    ],
    ids=lambda each: each.text.strip().splitlines()[-1].strip(),
)
def test_a_forbidden_import_would_be_found(module: Module) -> None:
    """The test above can fail: each way to write a forbidden import is seen."""
    assert len(violations(module)) == 1


@pytest.mark.parametrize(
    "module",
    [
        _module("oauth.token", "from ..model import Secret\nfrom .identity import Identity"),
        _module("settings", "from .oauth import token"),
        _module("oauth", "from .token import token_answer", package=True),
        _module("cli.demo", "from ..emulator import Emulator\nfrom grantkeeper import __version__"),
        _module("emulator.core", "from . import wire\nfrom grantkeeper.emulator.state import State"),
    ],
    ids=lambda each: each.name,
)
def test_an_allowed_import_is_left_alone(module: Module) -> None:
    """Imports within a package, and down, are fine."""
    assert violations(module) == []


def _impurities(module: Module) -> list[str]:
    """Return where a module reaches for I/O or reads a clock."""
    calls = [node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call)]
    clocks = [each for each in calls if isinstance(each, ast.Attribute) and each.attr in CLOCKS]
    system = [
        each
        for each in ast.walk(module.tree)
        if isinstance(each, ast.Attribute) and ast.unparse(each.value) == "os" and each.attr not in HARMLESS
    ]
    return [
        *(f"{module.name}:{line} imports {name}" for line, name in imported(module) if name.split(".")[0] in NO_IO),
        *(f"{module.name}:{each.lineno} reads a clock: {ast.unparse(each)}" for each in clocks),
        *(f"{module.name}:{each.lineno} asks the system: os.{each.attr}" for each in system),
    ]


@pytest.mark.parametrize(
    "module", [each for each in modules() if each.top in LAYERS[0] | LAYERS[1]], ids=lambda each: each.name
)
def test_protocol_and_policy_do_no_io_and_read_no_clock(module: Module) -> None:
    """`now` is an argument, and bytes come and go as values."""
    assert _impurities(module) == []


def test_io_and_clocks_in_pure_code_would_be_found() -> None:
    """The test above can fail."""
    impure = _module("renewal", "import socket\nSTART = datetime.now()\nHOME = os.getcwd()\nKEY = os.urandom(32)\n")

    assert _impurities(impure) == [
        "renewal:1 imports socket",
        "renewal:2 reads a clock: datetime.now",
        "renewal:3 asks the system: os.getcwd",
    ]
