"""Every sentence that the pages say, read out of templates, code and data."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import jinja2
from jinja2 import nodes

from grantkeeper.model import Reason
from grantkeeper.providers.google_scopes import SCOPE_WORDS
from grantkeeper.renewal import advice
from grantkeeper.web import face
from grantkeeper.web.picker import words

PACKAGE = Path(face.__file__).parents[1]
WEB = PACKAGE / "web"
TEMPLATES = [path for path in sorted((WEB / "templates").glob("*.html")) if path.name != "api.html"]
"""The pages for customers; those for developers and operators are English."""
SPEAKS = [
    path for path in sorted(WEB.rglob("*.py")) if path.parts[len(WEB.parts)] not in ("api", "dashboard", "service")
]
CALLERS = {"say": 1, "text": 1, "counted": 3}


def _sentences(call: nodes.Call | ast.Call, name: str, arguments: list[object]) -> list[str]:
    start = 1 if name == "counted" else 0
    found = arguments[start : CALLERS[name]]
    return [each for each in found if isinstance(each, str)]


def of_template(path: Path) -> Iterator[str]:
    """Yield what a template says."""
    tree = jinja2.Environment(autoescape=True).parse(path.read_text("utf-8"))
    for call in tree.find_all(nodes.Call):
        target = call.node
        arguments = [each.value if isinstance(each, nodes.Const) else None for each in call.args]
        if isinstance(target, nodes.Name) and target.name == "say":
            yield from _sentences(call, "say", arguments)
        if isinstance(target, nodes.Getattr) and target.attr == "counted":
            yield from _sentences(call, "counted", arguments)


def of_module(path: Path) -> Iterator[str]:
    """Yield what a module says with `text` and `counted`, or with a `Words` called `say`."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CALLERS:
            arguments = [each.value if isinstance(each, ast.Constant) else None for each in node.args]
            yield from _sentences(node, node.func.id, list(arguments))


def of_errors() -> Iterator[str]:
    """Yield what the keeper says to whoever comes back wrongly: the fixed words and advice of its BadCallback.

    Those about a query that somebody tampered with are left to the general sentence.
    """
    for folder in ("keeper/consent",):
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "BadCallback":
                    said = [*node.args, *(each.value for each in node.keywords if each.arg == "advice")]
                    constants = [each.value for each in said if isinstance(each, ast.Constant)]
                    yield from (each for each in constants if isinstance(each, str))


def of_data() -> Iterator[str]:
    """Yield sentences that stand in tables: scopes, what is the matter with an account, why no lasting access came."""
    yield from SCOPE_WORDS.values()
    yield from face._IDENTITY_WORDS.values()
    yield from words.STATUSES
    yield advice(Reason.NO_REFRESH_TOKEN)
    yield from (", ", "{first} or {last}", "{first} and {last}", "Start again in this browser.")


def keys() -> set[str]:
    """Return every sentence."""
    found = {key for path in TEMPLATES for key in of_template(path)}
    found |= {key for path in SPEAKS for key in of_module(path)}
    return found | set(of_errors()) | set(of_data())
