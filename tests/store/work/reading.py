"""What the statements of a call read: rows; of SQLite, which counts none, steps of its virtual machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy

from grantkeeper.store import SqlStore


def read_by(store: SqlStore, call: Callable[[], object]) -> int:
    """Return how much is read of the grants' table by what this call asks for: each SELECT is run once more."""
    read = []

    def again(connection: Any, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if statement.startswith("SELECT") and "grantkeeper_grant" in statement:
            read.append(_COUNTS[connection.dialect.name](connection.connection, statement, parameters))

    engines = {id(each.dispatch): each for each in (store._engine, store._writing)}.values()
    for engine in engines:
        sqlalchemy.event.listen(engine, "before_cursor_execute", again)
    try:
        call()
    finally:
        for engine in engines:
            sqlalchemy.event.remove(engine, "before_cursor_execute", again)
    assert read
    return sum(read)


def _sqlite(connection: Any, statement: str, parameters: Any) -> int:
    steps: list[int] = []
    connection.driver_connection.set_progress_handler(lambda: steps.append(1), 1)
    connection.cursor().execute(statement, parameters).fetchall()
    connection.driver_connection.set_progress_handler(None, 1)
    return len(steps)


def _postgresql(connection: Any, statement: str, parameters: Any) -> int:
    found = connection.cursor().execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).fetchone()[0]
    plan = found if isinstance(found, list) else json.loads(found)
    return sum(
        node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in _nodes(plan) if "Relation Name" in node
    )


def _mysql(connection: Any, statement: str, parameters: Any) -> int:
    cursor = connection.cursor()
    cursor.execute(f"ANALYZE FORMAT=JSON {statement}", parameters)
    plan = json.loads(cursor.fetchone()[0])
    return sum(int(node["r_rows"] or 0) for node in _nodes(plan) if "r_rows" in node)


def _nodes(plan: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects within a plan."""
    if isinstance(plan, dict):
        yield plan
    if isinstance(plan, dict | list):
        for each in plan.values() if isinstance(plan, dict) else plan:
            yield from _nodes(each)


_COUNTS: dict[str, Callable[[Any, str, Any], int]] = {
    "sqlite": _sqlite,
    "postgresql": _postgresql,
    "mysql": _mysql,
    "mariadb": _mysql,
}
